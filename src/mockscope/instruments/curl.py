"""Requests as curl commands for a POSIX shell."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import Final

from mockscope.instruments.redaction import MIN_SEARCHED_CHARS, Redactor

# Replaces the key until the rest of a curl line is quoted. No header, URL or text body contains this character.
KEY_MARK: Final = "\0"
KEY_VARIABLE: Final = '"$MOCKSCOPE_API_KEY"'
# A segment of a path that curl resolves; newer versions do so even if it is percent-encoded.
DOT_SEGMENT: Final = re.compile(r"/(\.|%2e){1,2}(?=[/?#]|$)", re.IGNORECASE)


def render_curl(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | None,
    *,
    for_shell: Callable[[str], str],
    redact_bytes: Callable[[bytes], bytes] = bytes,
    ca_file: Path | None = None,
) -> str:
    """Render a request as a curl command.

    Args:
        method: The method.
        url: The URL, percent-encoded.
        headers: The headers, without those that curl adds itself.
        body: The body; None for none.
        for_shell: Quotes a text.
        redact_bytes: Redacts keys in a body that is not plain text.
        ca_file: The certificates to trust.
    """
    words = ["curl", "-i", *_method_options(method, body)]
    words += ["--path-as-is"] if DOT_SEGMENT.search(url) else []
    words += ["--cacert", quote(str(ca_file))] if ca_file is not None else []
    for name, value in headers:
        # curl removes a header for "Name:", and sends an empty one for "Name;".
        words += ["-H", for_shell(f"{name}: {value}" if value.strip() else f"{name};")]
    if body is None:
        return " ".join([*words, for_shell(url)])
    if not any(name.lower() == "content-type" for name, _ in headers):
        words += ["-H", "'Content-Type:'"]
    if (text := _plain_text(body)) is not None:
        return " ".join([*words, "--data-raw", for_shell(text), for_shell(url)])
    return " ".join([f"printf {_octal(redact_bytes(body))} |", *words, "--data-binary", "@-", for_shell(url)])


class ShellQuote:
    """Quotes texts for a POSIX shell.

    Args:
        host: The host of a site.
        api_key: The key of the site, or "". It is replaced by $MOCKSCOPE_API_KEY. A short key may be an ordinary word,
            so it is replaced only after its host.
        redactor: Redacts other keys.
    """

    def __init__(self, host: str, api_key: str, redactor: Redactor) -> None:
        self._host = host
        self._key = api_key
        self._redactor = redactor

    def __call__(self, text: str) -> str:
        """Return a text, quoted."""
        marked = text.replace(f"{self._host}:{self._key}", f"{self._host}:{KEY_MARK}") if self._key else text
        if len(self._key) >= MIN_SEARCHED_CHARS:
            marked = marked.replace(self._key, KEY_MARK)
        parts = self._redactor(marked).split(KEY_MARK)
        return KEY_VARIABLE.join(quote_for_shell(part) if part else "" for part in parts) or "''"


def quote_for_shell(text: str) -> str:
    """Quote a text. Bytes that are not UTF-8 are surrogates in the text."""
    data = text.encode("utf-8", "surrogateescape")
    return quote(text) if _plain_text(data) is not None else f'"$(printf {_octal(data)})"'


def _method_options(method: str, body: bytes | None) -> list[str]:
    if method == "HEAD":
        # With -X HEAD, curl would wait for a body.
        return ["--head"]
    return ["-X", method] if method != "GET" or body is not None else []


def _plain_text(data: bytes) -> str | None:
    """Return data as text that can be pasted into a terminal; None if it cannot."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if text.replace("\n", "").isprintable() else None


def _octal(data: bytes) -> str:
    return "'" + "".join(f"\\{byte:03o}" for byte in data) + "'"
