"""The fields of a request: one table for each body, and the short functions that walk them.

This module has the checks that need only the request. The checks that need the site are in site.py.
"""

import re
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple

import msgspec

from mockscope._vendor import CREATOR_FIELD, INVITER_FIELD, OTHER_CREATOR_FIELD
from mockscope.domain.model import Access, DashboardAccess
from mockscope.domain.refusals import Refusal, Refused

# USER-2: the "valid e-mail address" of the WHATWG HTML standard.
EMAIL: Final = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)

# Matches in each text that is not blank. Engines differ on white space; openapi.yaml has the same class.
NOT_BLANK: Final = re.compile(r"[^\s\x1c-\x1f\x85\ufeff]")

# A lone surrogate: a Python string can hold one, UTF-8 cannot.
SURROGATE: Final = re.compile("[\ud800-\udfff]")

# GROUP-2, "400 if the access is NOT one of sql/discovery/view"
ACCESS_WORDS: Final[Mapping[str, Access]] = {access.value.lower(): access for access in Access}
DASHBOARD_WORDS: Final[Mapping[str, DashboardAccess]] = {word.value.lower(): word for word in DashboardAccess}


# bool is a subclass of int, and comes first.
JSON_TYPE_NAMES: Final[tuple[tuple[type | UnionType, str], ...]] = (
    (NoneType, "null"),
    (bool, "true or false"),
    (str, "a string"),
    (int | float, "a number"),
    (list | tuple, "a list"),
)


class InvalidValue(ValueError):
    """A value that is not valid. The message follows the name of the field."""


def parse_text(value: object) -> str:
    """Parse a string that is not blank."""
    if not isinstance(value, str):
        raise InvalidValue(f"must be a string, and is {json_type_name(value)}")
    if not NOT_BLANK.search(value):
        raise InvalidValue("is blank")
    if not value.isascii() and SURROGATE.search(value):
        raise InvalidValue("holds half of a surrogate pair")
    return value


def parse_email(value: object) -> str:
    """Parse an email address in the sense of USER-2."""
    email = parse_text(value)
    if not EMAIL.fullmatch(email):
        raise InvalidValue("is not a valid email address")
    return email


def access(value: object) -> Access:
    """Parse one of sql, discovery and view, in any case (GROUP-2)."""
    found = ACCESS_WORDS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise InvalidValue("must be one of sql, discovery and view")
    return found


def parse_flag(value: object) -> bool:
    """Parse true or false, but no other value that is truthy or falsy."""
    if not isinstance(value, bool):
        raise InvalidValue(f"must be true or false, and is {json_type_name(value)}")
    return value


def group_names(value: object) -> tuple[str, ...]:
    """Parse names of groups, in their order and without repeats; null means none (USER-CREATE-2)."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise InvalidValue("must be a list of strings")
    return tuple(dict.fromkeys(value))


def owner(value: object) -> str | None:
    """Parse the email of a dashboard's owner, or null."""
    return None if value is None else parse_text(value)


def grants(value: object) -> dict[str, DashboardAccess]:
    """Parse the access of groups to a dashboard: Edit or View, in any case."""
    if not isinstance(value, Mapping):
        raise InvalidValue(f"must be an object, and is {json_type_name(value)}")
    found = {str(name): DASHBOARD_WORDS.get(str(word).lower()) for name, word in value.items()}
    if None in found.values():
        raise InvalidValue("must be Edit or View for each group")
    return {name: word for name, word in found.items() if word}


class Field(NamedTuple):
    """A row: the name of a field, its parser, whether it is required, and the rule about its values."""

    name: str
    read: Callable[[object], object]
    required: bool = False
    other_name: str | None = None
    rule: str | None = None

    def name_in(self, body: Mapping[str, object]) -> str | None:
        """Return the name that a body uses for the field; if it has both, the first one."""
        if self.name in body:
            return self.name
        return self.other_name if self.other_name in body else None


class FieldTable(NamedTuple):
    """A table: the rule under which its fields are refused, and its rows."""

    rule: str
    fields: tuple[Field, ...]

    @property
    def names(self) -> frozenset[str]:
        """Every spelling of every field."""
        return frozenset(name for field in self.fields for name in (field.name, field.other_name) if name)


GROUPS: Final = Field("groups", group_names, rule="USER-CREATE-2")
# USER-CREATE-1, "400 if the required fields are NOT specified or if they are invalid
# (first_name, last_name, email, invited_by_email)"
NEW_USER: Final = FieldTable(
    "USER-CREATE-1",
    (
        Field("first_name", parse_text, required=True),
        Field("last_name", parse_text, required=True),
        Field("email", parse_email, required=True),
        GROUPS,
        Field(INVITER_FIELD, parse_text, required=True),
    ),
)

