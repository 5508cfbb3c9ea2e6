"""Limits before anything is looked at: a flood costs the sender more than us.

An address of 512 bytes and a body of 1 KB are far more than any request of ours needs (the
longest token has 130 characters, an unsubscribing POST under 200 bytes in either encoding).
"""

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_URL_BYTES = 512
MAX_BODY_BYTES = 1024
MAX_HEADER_BYTES = 8192

BAD_REQUEST = 400
CONTENT_TOO_LARGE = 413
URI_TOO_LONG = 414
FIELDS_TOO_LARGE = 431


class Limits:
    """Refuses what is too long, and hangs up, before the application hears of it."""

    def __init__(self, app: ASGIApp, refuse: Callable[[Request, int], Response]) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 413, 414 or 431."""
        if scope["type"] == "http" and (status := _excess(scope)):
            answer = self._refuse(Request(scope), status)
            answer.headers["connection"] = "close"
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _excess(scope: Scope) -> int:
    """Return the status that says what is too long, or 0."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URL_BYTES:
        return URI_TOO_LONG
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name == b"content-length" and (len(value) > 4 or int(value) > MAX_BODY_BYTES):  # noqa: PLR2004  (digits; the server let only digits pass)
            return CONTENT_TOO_LARGE
    return FIELDS_TOO_LARGE if size > MAX_HEADER_BYTES else 0


async def body(request: Request) -> bytes:
    """Return the body, which need not say beforehand how long it is.

    Raises:
        HTTPException: 413, as soon as more than the limit has come; 400: it never came whole.
    """
    read = bytearray()
    try:
        async for chunk in request.stream():
            read += chunk
            if len(read) > MAX_BODY_BYTES:
                raise HTTPException(CONTENT_TOO_LARGE, headers={"connection": "close"})
    except ClientDisconnect as exc:  # nobody hears the answer, and it is no fault of ours
        raise HTTPException(BAD_REQUEST) from exc
    return bytes(read)
