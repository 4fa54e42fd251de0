"""The only way to the server. A request that the level does not allow is stopped before it is sent."""

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

# The run ends after so many requests in a row without a response.
MAX_FAILURES: Final = 3
MAX_KEPT_BYTES: Final = 256 * 1024 * 1024
GROUP_PATTERN: Final = re.compile(rf"{GROUPS_PATH}/([^/]+)/?")


class ForbiddenRequest(RuntimeError):
    """The level does not allow a request. No check may send one: this is a mistake of mockscope's."""


def parse_target(path: str, headers: Headers) -> tuple[RecordKind | None, str | None]:
    """Return the kind of records that a request is about, if its path says one, and the record that it names."""
    path = path.partition("?")[0]
    if group := GROUP_PATTERN.fullmatch(path):
        return GROUP, unquote(group[1])
    emails = [value for name, value in headers if name.lower() == EMAIL_HEADER.lower() and value.strip()]
    kind = next((kind for kind in KINDS if kind.path == path.rstrip("/")), None)
    return kind, emails[0] if emails else None


class WriteRequest:
    """The effect of a request that is not a GET, as far as the request says it."""

    def __init__(self, method: str, path: str, headers: Headers, options: Mapping[str, Any]) -> None:
        self.method = method
        self.kind, self.target = parse_target(path, headers)
        query = options.get("query", "")
        parameters = parse_qsl(query if isinstance(query, str) else urlencode(query), keep_blank_values=True)
        # Only in the spelling that the page shows.
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
        # The record that is there afterwards under a name that the body gives it.
        self.created = Record(self.kind, name) if self.kind and isinstance(name, str) and name.strip() else None


class RequestFilter:
    """The client of a run. It sends the requests that the level allows, and refuses the others.

    Below FULL, only GET and writes with ``test_mode=true`` pass. At FULL, a write without it must be about records of
    this run. A write in test mode must be harmless to the site's own records even if the server ignores test mode.
    Otherwise the same write of a record of this run must be proven to change nothing.

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
        # All responses, for the checks that look through them.
        self.responses: list[ParsedResponse] = []
        # The writes that are proven to change nothing in test mode.
        self.proven: set[tuple[str, RecordKind | None]] = set()
        # The records that were made, and may still be there.
        self.created: dict[Record, None] = {}

    def request(
        self, method: str, path: str, *, email: str | None = None, headers: Headers = (), **options: Any
    ) -> Exchange:
        """Send a request, if that is allowed. The other arguments are those of ``SiteClient.request``.

        Raises:
            ForbiddenRequest: If it is not.
            Unreachable: If the server does not respond, or only asks to retry later.
            RunAborted: If there was none to the requests before either, or the server sent too much.
            OutcomeException: If no request can hold a name that the site uses.
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
            skip(f"it cannot be sent: {error}")
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
            raise ForbiddenRequest(f"{write.method} of a record that this run did not make")

    def _is_safe_in_test_mode(self, write: WriteRequest) -> bool:
        """Return whether a write in test mode leaves the site's own records, even if the server carries it out."""
        if write.method == "POST" or write.target is None or self._names.owns(write.target):
            return True
        return (write.method == "PUT" and write.is_empty) or (write.method, write.kind) in self.proven

    def _affects_own_records_only(self, write: WriteRequest) -> bool:
        if write.kind is None or (write.created is not None and not self._names.owns(write.created.name)):
            return False
        if write.method == "POST":
            # A server may make something of a body that is not JSON, so that it must hold a name of this run.
            return write.target is None and (write.is_json or self._names.mark in write.text)
        if write.target is None:
            return write.method in ("PUT", "DELETE") and write.is_empty
        return write.method in ("PUT", "DELETE") and self._names.owns(write.target)
