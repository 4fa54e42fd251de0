"""The fields of request bodies: a table for each body, and the parsers of their values.

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

# Finds a character that is not white space. The class is spelled out because regex engines differ; openapi.yaml has
# the same for readers that follow ECMA 262.
NOT_BLANK: Final = re.compile(r"[^\s\x1c-\x1f\x85\ufeff]")

# A lone surrogate is valid in a Python string, but not in UTF-8.
SURROGATE: Final = re.compile("[\ud800-\udfff]")

# GROUP-2, "400 if the access is NOT one of sql/discovery/view"
ACCESS_WORDS: Final[Mapping[str, Access]] = {access.value.lower(): access for access in Access}
DASHBOARD_WORDS: Final[Mapping[str, DashboardAccess]] = {word.value.lower(): word for word in DashboardAccess}


# bool comes before int, because it is a subclass.
JSON_TYPE_NAMES: Final[tuple[tuple[type | UnionType, str], ...]] = (
    (NoneType, "null"),
    (bool, "true or false"),
    (str, "a string"),
    (int | float, "a number"),
    (list | tuple, "a list"),
)


class InvalidValue(ValueError):
    """A value of a field is not valid. The message continues a sentence that begins with the name of the field."""


def parse_text(value: object) -> str:
    """Parse a string that is not blank.

    Raises:
        InvalidValue: If it is not a string, is blank, or has a lone surrogate. All parsers raise it for invalid values.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"must be a string, and is {json_type_name(value)}")
    if not NOT_BLANK.search(value):
        raise InvalidValue("is blank")
    if not value.isascii() and SURROGATE.search(value):
        raise InvalidValue("holds half of a surrogate pair")
    return value


def parse_email(value: object) -> str:
    """Parse an email address (USER-2)."""
    email = parse_text(value)
    if not EMAIL.fullmatch(email):
        raise InvalidValue("is not a valid email address")
    return email


def parse_access(value: object) -> Access:
    """Parse the access of a group: sql, discovery or view, in any case (GROUP-2)."""
    found = ACCESS_WORDS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise InvalidValue("must be one of sql, discovery and view")
    return found


def parse_flag(value: object) -> bool:
    """Parse true or false. Other truthy or falsy values are not valid."""
    if not isinstance(value, bool):
        raise InvalidValue(f"must be true or false, and is {json_type_name(value)}")
    return value


def parse_group_names(value: object) -> tuple[str, ...]:
    """Parse a list of group names. Repeats are removed, and null is an empty list (USER-CREATE-2)."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise InvalidValue("must be a list of strings")
    return tuple(dict.fromkeys(value))


def parse_owner(value: object) -> str | None:
    """Parse the email of a dashboard's owner, or null."""
    return None if value is None else parse_text(value)


def parse_grants(value: object) -> dict[str, DashboardAccess]:
    """Parse the access of groups to a dashboard: Edit or View, in any case."""
    if not isinstance(value, Mapping):
        raise InvalidValue(f"must be an object, and is {json_type_name(value)}")
    found = {str(name): DASHBOARD_WORDS.get(str(word).lower()) for name, word in value.items()}
    if None in found.values():
        raise InvalidValue("must be Edit or View for each group")
    return {name: word for name, word in found.items() if word}


class Field(NamedTuple):
    """A field of a body.

    Args:
        name: the name of the field.
        parse: parses the value.
        required: whether the field must be sent.
        other_name: another accepted spelling of the name.
        rule: the rule about its values; None is the rule of the table.
    """

    name: str
    parse: Callable[[object], object]
    required: bool = False
    other_name: str | None = None
    rule: str | None = None

    def name_in(self, body: Mapping[str, object]) -> str | None:
        """Return the spelling of the name that a body uses, or None. If it has both, ``name`` wins."""
        if self.name in body:
            return self.name
        return self.other_name if self.other_name in body else None


