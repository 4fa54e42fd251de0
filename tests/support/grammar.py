"""A grammar of requests: strategies of valid requests, and of requests with one mistake.

Each request is drawn for the current state of a site, and has the response that it must get.
"""

import json
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from mockscope import MockSite, Policy, Refusal
from mockscope._vendor import ADMINISTRATORS, BUILTIN_GROUPS
from mockscope.domain import rules
from mockscope.strategies import ACCESS_WORDS, KEYS, emails, group_names, names

AUTH_HEADER: Final = "Http-X-Partner-Auth"
EMAIL_HEADER: Final = "Http-X-Email"
# HTTP-8
MAX_BODY_BYTES: Final = 1024 * 1024
# Clients resolve these in a path before they send it.
DOTS: Final = (".", "..")


class Request(NamedTuple):
    """A request, and the response that it must get.

    Args:
        operation: The operation that is meant.
        method: The method.
        path: The path, percent-encoded.
        headers: All headers.
        query: The parameters of the query, not encoded.
        content: The body; None for none.
        status: The status of the response.
        mistake: What is wrong, in words; None for nothing.
        refusal: What it is refused with.
        rule: The id of the rule under which it is refused.
    """

    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    content: bytes | None
    status: int
    mistake: str | None = None
    refusal: Refusal | None = None
    rule: str | None = None

    def __repr__(self) -> str:
        # Without the key, and with the beginning of a long body.
        body = (self.content or b"")[:100]
        return f"<{self.operation}: {self.method} {self.target[:100]} {body!r} -> {self.status}, {self.mistake}>"

    @property
    def fields(self) -> dict[str, Any]:
        """Return the fields of a body that is a JSON object."""
        return dict(json.loads(self.content or b"{}"))

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def url(self, base: str) -> str:
        """Return the whole URL on the server at ``base``."""
        return base + self.target


# -- the state of a site ---------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """The state of a site from which requests are drawn. Users are emails, groups are names."""

    site: MockSite
    policy: Policy
    users: list[str]
    administrators: list[str]
    others: list[str]
    # Who may create groups (GROUP-CREATE-2).
    creators: list[str]
    groups: list[str]
    # Those that a path can name; of these, those that can't be renamed or deleted (GROUP-BUILTIN-1), and the rest.
    reachable: list[str]
    protected: list[str]
    removable: list[str]

    def new_email(self, email: str) -> str:
        """Return an email that no user has: the given one, if it is free."""
        return _free(email, self.site.users)

    def new_group(self, name: str) -> str:
        """Return a name that no group has: the given one, if it is free."""
        return _free(name, self.groups)


def _look(site: MockSite) -> Seen:
    people, policy, names = list(site.users.values()), site.policy, list(site.groups)
    users = [user.email for user in people]
    administrators = [user.email for user in people if ADMINISTRATORS in user.groups]
    reachable = [name for name in names if name not in DOTS]
    built_in = BUILTIN_GROUPS if policy.protect_builtin_groups else ()
    return Seen(
        site=site,
        policy=policy,
        users=users,
        administrators=administrators,
        others=[user.email for user in people if ADMINISTRATORS not in user.groups],
        creators=administrators if policy.creator_must_be_admin else users,
        groups=names,
        reachable=reachable,
        protected=[name for name in reachable if name in built_in],
        removable=[name for name in reachable if name not in built_in],
    )


def _free(name: str, taken: Container[object]) -> str:
    while name in taken:
        name = f"x{name}"
    return name


# -- the parts of a right request ------------------------------------------------------------------------------

# The parts that are drawn already, by name. Later parts may lean on earlier ones.
Parts = Mapping[str, Any]
Choice = Callable[[Seen, Parts], SearchStrategy[Any]]
ABSENT: Final = object()


class Part(NamedTuple):
    """A row: a part of a request, its choice of values, and the kind of record that the site must have for it."""

    name: str
    choice: Choice
    needs: str | None = None


def one_of(*values: Any) -> Choice:
    """Return a choice among values that do not depend on the site."""
    return lambda seen, parts: st.sampled_from(values)


