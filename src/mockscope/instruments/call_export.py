"""The request of a call, to repeat it: as a curl command, as Python code, and as a test.

Without ``include_key`` no text has an API key. The shell or the environment has it in MOCKSCOPE_API_KEY.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from mockscope._support.text import clip
from mockscope._vendor import AUTH_HEADER, VENDOR_HOSTS
from mockscope.instruments.curl import ShellQuote, quote_for_shell, render_curl
from mockscope.instruments.packed_headers import HeaderPairs
from mockscope.instruments.redaction import CREDENTIAL_HEADERS, SECRET_HEADERS, Redactor

# The headers that each client adds itself, and those of the connection.
CLIENT_HEADERS: Final = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "expect", "host", "http2-settings"),
        *("keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"),
    }
)
# The methods whose body may affect the response (HTTP-5).
BODY_METHODS: Final = frozenset({"POST", "PUT"})
# The characters of a target that every client sends as they are, with letters and digits.
TARGET_MARKS: Final = "%/?&=+:@!$()*,;~-._'"
# A percent sign that encodes nothing.
STRAY_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")
KEY_IN_PYTHON: Final = 'os.environ["MOCKSCOPE_API_KEY"]'
# The maximum number of records in a test.
MAX_TEST_RECORDS: Final = 1_000
# Longer lists and mappings are broken into lines.
MAX_LINE_CHARS: Final = 100


class IncompleteCall(ValueError):
    """A call cannot be repeated, because a part of its request is not known."""


class RecordedRequest(NamedTuple):
    """The whole request of a call, with its API key.

    Args:
        call: The id of the call.
        method: The method.
        scheme: ``http`` or ``https``.
        mount_path: The path at which the application is mounted, percent-encoded.
        path: The path below it, percent-encoded.
        query: The query, percent-encoded.
        headers: The names and values of the headers.
        body: The body; None for none.
        redactor: Redacts API keys.
    """

    call: str
    method: str
    scheme: str
    mount_path: str
    path: str
    query: str
    headers: HeaderPairs
    body: bytes | None
    redactor: Redactor

    @property
    def own_headers(self) -> list[tuple[str, str]]:
        """The headers that no client adds itself. Bytes that are not UTF-8 are surrogates."""
        pairs = [(name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in self.headers]
        return [(name.title(), value) for name, value in pairs if name.lower() not in CLIENT_HEADERS]

    @property
    def target(self) -> str:
        """The path and query, in the form that every client sends unchanged."""
        # Clients remove "." and ".." from a path. As names of groups they are encoded.
        steps = [step.replace(".", "%2E") if step in (".", "..") else step for step in self.path.split("/")]
        query = f"?{self.query}" if self.query else ""
        return quote(f"/{'/'.join(steps).removeprefix('/')}{query}", safe=TARGET_MARKS)

    def url(self, base: str | None) -> str:
        """Return the URL.

        Args:
            base: The URL of the server; None is the one that the request was sent to.

        Raises:
            ValueError: If the request was sent to a host of the vendor, or named none.
        """
        if base is None:
            host = next((value.decode("latin-1") for name, value in self.headers if name.lower() == b"host"), "")
            if not host or urlsplit(f"//{quote(host, safe=':[]%')}").hostname in VENDOR_HOSTS:
                problem = f"was sent to {clip(host)}" if host else "has no Host header"
                raise ValueError(f"the call {self.call} {problem}: name the server for the copy, such as url=site.url")
            base = f"{self.scheme}://{quote(host, safe=':[]%')}{self.mount_path}"
        return f"{base.rstrip('/')}{self.target}"


def check_is_complete(call: str, method: str, headers: Mapping[str, str], body: bytes | None, *, is_cut: bool) -> None:
    """Check that the body of a request is whole.

    Args:
        call: The id of the call.
        method: The method.
        headers: The headers, with names in lower case.
        body: The recorded body; None for none.
        is_cut: Whether it was cut.

    Raises:
        IncompleteCall: If it is not whole.
    """
    if not headers:
        raise IncompleteCall(f"the call {call} cannot be repeated: its headers and body were removed to save memory")
    if is_cut:
        raise IncompleteCall(f"the call {call} cannot be repeated: its body was cut to {len(body or b'')} bytes")
    is_announced = "transfer-encoding" in headers or headers.get("content-length", "0").strip() not in ("", "0")
    if body is None and is_announced and method in BODY_METHODS:
        raise IncompleteCall(f"the call {call} cannot be repeated: its body was not read")


# -- curl and httpx --------------------------------------------------------------------------------------------


def as_curl(request: RecordedRequest, *, include_key: bool, url: str | None) -> str:
    """Return a request as a curl command. The arguments are those of `Call.as_curl`."""
    headers, redactor = _shown_headers(request, include_key=include_key), request.redactor
    parts = request.method, request.url(url), headers, request.body
    if include_key:
        return render_curl(*parts, for_shell=quote_for_shell)
    host, _, key = dict(headers).get(AUTH_HEADER, "").strip().rpartition(":")
    return render_curl(*parts, for_shell=ShellQuote(host, key, redactor), redact_bytes=redactor.redact_bytes)


def as_httpx(request: RecordedRequest, *, include_key: bool, url: str | None) -> str:
    """Return a request as Python code for httpx. The arguments are those of `Call.as_httpx`."""
    headers = [
        f"({name!r}, {_credentials(value) if name == AUTH_HEADER and not include_key else _header_literal(value)})"
        for name, value in _shown_headers(request, include_key=include_key)
    ]
    arguments = [
        repr(request.method),
        repr(request.url(url)),
        f"headers={_lines('[]', headers, 4)}",
        *([] if request.body is None else [f"content={_body_literal(request.body)}"]),
    ]
    call = f"httpx.request{_lines('()', arguments, 0)}"
    code = f"import httpx\n\nresponse = {call}\nprint(response.status_code, response.text)\n"
    if include_key:
        return code
    return ("import os\n\n" if KEY_IN_PYTHON in code else "") + request.redactor(code)


def _shown_headers(request: RecordedRequest, *, include_key: bool) -> list[tuple[str, str]]:
    """Return the headers to send. Without the key, other headers with secrets are left out."""
    if include_key:
        return request.own_headers
    hidden = SECRET_HEADERS | CREDENTIAL_HEADERS - {AUTH_HEADER.lower()}
    lowered = [(name, name.lower(), value) for name, value in request.own_headers]
    # A key may be sent as the name of a header.
    return [(name, value) for name, low, value in lowered if low not in hidden and request.redactor(low) == low]


def _credentials(value: str) -> str:
    host, colon, _ = value.strip().rpartition(":")
    return f"{host + colon!r} + {KEY_IN_PYTHON}"


def _header_literal(value: str) -> str:
    # Clients encode a text as Latin-1 or ASCII.
    return repr(value if value.isascii() else value.encode("utf-8", "surrogateescape"))


def _body_literal(body: bytes) -> str:
    try:
        return repr(body.decode())
    except UnicodeDecodeError:
        return repr(body)


# -- pytest ----------------------------------------------------------------------------------------------------


class Expected(NamedTuple):
    """The expectations of a test.

    Args:
        title: The call, in one line.
        name: The name of the test, after ``test_``.
        host: The host of the site.
        status: The status of the response.
        response: The body of the response; None if it was cut.
        is_accidental: Whether the request only worked by accident, so that strict mode would fail the test.
    """

    title: str
    name: str
    host: str
    status: int
    response: bytes | None
    is_accidental: bool


def as_pytest(request: RecordedRequest, expected: Expected, seed: str | Mapping[str, Any] | None) -> str:
    """Return a request as a test file for pytest.

    Args:
        request: The request.
        expected: The expected response.
        seed: The records before the call, or the path of a seed file; None if they are not known.

    Raises:
        ValueError: If the records are not known, there are more than MAX_TEST_RECORDS of them, or the client would
            change the path.
    """
    if STRAY_PERCENT.search(request.target):
        raise ValueError(f"urllib3 would change the target of the call {request.call}: {clip(request.target)}")
    if seed is None:
        raise ValueError(f"the records before the call {request.call} are not known here: name a seed file with them")
    if isinstance(seed, str):
        constant, value = "", repr(seed)
    else:
        constant, value = f"SEED = {_literal(_without_key(request.call, seed))}\n", "SEED"
    strict = ", strict=False" if expected.is_accidental else ""
    return request.redactor(
        f"# {expected.title}\n"
        f"import pytest\nfrom urllib3 import HTTPHeaderDict, PoolManager\n\n{constant}\n\n"
        f"@pytest.mark.mockscope(host={expected.host!r}, seed={value}{strict})\n"
        f"def test_{expected.name}(mockscope):\n"
        "    with PoolManager() as client:\n"
        f"        response = client.request{_lines('()', _arguments(request), 8)}\n\n"
        f"    assert response.status == {expected.status}\n"
        f"{_response_assertion(expected.response)}"
    )


def _without_key(call: str, seed: Mapping[str, Any]) -> dict[str, Any]:
    [site] = seed["sites"]
    records = sum(len(site[kind]) for kind in ("users", "groups", "dashboards"))
    if records > MAX_TEST_RECORDS:
        raise ValueError(
            f"the site of the call {call} had {records} records, too many for a test: name a seed file that has them, "
            "such as seed='friends.yaml'"
        )
    return {**seed, "sites": [{name: value for name, value in site.items() if name != "api_key"}]}


def _arguments(request: RecordedRequest) -> list[str]:
    own = [(name, value) for name, value in _shown_headers(request, include_key=False) if name != AUTH_HEADER]
    headers = ["*mockscope.headers.items()", *(f"({name!r}, {_header_literal(value)})" for name, value in own)]
    return [
        repr(request.method),
        f'f"{{mockscope.url}}{request.target}"',
        f"headers=HTTPHeaderDict({_lines('[]', headers, 12)})",
        *([] if request.body is None else [f"body={_body_literal(request.body)}"]),
    ]


def _response_assertion(response: bytes | None) -> str:
    if response is None:
        return "    # The body of the response was too large to be recorded.\n"
    try:
        return f"    assert response.json() == {_literal(json.loads(response), 4)}\n"
    except ValueError:
        return f"    assert response.data == {response!r}\n"


def _literal(value: Any, indent: int = 0) -> str:
    """Return plain data as Python code, broken into lines if it is long."""
    text = repr(value)
    if indent + len(text) <= MAX_LINE_CHARS or not isinstance(value, dict | list):
        return text
    if isinstance(value, list):
        return _lines("[]", [_literal(item, indent + 4) for item in value], indent)
    return _lines("{}", [f"{name!r}: {_literal(item, indent + 4)}" for name, item in value.items()], indent)


def _lines(brackets: str, items: list[str], indent: int) -> str:
    """Return items in brackets, each on a line of its own."""
    blanks = " " * indent
    return f"{brackets[0]}\n{''.join(f'{blanks}    {item},{chr(10)}' for item in items)}{blanks}{brackets[1]}"
