"""A request to a server elsewhere with its response, and the redaction of the key in both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from json import loads
from pathlib import Path
from typing import Any, Final

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from mockscope._support.text import escape_control
from mockscope.instruments.curl import ShellQuote, render_curl
from mockscope.instruments.redaction import Redactor, mask

MAX_SHOWN_CHARACTERS: Final = 2000
# A larger request is not rendered as a curl line: a shell limits the size of an argument.
MAX_CURL_BYTES: Final = 60_000

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response.

    The key is redacted in all fields except ``content``, which has the bytes that the server sent.
    """

    method: str
    # The path below the client's URL, with the query.
    path: str
    headers: Headers
    body: bytes
    status: int
    response_headers: Headers
    content: bytes = field(repr=False)
    # The request as a curl command. The shell must have the key in MOCKSCOPE_API_KEY.
    curl: str = field(default="", repr=False)
    _redact: Callable[[str], str] = field(default=str, repr=False, compare=False)

    def __str__(self) -> str:
        request = [f"{self.method} {_truncate(self.path)}", *_header_lines(self.headers), *self._body_lines(self.body)]
        response = [f"{self.status}", *_header_lines(self.response_headers), *self._body_lines(self.content)]
        return "\n".join([*(f"> {line}" for line in request), *(f"< {line}" for line in response)])

    @property
    def json(self) -> Any:
        """The response's body, parsed.

        Raises:
            ValueError: If it is not JSON, or nests too deeply.
        """
        try:
            return loads(self.content)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    @property
    def is_rate_limited(self) -> bool:
        """Return whether the server only asks to send the request later: 429, or 503 with Retry-After."""
        return self.status == 429 or (self.status == 503 and self.header("Retry-After") is not None)

    @property
    def retry_after(self) -> float:
        """The seconds to wait, from Retry-After; 0 if it is missing, invalid or in the past."""
        try:
            return Retry().parse_retry_after(self.header("Retry-After") or "")
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0

    def header(self, name: str) -> str | None:
        """Return the first value of a response header."""
        return next((value for own, value in self.response_headers if own.lower() == name.lower()), None)

    def _body_lines(self, body: bytes) -> list[str]:
        # Redacted before it is truncated, because the first half of a key would not be recognised.
        text = _truncate(self._redact(body.decode("utf-8", "replace")), more="\n")
        return [escape_control(line.expandtabs(4)) for line in text.splitlines()]


def _header_lines(headers: Headers) -> list[str]:
    return [f"{escape_control(_truncate(name))}: {escape_control(_truncate(value))}" for name, value in headers]


def _truncate(text: str, more: str = " ") -> str:
    """Truncate a text, and append the number of characters that were left out."""
    rest = len(text) - MAX_SHOWN_CHARACTERS
    return f"{text[:MAX_SHOWN_CHARACTERS]}{more}... and {rest} characters more" if rest > 0 else text


class KeyRedactor:
    """Redacts the key of a site in requests and responses.

    Args:
        host: The site's host.
        api_key: The site's key.
    """

    def __init__(self, host: str, api_key: str) -> None:
        self._redactor = Redactor()
        self._redactor.add_key(api_key)
        self._pair = f"{host}:{api_key}"
        self._key = api_key
        self._for_shell = ShellQuote(host, api_key, self._redactor)

    def __call__(self, text: str) -> str:
        """Return a text with the key redacted."""
        # A short key may be an ordinary word, so it is redacted only after its host.
        return self._redactor(text.replace(self._pair, self._pair.removesuffix(self._key) + mask(self._key)))

    def headers(self, headers: Headers) -> Headers:
        """Return headers with the key and other credentials redacted."""
        redact = self._redactor.redact_header
        return tuple((name, self(redact(name.lower().removeprefix("set-"), value))) for name, value in headers)

    def body(self, body: bytes) -> bytes:
        """Return a body with the key redacted."""
        return self(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def curl(self, method: str, url: str, headers: Headers, body: bytes | None, ca_file: Path | None) -> str:
        """Render a request as a curl command. The shell must have the key in MOCKSCOPE_API_KEY."""
        size = len(url) + sum(len(value) for _, value in headers) + len(body or b"")
        if size > MAX_CURL_BYTES:
            return f"# a request of {size} bytes is too long for a curl line"
        shown = [(name, value) for name, value in headers if name != "User-Agent"]
        return render_curl(method, url, shown, body, for_shell=self._for_shell, redact_bytes=self.body, ca_file=ca_file)
