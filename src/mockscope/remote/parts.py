"""The records, the calls, the clock and the faults of a site of a server elsewhere.

Each is a subclass of the class for a site of this process. The arguments are checked by the same code, before they are
sent.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from os import PathLike
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from mockscope._support.timestamps import parse_time
from mockscope.domain.dashboards import DashboardChanges
from mockscope.domain.model import Dashboard, Group, User
from mockscope.domain.refusals import Refused
from mockscope.domain.rules import GroupChanges, NewGroup, NewUser, UserChanges
from mockscope.instruments.call import Call
from mockscope.instruments.call_log import WAIT_SECONDS, RecordedCalls
from mockscope.instruments.clock import Clock, check_moment, parse_distance
from mockscope.instruments.fault import FUNCTION_PLACEHOLDER, Fault
from mockscope.instruments.faults import Faults, Planned
from mockscope.instruments.planned_change import PlannedChange
from mockscope.instruments.rate_limits import RateLimit
from mockscope.instruments.redaction import Redactor
from mockscope.remote.control_client import ControlClient
from mockscope.sites.records import Records

R = TypeVar("R", bound=msgspec.Struct)
P = TypeVar("P")

PAGE_SIZE: Final = 1000
# The fields of a fault in JSON that are results, and no arguments.
RESULTS: Final = frozenset({"id", "hits", "seen", "left", "refused"})


def encode(name: str) -> str:
    """Return a name as a step of a path."""
    # A step cannot be empty. A blank is refused by the same rule.
    return quote(name or " ", safe="").replace(".", "%2E")


def _sent(record: msgspec.Struct, *nullable: str) -> dict[str, Any]:
    """Return the fields of a record to send: those that are set."""
    fields = msgspec.structs.asdict(record)
    unset = {name for name, value in fields.items() if value is UNSET or (value is None and name not in nullable)}
    return {name: value for name, value in fields.items() if name not in unset}


class RemoteRecords(Records[R]):
    """The users, groups or dashboards of a site elsewhere. All of them are read in pages of a hundred.

    Args:
        client: the client.
        path: the path of the list.
        kind: the class of a record.
    """

    def __init__(self, client: ControlClient, path: str, kind: type[R]) -> None:
        self._client = client
        self._path = path
        self._kind = kind

    def __len__(self) -> int:
        return int(self._client.get(self._path, limit=1)["total"])

    def _find(self, name: str) -> R | None:
        try:
            return self.parse(self._client.get(f"{self._path}/{encode(name)}")) if name else None
        except Refused:
            return None

    def _copy(self) -> dict[str, R]:
        key = "email" if self._kind is User else "name"
        found: dict[str, R] = {}
        start: str | None = ""
        while start is not None:
            page = self._client.get(self._path, start=start)
            start = page["next"]
            found |= {item[key]: self.parse(item) for item in page["items"]}
        return found

    def parse(self, data: Any) -> R:
        """Return the record of plain data."""
        return msgspec.convert(data, self._kind)


class RemoteWriter:
    """The operations on the records of a site elsewhere, in the form of ``domain.site.Site``.

    Args:
        client: the client.
        path: the path of the site.
        host: the host of the site.
    """

    def __init__(self, client: ControlClient, path: str, host: str) -> None:
        self.host = host
        self._client = client
        self._path = path

    def administrators(self) -> list[User]:
        """Return the first administrator, or none."""
        email = self._client.get(self._path)["admin"]
        return [] if email is None else [self._user(self._client.get(f"{self._path}/users/{encode(email)}"))]

    def create_user(self, draft: NewUser) -> User:
        """Add a user, and return it."""
        return self._user(self._client.post(f"{self._path}/users", _sent(draft)))

    def update_user(self, email: str, changes: UserChanges) -> User:
        """Change a user, and return it."""
        return self._user(self._client.send("PATCH", f"{self._path}/users/{encode(email)}", _sent(changes)))

    def delete_user(self, email: str) -> None:
        """Remove a user."""
        self._client.send("DELETE", f"{self._path}/users/{encode(email)}")

    def create_group(self, draft: NewGroup) -> Group:
        """Add a group, and return it."""
        sent = {"name": draft.name, "access": draft.access}
        return msgspec.convert(self._client.post(f"{self._path}/groups", sent), Group)

    def update_group(self, name: str, changes: GroupChanges) -> Group:
        """Change a group, and return it."""
        path = f"{self._path}/groups/{encode(name)}"
        return msgspec.convert(self._client.send("PATCH", path, _sent(changes)), Group)

    def delete_group(self, name: str) -> None:
        """Remove a group."""
        self._client.send("DELETE", f"{self._path}/groups/{encode(name)}")

    def create_dashboard(self, dashboard: Dashboard) -> Dashboard:
        """Add a dashboard, and return it."""
        return msgspec.convert(self._client.post(f"{self._path}/dashboards", _sent(dashboard)), Dashboard)

    def update_dashboard(self, name: str, changes: DashboardChanges) -> Dashboard:
        """Change a dashboard, and return it."""
        path = f"{self._path}/dashboards/{encode(name)}"
        return msgspec.convert(self._client.send("PATCH", path, _sent(changes, "owner")), Dashboard)

    def delete_dashboard(self, name: str) -> None:
        """Remove a dashboard."""
        self._client.send("DELETE", f"{self._path}/dashboards/{encode(name)}")

    def set_times(self, email: str, **times: str) -> User:
        """Record a login or a password change, and return the user."""
        for name, at in times.items():
            event = "record-login" if name == "last_login_at" else "record-password-change"
            user = self._client.post(f"{self._path}/{event}", {"email": email, "at": at})
        return self._user(user)

    def _user(self, data: Any) -> User:
        return msgspec.convert(data, User)


class RemoteCall(Call, eq=False):
    """A call of a server elsewhere. The server copies it, because it knows the key, and the records before the call."""

    copy_there: Callable[..., str] | None = None

    def as_curl(self, *, include_key: bool = False, url: str | None = None) -> str:
        """Return the request as a curl command, as ``Call.as_curl`` does."""
        return self._copy("curl", Call.as_curl, include_key=include_key, url=url)

    def as_httpx(self, *, include_key: bool = False, url: str | None = None) -> str:
        """Return the request as Python code that sends it with httpx, as ``Call.as_httpx`` does."""
        return self._copy("httpx", Call.as_httpx, include_key=include_key, url=url)

    def as_pytest(self, seed: str | PathLike[str] | None = None) -> str:
        """Return the call as a test file, as ``Call.as_pytest`` does."""
        return self._copy("pytest", Call.as_pytest) if seed is None else Call.as_pytest(self, seed)

    def _copy(self, form: str, copy_here: Callable[..., str], **options: Any) -> str:
        assert self.copy_there is not None
        try:
            return self.copy_there(form, options)
        except LookupError:
            # The call was removed from the server.
            return copy_here(self, **options)


class RemoteCalls(RecordedCalls):
    """The calls of a site or server elsewhere.

    Args:
        client: the client.
        path: the path of the site, or "" for the server.
        place: the name of the site or server, for messages.
        redactor: redacts keys in messages.
    """

    def __init__(self, client: ControlClient, path: str, place: str, redactor: Redactor) -> None:
        super().__init__(self.settled, place, redactor)
        self._client = client
        self._path = f"{path}/calls"

    def settled(self, timeout: float = WAIT_SECONDS) -> list[Call]:
        """Wait until the calls received so far are complete, and return all calls.

        Args:
            timeout: the maximum time to wait, in seconds; at most two.
        """
        found: list[Call] = []
        query: dict[str, Any] = {"order": "oldest", "limit": PAGE_SIZE, "wait": min(max(timeout, 0), WAIT_SECONDS)}
        while True:
            page = self._client.get(self._path, **query)
            found += map(self.parse, page["calls"])
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    def parse(self, data: Mapping[str, Any]) -> Call:
        """Return the call of plain data."""
        call = RemoteCall.from_dict(data, self.redactor)
        path = f"{self._path}/{encode(call.id)}/copy"

        def copy(form: str, options: Mapping[str, Any]) -> str:
            sent = {name: value for name, value in options.items() if value is not None}
            return str(self._client.get(path, format=form, **sent)["text"])

        call.copy_there = copy
        return call

    def latest(self, count: int) -> tuple[list[Call], int]:
        """Return the latest calls, the newest first, and the number of all calls.

        Args:
            count: the maximum number of calls to return, at most 100.
        """
        page = self._client.get(self._path, limit=count)
        return [self.parse(each) for each in page["calls"]], page["total"]

    def clear(self) -> None:
        """Discard all calls. The findings of strict mode stay."""
        self._client.send("DELETE", self._path)


class RemoteClock(Clock):
    """The clock of a site or server elsewhere.

    Args:
        client: the client.
        path: the path of the site, or "" for the server.
    """

    def __init__(self, client: ControlClient, path: str) -> None:
        super().__init__()
        self._client = client
        self._path = f"{path}/clock"

    def as_dict(self) -> dict[str, Any]:
        """Return the state of the clock as plain data, as the control API shows it."""
        state: dict[str, Any] = self._client.get(self._path)
        return state

    def now(self) -> datetime:
        """Return the time, in UTC, to the millisecond."""
        return parse_time(self.as_dict()["now"])

    def time(self) -> float:
        """Return the time in seconds since 1970, to the millisecond."""
        return self.now().timestamp()

    @property
    def is_frozen(self) -> bool:
        """Return whether this clock or its parent is frozen."""
        return bool(self.as_dict()["frozen"])

    @property
    def autojump(self) -> bool:
        """Return whether the clock is frozen and jumps to the end of each planned delay."""
        return bool(self.as_dict()["autojump"])

    def freeze(self, at: datetime | str | None = None, *, autojump: bool = False) -> None:
        """Stop time, as ``Clock.freeze`` does."""
        moment = None if at is None else check_moment(at)
        self._client.post(f"{self._path}/freeze", {"at": moment, "autojump": autojump})

    def resume(self) -> None:
        """Let time run on from the time that the clock shows."""
        self._client.post(f"{self._path}/resume")

    def shift(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move the clock by a duration, as ``Clock.shift`` does."""
        distance = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        parse_distance(**distance)
        self._client.post(f"{self._path}/shift", distance)

    def move_to(self, moment: datetime | str) -> None:
        """Move the clock to a time, as ``Clock.move_to`` does."""
        self._client.post(f"{self._path}/move", {"to": check_moment(moment)})

    def reset(self) -> None:
        """Undo all changes of this clock, so that it shows the time of its parent or of the machine."""
        self._client.post(f"{self._path}/reset")


