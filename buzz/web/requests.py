"""What a request says: for whom it is, and in which language."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from buzz import locales
from buzz.core.tracking import TokenPayload, read_token
from buzz.model import Purpose


def token(secret: bytes, request: Request, purpose: Purpose) -> TokenPayload:
    """Return what the token in the address says.

    Raises:
        HTTPException: 404, the token is not ours.
    """
    payload = read_token(secret, purpose, request.path_params["token"])
    if payload is None:
        raise HTTPException(404)
    return payload


def wish(request: Request) -> str:
    """Return the first language a browser asks for that we speak."""
    asked = request.headers.get("accept-language", "")
    return locales.supported(*(part.split(";")[0].strip() for part in asked.split(",")))
