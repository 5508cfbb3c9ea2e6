"""The relay desk of a communications team.

The data's way through the house::

    blogs.csv -registry-> Blog -fetch, feeds-> Entry -ranking-> Ranking -campaign, letter-> Letter
        -delivery, smtp-> Delivery -tracking-> Event ... Entry -relay-> Relay -report-> Report

Who may import whom (enforced by import-linter)::

    cli -> web | demo -> pipeline -> config -> edges -> core -> model -> errors -> locales

``core`` computes, ``edges`` touch the world, ``pipeline`` is the day's work. docs/architecture.md
follows one letter from the registry to the report.
"""

__version__ = "0.1.0"
