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
SOMETHING: Final = re.compile(r"[^\s\x1c-\x1f\x85\ufeff]")

# A lone surrogate: a Python string can hold one, UTF-8 cannot.
SURROGATE: Final = re.compile("[\ud800-\udfff]")

# GROUP-2, "400 if the access is NOT one of sql/discovery/view"
ACCESS_WORDS: Final[Mapping[str, Access]] = {access.value.lower(): access for access in Access}
DASHBOARD_WORDS: Final[Mapping[str, DashboardAccess]] = {word.value.lower(): word for word in DashboardAccess}


# bool is a subclass of int, and comes first.
KINDS: Final[tuple[tuple[type | UnionType, str], ...]] = (
    (NoneType, "null"),
    (bool, "true or false"),
    (str, "a string"),
    (int | float, "a number"),
    (list | tuple, "a list"),
)


class Invalid(ValueError):
    """A value that is not valid. The message follows the name of the field."""


def text(value: object) -> str:
    """Parse a string that is not blank."""
    if not isinstance(value, str):
        raise Invalid(f"must be a string, and is {kind(value)}")
    if not SOMETHING.search(value):
        raise Invalid("is blank")
    if not value.isascii() and SURROGATE.search(value):
        raise Invalid("holds half of a surrogate pair")
    return value


def new_email(value: object) -> str:
    """Parse an email address in the sense of USER-2."""
    email = text(value)
    if not EMAIL.fullmatch(email):
        raise Invalid("is not a valid email address")
    return email


def access(value: object) -> Access:
    """Parse one of sql, discovery and view, in any case (GROUP-2)."""
    found = ACCESS_WORDS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise Invalid("must be one of sql, discovery and view")
    return found


def flag(value: object) -> bool:
    """Parse true or false, but no other value that is truthy or falsy."""
    if not isinstance(value, bool):
        raise Invalid(f"must be true or false, and is {kind(value)}")
    return value


def group_names(value: object) -> tuple[str, ...]:
    """Parse names of groups, in their order and without repeats; null means none (USER-CREATE-2)."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise Invalid("must be a list of strings")
    return tuple(dict.fromkeys(value))


def owner(value: object) -> str | None:
    """Parse the email of a dashboard's owner, or null."""
    return None if value is None else text(value)


def grants(value: object) -> dict[str, DashboardAccess]:
    """Parse the access of groups to a dashboard: Edit or View, in any case."""
    if not isinstance(value, Mapping):
        raise Invalid(f"must be an object, and is {kind(value)}")
    found = {str(name): DASHBOARD_WORDS.get(str(word).lower()) for name, word in value.items()}
    if None in found.values():
        raise Invalid("must be Edit or View for each group")
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


class Body(NamedTuple):
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
NEW_USER: Final = Body(
    "USER-CREATE-1",
    (
        Field("first_name", text, required=True),
        Field("last_name", text, required=True),
        Field("email", new_email, required=True),
        GROUPS,
        Field(INVITER_FIELD, text, required=True),
    ),
)

# USER-UPDATE-2, "Any permutation of the following fields is acceptable."
USER_CHANGES: Final = Body("USER-UPDATE-2", (Field("first_name", text), Field("last_name", text), GROUPS))

# The page's table says create_by_email, its bodies created_by_email: both are read, the latter wins.
CREATOR: Final = Field(CREATOR_FIELD, text, required=True, other_name=OTHER_CREATOR_FIELD)

NEW_ACCESS: Final = Field("access", access, required=True, rule="GROUP-2")
# GROUP-CREATE-1, "400 if the required fields are NOT specified or if they are invalid (name and access)"
NEW_GROUP: Final = Body("GROUP-CREATE-1", (Field("name", text, required=True), NEW_ACCESS, CREATOR))

# GROUP-UPDATE-1, "updates only group name", "updates only group access", "updates both group name and access"
GROUP_CHANGES: Final = Body("GROUP-UPDATE-1", (Field("name", text), Field("access", access, rule="GROUP-2")))


# For add_user, add_group and add_dashboard of MockSite: the same fields, without an inviter or creator.
ADDED_USER: Final = Body("USER-CREATE-1", (*NEW_USER.fields[:-1], Field("tfa_enabled", flag)))
ADDED_GROUP: Final = Body("GROUP-CREATE-1", NEW_GROUP.fields[:-1])
ADDED_DASHBOARD: Final = Body(
    "GROUP-1", (Field("name", text, required=True), Field("owner", owner), Field("access", grants))
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


def read_new_user(body: Mapping[str, object]) -> NewUser:
    """Read a user to be created, or refuse naming every bad field (USER-CREATE-1)."""
    return NewUser(**read_body(NEW_USER, body))


def read_user_changes(body: Mapping[str, object]) -> UserChanges:
    """Read the changes of a user, or refuse naming every bad field (USER-UPDATE-2)."""
    return UserChanges(**read_body(USER_CHANGES, body))


def read_new_group(body: Mapping[str, object]) -> NewGroup:
    """Read a group to be created, or refuse naming every bad field (GROUP-CREATE-1)."""
    return NewGroup(**read_body(NEW_GROUP, body), creator_name=creator_name(body))


def creator_name(body: Mapping[str, object]) -> str:
    """Return the name under which a body has the creator of a group (GROUP-CREATE-1)."""
    return CREATOR.name_in(body) or CREATOR.name


def read_group_changes(body: Mapping[str, object]) -> GroupChanges:
    """Read the changes of a group, or refuse naming every bad field (GROUP-UPDATE-1)."""
    return GroupChanges(**read_body(GROUP_CHANGES, body))


def kind(value: object) -> str:
    """Return the kind of a JSON value, in the words of JSON."""
    return next((word for types, word in KINDS if isinstance(value, types)), "an object")


def read_body(table: Body, body: Mapping[str, object]) -> dict[str, Any]:
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
        except Invalid as problem:
            problems.append(f"{sent} {problem}")
            rules.add(field.rule or table.rule)
    if problems:
        rule = rules.pop() if len(rules) == 1 else table.rule
        raise Refused(Refusal.FIELDS_INVALID, rule=rule, problems="; ".join(problems))
    return values
