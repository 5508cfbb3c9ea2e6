"""From a name to addresses that may be connected to, without holding up the event loop."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from buzz.edges.fetch.guard import Forbidden, Guard, is_loopback_name, is_reserved_name

Lookup = Callable[[str], list[str]]  # a host's addresses; OSError: there are none


def system_lookup(host: str) -> list[str]:
    """Return a host's addresses as this machine knows them (hosts file, DNS, …).

    Names kept for examples are not looked up: the sample registry has 1,500 of them, and where no
    name server answers they would take minutes.
    """
    if is_reserved_name(host):
        raise socket.gaierror(socket.EAI_NONAME, "a name kept for examples (RFC 2606)")
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_rest, address in found))


class GuardedResolver(AbstractResolver):
    """Hands the connector only addresses that the guard lets pass."""

    def __init__(self, guard: Guard, lookup: Lookup = system_lookup, threads: int = 64) -> None:
        self._guard = guard
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of a host.

        Raises:
            Forbidden: it has addresses, and none is allowed.
            OSError: it has none.
        """
        del family  # whatever the host has
        if is_loopback_name(host):
            addresses = ["127.0.0.1"]
        else:
            loop = asyncio.get_running_loop()
            addresses = await loop.run_in_executor(self._threads, self._lookup, host)
        allowed, refused = [], OSError(f"{host} has no address")
        for address in addresses:
            try:
                self._guard.check(address, port)
                allowed.append(_result(host, address, port))
            except Forbidden as exc:
                refused = exc
        if not allowed:
            raise refused
        return allowed

    async def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )
