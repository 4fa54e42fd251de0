"""A client that sends only the requests that the level of the run allows."""

import re
from collections.abc import Mapping
from json import dumps, loads
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from mockscope._vendor import EMAIL_HEADER, GROUPS_PATH, TEST_MODE
from mockscope.conformance.listing import GROUP, KINDS, ParsedResponse, RecordKind, parse_body
from mockscope.conformance.outcome import DRY_RUN, READ_ONLY, Level, RunAborted, skip
from mockscope.conformance.run_records import Record, RecordNames
from mockscope.remote.client import RateLimited, SiteClient, Unreachable
from mockscope.remote.exchange import Exchange, Headers

# The run is aborted after this number of requests in a row without a response.
MAX_FAILURES: Final = 3
MAX_KEPT_BYTES: Final = 256 * 1024 * 1024
GROUP_PATTERN: Final = re.compile(rf"{GROUPS_PATH}/([^/]+)/?")


class ForbiddenRequest(RuntimeError):
    """A check sent a request that the level does not allow. This is a bug of mockscope."""


def parse_target(path: str, headers: Headers) -> tuple[RecordKind | None, str | None]:
    """Return the kind of records of a path, and the record that the path or the headers name. Both may be None."""
    path = path.partition("?")[0]
    if group := GROUP_PATTERN.fullmatch(path):
        return GROUP, unquote(group[1])
    emails = [value for name, value in headers if name.lower() == EMAIL_HEADER.lower() and value.strip()]
    kind = next((kind for kind in KINDS if kind.path == path.rstrip("/")), None)
    return kind, emails[0] if emails else None


class WriteRequest:
    """A request that is not a GET, and the records that it names."""

    def __init__(self, method: str, path: str, headers: Headers, options: Mapping[str, Any]) -> None:
        self.method = method
        self.kind, self.target = parse_target(path, headers)
        query = options.get("query", "")
        parameters = parse_qsl(query if isinstance(query, str) else urlencode(query), keep_blank_values=True)
        # Only the spelling on the vendor's page counts.
        self.is_test_mode = {value for name, value in parameters if name == TEST_MODE} == {"true"}
        json, body = options.get("json"), options.get("body") or b""
        body = body if json is None else dumps(json).encode()
        self.is_empty = body in (b"", b"{}")
        self.text = body.decode("utf-8", "replace")
        try:
            sent = loads(body or b"null")
            self.is_json = True
        except ValueError:
            sent, self.is_json = None, False
        name = sent.get(self.kind.key_field) if self.kind is not None and isinstance(sent, dict) else None
        # The record that exists afterwards if the server accepts the name in the body.
        self.created = Record(self.kind, name) if self.kind and isinstance(name, str) and name.strip() else None


class RequestFilter:
    """The client of a run. It sends the requests that the level allows, and raises an exception for others.

    Below FULL, it allows GET, and writes with ``test_mode=true``. At FULL, it also allows real writes to records of
    this run. A write in test mode must not harm the site's own records even if the server ignores test mode. Otherwise
    the same write to a record of this run must have changed nothing before.

    Args:
        client: The client for the site.
        level: The level of the run.
        names: The names of this run.
    """

    def __init__(self, client: SiteClient, level: Level, names: RecordNames) -> None:
        self._client = client
        self._level = level
        self._names = names
        self._failures = 0
        self._kept_bytes = 0
        # All responses, for the checks that run last.
        self.responses: list[ParsedResponse] = []
        # The writes that changed nothing in test mode on a record of this run: method and kind.
        self.proven: set[tuple[str, RecordKind | None]] = set()
        # The records that were created and may still exist. A dict keeps their order.
        self.created: dict[Record, None] = {}

    def request(
        self, method: str, path: str, *, email: str | None = None, headers: Headers = (), **options: Any
    ) -> Exchange:
        """Send a request. The other arguments are those of ``SiteClient.request``.

        Raises:
            ForbiddenRequest: If the level does not allow the request.
            Unreachable: If the server does not respond, or only asks to retry later.
            RunAborted: If the server did not respond to the requests before either, or sent too much in total.
            OutcomeException: If the request contains a name that HTTP does not allow.
        """
        headers = [*headers, *([(EMAIL_HEADER, email)] if email is not None else [])]
        write = None if method == "GET" else WriteRequest(method, path, headers, options)
        if write is not None:
            self._check(write)
        try:
            exchange = self._client.request(method, path, headers=headers, **options)
            if exchange.is_rate_limited:
                reason = f"the server is rate-limiting ({method} {path}: {exchange.status})"
                raise RateLimited(f"{reason}: try again later, or with --rate")
        except Unreachable as error:
            self._track_record(write)
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise RunAborted(str(error)) from None
            raise
        except ValueError as error:
            skip(f"the request cannot be sent: {error}")
        self._failures = 0
        self._kept_bytes += len(exchange.content)
        if self._kept_bytes > MAX_KEPT_BYTES:
            raise RunAborted(f"the server sent more than {MAX_KEPT_BYTES // 1024**2} MiB")
        self.responses.append(ParsedResponse(exchange, parse_body(exchange)))
        if exchange.status < 300:
            self._track_record(write)
        return exchange

    def _track_record(self, write: WriteRequest | None) -> None:
        if write is None or write.is_test_mode:
            return
        if write.method == "DELETE":
            self.created = {made: None for made in self.created if made != (write.kind, write.target)}
        elif write.created is not None:
            self.created[write.created] = None

    def _check(self, write: WriteRequest) -> None:
        if self._level is READ_ONLY:
            raise ForbiddenRequest(f"{write.method} at the level {self._level.label}")
        if self._level is DRY_RUN and not write.is_test_mode:
            raise ForbiddenRequest(f"{write.method} without test_mode=true at the level {self._level.label}")
        if not (self._is_safe_in_test_mode(write) if write.is_test_mode else self._affects_own_records_only(write)):
            raise ForbiddenRequest(f"{write.method} of a record that this run did not create")

    def _is_safe_in_test_mode(self, write: WriteRequest) -> bool:
        """Return whether a write in test mode leaves the site's own records unchanged even if it is carried out."""
        if write.method == "POST" or write.target is None or self._names.owns(write.target):
            return True
        return (write.method == "PUT" and write.is_empty) or (write.method, write.kind) in self.proven

    def _affects_own_records_only(self, write: WriteRequest) -> bool:
        if write.kind is None or (write.created is not None and not self._names.owns(write.created.name)):
            return False
        if write.method == "POST":
            # A server may accept a body that is not JSON, so that the body must contain a name of this run.
            return write.target is None and (write.is_json or self._names.mark in write.text)
        if write.target is None:
            return write.method in ("PUT", "DELETE") and write.is_empty
        return write.method in ("PUT", "DELETE") and self._names.owns(write.target)
