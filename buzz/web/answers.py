"""What every answer has in common: no cookie, no referrer, nothing stored, nothing run."""

from urllib.parse import quote

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"

PIXEL = bytes.fromhex(  # the smallest transparent GIF (89a) that every client shows: 43 bytes
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)


class Ready:
    """An answer whose every byte is known beforehand: the fastest that ASGI can say."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        everything = {
            **HEADERS,
            "content-security-policy": NOTHING,
            "content-length": str(len(body)),
            **headers,
        }
        self._start = {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in everything.items()],
        }
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the answer; the server itself leaves the body away for HEAD."""
        del scope, receive
        await send(self._start)
        await send(self._body)


# A mail client shows images of other origins, so this one may be embedded anywhere.
PIXEL_ANSWER = Ready(
    200,
    {"content-type": "image/gif", "cross-origin-resource-policy": "cross-origin"},
    PIXEL,
)


def redirect(url: str) -> Response:
    """Return the way to an address that was stored when the letter was sent."""
    return Response(status_code=302, headers={**HEADERS, **_POLICY, "location": ascii_url(url)})


def page(
    html: str, policy: str, status: int = 200, extra: dict[str, str] | None = None
) -> Response:
    """Return a page under its policy."""
    return HTMLResponse(
        html,
        status_code=status,
        headers={
            **HEADERS,
            "content-security-policy": policy,
            "cross-origin-resource-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            **(extra or {}),
        },
    )


def picture(body: bytes, media_type: str, etag: str, status: int = 200) -> Response:
    """Return a picture that anybody may show and keep for a day; 304 has no body."""
    return Response(
        body,
        status_code=status,
        media_type=media_type,
        headers={
            **HEADERS,
            **_POLICY,
            "cache-control": "public, max-age=86400",
            "cross-origin-resource-policy": "cross-origin",
            "etag": etag,
        },
    )


def ascii_url(url: str) -> str:
    """Return an address as a header may carry it (RFC 9110 §10.2.2 wants a URI, RFC 3986)."""
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~")


_POLICY = {"content-security-policy": NOTHING}
