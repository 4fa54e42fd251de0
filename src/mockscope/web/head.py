"""What a request says before its body.

It depends on nothing else, so requests that begin alike may share one Head: nothing of a site, of a connection or of a
moment may live here.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from mockscope.domain.refusals import Refusal, Refused
from mockscope.instruments.lines import Pairs, lines_of

if TYPE_CHECKING:
    from mockscope.web.routes import Place

# Where whoever has read a head before leaves it for the application.
HEAD: Final = "mockscope.head"
# AUTH-1: "Http-X-Partner-Auth", matched without case, with the "Http-" prefix literally.
AUTH_HEADER: Final = b"http-x-partner-auth"
# "REQUIRED HTTP HEADER: HTTP-X-EMAIL"
EMAIL_HEADER: Final = b"http-x-email"
NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


class Head:
    """Method, path, query and headers of a request, read.

    ``path`` is as it was sent, percent-encoding included; ``query`` has the parameters, of one that is repeated the
    last; ``start`` is the cursor, empty for the first page (PAGE-4); ``asks_test_mode`` says whether a write is to be
    a dry run: the value decides, not the presence (TEST-1, TEST-3); ``names_user`` whether the email header is there at
    all, blank or not (USER-GET-1); ``place`` is what the path leads to, once it has been looked up.

    Args:
        scope: the ASGI scope.
    """

    __slots__ = (
        "_auth",
        "_email",
        "_first",
        "_query",
        "_raw_path",
        "asks_test_mode",
        "decoded_path",
        "headers",
        "http_version",
        "lines",
        "method",
        "names_user",
        "path",
        "place",
        "query",
        "query_string",
        "repeats_headers",
        "start",
    )

    def __init__(self, scope: Scope) -> None:
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        self._raw_path: bytes | None = scope.get("raw_path")
        self._query = query
        self.method: str = scope["method"]
        self.http_version: str = scope.get("http_version", "1.1")
        self.path = path.decode("utf-8", "replace")
        self.decoded_path: str = scope["path"]
        self.query_string = query.decode("latin-1") if query else ""
        self.query, self.start, self.asks_test_mode = NO_PARAMETERS, "", False
        if query:
            self.query = _parameters(self.query_string)
            self.start = self.query.get("next_page_start", "")
            self.asks_test_mode = self.query.get("test_mode", "").lower() == "true"
        self.headers: Pairs = scope["headers"]
        self.lines = lines_of(self.headers)
        # Of a header that is sent more than once the first counts.
        self._first: dict[bytes, bytes] = dict(reversed(self.headers))
        # Whether any is.
        self.repeats_headers = len(self.headers) > len(self._first)
        self._auth = self._text(AUTH_HEADER)
        self._email = self._text(EMAIL_HEADER)
        self.names_user = self._email is not None
        self.place: Place | None = None

    def __repr__(self) -> str:
        return f"<Head of {self.method} {self.path}>"

    def is_of(self, scope: Scope) -> bool:
        """Whether it is still what a scope says: a wrapper may have written another path or header into it."""
        return (
            self.headers == scope["headers"]
            and self.decoded_path == scope["path"]
            and self._raw_path == scope.get("raw_path")
            and self._query == scope["query_string"]
            and self.method == scope["method"]
        )

    def credentials(self) -> str:
        """The value of the auth header; empty where it is missing or blank (AUTH-1, AUTH-2).

        Raises:
            Refused: AUTH_REPEATED.
        """
        if self.repeats_headers:
            self._check_repeated(AUTH_HEADER, Refusal.AUTH_REPEATED)
        return self._auth or ""

    def email(self, *, rule: str) -> str:
        """The email in the header, under the rule of the operation that needs it.

        Raises:
            Refused: EMAIL_MISSING, EMAIL_BLANK, EMAIL_REPEATED.
        """
        if self.repeats_headers:
            self._check_repeated(EMAIL_HEADER, Refusal.EMAIL_REPEATED)
        if not self._email:
            raise Refused(Refusal.EMAIL_BLANK if self.names_user else Refusal.EMAIL_MISSING, rule=rule)
        return self._email

    def header(self, name: bytes) -> str:
        """The first value of a header; empty where it is not there."""
        return self._first.get(name, b"").decode("latin-1")

    def names_any_of(self, names: Iterable[bytes]) -> bool:
        """Whether one of these headers is there, blank or not."""
        return not self._first.keys().isdisjoint(names)

    def repeats(self, name: bytes) -> bool:
        """Whether a header was sent more than once."""
        return [key for key, _ in self.headers].count(name) > 1

    @property
    def content_type(self) -> str:
        """The media type of the body without parameters, in lower case; empty where none is given."""
        return self.header(b"content-type").partition(";")[0].strip().lower()

    @property
    def says_json(self) -> bool:
        """Whether the Content-Type is JSON."""
        if self._first.get(b"content-type") == b"application/json":
            return True
        sent = self.content_type
        return sent == "application/json" or (sent.startswith("application/") and sent.endswith("+json"))

    @property
    def length(self) -> int:
        """The length of the body in bytes; 0 where none is announced, or in a form that is not read."""
        length = self._first.get(b"content-length", b"")
        # Twenty digits are more than any body has, and fewer than int() refuses to read.
        return int(length[:20]) if length.isdigit() else 0

    @property
    def has_length(self) -> bool:
        """Whether it says that a body comes, of a length that is not 0."""
        return self._first.get(b"content-length", b"0") != b"0"

    @property
    def announces_body(self) -> bool:
        """Whether it says that a body comes."""
        return b"content-length" in self._first or b"transfer-encoding" in self._first

    @property
    def waits_to_send(self) -> bool:
        """Whether the body comes only when it is asked for (100 Continue)."""
        return b"expect" in self._first

    @property
    def ends_connection(self) -> bool:
        """Whether the connection is closed after the answer."""
        return self.http_version == "1.0" or b"close" in self._first.get(b"connection", b"").lower()

    def _text(self, name: bytes) -> str | None:
        value = self._first.get(name)
        return None if value is None else value.decode("latin-1").strip()

    def _check_repeated(self, name: bytes, refusal: Refusal) -> None:
        if len({value for key, value in self.headers if key == name}) > 1:
            raise Refused(refusal)


def _parameters(query: str) -> Mapping[str, str]:
    pairs = [pair.partition("=") for pair in query.split("&")]
    return {decoded(name): decoded(value) for name, _, value in pairs}


def decoded(text: str) -> str:
    """A name or value of a query, one character for each byte, as urllib's unquote_plus reads it.

    That looks for what is no ASCII between the escapes, which takes longer than all else that is read from a query.
    """
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")
