"""A request to the control API, as its endpoints see it."""

import re
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mockscope._support.monotonic import monotonic
from mockscope._support.suggestions import find_nearest
from mockscope.domain.refusals import REFUSAL_HEADER, Refusal, Refused
from mockscope.domain.site import Site
from mockscope.instruments.call import Call
from mockscope.instruments.call_log import WAIT_SECONDS, Calls
from mockscope.instruments.matching import CURSORS
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.web.control.schemas import read_json, read_query
from mockscope.web.nearest import explain
from mockscope.web.request_head import MOUNT_PATH

BODY_METHODS: Final = ("POST", "PUT", "PATCH")
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
HTTP_STATUS: Final = re.compile(r"[1-5]\d\d", re.ASCII)
HOST_HEADER: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class ControlRequest:
    """A request with its site, body and query.

    Args:
        request: The request, with its path percent-encoded.
        registry: The sites.
        body: The body.

    Raises:
        HTTPException: 404 if the site in the path is unknown.
    """

    def __init__(self, request: Request, registry: SiteRegistry, body: bytes) -> None:
        self.registry = registry
        self.method = request.method
        self.http_version: str = request.scope.get("http_version", "1.1")
        self._request = request
        # The fields of the operation's schemas that were sent, or have a default.
        self.body: dict[str, Any] = {}
        self.query: dict[str, Any] = {}
        self._names: dict[str, str] = request.path_params
        self._sent_query: bytes = request.scope["query_string"]
        self._sent_body = body
        # Calls and clock are those of the site in the path or, without one, of the server.
        self.owner: MockSite | SiteRegistry = self.site if "host" in self._names else registry

    def name(self, part: str) -> str:
        """Return a name in the path, decoded."""
        return unquote(self._names[part])

    @cached_property
    def server_url(self) -> str:
        """The URL of the server, with the path at which the application is mounted."""
        request = self._request
        # Starlette 1.0 takes any Host header, and it goes into a document.
        is_valid = HOST_HEADER.fullmatch(request.headers.get("host", ""))
        headers = request.scope["headers"] if is_valid else []
        scope = {**request.scope, "headers": headers, "path": request.scope[MOUNT_PATH], "query_string": b""}
        return str(URL(scope=scope)) or "/"

    @cached_property
    def domain_site(self) -> Site:
        """The site in the path, without its instruments.

        Raises:
            HTTPException: 404 if the site is unknown.
        """
        return self._find(self.name("host"))

    def site_at(self, host: str) -> MockSite:
        """Return the site with a host.

        Raises:
            HTTPException: 404 if the site is unknown. The message names the nearest host.
        """
        site = self.registry.handle(self._find(host))
        if site is None:
            raise HTTPException(404, f"The site {host} was removed.")
        return site

    def _find(self, host: str) -> Site:
        site = self.registry.directory.get(host)
        if site is None:
            guess = find_nearest(host, self.registry.directory.hosts())
            hint = f"did you mean {guess}?" if guess else "GET /_mockscope/v1/sites lists those that are there."
            raise HTTPException(404, f"There is no site {host}; {hint}")
        mock_site = self.registry.handle(site)
        if mock_site is not None:
            mock_site.faults.make_due_changes()
            mock_site.calls.last_used = monotonic()
        return site

    @cached_property
    def site(self) -> MockSite:
        """The site in the path.

        Raises:
            HTTPException: 404 if the site is unknown.
        """
        return self.site_at(self.name("host"))

    def refusal(self, refused: Refused) -> HTTPException:
        """Return the error for a refusal. The message has the nearest known name."""
        # The vendor's API has 400 for an unknown user, because its paths do not name users.
        is_unknown = refused.refusal is Refusal.USER_UNKNOWN and "email" in self._names
        message = explain(refused, self.domain_site) if "host" in self._names else refused.message
        return HTTPException(404 if is_unknown else refused.status, message, {REFUSAL_HEADER: refused.as_json()})

    def read(self, body: Any, query: Any) -> None:
        """Parse body and query.

        Args:
            body: The schema of the body.
            query: The schema of the query; None ignores the query.

        Raises:
            ValueError: If one does not match its schema.
        """
        # Checked before anything happens: a DELETE with an unknown filter must fail, and not delete everything.
        if query is not None:
            self.query = read_query(parse_qsl(self._sent_query.decode("latin-1"), keep_blank_values=True), query)
        if self.method in BODY_METHODS:
            self.body = read_json(self._sent_body, body)

    def calls(self) -> Calls:
        """Return the calls that match the path and the query.

        Raises:
            ValueError: If the operation is unknown, or the status is neither a number nor a class.
            HTTPException: 404 if a call in the query is unknown.
        """
        return self.owner.calls.matching(**self.criteria())

    def criteria(self) -> dict[str, Any]:
        """Return the criteria for calls in the query.

        Raises:
            HTTPException: 404 if a call in the query is unknown.
        """
        status = self.query.get("status", "")
        parsed: dict[str, Any] = {"status": int(status)} if HTTP_STATUS.fullmatch(status) else {}
        return self.query | parsed | self.cursors()

    def cursors(self) -> dict[str, Call]:
        """Return the calls that the query names as ``after`` and ``before``.

        Raises:
            HTTPException: 404 if one is unknown.
        """
        return {name: self.call(self.query[name], wait=0.0) for name in CURSORS if name in self.query}

    def call(self, id: str, wait: float = WAIT_SECONDS) -> Call:
        """Return the call of the site or server in the path with an id.

        Args:
            id: The id.
            wait: The time to wait for calls in progress, in seconds.

        Raises:
            HTTPException: 404 if the call is unknown.
        """
        for call in self.owner.calls.settled(wait):
            if call.id == id:
                return call
        raise HTTPException(404, f"There is no call {id} here. It was never received, or it was removed.")

    def header(self, name: str) -> str | None:
        """Return the value of a header; None if it was not sent."""
        return self._request.headers.get(name)

    @property
    def is_head(self) -> bool:
        """Return whether the method is HEAD."""
        return self.method == "HEAD"


async def read_body(request: Request) -> bytes:
    """Read the body of a request.

    Raises:
        HTTPException: 413 if it is larger than MAX_BODY_BYTES.
        ClientDisconnect: If the client disconnects first.
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
