"""The refusal of all requests that a server cannot carry out because it shows a report."""

from typing import Final
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mockscope.web.app import RESERVED
from mockscope.web.control.dispatch import render_error

READING: Final = ("GET", "HEAD")
REFUSAL: Final = (
    "This server shows the report of a test, which is read-only: read it by GET below /_mockscope/. "
    "For a server that answers the API, run mockscope serve."
)


class ReadOnlyMiddleware:
    """Refuse a request that would change something, and each request to the vendor's API.

    Args:
        app: The application to call.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_allowed(scope["method"], unquote(scope["path"])):
            await render_error(HTTPException(403, REFUSAL), scope)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_allowed(method: str, path: str) -> bool:
    return method in READING and (path == "/" or RESERVED.match(path) is not None)