def drawn(strategy: SearchStrategy[Any]) -> Choice:
    """Return a choice that does not depend on the site."""
    return lambda seen, parts: strategy


def among(records: str) -> Choice:
    """Return a choice among records of the site."""
    return lambda seen, parts: st.sampled_from(getattr(seen, records))


def spelled(users: str) -> Choice:
    """Return a choice among users of the site, in the spelling of the site or in another (USER-2)."""
    return lambda seen, parts: _spelled(getattr(seen, users))


def credentials(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    return st.just(seen.site.headers)


def known_user(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    return _spelled(seen.users).map(lambda email: {EMAIL_HEADER: email})


def new_email(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    return emails().map(seen.new_email)


def new_group(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    return group_names().map(seen.new_group)


def same_or_new_group(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    same = st.just(parts["group"])
    return same if parts["group"] in seen.protected else same | new_group(seen, parts)


def memberships(seen: Seen, parts: Parts) -> SearchStrategy[Any]:
    known = _lists(seen.groups)
    if seen.policy.unknown_groups != "reject":
        known = known | st.lists(group_names(), max_size=3, unique=True)
    return st.sampled_from((ABSENT, None)) | known


def cursor(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    return _cursors(st.sampled_from(seen.users) | emails() if seen.users else emails())


def group_cursor(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    # An unknown name with a blank would be read as one with a plus sign, sent unencoded.
    made_up = group_names().filter(lambda name: " " not in name)
    return _cursors(st.sampled_from(seen.groups) | made_up if seen.groups else made_up)


def one_group_path(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    return st.sampled_from([f"{GROUPS}/{quote(parts['group'], safe='')}{end}" for end in ("", "/")])


def encoded(seen: Seen, parts: Parts) -> SearchStrategy[bytes]:
    return st.just(_encode(parts))


def optional(choice: Choice) -> Choice:
    """Return the same choice, or one without the field."""
    return lambda seen, parts: st.just(ABSENT) | choice(seen, parts)


def _spelled(emails: Iterable[str]) -> SearchStrategy[str]:
    return st.sampled_from([spelling for email in emails for spelling in (email, email.swapcase())])


def _cursors(starts: SearchStrategy[str]) -> SearchStrategy[dict[str, str]]:
    return st.just({}) | (st.just("") | starts).map(lambda start: {"next_page_start": start})


def _lists(values: list[str]) -> SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=3, unique=True) if values else st.just([])


def _encode(parts: Parts) -> bytes:
    fields = {name: value for name, value in parts.items() if name in FIELDS and value is not ABSENT}
    return json.dumps(fields, ensure_ascii=False).encode()


USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
BODIES: Final[Mapping[str, rules.FieldTable]] = {
    "create_user": rules.NEW_USER,
    "update_user": rules.USER_CHANGES,
    "create_group": rules.NEW_GROUP,
    "update_group": rules.GROUP_CHANGES,
}
FIELDS: Final = {row.name: row for table in BODIES.values() for row in table.fields}

AUTH: Final = Part("auth", credentials)
USER: Final = Part("user", known_user, needs="users")
GROUP: Final = Part("group", among("reachable"), needs="reachable")
# HTTP-3: both spellings of a collection are served.
USERS_PATH: Final = Part("path", one_of(USERS, f"{USERS}/"))
GROUPS_PATH: Final = Part("path", one_of(GROUPS, f"{GROUPS}/"))
GROUP_PATH: Final = Part("path", one_group_path)
TEST_MODE: Final = Part("query", one_of(*[{}] * 4, *({"test_mode": word} for word in ("true", "TRUE", "false"))))
CONTENT: Final = (
    Part("type", one_of(*({"Content-Type": f"application/json{more}"} for more in ("", "; charset=utf-8")))),
    Part("content", encoded),
)


class Operation(NamedTuple):
    """A row: an operation, its method, the status of its success, and its parts in the order of drawing."""

    name: str
    method: str
    status: int
    parts: tuple[Part, ...]


OPERATIONS: Final[Mapping[str, Operation]] = {
    row.name: row
    for row in (
        Operation("list_users", "GET", 200, (AUTH, USERS_PATH, Part("query", cursor))),
        Operation("get_user", "GET", 200, (AUTH, USER, USERS_PATH)),
        Operation(
            "create_user",
            "POST",
            201,
            (
                *(AUTH, USERS_PATH, TEST_MODE),
                Part("first_name", drawn(names())),
                Part("last_name", drawn(names())),
                Part("email", new_email),
                Part("groups", memberships),
                Part("invited_by_email", spelled("administrators"), needs="administrators"),
                *CONTENT,
            ),
        ),
        Operation(
            "update_user",
            "PUT",
            200,
            (
                *(AUTH, USER, USERS_PATH, TEST_MODE),
                Part("first_name", optional(drawn(names()))),
                Part("last_name", optional(drawn(names()))),
                Part("groups", memberships),
                *CONTENT,
            ),
        ),
        Operation("delete_user", "DELETE", 200, (AUTH, USER, USERS_PATH, TEST_MODE)),
        Operation("list_groups", "GET", 200, (AUTH, GROUPS_PATH, Part("query", group_cursor))),
        Operation("get_group", "GET", 200, (AUTH, GROUP, GROUP_PATH)),
        Operation(
            "create_group",
            "POST",
            201,
            (
                *(AUTH, GROUPS_PATH, TEST_MODE),
                Part("name", new_group),
                Part("access", drawn(ACCESS_WORDS)),
                Part("created_by_email", spelled("creators"), needs="creators"),
                *CONTENT,
            ),
        ),
        Operation(
            "update_group",
            "PUT",
            200,
            (
                *(AUTH, GROUP, GROUP_PATH, TEST_MODE),
                Part("name", optional(same_or_new_group)),
                Part("access", optional(drawn(ACCESS_WORDS))),
                *CONTENT,
            ),
        ),
        Operation(
            "delete_group",
            "DELETE",
            200,
            (AUTH, Part("group", among("removable"), needs="removable"), GROUP_PATH, TEST_MODE),
        ),
    )
}

# -- mistakes --------------------------------------------------------------------------------------------------

ALL: Final = tuple(OPERATIONS)
OF_USERS: Final = tuple(name for name in ALL if name.endswith(("user", "users")))
OF_GROUPS: Final = ("list_groups", "create_group")
OF_ONE_GROUP: Final = ("get_group", "update_group", "delete_group")
OF_ONE_USER: Final = ("get_user", "update_user", "delete_user")
WITH_BODY: Final = tuple(BODIES)


class Mistake(NamedTuple):
    """A row: one mistake, its refusal, the operations in which it can be made, and the wrong parts.

    ``wrong`` names the parts that are chosen differently: the wrong one, and at most one that leads to it.
    ``needs`` says which sites it can be made on, besides what the parts that are right need. ``rule`` is the rule of
    the refusal, where the operation does not decide it.
    """

    name: str
    refusal: Refusal
    operations: tuple[str, ...]
    wrong: Mapping[str, Choice]
    needs: Callable[[Seen], object] = lambda seen: True
    rule: str | None = None


def renamed_auth(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    headers = ("X-Partner-Auth", "Partner-Auth", "X-Http-Partner-Auth", "X-Api-Key", "Authorization")
    return st.sampled_from([{header: f"{seen.site.host}:{seen.site.api_key}"} for header in headers])


def auth_without_colon(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    host, key = seen.site.host.replace(":", "/"), seen.site.api_key
    return st.sampled_from([{AUTH_HEADER: value} for value in (key, f"{host}/{key}", f"Bearer {key}")])


def swapped_auth(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    return st.just({AUTH_HEADER: f"{seen.site.api_key}:{seen.site.host}"})


def unknown_site(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    host, key = seen.site.host, seen.site.api_key
    hosts = (f"<{host}>", f"https://{host}", f"{host}.invalid", "")
    return st.sampled_from([{AUTH_HEADER: f"{other}:{key}"} for other in hosts])


def wrong_key(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    host, key = seen.site.host, seen.site.api_key
    near = st.sampled_from(("", f"{key}x", f"{key}>", key[1:], key.swapcase()))
    keys = (near | KEYS).filter(lambda other: other != key)
    return keys.map(lambda other: {AUTH_HEADER: f"{host}:{other}"})


def path_that_goes_on(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    return st.sampled_from([f"{GROUPS}/{quote(parts['group'], safe='')}/{more}" for more in ("/", "dashboards")])


def renamed_email(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    emails = st.sampled_from(seen.users) if seen.users else st.just("joey@example.com")
    return st.builds(lambda name, email: {name: email}, st.sampled_from(("X-Email", "X-User-Email", "From")), emails)


def unknown_user(seen: Seen, parts: Parts) -> SearchStrategy[dict[str, str]]:
    return unknown_email(seen, parts).map(lambda email: {EMAIL_HEADER: email})


def unknown_email(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    near = st.sampled_from(seen.users).map(lambda email: email.partition("@")[0]) if seen.users else st.nothing()
    return (emails() | near).map(seen.new_email)


def unknown_group(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    near = [other for name in seen.reachable if (other := name.swapcase()) not in seen.groups]
    return new_group(seen, parts) | (st.sampled_from(near) if near else st.nothing())


def taken_group(seen: Seen, parts: Parts) -> SearchStrategy[str]:
    return st.sampled_from([name for name in seen.groups if name != parts.get("group")])


def unknown_membership(seen: Seen, parts: Parts) -> SearchStrategy[list[str]]:
    # Where unknown groups are created, one without a name still can't be.
    unknown = st.sampled_from(BLANKS)
    if seen.policy.unknown_groups == "reject":
        unknown = unknown_group(seen, parts) | unknown
    return st.builds(lambda known, name: [*known, name], _lists(seen.groups), unknown)


def too_large(seen: Seen, parts: Parts) -> SearchStrategy[bytes]:
    return st.just(_encode(parts).ljust(MAX_BODY_BYTES + 1))


BLANKS: Final = ("", " ", "\t\r\n", "\u2003", "\ufeff", "\x1f\x85")
NO_TEXTS: Final[tuple[Any, ...]] = (0, 1.5, True, [], ["Monica"], {})
# What stands in a field instead, by what reads the field.
WRONG_VALUES: Final[Mapping[Callable[[object], object], Mapping[str, tuple[Any, ...]]]] = {
    rules.parse_text: {"is blank": BLANKS, "is null": (None,), "is not a string": NO_TEXTS},
    rules.parse_email: {
        "is blank": BLANKS,
        "is null": (None,),
        "is not a string": NO_TEXTS,
        "is not an email address": (
            *("monica", "@example.com", "monica@", "monica@-example.com", "monica@example..com"),
            *("monica@x@example.com", "monica geller@example.com", "monica@example.com\n", "<monica@example.com>"),
            *("m\u00f6nica@example.com", f"monica@{'x' * 64}.example"),
        ),
    },
    rules.parse_group_names: {
        "is not a list": ("All Users", "", 0, True, {"All Users": True}),
        "is not a list of strings": ([1], [None], [["All Users"]], ["All Users", None]),
    },
    rules.parse_access: {
        "is blank": ("", " "),
        "is null": (None,),
        "is not a string": NO_TEXTS,
        "is misspelt": ("Edit", "viewer", "discover", "sq1", "SQL ", "\u017fql", "Sql,View"),
    },
}
VALUE_RULES: Final = {"groups": "USER-CREATE-2", "access": "GROUP-2"}
NO_JSON: Final[Mapping[str, bytes]] = {
    "breaks off": b'{"name": "Sales"',
    "has a comma too many": b'{"name": "Sales",}',
    "has curly quotes": "{\u201cname\u201d: \u201cSales\u201d}".encode(),
    "has single quotes": b"{'name': 'Sales'}",
    "is form-encoded": b"name=Sales&access=View",
    "is two objects": b'{"name": "Sales"} {"access": "View"}',
    "holds a word that is not a number": b'{"name": NaN}',
    "holds half of a surrogate pair": b'{"name": "\\ud800"}',
    "is not in UTF-8": b'{"name": "Caf\xe9"}',
    "starts with a byte order mark": b'\xef\xbb\xbf{"name": "Sales"}',
}
NO_OBJECTS: Final = (b"null", b"true", b"1", b'"Sales"', b"[]", b'[{"name": "Sales"}]')
NO_PATHS: Final = (
    *("/api/v1/user", "/api/v1/Users", "/api/v1/users/monica@example.com", "/api/v1/users//", "/api/v1/group/Sales"),
    *("/api/v1", "/api/users", "/api/v2/users", "/api/v1/roles", "/api/v1/dashboards"),
)


def _field_mistakes() -> Iterator[Mistake]:
    for name, known in FIELDS.items():
        takers = {operation: row for operation, table in BODIES.items() for row in table.fields if row.name == name}
        demanding = tuple(operation for operation, row in takers.items() if row.required)
        if demanding:
            yield Mistake(f"{name} is missing", Refusal.FIELDS_INVALID, demanding, {name: one_of(ABSENT)})
        for what, values in WRONG_VALUES[known.parse].items():
            wrong = {name: one_of(*values)}
            rule = VALUE_RULES.get(name)
            yield Mistake(f"{name} {what}", Refusal.FIELDS_INVALID, tuple(takers), wrong, rule=rule)


MISTAKES: Final[tuple[Mistake, ...]] = (
    Mistake("the auth header is missing", Refusal.AUTH_MISSING, ALL, {"auth": one_of({})}),
    Mistake("the auth header is blank", Refusal.AUTH_MISSING, ALL, {"auth": one_of({AUTH_HEADER: ""})}),
    Mistake("the auth header is called otherwise", Refusal.AUTH_MISSING, ALL, {"auth": renamed_auth}),
    Mistake("the auth header has no colon", Refusal.AUTH_MALFORMED, ALL, {"auth": auth_without_colon}),
    Mistake("the auth header names the key first", Refusal.AUTH_SWAPPED, ALL, {"auth": swapped_auth}),
    Mistake("the auth header names no site", Refusal.SITE_UNKNOWN, ALL, {"auth": unknown_site}),
    Mistake("the auth header holds another key", Refusal.KEY_WRONG, ALL, {"auth": wrong_key}),
    Mistake("the API is not enabled", Refusal.API_DISABLED, ALL, {}, lambda seen: not seen.site.enabled),
    Mistake("there is no such path", Refusal.PATH_UNKNOWN, ALL, {"path": one_of(*NO_PATHS)}),
    Mistake("the path goes on after the group", Refusal.PATH_UNKNOWN, OF_ONE_GROUP, {"path": path_that_goes_on}),
    Mistake("users are not asked so", Refusal.METHOD_NOT_ALLOWED, OF_USERS, {"method": one_of("PATCH")}),
    Mistake(
        "groups are not asked so", Refusal.METHOD_NOT_ALLOWED, OF_GROUPS, {"method": one_of("PATCH", "PUT", "DELETE")}
    ),
    Mistake("a group is not asked so", Refusal.METHOD_NOT_ALLOWED, OF_ONE_GROUP, {"method": one_of("PATCH", "POST")}),
    Mistake("the email header is missing", Refusal.EMAIL_MISSING, OF_ONE_USER[1:], {"user": one_of({})}),
    Mistake("the email header is called otherwise", Refusal.EMAIL_MISSING, OF_ONE_USER[1:], {"user": renamed_email}),
    Mistake("the email header is blank", Refusal.EMAIL_BLANK, OF_ONE_USER, {"user": one_of({EMAIL_HEADER: ""})}),
    Mistake("the email header names no user", Refusal.USER_UNKNOWN, OF_ONE_USER, {"user": unknown_user}),
    Mistake("the path names no group", Refusal.GROUP_UNKNOWN, OF_ONE_GROUP, {"group": unknown_group}),
    Mistake("the body is missing", Refusal.BODY_MISSING, WITH_BODY, {"content": one_of(None, b"")}),
    Mistake("the body is too large", Refusal.BODY_TOO_LARGE, WITH_BODY, {"content": too_large}),
    Mistake(
        "the body does not say that it is JSON",
        Refusal.CONTENT_TYPE_WRONG,
        WITH_BODY,
        {"type": one_of({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"})},
        lambda seen: seen.policy.require_json_content_type,
    ),
    *(
        Mistake(f"the body {what}", Refusal.BODY_NOT_JSON, WITH_BODY, {"content": one_of(content)})
        for what, content in NO_JSON.items()
    ),
    Mistake("the body is not an object", Refusal.BODY_NOT_AN_OBJECT, WITH_BODY, {"content": one_of(*NO_OBJECTS)}),
    *_field_mistakes(),
    Mistake(
        "groups names no group",
        Refusal.GROUPS_UNKNOWN,
        ("create_user", "update_user"),
        {"groups": unknown_membership},
        lambda seen: seen.policy.unknown_groups != "ignore",
    ),
    Mistake(
        "invited_by_email names no user",
        Refusal.INVITER_UNKNOWN,
        ("create_user",),
        {"invited_by_email": unknown_email},
    ),
    Mistake(
        "invited_by_email names no administrator",
        Refusal.INVITER_NOT_ADMINISTRATOR,
        ("create_user",),
        {"invited_by_email": spelled("others")},
        lambda seen: seen.others,
    ),
    Mistake(
        "email is taken", Refusal.EMAIL_TAKEN, ("create_user",), {"email": spelled("users")}, lambda seen: seen.users
    ),
    Mistake(
        "created_by_email names no user",
        Refusal.CREATOR_UNKNOWN,
        ("create_group",),
        {"created_by_email": unknown_email},
    ),
    Mistake(
        "created_by_email names no administrator",
        Refusal.CREATOR_NOT_ADMINISTRATOR,
        ("create_group",),
        {"created_by_email": spelled("others")},
        lambda seen: seen.policy.creator_must_be_admin and seen.others,
    ),
    Mistake("name is taken", Refusal.GROUP_TAKEN, ("create_group",), {"name": taken_group}, lambda seen: seen.groups),
    Mistake(
        "name is that of another group",
        Refusal.GROUP_TAKEN,
        ("update_group",),
        {"group": among("removable"), "name": taken_group},
        lambda seen: seen.removable and len(seen.groups) > 1,
    ),
    Mistake(
        "a built-in group is renamed",
        Refusal.BUILTIN_RENAMED,
        ("update_group",),
        {"group": among("protected"), "name": new_group},
        lambda seen: seen.protected,
    ),
    Mistake(
        "a built-in group is deleted",
        Refusal.BUILTIN_DELETED,
        ("delete_group",),
        {"group": among("protected")},
        lambda seen: seen.protected,
    ),
)

# Where a refusal is given under another rule than its own.
RULES: Final[Mapping[tuple[Refusal, str], str]] = {
    (Refusal.EMAIL_MISSING, "delete_user"): "USER-DELETE-1",
    (Refusal.EMAIL_BLANK, "update_user"): "USER-UPDATE-1",
    (Refusal.EMAIL_BLANK, "delete_user"): "USER-DELETE-1",
    (Refusal.USER_UNKNOWN, "update_user"): "USER-UPDATE-1",
    (Refusal.USER_UNKNOWN, "delete_user"): "USER-DELETE-1",
    (Refusal.GROUP_UNKNOWN, "update_group"): "GROUP-UPDATE-2",
    (Refusal.GROUP_UNKNOWN, "delete_group"): "GROUP-DELETE-1",
    (Refusal.GROUP_TAKEN, "update_group"): "GROUP-UPDATE-2",
    **{(Refusal.FIELDS_INVALID, operation): table.rule for operation, table in BODIES.items()},
}


def mistakes_of(*refusals: Refusal) -> list[Mistake]:
    """Return the mistakes that are refused with one of the refusals."""
    return [mistake for mistake in MISTAKES if mistake.refusal in refusals]


# -- requests --------------------------------------------------------------------------------------------------

# What may be drawn: by refusal, and by None for none, the operations and what is wrong with them.
Rows = dict[Refusal | None, list[tuple[str, Mistake | None]]]


def valid_requests(site: MockSite, operations: Collection[str] = ALL) -> SearchStrategy[Request]:
    """Return a strategy of successful requests. Some of the writes are in test mode."""
    return _requests(site, lambda seen: _right(seen, operations))


def mistaken_requests(
    site: MockSite, operations: Collection[str] = ALL, mistakes: Collection[Mistake] = MISTAKES
) -> SearchStrategy[Request]:
    """Return a strategy of requests with exactly one of the mistakes."""
    return _requests(site, lambda seen: _wrong(seen, operations, mistakes))


def requests(site: MockSite) -> SearchStrategy[Request]:
    """Return a strategy of requests of both kinds."""
    return _requests(site, lambda seen: _right(seen, ALL), lambda seen: _wrong(seen, ALL, MISTAKES))


@st.composite
def _requests(draw: DrawFn, site: MockSite, *kinds: Callable[[Seen], Rows]) -> Request:
    seen = _look(site)
    possible = [rows for kind in kinds if (rows := kind(seen))]
    if not possible:
        raise ValueError(f"no such request can be drawn for {site}")
    rows = draw(st.sampled_from(possible))
    # The refusal first: there are more ways to get a field wrong than all else together.
    refusal = draw(st.sampled_from(list(rows)))
    operation, mistake = draw(st.sampled_from(rows[refusal]))
    return _request(draw, seen, OPERATIONS[operation], mistake)


def _right(seen: Seen, operations: Collection[str]) -> Rows:
    rows: Rows = {}
    for name in operations:
        if seen.site.enabled and _is_possible(name, seen):
            rows.setdefault(None, []).append((name, None))
    return rows


def _wrong(seen: Seen, operations: Collection[str], mistakes: Collection[Mistake]) -> Rows:
    rows: Rows = {}
    for mistake in mistakes:
        if _can_be_made(mistake, seen):
            for name in mistake.operations:
                if name in operations and _is_possible(name, seen, mistake.wrong):
                    rows.setdefault(mistake.refusal, []).append((name, mistake))
    return rows


def _is_possible(operation: str, seen: Seen, wrong: Mapping[str, Choice] = MappingProxyType({})) -> bool:
    """Return whether the site has the records that the valid parts of a request need."""
    parts = OPERATIONS[operation].parts
    return all(getattr(seen, part.needs) for part in parts if part.needs and part.name not in wrong)


def _can_be_made(mistake: Mistake, seen: Seen) -> bool:
    # HTTP-6: where the API is not enabled, only the credentials are checked before that.
    is_checked = seen.site.enabled or "auth" in mistake.wrong or mistake.refusal is Refusal.API_DISABLED
    return is_checked and bool(mistake.needs(seen))


def _request(draw: DrawFn, seen: Seen, operation: Operation, mistake: Mistake | None = None) -> Request:
    wrong = mistake.wrong if mistake else {}
    parts: dict[str, Any] = {"query": {}, "user": {}, "type": {}, "content": None}
    for part in (Part("method", one_of(operation.method)), *operation.parts):
        parts[part.name] = draw(wrong.get(part.name, part.choice)(seen, parts))
    asked = Request(
        operation.name,
        parts["method"],
        parts["path"],
        parts["auth"] | parts["user"] | parts["type"],
        parts["query"],
        parts["content"],
        _status(operation, parts["query"], seen.policy),
    )
    if mistake is None:
        return asked
    refusal = mistake.refusal
    rule = mistake.rule or RULES.get((refusal, operation.name), refusal.rule)
    return asked._replace(status=refusal.status, mistake=mistake.name, refusal=refusal, rule=rule)


def _status(operation: Operation, query: Mapping[str, str], policy: Policy) -> int:
    # TEST-2: only the two creates have a status of their own.
    is_dry_run = query.get("test_mode", "").lower() == "true"
    return policy.test_mode_create_status if operation.status == 201 and is_dry_run else operation.status
