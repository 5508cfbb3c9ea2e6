"""The letter: rendered once per template and language, filled per recipient, made into bytes.

``compiling`` turns a campaign and templates into a :class:`~buzz.model.CompiledLetter` with slots,
watched by ``asking`` and ``gates``; where a template looks into its recipient, ``cases`` has a
rendering for each set of answers. ``filling`` puts one recipient's values in, for people to look
at; ``message`` splices the RFC 5322 bytes from the pieces of a ``sheet``. The bytes of two calls
with the same values are the same, so that what was checked is what is sent.
"""

from buzz.core.letter.compiling import compile_letter, urls_in
from buzz.core.letter.filling import has_notice, holes, html_of, online_html, subject_of, text_of
from buzz.core.letter.message import FormLetter, message_bytes, message_hash

__all__ = [
    "FormLetter",
    "compile_letter",
    "has_notice",
    "holes",
    "html_of",
    "message_bytes",
    "message_hash",
    "online_html",
    "subject_of",
    "text_of",
    "urls_in",
]
