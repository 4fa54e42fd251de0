"""What the operations read from a request: head and body, as they need them. Nothing is judged here but form."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from mockscope import wire
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.site import Site
from mockscope.instruments.entry import Entry
from mockscope.web.head import Head

T = TypeVar("T")

# HTTP-8
LARGEST_BODY: Final = 1024 * 1024
# Of a body that is refused so much is read to get the answer through; whoever sends more is cut off.
MOST_DRAINED: Final = 64 * LARGEST_BODY
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Call:
    """One request on its way through the rules: what it says, and what is known of it so far.

    Args:
        scope: the ASGI scope.
        receive: the ASGI channel that the body comes from.
        head: what it says before its body.
        entry: its entry among the calls.
    """

    __slots__ = (
        "_ended",
        "answer_headers",
        "body",
        "entry",
        "fields",
        "group_name",
        "head",
        "receive",
        "scope",
        "site",
    )

    site: Site

    def __init__(self, scope: Scope, receive: Receive, head: Head, entry: Entry) -> None:
        self.scope = scope
        self.receive = receive
        self.head = head
        self.entry = entry
        self.group_name = ""
        self.body = b""
        self._ended = False
        self.fields: dict[str, Any] | None = None
        # What the answer is to say besides, whoever makes it.
        self.answer_headers = NO_HEADERS

    def __repr__(self) -> str:
        return f"<Call {self.entry.method} {self.entry.path}>"

    async def read(
        self, careful: Callable[[Mapping[str, object]], T], *, quick: Callable[[bytes], T | None] | None = None
    ) -> T:
        """The body as a draft (HTTP-4, HTTP-5, HTTP-8).

        Args:
            careful: reads a JSON object, and refuses it saying why.
            quick: reads the bytes where nothing is to be said of them, or returns None.

        Raises:
            Refused: BODY_TOO_LARGE, CONTENT_TYPE_WRONG, BODY_MISSING, BODY_NOT_JSON, BODY_NOT_AN_OBJECT, and what
                ``careful`` refuses.
        """
        await self._read_body()
        if self.site.policy.require_json_content_type and self.body and not self.head.says_json:
            raise Refused(Refusal.CONTENT_TYPE_WRONG, sent=self.head.content_type or "missing")
        draft = None if quick is None else quick(self.body)
        if draft is None:
            self.fields = wire.decode_object(self.body)
            draft = careful(self.fields)
        return draft

    async def peek_body(self) -> None:
        """Look at a body that the operation itself did not get to; one that is too large is left alone."""
        with suppress(Refused):
            await self._read_body()

    @property
    def leaves_body_behind(self) -> bool:
        """Whether part of a body is unread on a connection that is closed after the answer."""
        head = self.head
        # Who waits for 100 Continue has sent nothing yet.
        return not self._ended and head.announces_body and head.ends_connection and not head.waits_to_send

    async def drain(self) -> None:
        """Read what is left of a body.

        Closing on bytes that nobody read resets the connection, and the client may never see the answer.
        """
        drained = 0
        while drained < MOST_DRAINED and not self._ended:
            message = await self.receive()
            drained += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)

    async def _read_body(self) -> None:
        try:
            if max(self.head.length, len(self.body)) > LARGEST_BODY:
                raise Refused(Refusal.BODY_TOO_LARGE, limit=str(LARGEST_BODY))
            while not self._ended:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                self._ended = not message.get("more_body", False)
                part: bytes = message.get("body", b"")
                self.body = self.body + part if self.body else part
                if len(self.body) > LARGEST_BODY:
                    raise Refused(Refusal.BODY_TOO_LARGE, limit=str(LARGEST_BODY))
        finally:
            # As far as it came.
            self.entry.body = self.body
