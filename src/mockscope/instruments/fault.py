"""One planned fault: what it says, when it strikes, and why it is refused where it never could.

Nothing is known here of the other faults of a site.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from itertools import repeat
from typing import Any, Final, Literal, get_args

from mockscope.instruments.entry import Entry
from mockscope.instruments.matching import ASKED, OPERATIONS, check_criteria, check_operation, check_word, fits, spelled
from mockscope.instruments.veil import Veil

Transport = Literal["reset", "drop", "hang", "truncate", "garbage", "bad_json"]

TRANSPORTS: Final[tuple[str, ...]] = get_args(Transport)
# What these break is an answer; the others leave none.
WITH_ANSWER: Final = ("truncate", "bad_json")
ANY: Final = "*"
WRITES: Final = {"create": "POST", "update": "PUT", "delete": "DELETE"}
# What has nothing to commit.
READS: Final = tuple(name for name in OPERATIONS if name.startswith(("list_", "get_")))
OF_ONE_GROUP: Final = tuple(name for name in OPERATIONS if name.endswith("_group"))
OF_ONE_USER: Final = tuple(name for name in OPERATIONS if name.endswith("_user"))
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    name: ("GET", "HEAD") if name in READS else (WRITES[name.partition("_")[0]],) for name in OPERATIONS
}
# What a call holds to which such a criterion can be equal; an object of any other kind compares itself.
HELD: Final[Mapping[str, Any]] = {
    "method": str,
    "path": str,
    "email": str | None,
    "group": str | None,
    "params": dict,
    "test_mode": int | float,
}
# What stands for one in plain data.
A_FUNCTION: Final = "a function"
# How they are called where something else was given.
IN_WORDS: Final[Mapping[Any, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object of names and values",
    Mapping: "an object of names and values",
}
PLAIN: Final = (str, bytes, bool, int, float, list, tuple, dict, type(None))
# These answers have no body, whatever is planned.
BODILESS: Final = (204, 205, 304)
# In seconds: a year. Whoever means "never" wants to hang.
LONGEST_DELAY: Final = 365 * 86400.0
# RFC 9110: a token, and what a field value may hold.
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE: Final = re.compile(r"(?!\s)[\t\x20-\x7e\x80-\xff]*(?<!\s)")
FRAMING: Final = ("content-length", "transfer-encoding")
# HTTP-10: by it the answer leads to its call.
OWN_HEADER: Final = "x-request-id"


class Answer:
    """An answer as a fault gives it, or as the operation gave it.

    Args:
        status: the HTTP status, from 200 to 599.
        body: text or bytes as they are, anything else as JSON.
        headers: headers besides Content-Length; where there is no Content-Type, it is JSON.

    Raises:
        ValueError: no HTTP answer can be like that.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = encoded(body)
        self.headers = dict(headers or {})
        check_kind("status", status, int)
        if not 200 <= status <= 599:
            raise ValueError(f"a status is between 200 and 599, not {status}")
        if status in BODILESS and self.body:
            raise ValueError(f"an answer {status} has no body")
        for name, value in self.headers.items():
            _check_header(name, value)

    def __repr__(self) -> str:
        return f"Answer({self.status}, {self.body!r}, {self.headers!r})"


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Delays of any length between two, drawn from a seed: the same every time.

    Args:
        low: the shortest, in seconds.
        high: the longest, in seconds.
        seed: of the draw.

    Raises:
        ValueError: there is no such delay.
    """

    low: float
    high: float
    seed: int = 0

    def __post_init__(self) -> None:
        check_kind("seed", self.seed, int)
        _check_delay(self.low)
        _check_delay(self.high)
        if self.low > self.high:
            raise ValueError(f"the shortest delay, {self.low}, is longer than the longest, {self.high}")

    def drawn(self) -> Iterator[float]:
        """The delays, in seconds."""
        draw = random.Random(self.seed)
        while True:
            yield draw.uniform(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class LogNormal:
    """Delays as networks have them, many short and a few long, drawn from a seed: the same every time.

    Args:
        median: half of them are shorter, in seconds.
        sigma: how far they spread, from 0, not at all, to 10; 1 is far.
        seed: of the draw.

    Raises:
        ValueError: there is no such delay.
    """

    median: float
    sigma: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check_kind("seed", self.seed, int)
        check_kind("sigma", self.sigma, int | float)
        _check_delay(self.median)
        if not 0 <= self.sigma <= 10:
            raise ValueError(f"sigma is between 0 and 10, not {self.sigma}")

    def drawn(self) -> Iterator[float]:
        """The delays, in seconds."""
        draw = random.Random(self.seed)
        while True:
            yield min(LONGEST_DELAY, self.median * draw.lognormvariate(0, self.sigma))


Delay = float | Uniform | LogNormal
Where = Mapping[str, Any] | Callable[[Entry], bool]
Action = Callable[[Entry, Answer | None], Answer | None]

DISTRIBUTIONS: Final[Mapping[str, type[Uniform | LogNormal]]] = {"uniform": Uniform, "lognormal": LogNormal}
# What the parts of a rule may be.
KINDS: Final[Mapping[str, Any]] = {
    "operation": str,
    "status": int | None,
    "body": object,
    "headers": Mapping,
    "delay": int | float | Uniform | LogNormal,
    "transport": str | None,
    "after_bytes": int | None,
    "times": int | None,
    "nth": int | None,
    "after_commit": bool,
    "where": Mapping | Callable,
    "probability": int | float | None,
    "seed": int,
}


class FunctionFailed(Exception):
    """A function that a fault calls raised an error, which is the cause; or returned what is no answer."""


@dataclass(eq=False, kw_only=True)
class Fault:
    """A rule: which calls go wrong, how often, and how. Made by ``site.faults.add``, whose arguments these are.

    ``hits`` says how often it struck, ``left`` how often it still will (None: every time); ``veil`` hides the keys in
    what is shown of its criteria.
    """

    id: str
    operation: str = ANY
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: Delay = 0.0
    transport: Transport | None = None
    after_bytes: int | None = None
    times: int | None = 1
    nth: int | None = None
    after_commit: bool = False
    where: Where = field(default_factory=dict)
    probability: float | None = None
    seed: int = 0
    action: Action | None = None
    hits: int = 0
    seen: int = 0
    veil: Veil = field(default_factory=Veil)

    def __post_init__(self) -> None:
        for name, kind in KINDS.items():
            check_kind(name, getattr(self, name), kind)
        if self.action is not None:
            _check_function("action", self.action)
        if callable(self.where):
            _check_function("where", self.where)
        if self.operation != ANY:
            check_operation(self.operation)
        if self.transport is not None:
            check_word("transport fault", self.transport, TRANSPORTS)
        if not callable(self.where):
            check_criteria(self.where, ASKED)
        if isinstance(self.delay, int | float):
            _check_delay(self.delay)
        if self.status is not None:
            Answer(self.status, self.body or b"", self.headers)
        for is_wrong, objection in self._objections():
            if is_wrong:
                raise ValueError(objection)
        self._delays = repeat(self.delay) if isinstance(self.delay, int | float) else self.delay.drawn()
        self._draw = random.Random(self.seed)

    def __repr__(self) -> str:
        return f"<Fault {self}>"

    def __str__(self) -> str:
        where = " where ..." if callable(self.where) else spelled(self.where, self.veil)
        nth = "" if self.nth is None else f" from call {self.nth} on"
        times = "every time" if self.times is None else f"{self.times} time{'s' * (self.times != 1)}"
        after = " after the commit" if self.after_commit else ""
        return f"{self.id}: {self.kind}{after} for {self.operation}{where}{nth}, {times}; hit {self.hits}"

    @property
    def kind(self) -> str:
        """What happens, in a word or two."""
        what = ("delay" if self.delay else "", str(self.status or ""), self.transport, "action" if self.action else "")
        return " ".join(part for part in what if part)

    @property
    def left(self) -> int | None:
        """How often it still strikes; None is every time."""
        return None if self.times is None else self.times - self.hits

    def next_delay(self) -> float:
        """The seconds to wait this time."""
        return next(self._delays)

    def is_for(self, entry: Entry) -> bool:
        """Whether a call is one that the rule counts."""
        if self.operation not in (ANY, entry.operation):
            return False
        if self.after_commit and (entry.operation in READS or entry.test_mode):
            return False
        if not callable(self.where):
            return fits(entry, self.where)
        try:
            return bool(self.where(entry))
        except Exception as error:
            # The hint of the answer names the rule whose function failed.
            entry.fault = self.id
            raise FunctionFailed(self.id) from error

    def strikes(self) -> bool:
        """Whether the call that was just counted is one that goes wrong."""
        if self.left is not None and self.left <= 0:
            return False
        if self.nth is not None and self.seen < self.nth:
            return False
        return self.probability is None or self._draw.random() < self.probability

    def as_dict(self) -> dict[str, Any]:
        """The rule as plain data, as the control API shows it.

        ``add_plain`` takes the same, less the account; it refuses what stands for a function.
        """
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
            # Criteria may be objects that only compare themselves.
            "where": A_FUNCTION if callable(self.where) else json.loads(json.dumps(dict(self.where), default=repr)),
            "probability": self.probability,
            "seed": self.seed,
            **({} if self.action is None else {"action": A_FUNCTION}),
            "hits": self.hits,
            "left": self.left,
        }

    def _objections(self) -> Iterator[tuple[bool, str]]:
        """What would make the rule one that never strikes, or that says two things at once; each is wrong if true."""
        where: Mapping[str, Any] = {} if callable(self.where) else self.where
        answers = self.body is not None or bool(self.headers)
        yield not self.kind, "a fault needs one of status, transport, action and delay"
        yield answers and self.status is None, "body and headers are those of a planned answer: give its status too"
        yield (
            self.action is not None and (self.status is not None or self.transport is not None),
            "an action makes the answer itself: leave status and transport out",
        )
        yield (
            self.status is not None and self.transport not in (None, *WITH_ANSWER),
            f"{self.transport} leaves no answer that could have the status {self.status}: leave one of them out",
        )
        yield (
            self.transport is not None and (self.status in BODILESS or self.body == b""),
            f"{self.transport} cuts a body, and this answer has none",
        )
        yield (
            self.after_bytes is not None and (self.transport not in WITH_ANSWER or self.after_bytes < 0),
            "after_bytes is a number from 0 on, for truncate and bad_json only",
        )
        yield (
            self.times is not None and self.times < 1,
            f"a fault that strikes {self.times} times never strikes: times is 1 or more, or None (JSON: null): always",
        )
        yield self.nth is not None and self.nth < 1, f"calls are counted from 1: nth can't be {self.nth}"
        yield (
            self.probability is not None and not 0 < self.probability <= 1,
            f"a probability is above 0 and at most 1, not {self.probability}",
        )
        yield (
            self.after_commit and (self.operation in READS or where.get("test_mode") is True),
            "reads and dry runs commit nothing: after_commit is for operations that write",
        )
        yield (
            self.operation in READS and where.get("test_mode") is True,
            f"{self.operation} is never a dry run: leave test_mode out",
        )
        yield from _never_met(self.operation, where)


def _never_met(operation: str, where: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Why no call of an operation would meet criteria; each is wrong if true."""
    for name, value in where.items():
        is_plain = type(value) in PLAIN
        strange = is_plain and not isinstance(value, HELD.get(name, object))
        if name == "test_mode":
            yield strange or (is_plain and value not in (True, False)), _not_of(name, value, bool)
        elif name in HELD:
            yield strange, _not_of(name, value, HELD[name])
        for key in _names_in(value):
            yield not isinstance(key, str), f"the names in {name} are texts, as they are sent: not {key!r}"
    params = where.get("params")
    for name, value in params.items() if isinstance(params, dict) else ():
        is_text = isinstance(value, str) or type(value) not in PLAIN
        yield not is_text, f"params are texts, as they are sent: {name} can't be {value!r}"
    methods = METHODS.get(operation, ("GET", "HEAD", *WRITES.values()))
    method = where.get("method")
    yield (
        isinstance(method, str) and method not in methods,
        f"{'a call' if operation == ANY else operation} is {' or '.join(methods)}, never {method}",
    )
    yield (
        "email" in where and operation not in (ANY, *OF_ONE_USER),
        f"{operation} names no user{'; get_user does' if operation == 'list_users' else ': leave email out'}",
    )
    yield (
        "group" in where and operation not in (ANY, *OF_ONE_GROUP),
        f"{operation} names no group: leave group out",
    )
    yield (
        isinstance(where.get("email"), str) and isinstance(where.get("group"), str),
        "no call names both a user and a group: leave one of them out",
    )


