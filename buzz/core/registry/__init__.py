"""The registry: the bytes of ``blogs.csv`` to blogs and back, and what changed between two.

A registry is UTF-8 (with or without BOM), separated by ``;`` or ``,``, its columns in any order;
all but ``name`` and one of ``url`` and ``feed_url`` may be absent. Tags are separated by ``;``
inside their cell. Every error is collected with its file and line; nothing is guessed and no
address is rewritten. What :func:`write` gives reads back to the same blogs, byte for byte: sorted
by slug, every column, one line a blog.

In a spreadsheet a cell that begins with ``= + - @`` is a formula. ``blogs.csv`` itself must stay
exact, so only the style :data:`SPREADSHEET` guards such cells, with the spreadsheets' own sign
for "text" (``'``), and reading takes that sign off again.

Lists of others (:mod:`buzz.core.registry.lists`: OPML and its kin) are no registries: they bring
blogs and take none away. They are imported by those who need them: most commands need no XML.
"""

from buzz.core.registry.cells import COLUMNS, cells_of, read_blog
from buzz.core.registry.changes import Change, Diff, diff
from buzz.core.registry.table import SPREADSHEET, Registry, Style, read, write

__all__ = [
    "COLUMNS",
    "SPREADSHEET",
    "Change",
    "Diff",
    "Registry",
    "Style",
    "cells_of",
    "diff",
    "read",
    "read_blog",
    "write",
]
