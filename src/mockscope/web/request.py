"""A request to the vendor's API, with its head and body, and later its site, its log and its fields."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from mockscope import codec
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.site import Site
from mockscope.instruments.call import Call
from mockscope.instruments.call_log import CallLog
from mockscope.web.request_head import RequestHead

T = TypeVar("T")

# HTTP-8: the limit of a body.
MAX_REQUEST_BODY_BYTES: Final = 1024 * 1024
# The limit of an unwanted body that is read so that the client gets its response.
MAX_DRAINED_BYTES: Final = 64 * MAX_REQUEST_BODY_BYTES


class HTTPRequest:
    """One request to the vendor's API.

    Args:
        scope: The ASGI scope.
        receive: The ASGI channel of the body.
        head: The head.
        call: The record of the request.
    """

    site: Site
    # The log with the call.
    log: CallLog | None = None
    group_name = ""
    body = b""
    fields: dict[str, Any] | None = None
    rate_limit_headers: Mapping[str, str] = MappingProxyType({})
    _ended = False
    _is_too_large = False
    _receive_was_called = False

    def __init__(self, scope: Scope, receive: Receive, head: RequestHead, call: Call) -> None:
        self.scope = scope
        self.receive = receive
        self.head = head
        self.call = call

    def __repr__(self) -> str:
        return f"<HTTPRequest {self.call.method} {self.call.path}>"

    def open_in(self, log: CallLog) -> CallLog:
        """Add the call to a log, and return the log."""
        log.open(self.call)
        self.log = log
        return log

    def parse(self, parse: Callable[[Mapping[str, object]], T]) -> T:
        """Parse the body (HTTP-4, HTTP-5, HTTP-8).

        Args:
            parse: The function that parses the JSON object.

        Raises:
            Refused: BODY_TOO_LARGE, CONTENT_TYPE_WRONG, BODY_MISSING, BODY_NOT_JSON, BODY_NOT_AN_OBJECT, or a
                refusal of ``parse``.
        """
        if self._is_too_large:
            raise Refused(Refusal.BODY_TOO_LARGE, limit=str(MAX_REQUEST_BODY_BYTES))
        if self.site.policy.require_json_content_type and self.body and not self.head.is_json:
            raise Refused(Refusal.CONTENT_TYPE_WRONG, sent=self.head.content_type or "missing")
        self.fields = codec.decode_object(self.body)
        return parse(self.fields)

    async def read_body(self) -> None:
        """Read the body. Of a body over the limit, read only a part.

        Raises:
            ClientDisconnect: If the client disconnects.
        """
        body = bytearray(self.body)
        self._is_too_large = self.head.length > MAX_REQUEST_BODY_BYTES
        try:
            while not (self._ended or self._is_too_large):
                self._receive_was_called = True
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                self._ended = not message.get("more_body", False)
                body += message.get("body", b"")
                self._is_too_large = len(body) > MAX_REQUEST_BODY_BYTES
        finally:
            self.call.body = self.body = bytes(body)

    @property
    def must_drain(self) -> bool:
        """Return whether part of the body is unread, and the connection is closed after the response."""
        head = self.head
        # A client that waits for 100 Continue has not sent any of the body.
        return not self._ended and head.announces_body and head.ends_connection and not head.expects_continue

    @property
    def awaits_continue(self) -> bool:
        """Return whether the client still waits for 100 Continue. Its next request would be taken for the body."""
        # ASGI servers send 100 Continue at the first call of receive().
        return self.head.expects_continue and self.head.announces_body and not self._receive_was_called

    async def drain(self) -> None:
        """Read the rest of the body, up to MAX_DRAINED_BYTES.

        Closing a connection with unread bytes resets it, and the client may never see the response.
        """
        drained = 0
        while drained < MAX_DRAINED_BYTES and not self._ended:
            message = await self.receive()
            drained += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
