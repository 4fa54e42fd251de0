"""A recorded call: one request to the vendor's API and its response."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from os import PathLike, fspath
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote

import msgspec

from mockscope._support.arguments import check_type
from mockscope._support.text import MAX_SHOWN_CHARS, clip, decode_header, escape_control
from mockscope._support.timestamps import format_time
from mockscope._vendor import EMAIL_HEADER
from mockscope.instruments import call_export
from mockscope.instruments.call_export import IncompleteCall, RecordedRequest, check_is_complete
from mockscope.instruments.clock import EPOCH, Clock
from mockscope.instruments.hints import Hint
from mockscope.instruments.packed_headers import (
    NO_HEADERS,
    SENT_ENCODING,
    SHOWN_ENCODING,
    HeaderPairs,
    decode_headers,
    encode_headers,
    sent_text,
)
from mockscope.instruments.plain_call import NAME_FIELDS, encodable, parse_fields, render_body
from mockscope.instruments.record_changes import RecordChanges
from mockscope.instruments.redaction import Redactor

# The maximum bytes of a body that are kept; enough for three pages of a hundred users.
MAX_BODY_BYTES: Final = 64 * 1024
# The maximum rounding error of a time as a float, in seconds.
ROUNDING_SECONDS: Final = 0.001
# The maximum characters of an email or group name in a line about a call.
MAX_NAME_CHARS: Final = 80
# The operations whose user is named by the email header.
EMAIL_HEADER_OPERATIONS: Final = frozenset({"get_user", "update_user", "delete_user"})
# The redactor of calls that are not in a log.
EMPTY_REDACTOR: Final = Redactor()


class Call(msgspec.Struct, eq=False):
    """A request to the vendor's API and its response. A value that is not known is None. API keys are redacted.

    ``id`` is the id of the request, as in X-Request-Id. ``received`` is the time of receipt, in seconds since 1970 on
    the site's clock. ``duration`` is the time to the end of the response, in seconds on that clock. ``scheme`` is
    ``https`` for a TLS connection, else ``http``. ``mount_path`` is the path at which the application is mounted,
    percent-encoded. ``operation`` is one of the ten operations. ``site`` is the host of
    the site. ``test_mode`` is True for a dry run. ``rule`` is the rule id of the refusal. ``fault`` is the id of the
    planned fault that hit. ``hint`` is the hint for a refusal. ``hints`` are the further hints for a refusal or, if
    ``rule`` is None, the hints for a call that only worked by accident. ``body_cut`` is True if the body of the request
    was cut or discarded, and ``response_cut`` if that of the response was. ``changes_cut`` is True if the changes of
    records were discarded, because the calls took too much memory.
    """

    id: str
    method: str
    _path: str
    _query: str = ""
    _headers: bytes = NO_HEADERS
    number: int = 0
    scheme: str = "http"
    mount_path: str = ""
    operation: str | None = None
    site: str | None = None
    received: float = 0.0
    status: int | None = None
    duration: float | None = None
    test_mode: bool = False
    rule: str | None = None
    hint: Hint | None = None
    hints: tuple[Hint, ...] = ()
    fault: str | None = None
    # The end of the delay by a fault, in seconds since 1970 on the site's clock.
    delayed_until: float | None = None
    clock: Clock | None = None
    redactor: Redactor = EMPTY_REDACTOR
    # The id of the thread that makes the response.
    thread: int = 0
    # The size of heads and bodies, once the call is complete.
    size_bytes: int = 0
    _body: bytes | None = None
    _response: bytes | None = None
    # The email or group name in the body, parsed before the body was cut.
    _cached_name: str | None = None
    _response_headers: bytes = NO_HEADERS
    body_cut: bool = False
    response_cut: bool = False
    _changes: RecordChanges | None = None
    changes_cut: bool = False
    # Returns the records of the site before the call, as a seed.
    export_before: Callable[[], dict[str, Any]] | None = None
    _encoding: str = SENT_ENCODING

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], redactor: Redactor = EMPTY_REDACTOR) -> Self:
        """Return the call that ``as_dict`` has rendered. API keys in it stay redacted.

        Args:
            data: the plain data.
            redactor: redacts keys in messages about the call.

        Raises:
            ValueError: If the data is not that of a call.
        """
        return cls(**parse_fields(data), redactor=redactor, _encoding=SHOWN_ENCODING)

    def __eq__(self, other: object) -> bool:
        # Two readings of one call from a server elsewhere are equal.
        return self.id == other.id if isinstance(other, Call) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Call {self}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # The default of msgspec shows all fields, API keys included.
        return [("call", str(self))]

    def __str__(self) -> str:
        parts = (
            str(self.status or "..."),
            *describe_target(self),
            "(test mode)" * self.test_mode,
            f"[{self.fault}]" if self.fault else "",
        )
        return escape_control(" ".join(part for part in parts if part))

    @property
    def is_open(self) -> bool:
        """Return whether the call is in progress. A call that a fault delays is not."""
        return self.duration is None and not self.is_delayed

    @property
    def is_delayed(self) -> bool:
        """Return whether a fault delays the response. After the end of the delay, the call is in progress again."""
        # Read once, because another thread may set it to None meanwhile. The properties below do the same.
        until = self.delayed_until
        if until is None or self.clock is None:
            return False
        return self.clock.time() < until - ROUNDING_SECONDS

    @property
    def received_at(self) -> datetime:
        """The time of receipt, in UTC."""
        return EPOCH + timedelta(seconds=self.received)

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return self.redactor(self._path)

    @property
    def query(self) -> str:
        """The query as it was sent, percent-encoded, without the question mark."""
        return self.redactor(self._query)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the request, in order, names in lower case. Of a key, the last four characters are shown."""
        return self._shown(self._headers)

    def header(self, name: str) -> str | None:
        """Return the first value of a request header, or None. The name is matched without case."""
        name = name.lower()
        for key, value in decode_headers(self._headers):
            if key.decode(self._encoding).lower() == name:
                return self.redactor.redact_header(name, value.decode(self._encoding))
        return None

    @property
    def body(self) -> bytes | None:
        """The body of the request, as far as it was read; None without a body.

        Once the call is complete, the body is cut at MAX_BODY_BYTES.
        """
        body = self._body
        return body and self.redactor.redact_bytes(body)

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body or None

    @property
    def response(self) -> bytes | None:
        """The body of the response, cut at MAX_BODY_BYTES."""
        response = self._response
        return response and self.redactor.redact_bytes(response)

    def store_response(self, status: int, headers: HeaderPairs, response: bytes) -> None:
        """Store the response.

        Args:
            status: the status.
            headers: the names and values of the headers.
            response: the body. It is cut at MAX_BODY_BYTES.
        """
        self._response_headers = encode_headers(headers)
        self.response_cut = len(response) > MAX_BODY_BYTES
        self._response = response[:MAX_BODY_BYTES] if self.response_cut else response
        # Last, because other threads read the response of a call that has a status.
        self.status = status

    @property
    def response_headers(self) -> list[tuple[str, str]]:
        """The headers of the response, in order, names in lower case."""
        return self._shown(self._response_headers)

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the query, decoded. Of a repeated parameter, the last value counts."""
        redact = self.redactor
        return {redact(name): redact(value) for name, value in parse_qsl(self.query, keep_blank_values=True)}

    @property
    def json(self) -> Any:
        """The body of the request, parsed as JSON; None if it is not JSON."""
        return self.redactor.redact_json(_read(self._body))

    @property
    def response_json(self) -> Any:
        """The body of the response, parsed as JSON; None if it is not JSON."""
        return self.redactor.redact_json(_read(self._response))

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The records that the call changed, created and removed; empty for a read, a refusal and a dry run.

        Each is a dict with ``kind``, ``name``, ``change`` and ``fields``.
        """
        changes = self._changes
        return [] if changes is None else self.redactor.redact_json(changes.render())

    def store_changes(self, changes: RecordChanges) -> None:
        """Store the changes of records by the call."""
        self._changes = changes

    @property
    def email(self) -> str | None:
        """The email of the user, from the Http-X-Email header or, for create_user, the field ``email`` of the body."""
        if self.operation in EMAIL_HEADER_OPERATIONS:
            sent = self.header(EMAIL_HEADER)
            return None if sent is None else decode_header(sent)
        return self._target_name() if self.operation == "create_user" else None

    @property
    def group(self) -> str | None:
        """The name of the group, from the path or, for create_group, the field ``name`` of the body."""
        if self.operation == "create_group":
            return self._target_name()
        _, _, name = self._path.partition("/groups/")
        # HTTP-3: one slash after the name is ignored.
        return self.redactor(unquote(name.removesuffix("/"))) or None

    def discard_changes(self) -> None:
        """Discard the changes of records, if there are any."""
        if self._changes is not None:
            self.size_bytes -= self._changes.size_bytes
            self._changes, self.changes_cut = None, True

    def request(self) -> RecordedRequest:
        """Return the whole request, with its API key. In a call from plain data the key is redacted.

        Raises:
            IncompleteCall: If a part of it is not known.
        """
        if self.is_open:
            raise IncompleteCall(f"the call {self.id} cannot be repeated yet: it is in progress")
        headers, body = decode_headers(self._headers), self._body
        if self._encoding == SHOWN_ENCODING:
            headers = [(sent_text(name), sent_text(value)) for name, value in headers]
        sent = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        check_is_complete(self.id, self.method, sent, body, is_cut=self.body_cut)
        path = self._path, self._query
        return RecordedRequest(self.id, self.method, self.scheme, self.mount_path, *path, headers, body, self.redactor)

    def as_curl(self, *, include_key: bool = False, url: str | None = None) -> str:
        """Return the request as a curl command for a POSIX shell.

        Args:
            include_key: whether the command has the API key. Without it, the shell must have the key in
                MOCKSCOPE_API_KEY, and other headers with secrets are left out.
            url: the URL of the server to send the copy to; None is the one that the request was sent to.

        Raises:
            ValueError: If a part of the request is not known, such as the rest of a body that was cut. If the request
                was sent to a host of the vendor, and ``url`` is None.
        """
        self._check_copy(include_key, url)
        return call_export.as_curl(self.request(), include_key=include_key, url=url)

    def as_httpx(self, *, include_key: bool = False, url: str | None = None) -> str:
        """Return the request as Python code that sends it with httpx.

        Args:
            include_key: whether the code has the API key. Without it, the environment must have the key in
                MOCKSCOPE_API_KEY, and other headers with secrets are left out.
            url: the URL of the server to send the copy to; None is the one that the request was sent to.

        Raises:
            ValueError: If a part of the request is not known, such as the rest of a body that was cut. If the request
                was sent to a host of the vendor, and ``url`` is None.
        """
        self._check_copy(include_key, url)
        return call_export.as_httpx(self.request(), include_key=include_key, url=url)

    def as_pytest(self, seed: "str | PathLike[str] | None" = None) -> str:
        """Return the call as a test file. It sends the request to a site with the records from before the call.

        Args:
            seed: the path of a seed file with these records; None writes them into the test.

        Raises:
            ValueError: If a part of the request is not known, such as the rest of a body that was cut. If the call
                reached no site, has no response, or follows a planned change, or a planned fault hit it. If the path
                has a percent sign that encodes nothing. If there are more than MAX_TEST_RECORDS records, and ``seed``
                is None.
        """
        check_type("seed", seed, str | PathLike | None)
        request = self.request()
        if self.site is None:
            raise ValueError(f"the call {self.id} reached no site: there are no records to test it with")
        if self.fault:
            raise ValueError(f"{self.fault} affected the call {self.id}: a test without it may get another response")
        if self.status is None:
            raise ValueError(f"the call {self.id} has no response: a test of it would expect nothing")
        expected = call_export.Expected(
            str(self),
            self.operation or "call",
            self.site,
            self.status,
            None if self.response_cut else self._response or b"",
            bool(self.hints) and self.rule is None,
        )
        export = self.export_before
        records = fspath(seed) if seed is not None else None if export is None else export()
        return call_export.as_pytest(request, expected, records)

    def _check_copy(self, include_key: object, url: object) -> None:
        check_type("include_key", include_key, bool)
        check_type("url", url, str | None)
        if isinstance(url, str) and not url.startswith(("http://", "https://")):
            raise ValueError(f"url must be the URL of a server, such as site.url, not {url!r}")
        if include_key and self._encoding == SHOWN_ENCODING:
            raise ValueError(f"the key of the call {self.id} is redacted: only the server that received it knows it")

    def discard_content(self) -> None:
        """Discard bodies, headers and changes, and cut the path and the query."""
        self.discard_changes()
        self.body_cut, self.response_cut = self.body_cut or bool(self._body), self.response_cut or bool(self._response)
        self._body = self._response = self._cached_name = self.export_before = None
        self._headers = self._response_headers = NO_HEADERS
        self._path, self._query = self._path[:MAX_SHOWN_CHARS], self._query[:MAX_SHOWN_CHARS]
        self.size_bytes = 0

    def finish(self) -> None:
        """Cut the body of a complete call, and compute its weight."""
        if self._body and len(self._body) > MAX_BODY_BYTES:
            # A cut body is not valid JSON.
            self._cached_name = self._raw_name()
            self.body_cut = True
            self._body = self._body[:MAX_BODY_BYTES]
        head = self.head_bytes + len(self._response_headers)
        bodies = len(self._body or b"") + len(self._response or b"") + len(self._cached_name or "")
        self.size_bytes = head + bodies + (0 if self._changes is None else self._changes.size_bytes)

    @property
    def head_bytes(self) -> int:
        """The size of the request head."""
        return len(self._path) + len(self._query) + len(self._headers)

    def _shown(self, headers: bytes) -> list[tuple[str, str]]:
        code = self._encoding
        read = [(name.decode(code).lower(), value.decode(code)) for name, value in decode_headers(headers)]
        return [(self.redactor(name), self.redactor.redact_header(name, value)) for name, value in read]

    def _target_name(self) -> str | None:
        name = self._raw_name()
        return name and self.redactor(name)

    def _raw_name(self) -> str | None:
        if self._cached_name is not None or self.operation not in NAME_FIELDS:
            return self._cached_name
        fields = _read(self._body)
        name = fields.get(NAME_FIELDS[self.operation]) if isinstance(fields, dict) else None
        return name if isinstance(name, str) else None

    def as_dict(self) -> dict[str, Any]:
        """Return the call as plain data, as the control API shows it.

        A body that is not UTF-8 is in ``body_base64`` or ``response_base64``, in place of ``body`` or ``response``.
        """
        return {
            "id": self.id,
            "time": format_time(self.received_at),
            "site": self.site,
            "operation": self.operation,
            "method": self.method,
            "scheme": self.scheme,
            "path": self.path,
            "query": self.query,
            "params": self.params,
            "headers": [list(pair) for pair in self.headers],
            **render_body("body", self.body, is_cut=self.body_cut),
            "email": encodable(self.email),
            "group": encodable(self.group),
            "status": self.status,
            "response_headers": [list(pair) for pair in self.response_headers],
            **render_body("response", self.response, is_cut=self.response_cut),
            "duration_ms": None if self.duration is None else round(self.duration * 1000, 3),
            "is_open": self.is_open,
            "test_mode": self.test_mode,
            "rule": self.rule,
            "hint": self.hint and self.hint._asdict(),
            "hints": [hint._asdict() for hint in self.hints],
            "fault": self.fault,
            "changes": self.changes,
            "changes_cut": self.changes_cut,
        }


Observer = Callable[[Call], None]


def describe_target(call: Call) -> tuple[str, str]:
    """Return the operation, or else method and path, and the user or group that the call is about."""
    return call.operation or f"{call.method} {call.path}", clip(call.email or call.group or "", MAX_NAME_CHARS)


def _read(body: bytes | None) -> Any:
    try:
        return None if body is None else json.loads(body)
    except (ValueError, RecursionError):
        return None
