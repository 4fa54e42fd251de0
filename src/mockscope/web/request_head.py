"""The head of a request: method, path, query and headers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, unquote_plus

from starlette.types import Scope

from mockscope._support.text import decode_header
from mockscope._vendor import AUTH_HEADER_BYTES, EMAIL_HEADER_BYTES, NEXT_PAGE_START, TEST_MODE
from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.packed_headers import HeaderPairs

MAX_HEAD_BYTES: Final = 64 * 1024
# A request whose head was too long has the name of its refusal here, in its ASGI state.
REFUSED_HEAD: Final = "mockscope.refused_head"
# In the scope: the path at which the application is mounted, percent-encoded.
MOUNT_PATH: Final = "mockscope.mount_path"


class RequestHead:
    """The parsed head of a request.

    Args:
        scope: The ASGI scope.

    Attributes:
        path: The path as it was sent, percent-encoded.
        decoded_path: The decoded path.
        query: The parameters. If a name is repeated, the last value counts.
        start: The cursor, empty for the first page (PAGE-4).
        is_test_mode: Whether the value of the parameter is true; its presence is not enough (TEST-1, TEST-3).
        has_email_header: Whether the email header is present, even if it is blank (USER-GET-1).
    """

    query: Mapping[str, str] = MappingProxyType({})
    start = ""
    is_test_mode = False

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.http_version: str = scope.get("http_version", "1.1")
        self.path: str = scope["raw_path"].decode("utf-8", "replace")
        self.decoded_path = unquote(self.path)
        self.query_string: str = scope["query_string"].decode("latin-1")
        if self.query_string:
            pairs = [pair.partition("=") for pair in self.query_string.split("&")]
            self.query = {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
            self.start = self.query.get(NEXT_PAGE_START, "")
            self.is_test_mode = self.query.get(TEST_MODE, "").lower() == "true"
        self.headers: HeaderPairs = scope["headers"]
        # Reversed, so that the first header of a name counts.
        self._first: dict[bytes, bytes] = dict(reversed(self.headers))
        self.repeats_headers = len(self.headers) > len(self._first)
        self.has_email_header = EMAIL_HEADER_BYTES in self._first

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} {self.path}>"

    def credentials(self) -> str:
        """Return the value of the auth header, or "" if it is missing or blank (AUTH-1, AUTH-2).

        Raises:
            Refused: AUTH_REPEATED, if it was sent with different values.
        """
        if self.repeats_headers:
            self._check_repeated(AUTH_HEADER_BYTES, Refusal.AUTH_REPEATED)
        return self._first.get(AUTH_HEADER_BYTES, b"").decode("latin-1").strip()

    def email(self, *, rule: str) -> str:
        """Return the email in the header.

        Args:
            rule: The rule of the operation that needs the email.

        Raises:
            Refused: EMAIL_MISSING, EMAIL_BLANK, EMAIL_REPEATED.
        """
        if self.repeats_headers:
            self._check_repeated(EMAIL_HEADER_BYTES, Refusal.EMAIL_REPEATED)
        email = decode_header(self.header(EMAIL_HEADER_BYTES)).strip()
        if not email:
            raise Refused(Refusal.EMAIL_BLANK if self.has_email_header else Refusal.EMAIL_MISSING, rule=rule)
        return email

    def header(self, name: bytes) -> str:
        """Return the first value of a header, or "" if it is missing. The name is in lower case."""
        return self._first.get(name, b"").decode("latin-1")

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Return whether one of these headers was sent. The names are in lower case."""
        return not names.isdisjoint(self._first)

    def repeats(self, name: bytes) -> bool:
        """Return whether a header was sent more than once."""
        return [key for key, _ in self.headers].count(name) > 1

    @property
    def content_type(self) -> str:
        """The media type of the body without its parameters, in lower case, or "" if it is missing."""
        return self.header(b"content-type").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Return whether the Content-Type is JSON."""
        if self._first.get(b"content-type") == b"application/json":
            return True
        sent = self.content_type
        return sent == "application/json" or (sent.startswith("application/") and sent.endswith("+json"))

    @property
    def length(self) -> int:
        """The Content-Length in bytes, or 0 if it is missing or not a number."""
        length = self._first.get(b"content-length", b"")
        # int() raises ValueError for more than 4,300 digits.
        return int(length[:20]) if length.isdigit() else 0

    @property
    def announces_body(self) -> bool:
        """Return whether the headers announce a body."""
        return b"content-length" in self._first or b"transfer-encoding" in self._first

    @property
    def expects_continue(self) -> bool:
        """Return whether the client sends the body only after 100 Continue."""
        return b"expect" in self._first

    @property
    def ends_connection(self) -> bool:
        """Return whether the connection is closed after the response."""
        return self.http_version == "1.0" or b"close" in self._first.get(b"connection", b"").lower()

    def _check_repeated(self, name: bytes, refusal: Refusal) -> None:
        if len({value for key, value in self.headers if key == name}) > 1:
            raise Refused(refusal)
