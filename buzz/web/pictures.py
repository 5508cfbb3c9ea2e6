"""The pictures in letters: the same for every reader, named by their content."""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from buzz.config import Settings
from buzz.pipeline.campaign import pictures
from buzz.web import answers


def route(settings: Settings) -> Route:
    """Return the route of the pictures: only what letters show, never a way into a folder."""

    async def picture(request: Request) -> Response:
        name = request.path_params["name"]
        found = await run_in_threadpool(pictures.kept, settings, name)
        if found is None:
            raise HTTPException(404)
        media_type, content = found
        etag = f'"{name}"'
        if request.headers.get("if-none-match") == etag:
            return answers.picture(b"", media_type, etag, 304)
        return answers.picture(content, media_type, etag)

    return Route(f"{pictures.PATH}{{name}}", picture, methods=["GET"])
