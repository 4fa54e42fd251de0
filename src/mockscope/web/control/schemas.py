"""The schemas of bodies and queries of the control API, and the functions that parse them."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from math import isinf
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mockscope._support.suggestions import suggest
from mockscope.domain.type_errors import describe_type_error
from mockscope.instruments.call_log import WAIT_SECONDS

NonEmpty = Annotated[str, Meta(min_length=1)]
Timestamp = Annotated[datetime, Meta(tz=True)]

# What msgspec says about numbers that it cannot parse.
NUMBER_ERRORS: Final = {
    "Number out of range": "a number is too large: the largest is about 1.8e308",
    "Integer value out of range": "a whole number has too many digits",
}
# From here on, a float is not one number alone.
MAX_EXACT_FLOAT: Final = 2**53
WHOLE_NUMBER: Final = re.compile(r"-?\d{1,19}", re.ASCII)


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """An object that refuses unknown fields."""


class NoFields(Fields):
    """The schema of a body or query without fields."""


class NewKey(Fields):
    api_key: NonEmpty | None = None


class NewFork(Fields):
    host: NonEmpty | None = None
    api_key: NonEmpty | None = None
    temporary: bool = False


class NewReset(Fields):
    snapshot: NonEmpty | None = None


class NewSite(NewFork):
    seed: dict[str, Any] | None = None
    scenario: str | None = None
    faults: list[dict[str, Any]] | None = None
    timeline: list[dict[str, Any]] | None = None
    strict: bool | None = None
    contract: bool | None = None
    label: str = ""
    policy: dict[str, Any] = {}


class StaleSites(Fields):
    older_than: Annotated[float, Meta(ge=0)] = 3600
    keep: list[str] = []


class SiteChanges(Fields):
    enabled: bool | UnsetType = UNSET
    policy: dict[str, Any] = {}
    strict: bool | UnsetType = UNSET
    contract: bool | UnsetType = UNSET
    label: str | UnsetType = UNSET


class AccountEvent(Fields):
    """A login, or a change of a password."""

    email: str
    at: Timestamp | None = None


class RecordSearch(Fields):
    """The search in a list of records, and the page of it."""

    q: str = ""
    start: str = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 100


class UserSearch(RecordSearch):
    group: str | UnsetType = UNSET


class DashboardSearch(UserSearch):
    owner: str | UnsetType = UNSET


class UserPatch(Fields):
    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    groups: list[str] | UnsetType = UNSET
    tfa_enabled: bool | UnsetType = UNSET


class AddedUser(UserPatch, kw_only=True):
    email: str
    last_login_at: Timestamp | None = None
    password_updated_at: Timestamp | None = None


class GroupPatch(Fields):
    new_name: str | UnsetType = msgspec.field(name="name", default=UNSET)
    access: str | UnsetType = UNSET


class AddedGroup(Fields):
    name: str
    access: str | UnsetType = UNSET


class DashboardPatch(Fields):
    new_name: str | UnsetType = msgspec.field(name="name", default=UNSET)
    owner: str | UnsetType | None = UNSET
    access: dict[str, str] | UnsetType = UNSET


class AddedDashboard(Fields):
    name: str
    owner: str | None = None
    access: dict[str, str] = {}


class FreezeClock(Fields):
    at: Timestamp | None = None
    autojump: bool = False


class ShiftClock(Fields):
    days: float = 0
    hours: float = 0
    minutes: float = 0
    seconds: float = 0


class MoveClock(Fields):
    moment: Timestamp = msgspec.field(name="to")


class ChangesQuery(Fields):
    since: str | UnsetType = UNSET


class FindingCriteria(Fields):
    active: bool = False


class EventCriteria(Fields):
    site: str | UnsetType = UNSET
    follow: bool = True


class NewReplay(Fields):
    on: Literal["site", "fork"]
    host: NonEmpty | UnsetType = UNSET


class CopyForm(Fields):
    """The form of a copy of a call."""

    format: Literal["curl", "httpx", "pytest"] = "curl"
    include_key: bool = False
    url: str | UnsetType = UNSET


class CallCriteria(Fields):
    """The criteria for calls in a query."""

    operation: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    group: str | UnsetType = UNSET
    test_mode: bool | UnsetType = UNSET
    # A number or a class such as 4xx.
    status: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET
    fault: str | UnsetType = UNSET
    q: str | UnsetType = UNSET
    open: bool | UnsetType = UNSET
    after: str | UnsetType = UNSET
    before: str | UnsetType = UNSET


class CallPage(CallCriteria):
    """The criteria for calls in a query, and a page of these calls."""

    order: Literal["newest", "oldest"] = "newest"
    limit: Annotated[int, Meta(ge=1)] = 100
    # The time to wait for calls in progress, in seconds.
    wait: Annotated[float, Meta(ge=0, le=WAIT_SECONDS)] = WAIT_SECONDS


def read_json(body: bytes, schema: Any) -> dict[str, Any]:
    """Return the fields of a body that were sent, or have a default; an empty body is ``{}``.

    Raises:
        ValueError: If the body is not JSON, or does not match the schema. The message names the nearest known field.
    """
    try:
        # Decoded first, because the message of msgspec about invalid UTF-8 depends on its version.
        text = body.decode() or "{}"
        try:
            return _sent_fields(msgspec.json.Decoder(schema, float_hook=_parse_number).decode(text))
        except msgspec.ValidationError as error:
            raise ValueError(_describe(str(error), schema, partial(msgspec.json.decode, text))) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None


def _parse_number(literal: str) -> int | float:
    """Return a number of JSON, in which 5.0 is a whole number too.

    Raises:
        ValueError: If it is too large. The message is that of msgspec.
    """
    number = float(literal)
    if isinf(number):
        raise ValueError("Number out of range")
    return int(number) if number.is_integer() and abs(number) < MAX_EXACT_FLOAT else number


def read_query(pairs: list[tuple[str, str]], schema: Any) -> dict[str, Any]:
    """Return the parameters of a query that were sent, or have a default.

    Raises:
        ValueError: If it does not match the schema, or a parameter is repeated.
    """
    query: dict[str, str] = {}
    for name, value in pairs:
        if name in query:
            raise ValueError(f"{name} is there twice: send it once")
        query[name] = value
    try:
        return _sent_fields(msgspec.convert(query, schema, strict=False))
    except msgspec.ValidationError as error:
        raise ValueError(_describe(str(error), schema, partial(_with_numbers, query))) from None


def _sent_fields(read: Any) -> dict[str, Any]:
    fields = read if isinstance(read, dict) else msgspec.structs.asdict(read)
    return {name: value for name, value in fields.items() if value is not UNSET}


def _with_numbers(query: dict[str, str]) -> dict[str, str | int]:
    """Return a query whose whole numbers are shown without quotes."""
    return {name: int(value) if WHOLE_NUMBER.fullmatch(value) else value for name, value in query.items()}


def _describe(error: str, schema: Any, read: Callable[[], Any]) -> str:
    """Return the message of msgspec in plain words, with the nearest known name or the wrong value.

    Args:
        error: The message of msgspec.
        schema: The schema.
        read: Returns the data without a schema.
    """
    problem, _, where = error.partition(" - at ")
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        return f"there is no field {unknown[1]} here; {suggest(unknown[1], schema.__struct_encode_fields__)}"
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return f"{missing[1]} is missing"
    if problem in NUMBER_ERRORS:
        field = where.strip("`").partition("[...]")[0].removeprefix("$").removeprefix(".")
        return f"{field}: {NUMBER_ERRORS[problem]}" if field else NUMBER_ERRORS[problem]
    return describe_type_error(where, schema, read(), "the body")
