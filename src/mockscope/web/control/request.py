"""A request to the control API as its endpoints see it: its site, body and query."""

from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mockscope._support.suggestions import find_nearest
from mockscope.instruments.call_log import Calls
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.web.control.schemas import read_json, read_query

# In the scope: the path at which the application is mounted, percent-encoded.
MOUNT_PATH: Final = "mockscope.mount_path"
BODY_METHODS: Final = ("POST", "PUT", "PATCH")
MAX_BODY_BYTES: Final = 64 * 1024 * 1024


class ControlRequest:
    """One request.

    Args:
        request: the request, its path still percent-encoded.
        registry: the sites.
        body: the body.

    Raises:
        HTTPException: 404 where the site in the path is not there.
    """

    def __init__(self, request: Request, registry: SiteRegistry, body: bytes) -> None:
        self.registry = registry
        self.method = request.method
        # The URL of the server, with the path at which the application is mounted.
        self.server_url = str(request.base_url.replace(path=request.scope[MOUNT_PATH])) or "/"
        # The fields of the row's shapes that were sent, or have a default.
        self.body: dict[str, Any] = {}
        self.query: dict[str, Any] = {}
        self._names: dict[str, str] = request.path_params
        self._sent_query: bytes = request.scope["query_string"]
        self._sent_body = body
        # The site of the path or, without one, the server: the owner of calls and clock.
        self.owner: MockSite | SiteRegistry = self.site if "host" in self._names else registry

    def name(self, part: str) -> str:
        """A name in the path, decoded once."""
        return unquote(self._names[part])

    @cached_property
    def site(self) -> MockSite:
        """The site in the path.

        Raises:
            HTTPException: 404 if the site is unknown.
        """
        host = self.name("host")
        site = self.registry.directory.get(host)
        handle = None if site is None else self.registry.handle(site)
        if handle is None:
            guess = find_nearest(host, self.registry.directory.hosts())
            hint = f"did you mean {guess}?" if guess else "GET /_mockscope/v1/sites lists those that are there."
            raise HTTPException(404, f"There is no site {host}; {hint}")
        return handle

    def read(self, body: Any, query: Any) -> None:
        """Read body and query.

        Args:
            body: the shape of the body.
            query: the shape of the query; None accepts any.

        Raises:
            ValueError: If one is not of its shape.
        """
        # Before anything happens: a filter that the endpoint does not take means less than all.
        if query is not None:
            self.query = read_query(parse_qsl(self._sent_query.decode("latin-1"), keep_blank_values=True), query)
        if self.method in BODY_METHODS:
            self.body = read_json(self._sent_body, body)

    def calls(self) -> Calls:
        """Return the calls that the path and the query are about.

        Raises:
            ValueError: If the operation is unknown.
        """
        return self.owner.calls.matching(**self.query)

    @property
    def is_head(self) -> bool:
        """Return whether the client asked for the headers alone."""
        return self.method == "HEAD"


async def read_body(request: Request) -> bytes:
    """Return the whole body of a request.

    Raises:
        HTTPException: 413 where it is over MAX_BODY_BYTES.
        ClientDisconnect: If the client left before it was whole.
    """
    announced = request.headers.get("content-length", "")
    left = MAX_BODY_BYTES - (int(announced[:20]) if announced.isdigit() else 0)
    body = bytearray()
    if left >= 0:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY_BYTES:
                break
        else:
            return bytes(body)
    raise HTTPException(
        413, f"The body is over the limit of {MAX_BODY_BYTES} bytes: send it in parts, or start with a seed file."
    )
