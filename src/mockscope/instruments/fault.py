"""A planned fault: its arguments, their validation, and the decision whether it hits a call."""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from itertools import repeat
from typing import Any, Final, Literal, get_args

from mockscope._support.arguments import check_choice, check_type
from mockscope._vendor import OPERATIONS
from mockscope.instruments.call import Call
from mockscope.instruments.matching import REQUEST_CRITERIA, check_criteria, check_operation, describe_criteria, matches
from mockscope.instruments.redaction import Redactor

Transport = Literal["reset", "drop", "hang", "truncate", "garbage", "bad_json"]

TRANSPORTS: Final[tuple[str, ...]] = get_args(Transport)
# The transport faults that cut a response. The others send no response.
CUT_TRANSPORTS: Final = ("truncate", "bad_json")
ANY: Final = "*"
METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "list": ("GET", "HEAD"),
    "get": ("GET", "HEAD"),
    "create": ("POST",),
    "update": ("PUT",),
    "delete": ("DELETE",),
}
READ_OPERATIONS: Final = tuple(name for name in OPERATIONS if name.startswith(("list_", "get_")))
# The types of criteria. An object of a type outside PLAIN_TYPES is compared with its own ``==``.
CRITERION_TYPES: Final[Mapping[str, Any]] = {
    "method": str,
    "path": str,
    "email": str | None,
    "group": str | None,
    "params": dict,
    "json": object,
    "test_mode": bool,
}
PLAIN_TYPES: Final = (str, bytes, bool, int, float, list, tuple, dict, type(None))
# The placeholder for a function in plain data.
FUNCTION_PLACEHOLDER: Final = "a function"
# Responses with these statuses have no body.
BODILESS_STATUSES: Final = (204, 205, 304)
# One year. For a response that never comes, there is the transport fault "hang".
MAX_DELAY_SECONDS: Final = 365 * 86400.0
# A token and a field value (RFC 9110, section 5).
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE: Final = re.compile(r"(?!\s)[\t\x20-\x7e\x80-\xff]*(?<!\s)")
RESERVED_HEADERS: Final[Mapping[str, str]] = {
    "content-length": "truncate breaks the length of a response",
    "transfer-encoding": "truncate breaks the length of a response",
    # HTTP-10
    "x-request-id": "it is the id of the call",
}


