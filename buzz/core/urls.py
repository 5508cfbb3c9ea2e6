"""Ground that the core's modules share: addresses, made comparable (RFC 3986 §6)."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# Parameters that tell how a visitor came, not what they see.
_CAMPAIGN_PARAMETERS = re.compile(
    r"(utm_|mtm_|pk_|at_|xtor$|fbclid$|gclid$|mc_cid$|mc_eid$|ref$|r$)", re.IGNORECASE
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
REMEMBERED = 4096  # addresses; a poll asks four times for each feed's


class _Web(NamedTuple):
    """A web address, taken apart."""

    host: str  # lower case, without brackets
    port: int | None
    path: str
    query: str


def is_web(url: str) -> bool:
    """Tell whether the text is an http(s) address with a host and without credentials."""
    return _web(url) is not None


def _web(url: str) -> _Web | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
        return None
    return _Web(host, port, parts.path, parts.query)


@lru_cache(REMEMBERED)
def canonical(url: str) -> str:
    """Return the address by which two links to one page are recognised.

    Scheme, ``www.``, default port, trailing slash, fragment and campaign parameters make no
    difference; what is no web address comes back stripped.

    >>> canonical("http://WWW.Parti.example:80/Retraites/?utm_source=x&id=3#haut")
    'https://parti.example/Retraites?id=3'
    """
    url = url.strip()
    web = _web(url)
    if web is None:
        return url
    place = _place(web)
    if web.port and web.port not in _DEFAULT_PORTS.values():
        place = f"{place}:{web.port}"
    query = [
        (key, value)
        for key, value in parse_qsl(web.query, keep_blank_values=True)
        if not _CAMPAIGN_PARAMETERS.match(key)
    ]
    return urlunsplit(("https", place, web.path.rstrip("/"), urlencode(sorted(query)), ""))


def _place(web: _Web) -> str:
    """Return the host as it is compared, in brackets where it is an IPv6 address (RFC 3986)."""
    place = _ascii(web.host.removeprefix("www."))
    return f"[{place}]" if ":" in place else place


def _ascii(host: str) -> str:
    """Return the host as DNS knows it, or as it is where it is no host name of RFC 3490."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def host(url: str) -> str:
    """Return the host of an address as it is compared, without ``www.``; empty: there is none.

    >>> host("https://WWW.Parti.example/x")
    'parti.example'
    """
    return urlsplit(canonical(url)).hostname or "" if is_web(url) else ""


def is_of_this_machine(url: str) -> bool:
    """Tell whether an address leads every machine to itself.

    >>> is_of_this_machine("http://127.0.0.1:8025/u/x"), is_of_this_machine("https://parti.example")
    (True, False)
    """
    name = host(url).rstrip(".")
    return (
        name == "localhost"
        or name.endswith(".localhost")
        or name.startswith("127.")
        or name == "::1"
    )
