"""The files of a page. They are read when a browser asks for them, so that they cost a server without one nothing."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mockscope.web.control.request import ControlRequest

# The files with these suffixes are served. The module mimetypes would ask the system, which may know another type.
MEDIA_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
INDEX: Final = "index.html"


class Folder:
    """A folder with the files of a page: ``index.html``, and those that it loads.

    Args:
        name: The name of the folder in this package.
        policy: The Content-Security-Policy of the files.
    """

    def __init__(self, name: str, policy: str) -> None:
        self._path = Path(__file__).parent / name
        self._headers = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            # A browser asks again each time, so that it never has parts of two versions.
            "Cache-Control": "no-cache",
        }

    def index(self, request: ControlRequest, **values: str) -> Response:
        """Return the page.

        Args:
            request: The request.
            values: The texts that replace names in double braces.
        """
        content = (self._path / INDEX).read_bytes()
        for name, value in values.items():
            content = content.replace(b"{{%b}}" % name.encode(), value.encode())
        return self._respond(request, content, ".html")

    def file(self, request: ControlRequest) -> Response:
        """Return the file that the path of a request names.

        Raises:
            HTTPException: 404 if the file does not exist.
        """
        name = request.name("name")
        # Compared with the names in the folder, so that no path leads out of it.
        for path in self._path.iterdir():
            if path.name == name != INDEX and path.suffix in MEDIA_TYPES:
                return self._respond(request, path.read_bytes(), path.suffix)
        raise HTTPException(404, f"There is no file {name} here.")

    def _respond(self, request: ControlRequest, content: bytes, suffix: str) -> Response:
        etag = f'"{sha256(content).hexdigest()[:32]}"'
        headers = self._headers | {"ETag": etag}
        known = (request.header("if-none-match") or "").split(",")
        if etag in (tag.strip().removeprefix("W/") for tag in known):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=MEDIA_TYPES[suffix])
