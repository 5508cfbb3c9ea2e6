"""``python -m buzz``: the same as the ``buzz`` command."""

from buzz.cli import run

if __name__ == "__main__":
    run()
