"""What the system says of an error reaches people in their language."""

import errno
import os
import socket

import pytest

from buzz import locales
from buzz.locales import system


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "anything", "x.csv"), "No such file or directory"),
        (OSError(errno.EADDRINUSE, "Address … (while attempting …)"), "Address already in use"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service"),
        (OSError("only words"), "only words"),
    ],
    ids=["a file", "a library's additions are dropped", "a name", "no number"],
)
def test_the_systems_words_are_short(exc: OSError, words: str) -> None:
    with locales.speaking("en"):
        assert system.words(exc).startswith(words)
        assert "while" not in system.words(exc)


def test_every_word_of_ours_is_the_systems_own() -> None:
    """A wording that the system does not use would never be found in the catalogue."""
    known = {os.strerror(number) for number in errno.errorcode}
    assert set(system.WORDS) - known == {
        "Name or service not known",  # of the resolver
        "Temporary failure in name resolution",
    }
