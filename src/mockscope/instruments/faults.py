"""The planned faults, rate limits and planned changes of a site, in the order in which they were added.

Random faults draw from a seeded generator, so that each run is the same.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from itertools import dropwhile
from threading import Lock, RLock
from typing import Any, Final, Literal, TypeVar

from mockscope._support.arguments import check_choice, check_keys, check_type
from mockscope._support.timestamps import parse_time
from mockscope._vendor import Operation
from mockscope.instruments.call import Call
from mockscope.instruments.clock import Clock
from mockscope.instruments.events import EventChannel, EventKind, EventLog
from mockscope.instruments.fault import (
    ANY,
    ARGUMENT_TYPES,
    MAX_DELAY_SECONDS,
    Action,
    Delay,
    Fault,
    LogNormal,
    Transport,
    Uniform,
    Where,
    encode_body,
)
from mockscope.instruments.matching import check_operation
from mockscope.instruments.planned_change import CHANGE_ARGUMENTS, ChangeKind, PlannedChange
from mockscope.instruments.rate_limits import RateLimit, RateLimitResult, apply_limits
from mockscope.instruments.redaction import Redactor, mask

logger: Final = logging.getLogger("mockscope")

Planned = Fault | RateLimit | PlannedChange
P = TypeVar("P", bound=Planned)

RATE_LIMIT_ARGUMENTS: Final = ("calls", "per", "operation")
# The keys of a planned change in plain data.
CHANGE_KEYS: Final = (
    *("do", "at", "before"),
    *dict.fromkeys(name for needed, optional in CHANGE_ARGUMENTS.values() for name in needed + optional),
)
# The distributions of delays, and their required arguments.
DISTRIBUTIONS: Final[Mapping[str, tuple[type[Uniform | LogNormal], tuple[str, ...]]]] = {
    "uniform": (Uniform, ("low", "high")),
    "lognormal": (LogNormal, ("median",)),
}


class Faults:
    """The planned faults of one site, with its rate limits and the planned changes by other clients. It is thread-safe.

    Args:
        place: the name of the site, for messages.
        clock: the clock for delays, rate limits and planned changes.
        redactor: redacts keys in messages.
        events: publishes faults, rate limits and changes that are planned, removed, or hit a call.
        make_change: makes a planned change, and returns the reason if the site refuses it.
    """

    def __init__(
        self,
        place: str,
        clock: Clock,
        *,
        redactor: Redactor | None = None,
        events: EventChannel | None = None,
        make_change: Callable[[PlannedChange], str | None] = lambda change: None,
    ) -> None:
        self._place = place
        self._events = events or EventChannel(EventLog())
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._make_change = make_change
        self._lock = Lock()
        # Re-entrant, because making a change reads the site, and each read of the site makes the due changes.
        self._making_lock = RLock()
        self._is_making = False
        self._count = 0
        self._set_planned()

    def __repr__(self) -> str:
        return f"<faults of {self._place}: {'; '.join(map(str, self)) or 'none'}>"

    def __len__(self) -> int:
        return len(self._planned)

    def __iter__(self) -> Iterator[Planned]:
        self.make_due_changes()
        return iter(self._planned)

    def add(
        self,
        operation: Operation | Literal["*"] = ANY,
        *,
        status: int | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        delay: Delay = 0.0,
        transport: Transport | None = None,
        after_bytes: int | None = None,
        times: int | None = 1,
        nth: int | None = None,
        after_commit: bool = False,
        where: Where | None = None,
        probability: float | None = None,
        seed: int = 0,
        action: Action | None = None,
    ) -> Fault:
        """Plan a fault and return it. If several faults match a call, the first one hits it.

        Args:
            operation: one of the ten operations; ``"*"`` is all.
            status: the status of a planned response, which replaces the operation.
            body: the body of that response: text or bytes as they are, anything else as JSON. The default is a
                message like those of the API.
            headers: the headers of that response.
            delay: the seconds from the receipt of the call to its response, on the site's clock; or a ``Uniform`` or
                ``LogNormal``. Alone, it does not change the response.
            transport: break the connection: ``"reset"`` (RST), ``"drop"`` (closed without a response), ``"hang"`` (no
                response until the client disconnects), ``"truncate"`` (closed in the middle of the response's body),
                ``"garbage"`` (bytes that are not HTTP), ``"bad_json"`` (a response whose JSON stops in the middle).
            after_bytes: the number of bytes of the body that ``truncate`` and ``bad_json`` send, never all of it; the
                default is half.
            times: the number of calls that the fault hits; None is unlimited.
            nth: the number of the first matching call that may be hit, counted from 1.
            after_commit: commit the operation first, and replace only its response. A call that commits nothing, such
                as a refused one, is not hit.
            where: criteria for the calls: ``email``, ``group``, ``json``, ``test_mode``, ``params``, ``method``,
                ``path``; or a function that takes the Call and returns whether it matches.
            probability: the probability that the fault hits a matching call, above 0 and at most 1.
            seed: the seed of the random generator for ``probability``.
            action: a function of the Call and, with ``after_commit``, of the operation's CannedResponse (else None). It
                returns the CannedResponse to send, or None to continue the call. It is called in a thread of its own.

        Raises:
            ValueError: If an argument is not valid, the fault can never hit, or two arguments exclude each other.
        """
        # This must stay the first statement: here the only local variables are the arguments, the fields of a Fault.
        arguments = {name: value for name, value in locals().items() if name != "self"}
        arguments["body"] = None if body is None else encode_body(body)
        arguments["headers"] = {} if headers is None else headers
        arguments["where"] = {} if where is None else where
        return self._plan(Fault, "fault", redactor=self._redactor, **arguments)

    def rate_limit(self, calls: int, *, per: float, operation: Operation | Literal["*"] = ANY) -> RateLimit:
        """Limit the number of calls in a sliding window. Further calls get the status 429.

        Each response has X-RateLimit-Limit and X-RateLimit-Remaining. A response 429 also has Retry-After.

        Args:
            calls: the maximum number of calls.
            per: the length of the window, in seconds on the site's clock.
            operation: one of the ten operations; ``"*"`` is one window for all operations together.

        Raises:
            ValueError: If the operation is unknown, or a number is beyond its limits.
        """
        check_type("calls", calls, int)
        check_type("per", per, int | float)
        check_type("operation", operation, str)
        if operation != ANY:
            check_operation(operation)
        if calls < 1:
            raise ValueError(f"calls must be 1 or more, not {calls}")
        if not 0 < per <= MAX_DELAY_SECONDS:
            raise ValueError(f"per must be above 0 seconds and at most a year, not {per}")
        return self._plan(RateLimit, "rate-limit", operation=operation, calls=calls, per=per)

    def add_change(
        self,
        do: ChangeKind,
        *,
        at: datetime | str | None = None,
        before: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> PlannedChange:
        """Plan a change of the site by another client. It is made once, and no call is recorded.

        Args:
            do: ``delete_user``, ``create_user``, ``update_user``, ``delete_group``, ``rotate_key``, ``disable`` or
                ``enable``.
            at: make the change when the site's clock reaches this time: an aware datetime, or ISO 8601 with an offset.
            before: make the change right before a call is authenticated: ``{"operation": "list_users", "call": 2}``.
                Calls with the site's key are counted from 1; without ``operation``, those of all operations.
            arguments: ``email`` of the user, with ``first_name``, ``last_name``, ``groups`` and ``tfa_enabled`` for
                ``create_user`` and ``update_user``; ``name`` of the group; optionally the new ``api_key``.

        Raises:
            ValueError: If an argument is unknown, missing or not valid, or not one of ``at`` and ``before`` is given.
        """
        try:
            moment = None if at is None else parse_time(at).astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{at} is out of range in UTC: write a time of the years 1 to 9999") from None
        return self._plan(PlannedChange, "change", do=do, at=moment, before=before, arguments=arguments)

    def _plan(self, kind: Callable[..., P], word: str, **arguments: Any) -> P:
        """Add a fault, rate limit or change, and return it. The word begins its id."""
        with self._lock:
            planned = kind(id=f"{word}-{self._count + 1}", **arguments)
            self._count += 1
            self._set_planned(*self._planned, planned)
            self._publish("fault.planned", planned)
        return planned

    def add_plain(self, data: Mapping[str, Any], key: str | None = None) -> Planned:
        """Plan a fault, a rate limit or a change from plain data, for seeds, markers and the control API.

        Args:
            data: the arguments of ``add`` by name, except ``action``. ``where`` is an object. ``delay`` is a number of
                seconds, ``{"uniform": {"low": ..., "high": ...}}`` or ``{"lognormal": {"median": ...}}``. With
                ``calls`` and ``per``, they are the arguments of ``rate_limit`` instead, and with ``do`` those of
            ``add_change``.
            key: faults or timeline, the key whose list has the data; None allows both.

        Raises:
            ValueError: If the data belongs under the other key, a key is unknown or missing, or ``add``, ``rate_limit``
                or ``add_change`` refuses a value.
        """
        if key == "timeline" and not _is_change(data):
            raise ValueError("a change by another client needs do, such as delete_user; other faults belong in faults")
        if key == "faults" and _is_change(data):
            raise ValueError("a change by another client belongs in timeline")
        if _is_change(data):
            return self.add_change(**check_keys("planned change", data, CHANGE_KEYS))
        arguments = dict(check_keys("fault", data, (*ARGUMENT_TYPES, "calls", "per")))
        if "calls" in arguments or "per" in arguments:
            return self.rate_limit(**check_keys("rate limit", arguments, RATE_LIMIT_ARGUMENTS, needed=("calls", "per")))
        if isinstance(arguments.get("delay"), Mapping):
            arguments["delay"] = _parse_distribution(arguments["delay"])
        return self.add(**arguments)

    def get(self, id: str) -> Planned:
        """Return the planned fault, rate limit or change with an id.

        Raises:
            LookupError: If there is none with that id.
        """
        for planned in self:
            if planned.id == id:
                return planned
        raise LookupError(f"{self._place} has no fault {id!r}")

    def remove(self, planned: Planned) -> None:
        """Remove a planned fault, rate limit or change. One that was removed before is ignored."""
        with self._lock:
            is_planned = planned in self._planned
            self._set_planned(*(other for other in self._planned if other is not planned))
            if is_planned:
                self._publish("fault.removed", planned)

    def clear(self) -> None:
        """Remove all planned faults, rate limits and changes."""
        with self._lock:
            self._remove_all()

    def reset(self) -> None:
        """Remove all planned faults, rate limits and changes, and number the next ones from 1 again."""
        with self._lock:
            self._count = 0
            self._remove_all()

    def _remove_all(self) -> None:
        removed = self._planned
        self._set_planned()
        for planned in removed:
            self._publish("fault.removed", planned)

    def _publish(self, kind: EventKind, planned: Planned) -> None:
        self._events.publish(kind, lambda: {"fault": self._redacted(planned)})

    def _redacted(self, planned: Planned) -> Any:
        """Return a fault, rate limit or change as plain data for events, which are stored: with all keys redacted."""
        # A copy, because the data shares its headers and criteria with the fault.
        shown = json.loads(json.dumps(planned.as_dict()))
        if "api_key" in shown:
            shown["api_key"] = mask(shown["api_key"])
        return self._redactor.redact_json(shown)

    def _set_planned(self, *planned: Planned) -> None:
        self._planned = planned
        self.planned_faults = tuple(fault for fault in planned if isinstance(fault, Fault))
        self._limits = tuple(limit for limit in planned if isinstance(limit, RateLimit))
        # Stored as a flag, because it is read for each request.
        self.are_planned = bool(self.planned_faults or self._limits)
        self._set_pending()

    def _set_pending(self) -> None:
        changes = [change for change in self._planned if isinstance(change, PlannedChange)]
        self._pending = [change for change in changes if change.is_pending]
        # Stored as a flag, because it is read for each request and each read of the site.
        self.has_pending_changes = bool(self._pending)

    def unused(self) -> list[Fault | PlannedChange]:
        """Return the faults that hit fewer calls than planned, and the changes that were not made.

        With ``times=None``, one hit is enough.
        """
        used_up = (planned for planned in self if not isinstance(planned, RateLimit))
        return [each for each in used_up if (each.hits == 0 if each.left is None else each.left > 0)]

    def assert_all_used(self) -> None:
        """Assert that each fault hit as many calls as planned, and each planned change was made.

        Raises:
            AssertionError: If a fault hit fewer calls, or a change was not made. The message names each.
        """
        __tracebackhide__ = True
        if unused := self.unused():
            lines = [f"planned faults of {self._place} that hit fewer calls than planned:"]
            raise AssertionError("\n".join([*lines, *(f"  {fault}" for fault in unused)]))

    # -- called by the web package and MockSite ---------------------------------------------------------------------

    def make_due_changes(self, call: Call | None = None) -> None:
        """Make the planned changes whose time the clock has reached, and those that precede a call.

        Args:
            call: a call that is about to be authenticated. It is counted.
        """
        if not self.has_pending_changes:
            return
        with self._making_lock:
            if self._is_making:
                return
            self._is_making = True
            try:
                for change in self._due_changes(call):
                    self._make(change, call)
            finally:
                self._is_making = False
                with self._lock:
                    self._set_pending()

    def _due_changes(self, call: Call | None) -> list[PlannedChange]:
        """Return the pending changes that are due: first those with a time, in order of time."""
        now = self._clock.now()
        with self._lock:
            if call is not None:
                for change in self._pending:
                    change.count(call)
            due = [change for change in self._pending if change.is_due(now)]
        return sorted(due, key=lambda change: (change.at is None, change.at or now))

    def _make(self, change: PlannedChange, call: Call | None) -> None:
        change.refused = self._make_change(change)
        if change.refused is None:
            change.hits = 1
            self.mark_hit(call if change.at is None else None, change)
        else:
            logger.warning("a planned change of %s was refused: %s", self._place, change)

    def mark_hit(self, call: Call | None, planned: Planned) -> None:
        """Mark a call as hit by a fault or rate limit that takes effect, or as the one after a change."""
        if call is not None:
            call.fault = planned.id
        self._events.publish("fault.hit", lambda: {"fault": self._redacted(planned), "call": call and call.id})

    def check_rate_limits(self, call: Call) -> RateLimitResult | None:
        """Return the result of the rate limits that apply to a call; None if no limit applies."""
        with self._lock:
            limits = [limit for limit in self._limits if limit.applies_to(call)]
            return apply_limits(limits, self._clock.time()) if limits else None

    def select(self, call: Call, planned: tuple[Fault, ...], instead_of: Fault | None = None) -> Fault | None:
        """Return the fault that hits a call, or None, and count the hit. Each matching fault counts the call as seen.

        Args:
            call: the call.
            planned: the faults that were planned on receipt of the call.
            instead_of: the fault that hit the call, if it does not apply because the call committed nothing. Its hit
                is taken back. Only later faults may hit the call. They have counted the call already.
        """
        if instead_of is not None:
            later = dropwhile(lambda fault: fault is not instead_of, planned)
            planned = tuple(fault for fault in later if not fault.after_commit)
        # Outside the lock, because a function given as where may read the faults.
        matching = [fault for fault in planned if fault.applies_to(call)]
        with self._lock:
            if instead_of is not None:
                instead_of.hits -= 1
            else:
                for fault in matching:
                    fault.seen += 1
            hit = next((fault for fault in matching if fault.is_due()), None)
            if hit is not None:
                hit.hits += 1
        return hit


def _is_change(data: object) -> bool:
    return isinstance(data, Mapping) and "do" in data


def _parse_distribution(data: Mapping[str, Any]) -> Uniform | LogNormal:
    if len(data) != 1:
        raise ValueError(f"a delay is a number of seconds, or an object with one of {' and '.join(DISTRIBUTIONS)}")
    [(name, parts)] = data.items()
    check_choice("distribution of delays", name, tuple(DISTRIBUTIONS))
    distribution, needed = DISTRIBUTIONS[name]
    known = tuple(field.name for field in fields(distribution))
    return distribution(**check_keys(f"delay {name}", parts, known, needed=needed))
