"""Planned faults: rules that say which calls of a site go wrong, and how. First come, first served, all accounted for.

Which bytes break a connection is web/breaking.py's; no chance is at work here unless it is asked for, with a seed.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from mockscope.instruments.clock import Clock
from mockscope.instruments.entry import Entry
from mockscope.instruments.matching import ASKED, OPERATIONS, check_criteria, check_operation, fits, spelled
from mockscope.nearness import nearest

if TYPE_CHECKING:
    from mockscope.instruments.rates import RateLimit

Transport = Literal["reset", "drop", "hang", "truncate", "garbage", "bad_json"]

TRANSPORTS: Final[tuple[str, ...]] = get_args(Transport)
# What has nothing to commit.
READS: Final = tuple(name for name in OPERATIONS if name.startswith(("list_", "get_")))
ANY: Final = "*"
# What these faults break is an answer; the others leave none.
WITH_ANSWER: Final = ("truncate", "bad_json")


class Answer(NamedTuple):
    """An answer as a fault gives it, or as the operation gave it.

    Args:
        status: the HTTP status.
        body: the body.
        headers: headers besides Content-Length; where there is no Content-Type, it is JSON.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Delays of any length between two, drawn from a seed: the same every time.

    Args:
        low: the shortest, in seconds.
        high: the longest, in seconds.
        seed: of the draw.
    """

    low: float
    high: float
    seed: int = 0

    def drawn(self) -> Iterator[float]:
        draw = random.Random(self.seed)
        while True:
            yield draw.uniform(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class LogNormal:
    """Delays as networks have them, many short and a few long, drawn from a seed: the same every time.

    Args:
        median: half of them are shorter, in seconds.
        sigma: how far they spread: 0 is not at all, 1 is far.
        seed: of the draw.
    """

    median: float
    sigma: float = 0.5
    seed: int = 0

    def drawn(self) -> Iterator[float]:
        draw = random.Random(self.seed)
        while True:
            yield self.median * draw.lognormvariate(0, self.sigma)


Delay = float | Uniform | LogNormal
Action = Callable[[Entry, Answer | None], Answer | None]


@dataclass(eq=False, kw_only=True)
class Fault:
    """A rule: which calls go wrong, how often, and how. Made by ``site.faults.add``.

    ``hits`` says how often it struck, ``left`` how often it still will (None: every time).
    """

    id: str
    operation: str
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: Delay = 0.0
    transport: Transport | None = None
    after_bytes: int | None = None
    times: int | None = 1
    nth: int | None = None
    after_commit: bool = False
    where: Mapping[str, Any] | Callable[[Entry], bool] = field(default_factory=dict)
    probability: float | None = None
    seed: int = 0
    action: Action | None = None
    hits: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        self._delays = _constant(self.delay) if isinstance(self.delay, int | float) else self.delay.drawn()
        self._draw = random.Random(self.seed)

    def __repr__(self) -> str:
        return f"<Fault {self}>"

    def __str__(self) -> str:
        where = "" if not self.where else " where ..." if callable(self.where) else spelled(self.where)
        nth = "" if self.nth is None else f" from call {self.nth} on" if self.times != 1 else f" at call {self.nth}"
        times = "every time" if self.times is None else f"{self.times} time{'s' * (self.times != 1)}"
        after = " after the commit" if self.after_commit else ""
        return f"{self.id}: {self.kind}{after} for {self.operation}{where}{nth}, {times}; hit {self.hits}"

    @property
    def kind(self) -> str:
        """What happens, in a word or two."""
        what = self.transport or (str(self.status) if self.status else "action" if self.action else "")
        return " ".join(part for part in ("delay" if self.delay else "", what) if part)

    @property
    def left(self) -> int | None:
        """How often it still strikes; None is every time."""
        return None if self.times is None else self.times - self.hits

    @property
    def reads_body(self) -> bool:
        """Whether the request's body must be known to tell whether the fault is meant for it."""
        return callable(self.where) or not self.where.keys().isdisjoint({"json", "email", "group"})

    def next_delay(self) -> float:
        """The seconds to wait this time."""
        return next(self._delays)

    def is_for(self, entry: Entry) -> bool:
        """Whether a call is one that the rule counts."""
        if self.operation not in (ANY, entry.operation) or (self.after_commit and entry.operation in READS):
            return False
        return self.where(entry) if callable(self.where) else fits(entry, self.where)

    def strikes(self) -> bool:
        """Whether the call that was just counted is one that goes wrong."""
        if self.left is not None and self.left <= 0:
            return False
        if self.nth is not None and self.seen < self.nth:
            return False
        return self.probability is None or self._draw.random() < self.probability

    def as_dict(self) -> dict[str, Any]:
        """The rule as plain data, as the control API shows it."""
        delay = self.delay
        return {
            "id": self.id,
            "operation": self.operation,
            "status": self.status,
            "body": None if self.body is None else self.body.decode("utf-8", "replace"),
            "headers": dict(self.headers),
            "delay": delay if isinstance(delay, int | float) else {type(delay).__name__.lower(): vars(delay)},
            "transport": self.transport,
            "after_bytes": self.after_bytes,
            "times": self.times,
            "nth": self.nth,
            "after_commit": self.after_commit,
            "where": None if callable(self.where) else dict(self.where),
            "probability": self.probability,
            "seed": self.seed,
            "hits": self.hits,
            "left": self.left,
        }


