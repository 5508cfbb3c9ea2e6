"""Which addresses may be asked: the public internet on web ports, and what the settings allow.

The address a socket is about to connect to is what counts, not the name it came from: so a
redirect, a name that answers differently the second time (DNS rebinding) and a number written
oddly all end here.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

PORTS = frozenset((80, 443, 8080, 8443))
SCHEMES = {"http": 80, "https": 443}

# IANA's registries of special addresses, as far as ``is_global`` of Python 3.11 calls them global.
_DENIED = tuple(
    map(
        ip_network,
        (
            "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
            "169.254.0.0/16",  # link-local, and the metadata servers of clouds
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
            "2001::/23",  # protocol assignments; Teredo embeds an IPv4 address
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4 embeds an IPv4 address
            "3fff::/20",  # documentation (RFC 9637)
        ),
    )
)
# Only this is global unicast (RFC 4291 §2.4): ::ffff:0:0/96, 64:ff9b::/96, fc00::/7, fe80::/10,
# fec0::/10, ff00::/8 and whatever comes are not.
_GLOBAL_UNICAST = ip_network("2000::/3")


class Forbidden(OSError):
    """We must not ask there.

    An OSError, because it is raised where sockets are made and names are resolved.

    Attributes:
        code: forbidden-address, forbidden-port or forbidden-url.
    """

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class Guard:
    """The rule: public addresses on web ports; allowed networks on any."""

    def __init__(self, allow_networks: Iterable[str] = ()) -> None:
        self._allowed = tuple(map(ip_network, allow_networks))

    def check(self, address: str, port: int) -> None:
        """Let an address pass that a connection may be made to.

        Raises:
            Forbidden: it is not public, or the port is none of the web.
        """
        parsed = _parse(address)
        if any(parsed in network for network in self._allowed):
            return
        if not is_public(parsed):
            raise Forbidden("forbidden-address", f"{address} is not a public address")
        if port not in PORTS:
            raise Forbidden("forbidden-port", f"port {port} is none of the web's")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is reachable for everybody, and only that."""
    if not address.is_global or any(address in network for network in _DENIED):
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST  # noqa: PLR2004  (the protocol's number)


def check_url(url: str) -> None:
    """Let an address pass that is http(s), names a host and carries no credentials.

    Raises:
        Forbidden: with the code forbidden-url.
    """
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError as exc:
        raise Forbidden("forbidden-url", str(exc)) from exc
    if parts.scheme not in SCHEMES:
        raise Forbidden("forbidden-url", "neither http nor https")
    if not parts.hostname:
        raise Forbidden("forbidden-url", "no host")
    if "@" in parts.netloc:
        raise Forbidden("forbidden-url", "credentials in the address")


def is_loopback_name(host: str) -> bool:
    """Tell whether a name means this machine by itself, without DNS (RFC 6761 §6.3)."""
    host = host.rstrip(".").lower()
    return host == "localhost" or host.endswith(".localhost")


def is_reserved_name(host: str) -> bool:
    """Tell whether a name is kept for examples, so that no site can have it (RFC 2606 §2)."""
    return host.rstrip(".").lower().endswith((".example", ".invalid"))


def _parse(address: str) -> IPv4Address | IPv6Address:
    """Return the address, IPv4 where it is one in the clothes of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])  # without the zone of fe80::1%eth0
    except ValueError as exc:
        raise Forbidden("forbidden-address", f"{address} is no address") from exc
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped
    return parsed
