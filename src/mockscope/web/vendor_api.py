"""The vendor's API as an ASGI application: the order of its checks, and a call for each request."""

import logging
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from mockscope._support.randomness import random_hex
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.call import Call
from mockscope.instruments.call_log import CallLog
from mockscope.instruments.current_call import CURRENT_CALL
from mockscope.instruments.fault import FunctionFailed
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.packed_headers import encode_headers
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.web.fault_injection import respond_or_break
from mockscope.web.refusal_hints import BODY_TABLES, find_refusal_hint
from mockscope.web.request import HTTPRequest
from mockscope.web.request_head import MAX_HEAD_BYTES, MOUNT_PATH, REFUSED_HEAD, RequestHead
from mockscope.web.request_hints import find_request_hints
from mockscope.web.response import JSONResponse, render_refusal
from mockscope.web.routes import Endpoint, OperationRoute, allowed_methods, find_routes

logger: Final = logging.getLogger("mockscope")

# The key in the scope of a replay. Neither planned faults nor planned changes count it.
REPLAY: Final = "mockscope.replay"


class VendorAPI:
    """The ten operations. Every request is recorded as a call.

    Args:
        registry: The sites, with their instruments.
        hint_header: Whether responses have the header X-Mockscope-Hint (HTTP-10).
    """

    def __init__(self, registry: SiteRegistry, *, hint_header: bool) -> None:
        self._registry = registry
        self._directory = registry.directory
        self._prefix = f"{random_hex(4)}-"
        self._hint_header = hint_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.respond(scope, receive, send)

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> Call:
        """Respond to a request, and return its call, which is complete."""
        head = RequestHead(scope)
        request = HTTPRequest(scope, receive, head, self._new_call(head, scope))
        try:
            response = await self._response_or_crash(request)
            if request.must_drain:
                await request.drain()
            self._add_headers_and_store(response, request)
            await response(scope, receive, send)
        except ClientDisconnect:
            pass
        finally:
            self._ensure_open(request).close(request.call)
        return request.call

    def _new_call(self, head: RequestHead, scope: Scope) -> Call:
        number = next(self._registry.numbers)
        id = f"{self._prefix}{number}"
        scheme, mount = scope.get("scheme", "http"), scope.get(MOUNT_PATH, "")
        return Call(id, head.method, head.path, head.query_string, encode_headers(head.headers), number, scheme, mount)

    async def _response_or_crash(self, request: HTTPRequest) -> JSONResponse:
        """Return the response to a request, even if a function of the user fails, or mockscope crashes."""
        try:
            return await self._response(request)
        except ClientDisconnect:
            raise
        except FunctionFailed as error:
            # The traceback of the user's function is enough. Frames of mockscope would bury it.
            place = request.call.fault, request.call.method, request.call.path
            logger.error("the function of %s failed on %s %s", *place, exc_info=error.__cause__ or error)
            return await self._respond_to_refusal(request, Refused(Refusal.FUNCTION_FAILED, problem=str(error)))
        except Exception:
            # HTTP-8: the response must not contain the traceback.
            logger.exception("crashed on %s %s", request.call.method, request.call.path)
            return self._respond_to_crash(request)

    async def _response(self, request: HTTPRequest) -> JSONResponse:
        try:
            if refusal := request.scope.get("state", {}).get(REFUSED_HEAD):
                raise Refused(Refusal[refusal], limit=str(MAX_HEAD_BYTES))
            row, mock_site = self._authenticate_and_route(request)
            endpoint = partial(run_endpoint, row.endpoint, request)
            if row.has_body or (mock_site.faults.are_planned and request.head.announces_body):
                await request.read_body()
            if mock_site.faults.are_planned:
                return await respond_or_break(request, endpoint, mock_site.faults, mock_site.clock)
            return endpoint()
        except Refused as refused:
            return await self._respond_to_refusal(request, refused)

    async def _respond_to_refusal(self, request: HTTPRequest, refused: Refused) -> JSONResponse:
        call = request.call
        call.rule = refused.rule
        self._ensure_open(request)
        # The call records the body, and a hint may depend on it.
        is_body_of_interest = call.operation in BODY_TABLES or refused.refusal is Refusal.EMAIL_MISSING
        if is_body_of_interest and not request.head.expects_continue:
            await request.read_body()
        call.hint = hint = find_refusal_hint(refused, request, self._directory)
        call.hints = tuple(other for other in find_request_hints(request) if other.code != hint.code)
        return render_refusal(refused, call.redactor)

    def _respond_to_crash(self, request: HTTPRequest) -> JSONResponse:
        """Respond to a request on which mockscope itself crashed (HTTP-8)."""
        call = request.call
        refused = Refused(Refusal.CRASHED)
        call.rule, call.hint = refused.rule, HintTemplate.CRASHED.fill()
        return render_refusal(refused, call.redactor)

    def _authenticate_and_route(self, request: HTTPRequest) -> tuple[OperationRoute, MockSite]:
        """Check the credentials, then the path, then the method (HTTP-6). The operation has the other checks."""
        call = request.call
        # Looked up first only so that the call has its operation, even if it is refused.
        rows, request.group_name = find_routes(request.head)
        row = rows.get((request.head.method, request.head.has_email_header)) if rows else None
        if row is not None:
            call.operation = row.operation
        mock_site = self._authenticate(request)
        if rows is None:
            raise Refused(Refusal.PATH_UNKNOWN, path=call.path)
        if row is None:
            allowed = allowed_methods(rows)
            raise Refused(Refusal.METHOD_NOT_ALLOWED, method=call.method, path=call.path, allowed=allowed)
        call.test_mode = row.method != "GET" and request.head.is_test_mode
        return row, mock_site

    def _authenticate(self, request: HTTPRequest) -> MockSite:
        """Return the site of the credentials, and add the request to its calls."""
        site, key = self._directory.find(request.head.credentials())
        mock_site = self._registry.handle(site)
        if mock_site is None:
            # Another thread removed the site after it was found.
            raise Refused(Refusal.SITE_UNKNOWN, host=site.host)
        if mock_site.faults.has_pending_changes:
            # A change may rotate the key or disable the API, so the key is checked again after those before this call.
            mock_site.faults.make_due_changes()
            site.check_key(key)
            if REPLAY not in request.scope:
                mock_site.faults.make_due_changes(request.call)
        site.check_key(key)
        request.site, request.call.site = site, site.host
        request.open_in(mock_site.calls)
        site.check_enabled()
        return mock_site

    def _ensure_open(self, request: HTTPRequest) -> CallLog:
        """Return the log with the call. A call that is in no log yet is added to those that reached no site."""
        return request.open_in(self._registry.calls) if request.log is None else request.log

    def _add_headers_and_store(self, response: JSONResponse, request: HTTPRequest) -> None:
        """Add the headers that every response has, and store the response in the call."""
        call = request.call
        for name, value in request.rate_limit_headers.items():
            # A planned fault may have set the header.
            response.headers.setdefault(name, value)
        if request.awaits_continue:
            response.headers["Connection"] = "close"
        # HTTP-10: "X-Request-Id, the id of its call"
        response.raw_headers.append((b"x-request-id", call.id.encode()))
        if call.hint is not None and self._hint_header:
            response.raw_headers.append((b"x-mockscope-hint", call.hint.code.encode()))
        if call.method == "HEAD":
            response.body = b""
        response.store_in(call)


def run_endpoint(endpoint: Endpoint, request: HTTPRequest) -> JSONResponse:
    """Return the response of an operation, and add its changes and hints about an accepted request to its call.

    Raises:
        Refused: If the operation refuses the request.
    """
    token = CURRENT_CALL.set(request.call)
    try:
        response = endpoint(request)
    finally:
        CURRENT_CALL.reset(token)
    if hints := find_request_hints(request):
        request.call.hint, request.call.hints = hints[0], hints
    return response
