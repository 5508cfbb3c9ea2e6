"""The relay kit: what a blog may pass on of a letter, each link the blog's own.

From a campaign to a frozen :class:`~buzz.model.Kit` (``making``), from its clean HTML to blocks
(``document``) and from those to what a blog's editor takes (``writing``, ``wikis``), to share
links (``sharing``) and to pictures (``card``, ``badge``; imported by name, for they need a font).
"""

from buzz.core.kit.making import alt_text, kit_of, text_to_paste
from buzz.core.kit.sharing import Share, mastodon, shares

__all__ = ["Share", "alt_text", "kit_of", "mastodon", "shares", "text_to_paste"]