# -- faults ----------------------------------------------------------------------------------------------------


def _result(name: str) -> Any:
    """Return a property with a result of a fault, which the server counts. It cannot be set."""

    def read(planned: Any) -> Any:
        # A fault that was removed keeps its last results.
        with suppress(LookupError):
            planned.results = planned.read_results()
        return planned.results[name]

    return property(read, lambda planned, value: None)


class RemoteFault(Fault):
    """A planned fault of a site elsewhere."""

    hits = _result("hits")
    seen = _result("seen")


class RemoteRateLimit(RateLimit):
    """A rate limit of a site elsewhere."""

    hits = _result("hits")


class RemoteChange(PlannedChange):
    """A planned change of a site elsewhere."""

    hits = _result("hits")
    seen = _result("seen")
    refused = _result("refused")


CLASSES: Final[Mapping[Any, Any]] = {Fault: RemoteFault, RateLimit: RemoteRateLimit, PlannedChange: RemoteChange}


class RemoteFaults(Faults):
    """The planned faults of a site elsewhere, with its rate limits and planned changes.

    Args:
        client: the client.
        path: the path of the site.
        place: the name of the site, for messages.
        redactor: redacts keys in messages.
    """

    def __init__(self, client: ControlClient, path: str, place: str, redactor: Redactor) -> None:
        super().__init__(place, Clock(), redactor=redactor)
        self._client = client
        self._path = f"{path}/faults"

    def __len__(self) -> int:
        return len(self._list())

    def __iter__(self) -> Iterator[Planned]:
        return map(self._parse, self._list())

    def _list(self) -> list[dict[str, Any]]:
        faults: list[dict[str, Any]] = self._client.get(self._path)["faults"]
        return faults

    def _plan(self, kind: Callable[..., P], word: str, **arguments: Any) -> P:
        planned = CLASSES[kind](id=word, **arguments)
        planned.read_results = lambda: {"hits": 0, "seen": 0, "refused": None}
        attached: P = self._attach(planned, self._client.post(self._path, _plain(planned)))
        return attached

    def _attach(self, planned: Any, data: Mapping[str, Any]) -> Any:
        planned.id, planned.results = data["id"], data
        planned.read_results = lambda: self._client.get(f"{self._path}/{encode(planned.id)}")
        return planned

    def _parse(self, data: Mapping[str, Any]) -> Planned:
        parser = _ParsedFaults(self._place, self._clock, redactor=self._redactor)
        parser.functions = {name: _unknown_function for name, value in data.items() if value == FUNCTION_PLACEHOLDER}
        arguments = {name: value for name, value in data.items() if name not in RESULTS | {*parser.functions}}
        attached: Planned = self._attach(parser.add_plain(arguments), data)
        return attached

    def remove(self, planned: Planned) -> None:
        """Remove a planned fault, rate limit or change. One that was removed before is ignored."""
        with suppress(LookupError):
            self._client.send("DELETE", f"{self._path}/{encode(planned.id)}")

    def clear(self) -> None:
        """Remove all planned faults, rate limits and changes."""
        self._client.send("DELETE", self._path)


class _ParsedFaults(Faults):
    """The parser of planned faults of another server. ``functions`` stand for those that only the server knows."""

    functions: dict[str, Any]

    def _plan(self, kind: Callable[..., P], word: str, **arguments: Any) -> P:
        parsed: P = CLASSES[kind](id=word, **arguments | self.functions)
        return parsed


def _unknown_function(*arguments: object) -> Any:
    raise ValueError("this function is known to the process of the server only")


def _plain(planned: Planned) -> dict[str, Any]:
    """Return the arguments of a fault as plain data.

    Raises:
        ValueError: If one of them cannot be sent: a function, an object, or a body that is not text.
    """
    if isinstance(planned, Fault):
        if planned.action is not None or callable(planned.where):
            raise ValueError("a function cannot be sent to a server elsewhere: use criteria, and a status or transport")
        try:
            json.dumps(planned.where, default=dict)
            (planned.body or b"").decode()
        except (TypeError, ValueError):
            raise ValueError(
                "where and body of a fault are sent to a server elsewhere as JSON: use plain values and text"
            ) from None
    return {name: value for name, value in planned.as_dict().items() if name not in RESULTS}
