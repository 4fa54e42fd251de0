"""The schemas of bodies and queries of the control API, and the functions that parse them."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mockscope._support.suggestions import suggest

NonEmpty = Annotated[str, Meta(min_length=1)]
Timestamp = Annotated[datetime, Meta(tz=True)]

ERROR_TEXTS: Final = {
    "Invalid RFC3339 encoded datetime": "write a time like 2014-02-06T23:46:07.118Z",
    "Expected `datetime` with a timezone component": "the offset is missing: write a time like "
    "2014-02-06T23:46:07.118Z",
    "Number out of range": "a number is too large: the largest is about 1.8e308",
    "Integer value out of range": "a whole number has too many digits",
}


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """An object that refuses unknown fields."""


class NoFields(Fields):
    """The schema of a body or query without fields."""


class NewKey(Fields):
    api_key: NonEmpty | None = None


class NewFork(Fields):
    host: NonEmpty | None = None
    api_key: NonEmpty | None = None


class NewSite(NewFork):
    seed: dict[str, Any] | None = None
    scenario: str | None = None
    faults: list[dict[str, Any]] | None = None
    timeline: list[dict[str, Any]] | None = None
    strict: bool | None = None
    contract: bool | None = None
    label: str = ""
    policy: dict[str, Any] = {}


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


class EventCriteria(Fields):
    site: str | UnsetType = UNSET


class NewReplay(Fields):
    on: Literal["site", "fork"]


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


def read_json(body: bytes, schema: Any) -> dict[str, Any]:
    """Return the fields of a body that were sent, or have a default; an empty body is ``{}``.

    Raises:
        ValueError: If the body is not JSON, or does not match the schema. The message names the nearest known field.
    """
    try:
        # Decoded first, because the message of msgspec about invalid UTF-8 depends on its version.
        return _sent_fields(msgspec.json.decode(body.decode() or "{}", type=schema))
    except msgspec.ValidationError as error:
        raise ValueError(_describe(str(error), schema)) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None


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
        raise ValueError(_describe(str(error), schema)) from None


def _sent_fields(read: Any) -> dict[str, Any]:
    fields = read if isinstance(read, dict) else msgspec.structs.asdict(read)
    return {name: value for name, value in fields.items() if value is not UNSET}


def _describe(error: str, schema: Any) -> str:
    """Return the message of msgspec with the place before it, and the nearest known name after it."""
    problem, _, where = error.partition(" - at ")
    # "[...]" stands for any key of a dict.
    path = where.strip("`").partition("[...]")[0].removeprefix("$").removeprefix(".")
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        problem = f"there is no field {unknown[1]} here; {suggest(unknown[1], schema.__struct_encode_fields__)}"
    elif missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        problem = f"{missing[1]} is missing"
    problem = ERROR_TEXTS.get(problem, problem)
    return f"{path}: {problem}" if path else problem
