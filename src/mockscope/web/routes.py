"""The ten operations: three lines each (read, call, render), and the table of rows that names them.

No rule is kept here; what may be refused is refused by what these lines call.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from starlette.routing import compile_path

from mockscope import wire
from mockscope.domain.model import Group, User
from mockscope.domain.rules import (
    read_group_changes,
    read_new_group,
    read_new_user,
    read_user_changes,
)
from mockscope.web.answer import JSONAnswer
from mockscope.web.head import Head
from mockscope.web.reading import Call

# -- rendering -------------------------------------------------------------------------------------------------


# TEST-2
WOULD_SUCCEED: Final = wire.encode(wire.Message(wire.WOULD_SUCCEED))


def answered(record: object) -> JSONAnswer:
    """200 with a record."""
    return JSONAnswer(wire.encode(record))


def created(call: Call, record: User | Group | None) -> JSONAnswer:
    """201 with the record; after a dry run what TEST-2 and its policy say."""
    if record is None:
        return JSONAnswer(WOULD_SUCCEED, call.site.policy.test_mode_create_status)
    return JSONAnswer(wire.encode(record), 201)


def updated(record: User | Group | None) -> JSONAnswer:
    """200 with the record, or with the message of test mode."""
    return JSONAnswer(WOULD_SUCCEED) if record is None else answered(record)


def removed(call: Call, record: User | Group | None) -> JSONAnswer:
    """200 with the message: "User removed from example-site"."""
    if record is None:
        return JSONAnswer(WOULD_SUCCEED)
    return answered(wire.Message(f"{type(record).__name__} removed from {call.site.host}"))


# -- users -----------------------------------------------------------------------------------------------------


async def list_users(call: Call) -> JSONAnswer:
    return JSONAnswer(wire.user_page(call.site.list_users(call.head.start)))


async def get_user(call: Call) -> JSONAnswer:
    return answered(call.site.get_user(call.head.email(rule="USER-GET-1")))


async def create_user(call: Call) -> JSONAnswer:
    draft = await call.read(read_new_user, quick=wire.decode_new_user)
    user = call.site.create_user(draft, dry_run=call.head.asks_test_mode)
    return created(call, user)


async def update_user(call: Call) -> JSONAnswer:
    target = call.site.user(call.head.email(rule="USER-UPDATE-1"), rule="USER-UPDATE-1")
    changes = await call.read(read_user_changes)
    return updated(call.site.update_user(target.email, changes, dry_run=call.head.asks_test_mode))


async def delete_user(call: Call) -> JSONAnswer:
    user = call.site.delete_user(call.head.email(rule="USER-DELETE-1"), dry_run=call.head.asks_test_mode)
    return removed(call, user)


# -- groups ----------------------------------------------------------------------------------------------------


async def list_groups(call: Call) -> JSONAnswer:
    return JSONAnswer(wire.group_page(call.site.list_groups(call.head.start)))


async def get_group(call: Call) -> JSONAnswer:
    return answered(call.site.get_group(call.group_name))


async def create_group(call: Call) -> JSONAnswer:
    draft = await call.read(read_new_group)
    group = call.site.create_group(draft, dry_run=call.head.asks_test_mode)
    return created(call, group)


async def update_group(call: Call) -> JSONAnswer:
    target = call.site.group(call.group_name, rule="GROUP-UPDATE-2")
    changes = await call.read(read_group_changes)
    return updated(call.site.update_group(target.name, changes, dry_run=call.head.asks_test_mode))


async def delete_group(call: Call) -> JSONAnswer:
    group = call.site.delete_group(call.group_name, dry_run=call.head.asks_test_mode)
    return removed(call, group)


# -- the table -------------------------------------------------------------------------------------------------

Endpoint = Callable[[Call], Awaitable[JSONAnswer]]


class Row(NamedTuple):
    """An operation, the method and the path it answers, and what answers.

    ``names_user`` says whether the row wants the email header (True), its absence (False), or does not care (None).
    """

    operation: str
    method: str
    path: str
    endpoint: Endpoint
    names_user: bool | None = None


USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
ONE_GROUP: Final = "/api/v1/groups/{group_name}"

ROUTES: Final = (
    Row("list_users", "GET", USERS, list_users, names_user=False),
    # "REQUIRED HTTP HEADER: HTTP-X-EMAIL" is all that tells GET Single User from GET Users.
    Row("get_user", "GET", USERS, get_user, names_user=True),
    Row("create_user", "POST", USERS, create_user),
    Row("update_user", "PUT", USERS, update_user),
    Row("delete_user", "DELETE", USERS, delete_user),
    Row("list_groups", "GET", GROUPS, list_groups),
    Row("get_group", "GET", ONE_GROUP, get_group),
    Row("create_group", "POST", GROUPS, create_group),
    Row("update_group", "PUT", ONE_GROUP, update_group),
    Row("delete_group", "DELETE", ONE_GROUP, delete_group),
)

# (method, whether the email header is there) -> row
Rows = Mapping[tuple[str, bool], Row]


def _rows_at(path: str) -> Rows:
    rows: dict[tuple[str, bool], Row] = {}
    for row in ROUTES:
        if row.path == path:
            # HEAD is GET without the body.
            for method in {row.method} | ({"HEAD"} if row.method == "GET" else set()):
                for names_user in (True, False) if row.names_user is None else (row.names_user,):
                    rows[method, names_user] = row
    return rows


# HTTP-3: both spellings of a collection are answered directly. They stand before the pattern of one group, and
# need no search.
COLLECTIONS: Final[Mapping[str, Rows]] = {
    spelling: _rows_at(path) for path in (USERS, GROUPS) for spelling in (path, f"{path}/")
}
# Matched on the path as it was sent, so that %2F stays inside the one segment that is the name (GROUP-5).
ONE_GROUP_PATTERN: Final = compile_path(ONE_GROUP)[0]
ONE_GROUP_ROWS: Final = _rows_at(ONE_GROUP)


class Place(NamedTuple):
    """What a head leads to: the rows of its path, the row of its method among them, and the group that the path names.

    None is that there is no such path, or no such method there.
    """

    rows: Rows | None
    row: Row | None = None
    group_name: str = ""


def place_of(head: Head) -> Place:
    """What a head leads to."""
    if head.place is None:
        head.place = _look_up(head)
    return head.place


def _look_up(head: Head) -> Place:
    wanted = head.method, head.names_user
    if (rows := COLLECTIONS.get(head.decoded_path)) is not None:
        return Place(rows, rows.get(wanted))
    if match := ONE_GROUP_PATTERN.match(head.path):
        return Place(ONE_GROUP_ROWS, ONE_GROUP_ROWS.get(wanted), unquote(match["group_name"]))
    return Place(None)


def allowed_methods(rows: Rows) -> str:
    """The value of Allow."""
    return ", ".join(sorted({method for method, _ in rows}))