class CannedResponse:
    """A response: the planned response of a fault, or the response of an operation that an action gets.

    Args:
        status: the HTTP status, from 200 to 599.
        body: the body. A str or bytes is sent as it is, anything else as JSON.
        headers: the headers, except Content-Length. The default Content-Type is application/json.

    Raises:
        ValueError: If the status or a header is not valid, or the body is not JSON or not allowed with the status.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = encode_body(body)
        self.headers = dict(headers or {})
        check_type("status", status, int)
        if not 200 <= status <= 599:
            raise ValueError(f"a status is between 200 and 599, not {status}")
        if status in BODILESS_STATUSES and self.body:
            raise ValueError(f"a response {status} has no body")
        for name, value in self.headers.items():
            _check_header(name, value)

    def __repr__(self) -> str:
        return f"CannedResponse({self.status}, {self.body!r}, {self.headers!r})"


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """A uniform distribution of delays. Equal seeds give equal delays.

    Args:
        low: the shortest delay, in seconds.
        high: the longest delay, in seconds.
        seed: the seed of the random generator.

    Raises:
        ValueError: If a delay is negative or over a year, or ``low`` is above ``high``.
    """

    low: float
    high: float
    seed: int = 0

    def __post_init__(self) -> None:
        check_type("seed", self.seed, int)
        _check_delay(self.low)
        _check_delay(self.high)
        if self.low > self.high:
            raise ValueError(f"the shortest delay, {self.low}, is longer than the longest, {self.high}")

    def delays(self) -> Iterator[float]:
        """Yield the delays, in seconds."""
        draw = random.Random(self.seed)
        while True:
            yield draw.uniform(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class LogNormal:
    """A log-normal distribution of delays: many are short, a few are long. Equal seeds give equal delays.

    Args:
        median: the median delay, in seconds.
        sigma: the standard deviation of the logarithm, from 0 (all delays are equal) to 10.
        seed: the seed of the random generator.

    Raises:
        ValueError: If ``median`` is negative or over a year, or ``sigma`` is not between 0 and 10.
    """

    median: float
    sigma: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check_type("seed", self.seed, int)
        check_type("sigma", self.sigma, int | float)
        _check_delay(self.median)
        if not 0 <= self.sigma <= 10:
            raise ValueError(f"sigma is between 0 and 10, not {self.sigma}")

    def delays(self) -> Iterator[float]:
        """Yield the delays, in seconds."""
        draw = random.Random(self.seed)
        while True:
            yield min(MAX_DELAY_SECONDS, self.median * draw.lognormvariate(0, self.sigma))


Delay = float | Uniform | LogNormal
Where = Mapping[str, Any] | Callable[[Call], bool]
Action = Callable[[Call, CannedResponse | None], CannedResponse | None]

# The arguments of a fault that plain data can have, and their types.
ARGUMENT_TYPES: Final[Mapping[str, Any]] = {
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
    """A function of a fault raised an exception, or returned neither a CannedResponse nor None.

    Args:
        fault: the id of the fault.
        failure: the exception, or the returned value.
    """

    def __init__(self, fault: str, failure: object) -> None:
        if isinstance(failure, BaseException):
            problem = f"the function of {fault} raised {type(failure).__name__}: {failure}"
        else:
            problem = f"the action of {fault} returned {failure!r}, and not a CannedResponse or None"
        super().__init__(problem)


@dataclass(eq=False, kw_only=True)
class Fault:
    """A planned fault: the calls that it applies to, and its effect. ``site.faults.add`` documents the arguments.

    ``seen`` is the number of calls that matched, and ``hits`` the number of those that the fault hit. ``left`` is the
    number of hits that are still to come; None is unlimited.
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
    redactor: Redactor = field(default_factory=Redactor)

    def __post_init__(self) -> None:
        for name, kind in ARGUMENT_TYPES.items():
            check_type(name, getattr(self, name), kind)
        if self.action is not None:
            _check_function("action", self.action)
        if self.operation != ANY:
            check_operation(self.operation)
        if self.transport is not None:
            check_choice("transport fault", self.transport, TRANSPORTS)
        if self.status is not None:
            CannedResponse(self.status, self.body or b"", self.headers)
        if isinstance(self.delay, int | float):
            _check_delay(self.delay)
            self._delays: Iterator[float] = repeat(self.delay)
        else:
            self._delays = self.delay.delays()
        self._check_response()
        self._check_counts()
        if callable(self.where):
            _check_function("where", self.where)
        else:
            _check_where(self.operation, self.where)
        self._draw = random.Random(self.seed)

    def __repr__(self) -> str:
        return f"<Fault {self}>"

    def __str__(self) -> str:
        where = " where ..." if callable(self.where) else describe_criteria(self.where, self.redactor)
        nth = "" if self.nth is None else f" from call {self.nth} on"
        times = "every time" if self.times is None else f"{self.times} time{'s' * (self.times != 1)}"
        after = " after the commit" if self.after_commit else ""
        counted = f"hit {self.hits} of {self.seen} call{'s' * (self.seen != 1)}"
        return f"{self.id}: {self.kind}{after} for {self.operation}{where}{nth}, {times}; {counted}"

    @property
    def kind(self) -> str:
        """The effects, in one or two words."""
        what = ("delay" if self.delay else "", str(self.status or ""), self.transport, "action" if self.action else "")
        return " ".join(part for part in what if part)

    @property
    def cuts_own_response(self) -> bool:
        """Return whether the fault cuts the response of the operation, instead of a planned response."""
        return self.transport in CUT_TRANSPORTS and self.status is None

    @property
    def left(self) -> int | None:
        """The number of hits that are still to come; None is unlimited."""
        return None if self.times is None else self.times - self.hits

    def next_delay(self) -> float:
        """Return the delay of the next hit, in seconds."""
        return next(self._delays)

    def applies_to(self, call: Call) -> bool:
        """Return whether a call matches the operation and the criteria of the fault.

        Raises:
            FunctionFailed: If the function in ``where`` raises an exception.
        """
        if self.operation not in (ANY, call.operation):
            return False
        if self.after_commit and (call.operation in READ_OPERATIONS or call.test_mode):
            return False
        if not callable(self.where):
            return matches(call, self.where)
        # Set while the function runs, so that reports of a function that hangs or fails name the fault.
        before, call.fault = call.fault, self.id
        try:
            is_meant = bool(self.where(call))
        except BaseException as error:
            raise FunctionFailed(self.id, error) from error
        call.fault = before
        return is_meant

    def is_due(self) -> bool:
        """Return whether the fault hits the matching call that was counted last."""
        if self.left is not None and self.left <= 0:
            return False
        if self.nth is not None and self.seen < self.nth:
            return False
        return self.probability is None or self._draw.random() < self.probability

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as plain data, as the control API shows it.

        ``add_plain`` accepts this data without ``id``, ``hits``, ``seen`` and ``left``. It refuses
        FUNCTION_PLACEHOLDER.
        """
        shown: dict[str, Any] = {name: getattr(self, name) for name in ("id", *ARGUMENT_TYPES)}
        shown["body"] = None if self.body is None else self.body.decode("utf-8", "replace")
        if not isinstance(self.delay, int | float):
            shown["delay"] = {type(self.delay).__name__.lower(): vars(self.delay)}
        # Criteria may be objects that JSON cannot hold.
        shown["where"] = (
            FUNCTION_PLACEHOLDER if callable(self.where) else json.loads(json.dumps(dict(self.where), default=repr))
        )
        if self.action is not None:
            shown["action"] = FUNCTION_PLACEHOLDER
        return {**shown, "hits": self.hits, "seen": self.seen, "left": self.left}

    def _check_response(self) -> None:
        """Raise ValueError if the fault has no effect, or effects that exclude each other."""
        if not self.kind:
            raise ValueError("a fault needs one of status, transport, action and delay")
        if self.status is None and (self.body is not None or self.headers):
            raise ValueError("body and headers need the status of a planned response")
        if self.action is not None and (self.status is not None or self.transport is not None):
            raise ValueError("an action returns the response: leave status and transport out")
        if self.after_bytes is not None and (self.transport not in CUT_TRANSPORTS or self.after_bytes < 0):
            raise ValueError("after_bytes is a number from 0 on, for truncate and bad_json only")
        if self.transport is not None and self.status is not None:
            if self.transport not in CUT_TRANSPORTS:
                raise ValueError(
                    f"{self.transport} sends no response, and so no status {self.status}: leave one of them out"
                )
            if self.status in BODILESS_STATUSES or self.body == b"":
                raise ValueError(f"{self.transport} cuts a body, and this response has none")

    def _check_counts(self) -> None:
        """Raise ValueError if the fault would never hit a call."""
        if self.times is not None and self.times < 1:
            raise ValueError(
                f"a fault that hits {self.times} times never hits: times is 1 or more, or None (JSON: null): always"
            )
        if self.nth is not None and self.nth < 1:
            raise ValueError(f"calls are counted from 1: nth can't be {self.nth}")
        if self.probability is not None and not 0 < self.probability <= 1:
            raise ValueError(f"a probability is above 0 and at most 1, not {self.probability}")
        dry_run = not callable(self.where) and self.where.get("test_mode") is True
        if self.after_commit and (self.operation in READ_OPERATIONS or dry_run):
            raise ValueError("reads and dry runs commit nothing: after_commit is for operations that write")
        if self.operation in READ_OPERATIONS and dry_run:
            raise ValueError(f"{self.operation} is never a dry run: leave test_mode out")


def _check_where(operation: str, where: Mapping[str, Any]) -> None:
    """Raise ValueError if no call of an operation can match the criteria."""
    check_criteria(where, REQUEST_CRITERIA)
    plain = {name: value for name, value in where.items() if type(value) in PLAIN_TYPES}
    for name, value in plain.items():
        # 1 and 0 are accepted for test_mode, because they equal True and False.
        if name != "test_mode" or value not in (0, 1):
            check_type(name, value, CRITERION_TYPES[name])
        for key in _iter_names(value):
            if not isinstance(key, str):
                raise ValueError(f"the names in {name} are texts, as they are sent: not {key!r}")
    for name, value in plain.get("params", {}).items():
        if type(value) in PLAIN_TYPES and not isinstance(value, str):
            raise ValueError(f"params are texts, as they are sent: {name} can't be {value!r}")
    methods = METHODS.get(operation.partition("_")[0], ("GET", "HEAD", "POST", "PUT", "DELETE"))
    if plain.get("method", methods[0]) not in methods:
        subject = "a call" if operation == ANY else operation
        raise ValueError(f"{subject} is {' or '.join(methods)}, never {plain['method']}")
    if "email" in where and operation != ANY and not operation.endswith("_user"):
        hint = "; get_user does" if operation == "list_users" else ": leave email out"
        raise ValueError(f"{operation} names no user{hint}")
    if "group" in where and operation != ANY and not operation.endswith("_group"):
        raise ValueError(f"{operation} names no group: leave group out")
    if plain.get("email") is not None and plain.get("group") is not None:
        raise ValueError("no call names both a user and a group: leave one of them out")


def _iter_names(value: object) -> Iterator[object]:
    """Yield the names of the fields in a criterion, at any depth."""
    if isinstance(value, dict):
        yield from value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _iter_names(part)


def encode_body(body: object) -> bytes:
    """Encode a body: a str in UTF-8, bytes as they are, anything else as JSON.

    Raises:
        ValueError: If the body cannot be encoded as JSON or UTF-8.
    """
    if isinstance(body, bytes):
        return body
    try:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"a body is text, bytes, or something that JSON has: {error}") from None


def _check_function(name: str, value: object) -> None:
    if not callable(value):
        raise ValueError(f"{name} must be a function, not {value!r}")
    if iscoroutinefunction(value) or iscoroutinefunction(type(value).__call__):
        raise ValueError(f"{name} can't be async: its result is not awaited")


def _check_delay(seconds: float) -> None:
    check_type("delay", seconds, int | float)
    if not 0 <= seconds <= MAX_DELAY_SECONDS:
        raise ValueError(f"a delay is between 0 seconds and a year, not {seconds}")


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        raise ValueError(f"no header can be called {name!r}")
    if reason := RESERVED_HEADERS.get(name.lower()):
        raise ValueError(f"a fault can't set {name}: {reason}")
    if not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
        remedy = f"; write {str(value)!r}" if isinstance(value, int | float) else ""
        raise ValueError(
            f"the header {name} must be one line in Latin-1 without blanks around it, not {value!r}{remedy}"
        )