def _names_in(value: object) -> Iterator[object]:
    """The names of objects in a criterion, at any depth."""
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _names_in(part)


def encoded(body: object) -> bytes:
    """A body as bytes: text and bytes as they are, anything else as JSON.

    Raises:
        ValueError: JSON has nothing for it.
    """
    if isinstance(body, bytes):
        return body
    try:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"a body is text, bytes, or something that JSON has: {error}") from None


def check_kind(name: str, value: object, kind: Any) -> None:
    """Refuse what is not of a kind.

    Raises:
        ValueError: it is not; says what is wanted.
    """
    # To Python True is a number.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
        raise ValueError(_not_of(name, value, kind))


def _not_of(name: str, value: object, kind: Any) -> str:
    kinds = get_args(kind) or (kind,)
    words = [IN_WORDS[each] for each in kinds if each in IN_WORDS and not (each is int and float in kinds)]
    return f"{name} can't be {value!r}: {' or '.join(words)} is wanted"


def _check_function(name: str, value: object) -> None:
    if not callable(value):
        raise ValueError(f"{name} can't be {value!r}: a function is wanted")
    if iscoroutinefunction(value) or iscoroutinefunction(type(value).__call__):
        raise ValueError(f"{name} can't be async: nobody awaits it, and an answer waits for what it returns")


def _check_delay(seconds: object) -> None:
    check_kind("delay", seconds, int | float)
    assert isinstance(seconds, int | float)
    if not 0 <= seconds <= LONGEST_DELAY:
        raise ValueError(f"a delay is between 0 seconds and a year, not {seconds}")


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        raise ValueError(f"no header can be called {name!r}")
    if name.lower() in FRAMING:
        raise ValueError(f"{name} is not for a fault to say; truncate breaks an answer's length")
    if name.lower() == OWN_HEADER:
        raise ValueError(f"{name} is not for a fault to say; it is the id of the call")
    if not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
        raise ValueError(f"the header {name} can't be {value!r}")
