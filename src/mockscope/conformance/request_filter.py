"""The only way to the server. A request that the level does not allow is stopped before it is sent."""

import re
from collections.abc import Mapping
from json import dumps, loads
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from mockscope._vendor import EMAIL_HEADER, GROUPS_PATH, TEST_MODE
from mockscope.conformance.listing import GROUP, KINDS, CannedResponse, Kind, content
from mockscope.conformance.names import Names, Record
from mockscope.conformance.outcome import DRY_RUN, READ_ONLY, CouldNotRun, Level, unseen
from mockscope.remote.client import Client, RateLimited, Unreachable
from mockscope.remote.exchange import Exchange, Headers

# The run ends after so many requests in a row without a response.
MAX_FAILURES: Final = 3
MAX_KEPT_BYTES: Final = 256 * 1024 * 1024
GROUP_PATTERN: Final = re.compile(rf"{GROUPS_PATH}/([^/]+)/?")


class Stopped(RuntimeError):
    """The level does not allow a request. No check may send one: this is a mistake of mockscope's."""


def target_of(path: str, headers: Headers) -> tuple[Kind | None, str | None]:
    """Return the kind of records that a request is about, if its path says one, and the record that it names."""
    path = path.partition("?")[0]
    if group := GROUP_PATTERN.fullmatch(path):
        return GROUP, unquote(group[1])
    emails = [value for name, value in headers if name.lower() == EMAIL_HEADER.lower() and value.strip()]
    kind = next((kind for kind in KINDS if kind.path == path.rstrip("/")), None)
    return kind, emails[0] if emails else None


class Write:
    """The effect of a request that is not a GET, as far as the request says it."""

    def __init__(self, method: str, path: str, headers: Headers, options: Mapping[str, Any]) -> None:
        self.method = method
        self.kind, self.target = target_of(path, headers)
        query = options.get("query", "")
        parameters = parse_qsl(query if isinstance(query, str) else urlencode(query), keep_blank_values=True)
        # Only in the spelling that the page shows.
        self.is_test = {value for name, value in parameters if name == TEST_MODE} == {"true"}
        json, body = options.get("json"), options.get("body") or b""
        body = body if json is None else dumps(json).encode()
        self.says_nothing = body in (b"", b"{}")
        self.text = body.decode("utf-8", "replace")
        try:
            sent = loads(body or b"null")
            self.is_json = True
        except ValueError:
            sent, self.is_json = None, False
        name = sent.get(self.kind.by) if self.kind is not None and isinstance(sent, dict) else None
        # The record that is there afterwards under a name that the body gives it.
        self.made = Record(self.kind, name) if self.kind and isinstance(name, str) and name.strip() else None


class Guard:
    """The client of a run. It sends the requests that the level allows, and refuses the others.

    Below FULL, only GET and writes with ``test_mode=true`` pass. At FULL, a write without it must be about records of
    this run. A write in test mode must be harmless to the site's own records even if the server ignores test mode.
    Otherwise the same write of a record of this run must be proven to change nothing.

    Args:
        client: The client for the site.
        level: The level of the run.
        names: The names of this run.
    """

    def __init__(self, client: Client, level: Level, names: Names) -> None:
        self._client = client
        self._level = level
        self._names = names
        self._failures = 0
        self._kept_bytes = 0
        # All responses, for the checks that look through them.
        self.responses: list[CannedResponse] = []
        # The writes that are proven to change nothing in test mode.
        self.proven: set[tuple[str, Kind | None]] = set()
        # The records that were made, and may still be there.
        self.made: dict[Record, None] = {}

    def request(
        self, method: str, path: str, *, email: str | None = None, headers: Headers = (), **options: Any
    ) -> Exchange:
        """Send a request, if that is allowed. The other arguments are those of ``Client.request``.

        Raises:
            Stopped: If it is not.
            Unreachable: If the server does not respond, or only asks to retry later.
            CouldNotRun: If there was none to the requests before either, or the server sent too much.
            Verdict: If no request can hold a name that the site uses.
        """
        headers = [*headers, *([(EMAIL_HEADER, email)] if email is not None else [])]
        write = None if method == "GET" else Write(method, path, headers, options)
        if write is not None:
            self._check(write)
        try:
            exchange = self._client.request(method, path, headers=headers, **options)
            if exchange.is_rate_limited:
                reason = f"the server is rate-limiting ({method} {path}: {exchange.status})"
                raise RateLimited(f"{reason}: try again later, or with --rate")
        except Unreachable as error:
            self._note(write)
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise CouldNotRun(str(error)) from None
            raise
        except ValueError as error:
            raise unseen(f"it cannot be sent: {error}") from None
        self._failures = 0
        self._kept_bytes += len(exchange.content)
        if self._kept_bytes > MAX_KEPT_BYTES:
            raise CouldNotRun(f"the server sent more than {MAX_KEPT_BYTES // 1024**2} MiB")
        self.responses.append(CannedResponse(exchange, content(exchange)))
        if exchange.status < 300:
            self._note(write)
        return exchange

    def _note(self, write: Write | None) -> None:
        if write is None or write.is_test:
            return
        if write.method == "DELETE":
            self.made = {made: None for made in self.made if made != (write.kind, write.target)}
        elif write.made is not None:
            self.made[write.made] = None

    def _check(self, write: Write) -> None:
        if self._level is READ_ONLY:
            raise Stopped(f"{write.method} at the level {self._level.word}")
        if self._level is DRY_RUN and not write.is_test:
            raise Stopped(f"{write.method} without test_mode=true at the level {self._level.word}")
        if not (self._is_harmless(write) if write.is_test else self._is_about_ours(write)):
            raise Stopped(f"{write.method} of a record that this run did not make")

    def _is_harmless(self, write: Write) -> bool:
        """Return whether a write in test mode leaves the site's own records, even if the server carries it out."""
        if write.method == "POST" or write.target is None or self._names.is_ours(write.target):
            return True
        return (write.method == "PUT" and write.says_nothing) or (write.method, write.kind) in self.proven

    def _is_about_ours(self, write: Write) -> bool:
        if write.kind is None or (write.made is not None and not self._names.is_ours(write.made.name)):
            return False
        if write.method == "POST":
            # A server may make something of a body that is not JSON, so that it must hold a name of this run.
            return write.target is None and (write.is_json or self._names.mark in write.text)
        if write.target is None:
            return write.method in ("PUT", "DELETE") and write.says_nothing
        return write.method in ("PUT", "DELETE") and self._names.is_ours(write.target)
