"""The ten operations, three lines each (read, call, render), and the table that names them.

No rule is here: the functions that these lines call refuse.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from mockscope import codec
from mockscope._vendor import GROUP_PATH, GROUPS_PATH, REMOVED_MESSAGE, TEST_MODE_MESSAGE, USERS_PATH
from mockscope.domain.model import Group, User
from mockscope.domain.rules import parse_group_changes, parse_new_group, parse_new_user, parse_user_changes
from mockscope.web.request import HTTPRequest
from mockscope.web.request_head import RequestHead
from mockscope.web.response import JSONResponse

# -- rendering -------------------------------------------------------------------------------------------------


def respond(record: object, status: int = 200) -> JSONResponse:
    """Render a record."""
    return JSONResponse(codec.encode(record), status)


def would_succeed(status: int = 200) -> JSONResponse:
    """Render the message of test mode (TEST-2)."""
    return respond(codec.Message(TEST_MODE_MESSAGE), status)


def created(request: HTTPRequest, record: User | Group | None) -> JSONResponse:
    """Render a record with 201; after a dry run the message of test mode, with the status that its policy says."""
    return would_succeed(request.site.policy.test_mode_create_status) if record is None else respond(record, 201)


def updated(record: User | Group | None) -> JSONResponse:
    """Render a record, or the message of test mode."""
    return would_succeed() if record is None else respond(record)


def removed(request: HTTPRequest, record: User | Group | None) -> JSONResponse:
    """Render the message of a deletion, "User removed from example-site", or that of test mode."""
    if record is None:
        return would_succeed()
    return respond(codec.Message(REMOVED_MESSAGE.format(kind=type(record).__name__, host=request.site.host)))


# -- users -----------------------------------------------------------------------------------------------------


def list_users(request: HTTPRequest) -> JSONResponse:
    return JSONResponse(codec.render_page("users", request.site.list_users(request.head.start)))


def get_user(request: HTTPRequest) -> JSONResponse:
    return respond(request.site.get_user(request.head.email(rule="USER-GET-1")))


def create_user(request: HTTPRequest) -> JSONResponse:
    draft = request.parse(parse_new_user)
    return created(request, request.site.create_user(draft, dry_run=request.head.asks_test_mode))


def update_user(request: HTTPRequest) -> JSONResponse:
    target = request.site.user(request.head.email(rule="USER-UPDATE-1"), rule="USER-UPDATE-1")
    changes = request.parse(parse_user_changes)
    return updated(request.site.update_user(target.email, changes, dry_run=request.head.asks_test_mode))


def delete_user(request: HTTPRequest) -> JSONResponse:
    email = request.head.email(rule="USER-DELETE-1")
    return removed(request, request.site.delete_user(email, dry_run=request.head.asks_test_mode))


# -- groups ----------------------------------------------------------------------------------------------------


def list_groups(request: HTTPRequest) -> JSONResponse:
    return JSONResponse(codec.render_page("groups", request.site.list_groups(request.head.start)))


def get_group(request: HTTPRequest) -> JSONResponse:
    return respond(request.site.get_group(request.group_name))


def create_group(request: HTTPRequest) -> JSONResponse:
    draft = request.parse(parse_new_group)
    return created(request, request.site.create_group(draft, dry_run=request.head.asks_test_mode))


def update_group(request: HTTPRequest) -> JSONResponse:
    target = request.site.group(request.group_name, rule="GROUP-UPDATE-2")
    changes = request.parse(parse_group_changes)
    return updated(request.site.update_group(target.name, changes, dry_run=request.head.asks_test_mode))


def delete_group(request: HTTPRequest) -> JSONResponse:
    return removed(request, request.site.delete_group(request.group_name, dry_run=request.head.asks_test_mode))


# -- the table -------------------------------------------------------------------------------------------------

Endpoint = Callable[[HTTPRequest], JSONResponse]


class Row(NamedTuple):
    """An operation, its method and path, and its endpoint.

    ``names_user`` is whether the row wants the email header (True), its absence (False), or accepts both (None).
    """

    operation: str
    method: str
    path: str
    endpoint: Endpoint
    names_user: bool | None = None

    @property
    def has_body(self) -> bool:
        """Return whether the operation reads a body."""
        return self.method in ("POST", "PUT")


ROUTES: Final = (
    Row("list_users", "GET", USERS_PATH, list_users, names_user=False),
    # "REQUIRED HTTP HEADER: HTTP-X-EMAIL" is all that tells GET Single User from GET Users.
    Row("get_user", "GET", USERS_PATH, get_user, names_user=True),
    Row("create_user", "POST", USERS_PATH, create_user),
    Row("update_user", "PUT", USERS_PATH, update_user),
    Row("delete_user", "DELETE", USERS_PATH, delete_user),
    Row("list_groups", "GET", GROUPS_PATH, list_groups),
    Row("get_group", "GET", GROUP_PATH, get_group),
    Row("create_group", "POST", GROUPS_PATH, create_group),
    Row("update_group", "PUT", GROUP_PATH, update_group),
    Row("delete_group", "DELETE", GROUP_PATH, delete_group),
)

# (method, whether the email header is there) -> row
Rows = Mapping[tuple[str, bool], Row]


def _rows_at(path: str) -> Rows:
    rows: dict[tuple[str, bool], Row] = {}
    for row in ROUTES:
        # HEAD is GET without the body.
        for method in (row.method, "HEAD") if row.method == "GET" else (row.method,):
            for names_user in (True, False):
                if row.path == path and row.names_user in (None, names_user):
                    rows[method, names_user] = row
    return rows


# HTTP-3: both spellings of a collection are answered directly. They come before the pattern of one group.
COLLECTIONS: Final[Mapping[str, Rows]] = {
    spelling: _rows_at(path) for path in (USERS_PATH, GROUPS_PATH) for spelling in (path, f"{path}/")
}
# HTTP-3: one slash behind the name is the same group.
ONE_GROUP_PATTERN: Final = re.compile(f"{GROUPS_PATH}/(?P<group_name>[^/]+)/?")
ONE_GROUP_ROWS: Final = _rows_at(GROUP_PATH)


def route(head: RequestHead) -> tuple[Rows | None, str]:
    """Return the rows of a path, or None if the path is unknown, and the group that the path names."""
    if (rows := COLLECTIONS.get(head.decoded_path)) is not None:
        return rows, ""
    # Matched as it was sent, so that %2F stays inside the one segment that is the name (GROUP-5).
    if match := ONE_GROUP_PATTERN.fullmatch(head.path):
        return ONE_GROUP_ROWS, unquote(match["group_name"])
    return None, ""


def allowed_methods(rows: Rows) -> str:
    """Return the value of Allow."""
    return ", ".join(sorted({method for method, _ in rows}))
