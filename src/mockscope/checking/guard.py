"""The one way to the server. What the level does not allow is stopped here, before it is sent."""

import re
from collections.abc import Callable, Mapping, Sequence
from json import dumps, loads
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from mockscope.checking.names import Kind, Names, Record
from mockscope.checking.outcome import Level
from mockscope.target import ABSENT, Absent, Exchange, Target, Unreachable

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
EMAIL_HEADER: Final = "http-x-email"
ONE_GROUP: Final = re.compile(rf"{GROUPS}/([^/]+)")


class Stopped(RuntimeError):
    """A request that the level does not allow. No check may try one: this is a mistake of ours."""


class Write:
    """What a request that is no GET would do, if the server did it."""

    def __init__(
        self, method: str, path: str, query: Mapping[str, str] | str, body: bytes, headers: Sequence[tuple[str, str]]
    ) -> None:
        self.method = method
        pairs = list(query.items()) if isinstance(query, Mapping) else parse_qsl(query, keep_blank_values=True)
        values = [value for name, value in pairs if name == "test_mode"]
        # In the one spelling that the page shows.
        self.is_rehearsal = bool(values) and all(value == "true" for value in values)
        self.body = body
        match = ONE_GROUP.fullmatch(path)
        self.is_known_path = match is not None or path.rstrip("/") in (USERS, GROUPS)
        self.kind: Kind = "user" if path.rstrip("/") == USERS else "group"
        emails = [value for name, value in headers if name.lower() == EMAIL_HEADER and value.strip()]
        self.target: str | None = unquote(match[1]) if match else emails[0] if emails else None

    def __repr__(self) -> str:
        return f"<Write {self.method} {self.kind} {self.target}>"

    @property
    def says_nothing(self) -> bool:
        """Whether there is nothing in the body that a record could be changed to."""
        return self.body in (b"", b"{}")

    def named(self, names: Names) -> list[Record]:
        """The records that would be there afterwards under names that the body gives them."""
        try:
            sent = loads(self.body)
        except ValueError:
            return [Record(self.kind, name) for name in names.found_in(self.body.decode("utf-8", "replace"))]
        if not isinstance(sent, dict):
            return []
        name = sent.get("email" if self.kind == "user" else "name")
        found = [Record(self.kind, name)] if isinstance(name, str) and name.strip() else []
        # A server may create the groups that a user is put into.
        groups = sent.get("groups") if self.kind == "user" else None
        listed = groups if isinstance(groups, list) else [groups]
        return found + [Record("group", group) for group in listed if isinstance(group, str) and names.is_ours(group)]

    @property
    def is_unreadable(self) -> bool:
        """Whether the body is something, and no JSON."""
        try:
            loads(self.body or b"null")
        except ValueError:
            return True
        return False


class Guard:
    """Asks a server what the level allows, and stops the rest.

    Below FULL nothing but GET and writes with ``test_mode=true`` may pass. At FULL, a write without it may be about
    records of this run only. A rehearsal may not be one that would harm somebody else's record if the server did not
    know test mode, unless it was proven on a record of our own that it does.

    Args:
        target: the server.
        level: what is allowed.
        names: the names of this run.
        announce: is told of a record before it may be there, and when it is known not to be there any more.
    """

    def __init__(
        self, target: Target, level: Level, names: Names, announce: Callable[[Record, bool], None] | None = None
    ) -> None:
        self._target = target
        self._level = level
        self._names = names
        self._announce = announce
        # (method, kind) of the writes that were proven to change nothing in test mode.
        self.proven: set[tuple[str, Kind]] = set()
        # What was made for real, and is to be removed.
        self.alive: dict[Record, None] = {}

    def __repr__(self) -> str:
        return f"<Guard of {self._target!r}, {self._level.word}>"

    @property
    def host(self) -> str:
        """The site's host."""
        return self._target.host

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | str = "",
        json: object = ABSENT,
        body: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        auth: str | Absent | None = ABSENT,
    ) -> Exchange:
        """Ask the server, if that is allowed. The arguments are those of ``Target.ask``.

        Raises:
            Stopped: it is not.
            Unreachable: there was no answer.
        """
        options: dict[str, Any] = {"query": query, "json": json, "body": body, "headers": headers, "auth": auth}
        if method == "GET":
            return self._target.ask(method, path, **options)
        sent = (body or b"") if json is ABSENT else dumps(json).encode()
        write = Write(method, path, query, sent, headers)
        self._check(write)
        named = write.named(self._names) if self._level is Level.FULL and method != "DELETE" else []
        for record in named:
            self._tell(record, is_there=True)
        try:
            exchange = self._target.ask(method, path, **options)
        except Unreachable:
            self.alive |= {} if write.is_rehearsal else dict.fromkeys(named)
            raise
        if not write.is_rehearsal:
            self._keep_account(write, named, exchange)
        return exchange

    def _check(self, write: Write) -> None:
        if self._level is Level.READ_ONLY:
            raise Stopped(f"{write.method} at the level {self._level.word}")
        if write.is_rehearsal:
            if not self._is_harmless(write):
                raise Stopped(f"{write.method} in test mode of a {write.kind} that this run did not make")
            return
        if self._level is not Level.FULL:
            raise Stopped(f"{write.method} without test_mode=true at the level {self._level.word}")
        if not self._is_about_ours(write):
            raise Stopped(f"{write.method} of a {write.kind} that this run did not make")

    def _is_harmless(self, write: Write) -> bool:
        """Whether a rehearsal would leave records that are not ours as they are, even if the server just did it."""
        if write.method == "POST" or write.target is None or self._names.is_ours(write.target):
            return True
        return (write.method == "PUT" and write.says_nothing) or (write.method, write.kind) in self.proven

    def _is_about_ours(self, write: Write) -> bool:
        named = write.named(self._names)
        if not write.is_known_path or not all(self._names.is_ours(record.name) for record in named):
            return False
        if write.method == "POST":
            # What is no JSON must at least hold a name of ours: a server may make something of it.
            return write.target is None and (bool(named) or not write.is_unreadable)
        if write.method not in ("PUT", "DELETE"):
            return False
        return write.says_nothing if write.target is None else self._names.is_ours(write.target)

    def _keep_account(self, write: Write, named: list[Record], exchange: Exchange) -> None:
        went_well = exchange.status < 300
        if write.method == "DELETE" and write.target is not None and went_well:
            self._forget(Record(write.kind, write.target))
        for record in named:
            if went_well:
                self.alive[record] = None
        if write.method == "PUT" and write.kind == "group" and named and went_well and write.target:
            renamed = Record("group", write.target)
            if renamed not in named:
                self._forget(renamed)

    def _forget(self, record: Record) -> None:
        self.alive.pop(record, None)
        self._tell(record, is_there=False)

    def _tell(self, record: Record, *, is_there: bool) -> None:
        if self._announce is not None:
            self._announce(record, is_there)
