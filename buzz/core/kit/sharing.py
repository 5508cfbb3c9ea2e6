"""Share links: each network's page for a new post, with our words and the blog's own address.

Nothing of the networks is loaded; a link is followed by whoever wants to. The addresses are those
that the networks document: developers.facebook.com/docs/threads/threads-web-intents,
docs.bsky.app/docs/advanced-guides/intent-links, developer.x.com (Web Intent), core.telegram.org
/widgets/share, faq.whatsapp.com (click to chat).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from buzz.core.text import first_sentences, one_line
from buzz.core.urls import is_of_this_machine
from buzz.locales import gettext as _
from buzz.model import Kit, Passage

X_CHARS = 280  # and every address counts for 23: t.co
X_LINK_CHARS = 23
BLUESKY_CHARS = 300  # graphemes, the address among them
THREADS_CHARS = 500
MASTODON_CHARS = 500  # unless an instance allows more; every address counts for 23

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123 §2.1
_MAX_HOST = 253  # RFC 1035 §2.3.4, without the last dot
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Share:
    """A way to pass on."""

    name: str  # of the network, as it writes itself; of an instance: its host
    url: str


def shares(kit: Kit, passage: Passage, relay: str) -> Iterator[Share]:
    """Return the share links of one passage.

    Args:
        kit: of the campaign.
        passage: one of its passages.
        relay: the blog's own address for it.
    """

    def words(chars: int) -> str:
        return post(passage.short, kit.hashtags, chars)

    everywhere = words(10_000)
    yield _share("Facebook", "https://www.facebook.com/sharer/sharer.php", u=relay)
    yield _share(
        "X", "https://x.com/intent/post", text=words(X_CHARS - X_LINK_CHARS - 1), url=relay
    )
    yield _share(
        "Bluesky",
        "https://bsky.app/intent/compose",
        text=f"{words(BLUESKY_CHARS - len(relay) - 1)}\n{relay}",
    )
    yield _share(
        "Threads",
        "https://www.threads.com/intent/post",
        text=words(THREADS_CHARS - len(relay) - 1),
        url=relay,
    )
    yield _share("LinkedIn", "https://www.linkedin.com/sharing/share-offsite/", url=relay)
    yield _share("WhatsApp", "https://wa.me/", text=f"{everywhere}\n{relay}")
    yield _share("Telegram", "https://t.me/share/url", url=relay, text=everywhere)
    # RFC 6068 §5: lines of a body end in CRLF.
    yield _share(
        _("E-mail"), "mailto:", subject=passage.title, body=f"{everywhere}\r\n\r\n{relay}\r\n"
    )


def mastodon(kit: Kit, passage: Passage, relay: str, instance: str) -> Share | None:
    """Return the share link of a Mastodon instance, or None: that is no host on the internet.

    Args:
        kit: of the campaign.
        passage: one of its passages.
        relay: the blog's own address for it.
        instance: as somebody typed it: ``piaille.fr``, ``@lea@piaille.fr``, an address there.
    """
    host = instance_host(instance)
    if not host:
        return None
    words = post(passage.short, kit.hashtags, MASTODON_CHARS - X_LINK_CHARS - 1)
    return _share(host, f"https://{host}/share", text=f"{words}\n{relay}")


def instance_host(typed: str) -> str:
    """Return the host that is meant, as DNS knows it; empty: none on the internet.

    >>> instance_host(" https://Piaille.fr/@lea "), instance_host("@lea@mastodon.social")
    ('piaille.fr', 'mastodon.social')
    >>> instance_host("127.0.0.1"), instance_host("piaille.fr:8080"), instance_host("javascript:0")
    ('', '', '')
    """
    text = one_line(typed).lower()
    text = text.removeprefix("https://").partition("/")[0].rpartition("@")[2].rstrip(".")
    try:
        host = text.encode("idna").decode()
    except UnicodeError:
        return ""
    labels = host.split(".")
    is_name = (
        len(labels) > 1
        and len(host) <= _MAX_HOST
        and all(map(_LABEL.fullmatch, labels))
        and not _DIGITS.fullmatch(labels[-1])  # an IPv4 address
        and not is_of_this_machine(f"https://{host}")
    )
    return host if is_name else ""


def post(text: str, hashtags: Sequence[str], chars: int) -> str:
    """Return the words of a post: the text, and as many hashtags as fit beside it.

    >>> post("Nos deux ans sont à nous !", ["#NosDeuxAns", "#RetraitesDebout"], 40)
    'Nos deux ans sont à nous ! #NosDeuxAns'
    """
    words = first_sentences(text, max(chars, 2))
    for tag in hashtags:
        if len(words) + 1 + len(tag) > chars:
            break
        words += f" {tag}"
    return words


def _share(name: str, address: str, **fields: str) -> Share:
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in fields.items())
    return Share(name, f"{address}?{query}")