# USER-UPDATE-2, "Any permutation of the following fields is acceptable."
USER_CHANGES: Final = FieldTable(
    "USER-UPDATE-2", (Field("first_name", parse_text), Field("last_name", parse_text), GROUPS)
)

# The page's table says create_by_email, its bodies created_by_email: both are read, the latter wins.
CREATOR: Final = Field(CREATOR_FIELD, parse_text, required=True, other_name=OTHER_CREATOR_FIELD)

NEW_ACCESS: Final = Field("access", access, required=True, rule="GROUP-2")
# GROUP-CREATE-1, "400 if the required fields are NOT specified or if they are invalid (name and access)"
NEW_GROUP: Final = FieldTable("GROUP-CREATE-1", (Field("name", parse_text, required=True), NEW_ACCESS, CREATOR))

# GROUP-UPDATE-1, "updates only group name", "updates only group access", "updates both group name and access"
GROUP_CHANGES: Final = FieldTable(
    "GROUP-UPDATE-1", (Field("name", parse_text), Field("access", access, rule="GROUP-2"))
)


# For add_user, add_group and add_dashboard of MockSite: the same fields, without an inviter or creator.
ADDED_USER: Final = FieldTable("USER-CREATE-1", (*NEW_USER.fields[:-1], Field("tfa_enabled", parse_flag)))
ADDED_GROUP: Final = FieldTable("GROUP-CREATE-1", NEW_GROUP.fields[:-1])
ADDED_DASHBOARD: Final = FieldTable(
    "GROUP-1", (Field("name", parse_text, required=True), Field("owner", owner), Field("access", grants))
)


class NewUser(msgspec.Struct, frozen=True):
    """A user to create. Only MockSite.add_user omits the inviter, or sets times and two-factor authentication."""

    first_name: str
    last_name: str
    email: str
    groups: tuple[str, ...] = ()
    invited_by_email: str | None = None
    # USER-CREATE-5: a new user has not logged in.
    last_login_at: str | None = None
    password_updated_at: str | None = None
    tfa_enabled: bool = False


class UserChanges(msgspec.Struct, frozen=True):
    """The changes of a user; None is unchanged, no groups are the default groups."""

    first_name: str | None = None
    last_name: str | None = None
    groups: tuple[str, ...] | None = None


class NewGroup(msgspec.Struct, frozen=True):
    """A group to create. Only MockSite.add_group omits the creator. ``creator_name`` is the name of the sent field."""

    name: str
    access: Access
    created_by_email: str | None = None
    creator_name: str = CREATOR.name


class GroupChanges(msgspec.Struct, frozen=True):
    """The changes of a group; None is unchanged."""

    name: str | None = None
    access: Access | None = None


def parse_new_user(body: Mapping[str, object]) -> NewUser:
    """Read a user to be created, or refuse naming every bad field (USER-CREATE-1)."""
    return NewUser(**parse_fields(NEW_USER, body))


def parse_user_changes(body: Mapping[str, object]) -> UserChanges:
    """Read the changes of a user, or refuse naming every bad field (USER-UPDATE-2)."""
    return UserChanges(**parse_fields(USER_CHANGES, body))


def parse_new_group(body: Mapping[str, object]) -> NewGroup:
    """Read a group to be created, or refuse naming every bad field (GROUP-CREATE-1)."""
    return NewGroup(**parse_fields(NEW_GROUP, body), creator_name=creator_name(body))


def creator_name(body: Mapping[str, object]) -> str:
    """Return the name under which a body has the creator of a group (GROUP-CREATE-1)."""
    return CREATOR.name_in(body) or CREATOR.name


def parse_group_changes(body: Mapping[str, object]) -> GroupChanges:
    """Read the changes of a group, or refuse naming every bad field (GROUP-UPDATE-1)."""
    return GroupChanges(**parse_fields(GROUP_CHANGES, body))


def json_type_name(value: object) -> str:
    """Return the kind of a JSON value, in the words of JSON."""
    return next((word for types, word in JSON_TYPE_NAMES if isinstance(value, types)), "an object")


def parse_fields(table: FieldTable, body: Mapping[str, object]) -> dict[str, Any]:
    """Return the values of the fields that were sent, parsed by a table.

    Raises:
        Refused: FIELDS_INVALID, naming every bad field.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    rules: set[str] = set()
    for field in table.fields:
        sent = field.name_in(body)
        if sent is None:
            if field.required:
                problems.append(f"{field.name} is missing")
                rules.add(table.rule)
            continue
        try:
            values[field.name] = field.read(body[sent])
        except InvalidValue as problem:
            problems.append(f"{sent} {problem}")
            rules.add(field.rule or table.rule)
    if problems:
        rule = rules.pop() if len(rules) == 1 else table.rule
        raise Refused(Refusal.FIELDS_INVALID, rule=rule, problems="; ".join(problems))
    return values
