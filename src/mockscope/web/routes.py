"""The ten operations: three lines each (read, call, render), and the table of rows that names them.

No rule is kept here; what may be refused is refused by what these lines call.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote

from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from mockscope import wire
from mockscope.domain.model import Group, User
from mockscope.domain.rules import (
    read_group_changes,
    read_new_group,
    read_new_user,
    read_user_changes,
)
from mockscope.instruments.entry import Entry
from mockscope.web.reading import Call

CONTENT_TYPE: Final = (b"content-type", b"application/json; charset=utf-8")


class SendsWhole(Protocol):
    """An ASGI channel for answers that can take one whole. A wrapper's own channel can't, and sees every message."""

    def whole(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send an answer in one piece. False is that it is to be sent as ever."""


class JSONAnswer(Response):
    """An answer in JSON (HTTP-1)."""

    # What Response would come to, without its look at what else a content and its headers might be.
    body: bytes

    def __init__(self, content: bytes, status_code: int = 200) -> None:
        self.status_code = status_code
        self.body = content
        self.background = None
        self.raw_headers = [(b"content-length", b"%d" % len(content)), CONTENT_TYPE]

    def note(self, entry: Entry) -> None:
        """Write down what the client is told."""
        entry.keep_answer(self.status_code, self.raw_headers, self.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        channel: SendsWhole | None = send if hasattr(send, "whole") else None
        if channel is not None and channel.whole(self.status_code, self.raw_headers, self.body):
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


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
    return JSONAnswer(wire.user_page(call.site.list_users(call.start)))


async def get_user(call: Call) -> JSONAnswer:
    return answered(call.site.get_user(call.email(rule="USER-GET-1")))


async def create_user(call: Call) -> JSONAnswer:
    draft = await call.read(read_new_user, quick=wire.decode_new_user)
    user = call.site.create_user(draft, dry_run=call.test_mode)
    return created(call, user)


async def update_user(call: Call) -> JSONAnswer:
    target = call.site.user(call.email(rule="USER-UPDATE-1"), rule="USER-UPDATE-1")
    changes = await call.read(read_user_changes)
    return updated(call.site.update_user(target.email, changes, dry_run=call.test_mode))


async def delete_user(call: Call) -> JSONAnswer:
    user = call.site.delete_user(call.email(rule="USER-DELETE-1"), dry_run=call.test_mode)
    return removed(call, user)


# -- groups ----------------------------------------------------------------------------------------------------


async def list_groups(call: Call) -> JSONAnswer:
    return JSONAnswer(wire.group_page(call.site.list_groups(call.start)))


async def get_group(call: Call) -> JSONAnswer:
    return answered(call.site.get_group(call.group_name))


async def create_group(call: Call) -> JSONAnswer:
    draft = await call.read(read_new_group)
    group = call.site.create_group(draft, dry_run=call.test_mode)
    return created(call, group)


async def update_group(call: Call) -> JSONAnswer:
    target = call.site.group(call.group_name, rule="GROUP-UPDATE-2")
    changes = await call.read(read_group_changes)
    return updated(call.site.update_group(target.name, changes, dry_run=call.test_mode))


async def delete_group(call: Call) -> JSONAnswer:
    group = call.site.delete_group(call.group_name, dry_run=call.test_mode)
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


def rows_at(call: Call) -> Rows | None:
    """The rows of the path that a request asks for; the group's name in it is left with the call."""
    rows = COLLECTIONS.get(call.scope["path"])
    if rows is None and (match := ONE_GROUP_PATTERN.match(call.path)):
        call.group_name = unquote(match["group_name"])
        return ONE_GROUP_ROWS
    return rows


def allowed_methods(rows: Rows) -> str:
    """The value of Allow."""
    return ", ".join(sorted({method for method, _ in rows}))