class Faults:
    """The planned faults of one site. Safe to use from several threads.

    Args:
        about: whose they are, for messages.
        clock: what delays and rate windows are measured by.
    """

    def __init__(self, about: str, clock: Clock) -> None:
        self._about = about
        self._clock = clock
        self._lock = Lock()
        self._rules: tuple[Fault, ...] = ()
        self._limits: tuple[RateLimit, ...] = ()
        self._made = 0

    def __repr__(self) -> str:
        rules = [str(rule) for rule in (*self._rules, *self._limits)]
        return f"<faults of {self._about}: {'; '.join(rules) or 'none'}>"

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._rules)

    def __bool__(self) -> bool:
        """Whether there is any rule at all."""
        return bool(self._rules or self._limits)

    def add(
        self,
        operation: str = ANY,
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
        where: Mapping[str, Any] | Callable[[Entry], bool] | None = None,
        probability: float | None = None,
        seed: int = 0,
        action: Action | None = None,
    ) -> Fault:
        """Plan a fault. Of several that are meant for a call the first one strikes.

        Args:
            operation: one of the ten operations; ``"*"`` is any.
            status: answer with this status instead.
            body: the body of that answer: text or bytes as they are, anything else as JSON. Without one it is a
                message like those of the API.
            headers: headers of that answer.
            delay: seconds to wait before the answer, on the site's clock; or a ``Uniform`` or ``LogNormal``. Alone, it
                leaves the answer as it is.
            transport: break the connection: ``"reset"`` (RST), ``"drop"`` (closed without an answer), ``"hang"`` (no
                answer until the client goes), ``"truncate"`` (closed in the middle of the answer), ``"garbage"``
                (bytes that are no HTTP), ``"bad_json"`` (an answer whose JSON stops in the middle).
            after_bytes: how much of the body ``truncate`` and ``bad_json`` let through; without it, half.
            times: how often; None is every time.
            nth: the first call, counted from 1 among those that the rule is meant for, that goes wrong.
            after_commit: carry the operation out first: what was to be written is written, and only the answer is
                lost. A call that is refused has nothing to commit, and is answered as it is.
            where: criteria of the calls that are meant: ``email``, ``group``, ``json``, ``test_mode``, ``params``,
                ``method``, ``path``; or a function of the Entry.
            probability: strike with this probability only, between 0 and 1, drawn from ``seed``.
            seed: of the draw.
            action: a function of the Entry and, after the commit, of the operation's Answer (else None). It returns
                the Answer to give, or None to let the call go on; it is called in the server's thread.

        Raises:
            ValueError: there is no such operation, or the rule could never strike or says two things at once.
        """
        _check(operation, status, transport, after_bytes, times, nth, delay, probability, action, after_commit)
        if where is not None and not callable(where):
            check_criteria(where, ASKED)
        with self._lock:
            self._made += 1
            fault = Fault(
                id=f"fault-{self._made}",
                operation=operation,
                status=status,
                body=_encoded(body),
                headers=dict(headers or {}),
                delay=delay,
                transport=transport,
                after_bytes=after_bytes,
                times=times,
                nth=nth,
                after_commit=after_commit,
                where=where if where is not None else {},
                probability=probability,
                seed=seed,
                action=action,
            )
            self._rules = (*self._rules, fault)
        return fault

    def rate_limit(self, calls: int, *, per: float, operation: str = ANY) -> "RateLimit":
        """Let so many calls through in any stretch of time, and answer 429 to the others.

        Every answer says in headers how many calls are left; a 429 also in Retry-After when to come back.

        Args:
            calls: how many.
            per: the stretch, in seconds on the site's clock.
            operation: one of the ten operations, each with a window of its own; ``"*"``: all share one.

        Raises:
            ValueError: there is no such operation, or the numbers are not above 0.
        """
        if operation != ANY:
            check_operation(operation)
        if calls < 1 or per <= 0:
            raise ValueError(f"a rate limit is of 1 call or more per some seconds, not of {calls} per {per}")
        from mockscope.instruments.rates import RateLimit  # here, not above: few ask for the library behind it

        with self._lock:
            self._made += 1
            limit = RateLimit(f"rate-limit-{self._made}", operation, calls, per, self._clock)
            self._limits = (*self._limits, limit)
        return limit

    @property
    def limits(self) -> "tuple[RateLimit, ...]":
        """The rate limits."""
        return self._limits

    def get(self, id: str) -> "Fault | RateLimit":
        """The rule with an id.

        Raises:
            LookupError: there is none.
        """
        rules: tuple[Fault | RateLimit, ...] = (*self._rules, *self._limits)
        for rule in rules:
            if rule.id == id:
                return rule
        raise LookupError(f"{self._about} has no fault {id!r}")

    def remove(self, rule: "Fault | RateLimit") -> None:
        """Take a rule out. One that is not there is no error."""
        with self._lock:
            self._rules = tuple(other for other in self._rules if other is not rule)
            self._limits = tuple(other for other in self._limits if other is not rule)

    def clear(self) -> None:
        """Take all rules out."""
        with self._lock:
            self._rules, self._limits = (), ()

    def unused(self) -> list[Fault]:
        """The rules that struck less often than planned; one without a number at least once."""
        return [rule for rule in self._rules if (rule.hits == 0 if rule.left is None else rule.left > 0)]

    def assert_all_used(self) -> None:
        """Assert that each planned fault struck as often as planned.

        Raises:
            AssertionError: one did not; names all that did not.
        """
        __tracebackhide__ = True
        if unused := self.unused():
            raise AssertionError("\n".join(["planned faults that never came:", *(f"  {rule}" for rule in unused)]))

    def taken(self, entry: Entry) -> Fault | None:
        """The fault that strikes a call, counted as a hit. All rules that are meant for the call count it."""
        struck: Fault | None = None
        with self._lock:
            for rule in self._rules:
                if not rule.is_for(entry):
                    continue
                rule.seen += 1
                if struck is None and rule.strikes():
                    rule.hits += 1
                    struck = rule
        return struck

    def give_back(self, fault: Fault) -> None:
        """A hit that did not come about: there was nothing to commit."""
        with self._lock:
            fault.hits -= 1
            fault.seen -= 1


