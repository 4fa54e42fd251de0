"""What the operations read from a request: credentials, email, query, body. Nothing is judged here but form."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import unquote_plus

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from mockscope import wire
from mockscope.domain.directory import Directory
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.site import Site
from mockscope.instruments.entry import Entry

T = TypeVar("T")

# AUTH-1: "Http-X-Partner-Auth", matched without case, with the "Http-" prefix literally.
AUTH_HEADER: Final = b"http-x-partner-auth"
# "REQUIRED HTTP HEADER: HTTP-X-EMAIL"
EMAIL_HEADER: Final = b"http-x-email"
# HTTP-8
LARGEST_BODY: Final = 1024 * 1024
# Of a body that is refused so much is read to get the answer through; whoever sends more is cut off.
MOST_DRAINED: Final = 64 * LARGEST_BODY


class Call:
    """One request on its way through the rules: what it says, and what is known of it so far.

    Args:
        scope: the ASGI scope.
        receive: the ASGI channel that the body comes from.
        entry: the entry of the request among the calls.
    """

    __slots__ = (
        "_ended",
        "_headers",
        "answer_headers",
        "body",
        "entry",
        "fields",
        "group_name",
        "receive",
        "repeats_headers",
        "scope",
        "site",
    )

    site: Site

    def __init__(self, scope: Scope, receive: Receive, entry: Entry) -> None:
        self.scope = scope
        self.receive = receive
        sent: list[tuple[bytes, bytes]] = scope["headers"]
        # Of a header that is sent more than once the first counts.
        self._headers: dict[bytes, bytes] = dict(reversed(sent))
        # Whether any is.
        self.repeats_headers = len(sent) > len(self._headers)
        self.entry = entry
        self.group_name = ""
        self.body = b""
        self._ended = False
        self.fields: dict[str, Any] | None = None
        # What the answer is to say besides, whoever makes it.
        self.answer_headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Call {self.entry.method} {self.entry.path}>"

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoding included."""
        path: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        return path.decode("utf-8", "replace")

    def authenticate(self, directory: Directory) -> Site:
        """The site that the request opens (AUTH-1 to AUTH-4)."""
        return directory.authenticate(self._header(AUTH_HEADER, repeated=Refusal.AUTH_REPEATED) or "")

    @property
    def names_user(self) -> bool:
        """Whether the email header is there at all, blank or not (USER-GET-1)."""
        return EMAIL_HEADER in self._headers

    def email(self, *, rule: str) -> str:
        """The email in the header, under the rule of the operation that needs it.

        Raises:
            Refused: EMAIL_MISSING, EMAIL_BLANK, EMAIL_REPEATED.
        """
        email = self._header(EMAIL_HEADER, repeated=Refusal.EMAIL_REPEATED)
        if not email:
            raise Refused(Refusal.EMAIL_MISSING if email is None else Refusal.EMAIL_BLANK, rule=rule)
        return email

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; of one that is repeated the last."""
        return _parameters(self.scope["query_string"])

    @property
    def start(self) -> str:
        """The cursor; empty is the first page (PAGE-4)."""
        return self.query.get("next_page_start", "") if self.scope["query_string"] else ""

    @property
    def test_mode(self) -> bool:
        """Whether this is a dry run: the value decides, not the presence (TEST-1, TEST-3)."""
        return bool(self.scope["query_string"]) and self.query.get("test_mode", "").lower() == "true"

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
        if self.site.policy.require_json_content_type and self.body and not self.says_json:
            raise Refused(Refusal.CONTENT_TYPE_WRONG, sent=self.content_type or "missing")
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
    def content_type(self) -> str:
        """The media type of the body without parameters, in lower case; empty where none is given."""
        return self.header(b"content-type").partition(";")[0].strip().lower()

    @property
    def says_json(self) -> bool:
        """Whether the Content-Type is JSON."""
        if self._headers.get(b"content-type") == b"application/json":
            return True
        sent = self.content_type
        return sent == "application/json" or (sent.startswith("application/") and sent.endswith("+json"))

    def names_any_of(self, names: Iterable[bytes]) -> bool:
        """Whether one of these headers is there, blank or not."""
        return not self._headers.keys().isdisjoint(names)

    def header(self, name: bytes) -> str:
        """The first value of a header; empty where it is not there."""
        return self._headers.get(name, b"").decode("latin-1")

    def _header(self, name: bytes, *, repeated: Refusal) -> str | None:
        value = self._headers.get(name)
        if value is None:
            return None
        if self.repeats_headers and len({value for key, value in self.scope["headers"] if key == name}) > 1:
            raise Refused(repeated)
        return value.decode("latin-1").strip()

    def repeats(self, name: bytes) -> bool:
        """Whether a header was sent more than once."""
        return [key for key, _ in self.scope["headers"]].count(name) > 1

    @property
    def has_length(self) -> bool:
        """Whether the head says that a body comes, of a length that is not 0."""
        return self._headers.get(b"content-length", b"0") != b"0"

    @property
    def waits_to_send(self) -> bool:
        """Whether the body comes only when it is asked for (100 Continue)."""
        return b"expect" in self._headers

    @property
    def announces_body(self) -> bool:
        """Whether the head says that a body comes."""
        return b"content-length" in self._headers or b"transfer-encoding" in self._headers

    @property
    def leaves_body_behind(self) -> bool:
        """Whether part of a body is unread on a connection that is closed after the answer."""
        headers = self._headers
        if self._ended or not (b"content-length" in headers or b"transfer-encoding" in headers):
            return False
        closes = self.scope.get("http_version") == "1.0" or b"close" in headers.get(b"connection", b"").lower()
        # Who waits for 100 Continue has sent nothing yet.
        return closes and not self.waits_to_send

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
        length = self._headers.get(b"content-length", b"")
        # Twenty digits are more than any body has, and fewer than int() refuses to read.
        announced = int(length[:20]) if length.isdigit() else 0
        try:
            if max(announced, len(self.body)) > LARGEST_BODY:
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


# Clients ask in the same words again and again.
@lru_cache(maxsize=1024)
def _parameters(query: bytes) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in query.decode("latin-1").split("&"))
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
