"""A request on its way through the rules: its head, its body, and what is known of it so far."""

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

# HTTP-8
MAX_REQUEST_BODY_BYTES: Final = 1024 * 1024
# The part of a refused body that is read so that the client gets its answer.
MAX_DRAINED_BYTES: Final = 64 * MAX_REQUEST_BODY_BYTES


class HTTPRequest:
    """One request to the vendor's API.

    Args:
        scope: The ASGI scope.
        receive: The ASGI channel of the body.
        head: The head.
        entry: The entry among the calls.
    """

    site: Site
    # The log that holds the entry.
    log: CallLog | None = None
    group_name = ""
    body = b""
    fields: dict[str, Any] | None = None
    # Headers for the answer, whatever makes it.
    response_headers: Mapping[str, str] = MappingProxyType({})
    _ended = False
    _is_too_large = False
    _was_asked = False

    def __init__(self, scope: Scope, receive: Receive, head: RequestHead, call: Call) -> None:
        self.scope = scope
        self.receive = receive
        self.head = head
        self.call = call

    def __repr__(self) -> str:
        return f"<Call {self.call.method} {self.call.path}>"

    def open_in(self, log: CallLog) -> CallLog:
        """Put the entry into a log."""
        log.open(self.call)
        self.log = log
        return log

    def parse(self, parse: Callable[[Mapping[str, object]], T]) -> T:
        """Parse the body (HTTP-4, HTTP-5, HTTP-8).

        Args:
            parse: Parses a JSON object.

        Raises:
            Refused: BODY_TOO_LARGE, CONTENT_TYPE_WRONG, BODY_MISSING, BODY_NOT_JSON, BODY_NOT_AN_OBJECT, and what
                ``parse`` refuses.
        """
        if self._is_too_large:
            raise Refused(Refusal.BODY_TOO_LARGE, limit=str(MAX_REQUEST_BODY_BYTES))
        if self.site.policy.require_json_content_type and self.body and not self.head.is_json:
            raise Refused(Refusal.CONTENT_TYPE_WRONG, sent=self.head.content_type or "missing")
        self.fields = codec.decode_object(self.body)
        return parse(self.fields)

    async def read_body(self) -> None:
        """Read the body, of one that is too large a part.

        Raises:
            ClientDisconnect: The client left.
        """
        body = bytearray(self.body)
        self._is_too_large = self.head.length > MAX_REQUEST_BODY_BYTES
        try:
            while not (self._ended or self._is_too_large):
                self._was_asked = True
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                self._ended = not message.get("more_body", False)
                body += message.get("body", b"")
                self._is_too_large = len(body) > MAX_REQUEST_BODY_BYTES
        finally:
            self.call.body = self.body = bytes(body)

    @property
    def has_unread_body(self) -> bool:
        """Return whether part of a body is unread on a connection that is closed after the answer."""
        head = self.head
        # A client that waits for 100 Continue has sent nothing yet.
        return not self._ended and head.announces_body and head.ends_connection and not head.expects_continue

    @property
    def has_unsent_body(self) -> bool:
        """Return whether the client still waits for 100 Continue: its next request would be taken for the body."""
        return self.head.expects_continue and self.head.announces_body and not self._was_asked

    async def drain(self) -> None:
        """Read the rest of a body.

        Closing on unread bytes resets the connection, and the client may never see the answer.
        """
        drained = 0
        while drained < MAX_DRAINED_BYTES and not self._ended:
            message = await self.receive()
            drained += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