class FieldTable(NamedTuple):
    """The fields of a body, and the rule id for refusals."""

    rule: str
    fields: tuple[Field, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of all fields, in all spellings."""
        return frozenset(name for field in self.fields for name in (field.name, field.other_name) if name)


GROUPS: Final = Field("groups", parse_group_names, rule="USER-CREATE-2")
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

# The page's table says create_by_email, and its examples created_by_email. Both are accepted; the latter wins.
CREATOR: Final = Field(CREATOR_FIELD, parse_text, required=True, other_name=OTHER_CREATOR_FIELD)

NEW_ACCESS: Final = Field("access", parse_access, required=True, rule="GROUP-2")
# GROUP-CREATE-1, "400 if the required fields are NOT specified or if they are invalid (name and access)"
NEW_GROUP: Final = FieldTable("GROUP-CREATE-1", (Field("name", parse_text, required=True), NEW_ACCESS, CREATOR))

# GROUP-UPDATE-1, "updates only group name", "updates only group access", "updates both group name and access"
GROUP_CHANGES: Final = FieldTable(
    "GROUP-UPDATE-1", (Field("name", parse_text), Field("access", parse_access, rule="GROUP-2"))
)


# For the methods of MockSite: the same fields, without an inviter or creator.
TFA_ENABLED: Final = Field("tfa_enabled", parse_flag)
ADDED_USER: Final = FieldTable("USER-CREATE-1", (*NEW_USER.fields[:-1], TFA_ENABLED))
UPDATED_USER: Final = FieldTable(USER_CHANGES.rule, (*USER_CHANGES.fields, TFA_ENABLED))
ADDED_GROUP: Final = FieldTable("GROUP-CREATE-1", NEW_GROUP.fields[:-1])
OWNER_AND_GRANTS: Final = (Field("owner", parse_owner), Field("access", parse_grants))
ADDED_DASHBOARD: Final = FieldTable("GROUP-1", (Field("name", parse_text, required=True), *OWNER_AND_GRANTS))
DASHBOARD_CHANGES: Final = FieldTable("GROUP-1", (Field("name", parse_text), *OWNER_AND_GRANTS))


class NewUser(msgspec.Struct, frozen=True):
    """A user to create. Only MockSite.add_user omits the inviter, or sets the times and ``tfa_enabled``."""

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
    """The changes of a user. None leaves a field unchanged; an empty tuple of groups sets the default groups.

    Only MockSite.update_user sets ``tfa_enabled``.
    """

    first_name: str | None = None
    last_name: str | None = None
    groups: tuple[str, ...] | None = None
    tfa_enabled: bool | None = None


class NewGroup(msgspec.Struct, frozen=True):
    """A group to create. Only MockSite.add_group omits the creator.

    ``creator_field`` is the name of the field in which the creator was sent.
    """

    name: str
    access: Access
    created_by_email: str | None = None
    creator_field: str = CREATOR.name


class GroupChanges(msgspec.Struct, frozen=True):
    """The changes of a group. None leaves a field unchanged."""

    name: str | None = None
    access: Access | None = None


def parse_new_user(body: Mapping[str, object]) -> NewUser:
    """Parse a user to create (USER-CREATE-1).

    Raises:
        Refused: FIELDS_INVALID.
    """
    return NewUser(**parse_fields(NEW_USER, body))


def parse_user_changes(body: Mapping[str, object]) -> UserChanges:
    """Parse the changes of a user (USER-UPDATE-2).

    Raises:
        Refused: FIELDS_INVALID.
    """
    return UserChanges(**parse_fields(USER_CHANGES, body))


def parse_new_group(body: Mapping[str, object]) -> NewGroup:
    """Parse a group to create (GROUP-CREATE-1).

    Raises:
        Refused: FIELDS_INVALID.
    """
    return NewGroup(**parse_fields(NEW_GROUP, body), creator_field=CREATOR.name_in(body) or CREATOR.name)


def parse_group_changes(body: Mapping[str, object]) -> GroupChanges:
    """Parse the changes of a group (GROUP-UPDATE-1).

    Raises:
        Refused: FIELDS_INVALID.
    """
    return GroupChanges(**parse_fields(GROUP_CHANGES, body))


def json_type_name(value: object) -> str:
    """Return the JSON type of a value, with an article, for messages."""
    return next((word for types, word in JSON_TYPE_NAMES if isinstance(value, types)), "an object")


def parse_fields(table: FieldTable, body: Mapping[str, object]) -> dict[str, Any]:
    """Return the values of the fields that were sent, parsed by a table.

    Raises:
        Refused: FIELDS_INVALID. The message names each invalid or missing field.
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
            values[field.name] = field.parse(body[sent])
        except InvalidValue as problem:
            problems.append(f"{sent} {problem}")
            rules.add(field.rule or table.rule)
    if problems:
        rule = rules.pop() if len(rules) == 1 else table.rule
        raise Refused(Refusal.FIELDS_INVALID, rule=rule, problems="; ".join(problems))
    return values
