"""Ground that the core's modules share: addresses, made comparable (RFC 3986 §6)."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# Parameters that tell how a visitor came, not what they see.
_CAMPAIGN_PARAMETERS = re.compile(
    r"(utm_|mtm_|pk_|at_|xtor$|fbclid$|gclid$|mc_cid$|mc_eid$|ref$|r$)", re.IGNORECASE
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_web(url: str) -> bool:
    """Tell whether the text is an http(s) address with a host and without credentials."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return False
    return parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and "@" not in parts.netloc


def canonical(url: str) -> str:
    """Return the address by which two links to one page are recognised.

    Scheme, ``www.``, default port, trailing slash, fragment and campaign parameters make no
    difference; what is no web address comes back stripped.

    >>> canonical("http://WWW.Parti.example:80/Retraites/?utm_source=x&id=3#haut")
    'https://parti.example/Retraites?id=3'
    """
    url = url.strip()
    if not is_web(url):
        return url
    parts = urlsplit(url)
    host = _ascii((parts.hostname or "").removeprefix("www."))
    if ":" in host:  # an IPv6 address (RFC 3986 §3.2.2)
        host = f"[{host}]"
    port = parts.port
    if port and port not in _DEFAULT_PORTS.values():
        host = f"{host}:{port}"
    query = [
        (key, value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _CAMPAIGN_PARAMETERS.match(key)
    ]
    return urlunsplit(("https", host, parts.path.rstrip("/"), urlencode(sorted(query)), ""))


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