def _check(
    operation: str,
    status: int | None,
    transport: str | None,
    after_bytes: int | None,
    times: int | None,
    nth: int | None,
    delay: Delay,
    probability: float | None,
    action: Action | None,
    after_commit: bool,  # noqa: FBT001 - spelled by its one caller in the order of the others
) -> None:
    if operation != ANY:
        check_operation(operation)
    if transport is not None and transport not in TRANSPORTS:
        guess = nearest(transport, TRANSPORTS)
        raise ValueError(
            f"there is no transport fault {transport!r}; "
            + (f"did you mean {guess}?" if guess else f"known: {', '.join(TRANSPORTS)}")
        )
    if status is None and transport is None and action is None and not delay:
        raise ValueError("a fault needs one of status, transport, action and delay")
    if action is not None and (status is not None or transport is not None):
        raise ValueError("an action makes the answer itself: leave status and transport out")
    if status is not None and not 200 <= status <= 599:
        raise ValueError(f"a status is between 200 and 599, not {status}")
    if status is not None and transport is not None and transport not in WITH_ANSWER:
        raise ValueError(f"{transport} leaves no answer that could have the status {status}: leave one of them out")
    if after_bytes is not None and (transport not in WITH_ANSWER or after_bytes < 0):
        raise ValueError("after_bytes is a number from 0 on, for truncate and bad_json only")
    if after_commit and operation in READS:
        raise ValueError(f"{operation} commits nothing: after_commit is for operations that write")
    if times is not None and times < 1:
        raise ValueError(f"a fault that strikes {times} times never strikes: times is 1 or more, or None")
    if nth is not None and nth < 1:
        raise ValueError(f"calls are counted from 1: nth can't be {nth}")
    if probability is not None and not 0 < probability <= 1:
        raise ValueError(f"a probability is above 0 and at most 1, not {probability}")
    if isinstance(delay, int | float) and not 0 <= delay < float("inf"):
        raise ValueError(f"a delay is 0 or more seconds, not {delay}")
    if isinstance(delay, Uniform) and not 0 <= delay.low <= delay.high:
        raise ValueError(f"a delay is 0 or more seconds, the shorter one first: not {delay.low} to {delay.high}")
    if isinstance(delay, LogNormal) and (delay.median < 0 or delay.sigma < 0):
        raise ValueError("median and sigma of a delay are 0 or more")


def _constant(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def _encoded(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
