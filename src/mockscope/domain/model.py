"""The records of the service: immutable users, groups and dashboards, and their enumerations.

"The page" is the vendor's documentation, from which the rule ids (USER-1 ...) were derived.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from mockscope._support.timestamps import parse_time

# The format of times in the API. It does not check ranges: datetime has parsed the text before.
TIMESTAMP_FORMAT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


class Role(NamedTuple):
    """A row of the page's table "Group_role table mapping"."""

    can_edit: bool
    can_drag_and_drop: bool


class Access(StrEnum):
    """The access of a group: what its members may do (GROUP-2)."""

    SQL = "Sql"
    DISCOVERY = "Discovery"
    VIEW = "View"


# GROUP-3, the page's table: View false/false, SQL true/false, Discovery false/true.
ROLES: Final[Mapping[Access, Role]] = {
    Access.VIEW: Role(can_edit=False, can_drag_and_drop=False),
    Access.SQL: Role(can_edit=True, can_drag_and_drop=False),
    Access.DISCOVERY: Role(can_edit=False, can_drag_and_drop=True),
}


class DashboardAccess(StrEnum):
    """The access of a group to a dashboard. The page shows only ``Edit``; ``View`` is an assumption."""

    EDIT = "Edit"
    VIEW = "View"


# Records hold no reference cycles, so the garbage collector need not visit them (gc=False): with a million
# users on a site a full collection would otherwise stop the server for a noticeable time.
class User(msgspec.Struct, frozen=True, gc=False):
    """A user, with exactly the fields of the page in the page's order (USER-1).

    Times are strings in the format of the API: UTC, milliseconds, ``Z``.
    """

    first_name: str
    last_name: str
    email: str
    groups: tuple[str, ...]
    last_login_at: str | None = None
    password_updated_at: str | None = None
    tfa_enabled: bool = False


class Group(msgspec.Struct, frozen=True, gc=False):
    """A group, as returned by list, create and update (GROUP-1)."""

    name: str
    access: Access

    @property
    def can_edit(self) -> bool:
        """The ``can_edit`` column of the page's group_role table (GROUP-3)."""
        return ROLES[self.access].can_edit

    @property
    def can_drag_and_drop(self) -> bool:
        """The ``can_drag_and_drop`` column of the page's group_role table (GROUP-3)."""
        return ROLES[self.access].can_drag_and_drop


class Dashboard(msgspec.Struct, frozen=True, gc=False):
    """A dashboard: its name, its owner's email or None, and the access of each group by name."""

    name: str
    owner: str | None
    access: Mapping[str, DashboardAccess]

    def __post_init__(self) -> None:
        # The indexes of the store require immutable values.
        msgspec.structs.force_setattr(self, "access", MappingProxyType(dict(self.access)))


class Grant(msgspec.Struct, frozen=True, gc=False):
    """The access of a group to one dashboard, as returned by get_group (GROUP-1)."""

    name: str
    access: DashboardAccess


class GroupDetail(msgspec.Struct, frozen=True, gc=False):
    """A group with its dashboards in order of name, as returned by get_group (GROUP-1)."""

    name: str
    access: Access
    dashboards: tuple[Grant, ...]


def email_key(email: str) -> str:
    """Return an email in lower case, the form for comparing and sorting (USER-2, PAGE-1)."""
    key = email.lower()
    # Most emails are in lower case already. Returning the same object saves memory with a million users.
    return email if key == email else key


def email_cursor(start: str) -> str:
    """Return the key of a cursor in a list of users (PAGE-3)."""
    # No email has a blank, so a blank in a cursor is a "+" that was sent unencoded.
    return email_key(start).replace(" ", "+")


# Cached, because imported users share a few times.
@lru_cache(maxsize=4096)
def timestamp(moment: datetime | str) -> str:
    """Render a time in the format of the API: UTC, milliseconds, ``Z`` (USER-1).

    Args:
        moment: an aware datetime, or a string in ISO 8601 with an offset.

    Raises:
        ValueError: If it is not a time, the offset is missing, or the time is not in the years 1 to 9999 in UTC.
    """
    when = parse_time(moment)
    if isinstance(moment, str) and TIMESTAMP_FORMAT.fullmatch(moment):
        return moment
    try:
        return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    except OverflowError as error:
        raise ValueError(f"{moment} is out of range in UTC") from error
