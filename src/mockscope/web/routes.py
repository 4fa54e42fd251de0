"""The ten operations, three lines each (parse, call, render), and the table of their routes.

This module has no rules. Refusals come from ``request.head``, ``request.parse`` and the site.
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


def render_record(record: object, status: int = 200) -> JSONResponse:
    """Render a record."""
    return JSONResponse(codec.encode(record), status)


def render_test_mode(status: int = 200) -> JSONResponse:
    """Render the message of test mode (TEST-2)."""
    return render_record(codec.Message(TEST_MODE_MESSAGE), status)


def render_created(request: HTTPRequest, record: User | Group | None) -> JSONResponse:
    """Render a record with 201. After a dry run, render the message of test mode with the status of the policy."""
    if record is None:
        return render_test_mode(request.site.policy.test_mode_create_status)
    return render_record(record, 201)


def render_updated(record: User | Group | None) -> JSONResponse:
    """Render a record. After a dry run, render the message of test mode."""
    return render_test_mode() if record is None else render_record(record)


def render_deleted(request: HTTPRequest, record: User | Group | None) -> JSONResponse:
    """Render "User removed from example-site" or the like. After a dry run, render the message of test mode."""
    if record is None:
        return render_test_mode()
    return render_record(codec.Message(REMOVED_MESSAGE.format(kind=type(record).__name__, host=request.site.host)))


# -- users -----------------------------------------------------------------------------------------------------


def list_users(request: HTTPRequest) -> JSONResponse:
    return JSONResponse(codec.render_page("users", request.site.list_users(request.head.start)))


def get_user(request: HTTPRequest) -> JSONResponse:
    return render_record(request.site.get_user(request.head.email(rule="USER-GET-1")))


def create_user(request: HTTPRequest) -> JSONResponse:
    draft = request.parse(parse_new_user)
    return render_created(request, request.site.create_user(draft, dry_run=request.head.is_test_mode))


def update_user(request: HTTPRequest) -> JSONResponse:
    target = request.site.require_user(request.head.email(rule="USER-UPDATE-1"), rule="USER-UPDATE-1")
    changes = request.parse(parse_user_changes)
    return render_updated(request.site.update_user(target.email, changes, dry_run=request.head.is_test_mode))


def delete_user(request: HTTPRequest) -> JSONResponse:
    email = request.head.email(rule="USER-DELETE-1")
    return render_deleted(request, request.site.delete_user(email, dry_run=request.head.is_test_mode))


# -- groups ----------------------------------------------------------------------------------------------------


def list_groups(request: HTTPRequest) -> JSONResponse:
    return JSONResponse(codec.render_page("groups", request.site.list_groups(request.head.start)))


def get_group(request: HTTPRequest) -> JSONResponse:
    return render_record(request.site.get_group(request.group_name))


def create_group(request: HTTPRequest) -> JSONResponse:
    draft = request.parse(parse_new_group)
    return render_created(request, request.site.create_group(draft, dry_run=request.head.is_test_mode))


def update_group(request: HTTPRequest) -> JSONResponse:
    target = request.site.require_group(request.group_name, rule="GROUP-UPDATE-2")
    changes = request.parse(parse_group_changes)
    return render_updated(request.site.update_group(target.name, changes, dry_run=request.head.is_test_mode))


def delete_group(request: HTTPRequest) -> JSONResponse:
    return render_deleted(request, request.site.delete_group(request.group_name, dry_run=request.head.is_test_mode))


# -- the table -------------------------------------------------------------------------------------------------

Endpoint = Callable[[HTTPRequest], JSONResponse]


class OperationRoute(NamedTuple):
    """The route of an operation.

    Args:
        operation: The name of the operation.
        method: The method.
        path: The template of the path.
        endpoint: The function that carries out the operation.
        has_email_header: Whether a request must have the email header; None if it does not matter.
    """

    operation: str
    method: str
    path: str
    endpoint: Endpoint
    has_email_header: bool | None = None

    @property
    def has_body(self) -> bool:
        """Return whether the operation reads a body."""
        return self.method in ("POST", "PUT")


ROUTES: Final = (
    OperationRoute("list_users", "GET", USERS_PATH, list_users, has_email_header=False),
    # GET Single User and GET Users differ only in "REQUIRED HTTP HEADER: HTTP-X-EMAIL".
    OperationRoute("get_user", "GET", USERS_PATH, get_user, has_email_header=True),
    OperationRoute("create_user", "POST", USERS_PATH, create_user),
    OperationRoute("update_user", "PUT", USERS_PATH, update_user),
    OperationRoute("delete_user", "DELETE", USERS_PATH, delete_user),
    OperationRoute("list_groups", "GET", GROUPS_PATH, list_groups),
    OperationRoute("get_group", "GET", GROUP_PATH, get_group),
    OperationRoute("create_group", "POST", GROUPS_PATH, create_group),
    OperationRoute("update_group", "PUT", GROUP_PATH, update_group),
    OperationRoute("delete_group", "DELETE", GROUP_PATH, delete_group),
)

# The routes of a path, by method and presence of the email header.
MethodRoutes = Mapping[tuple[str, bool], OperationRoute]


def _routes_of_path(path: str) -> MethodRoutes:
    rows: dict[tuple[str, bool], OperationRoute] = {}
    for row in ROUTES:
        # HEAD is GET without the body.
        for method in (row.method, "HEAD") if row.method == "GET" else (row.method,):
            for has_email_header in (True, False):
                if row.path == path and row.has_email_header in (None, has_email_header):
                    rows[method, has_email_header] = row
    return rows


# HTTP-3: both spellings of a collection respond without a redirect. They precede the pattern of one group.
COLLECTION_ROUTES: Final[Mapping[str, MethodRoutes]] = {
    spelling: _routes_of_path(path) for path in (USERS_PATH, GROUPS_PATH) for spelling in (path, f"{path}/")
}
# HTTP-3: with one slash after the name it is the same group.
GROUP_PATTERN: Final = re.compile(f"{GROUPS_PATH}/(?P<group_name>[^/]+)/?")
GROUP_ROUTES: Final = _routes_of_path(GROUP_PATH)


def find_routes(head: RequestHead) -> tuple[MethodRoutes | None, str]:
    """Return the routes of a path, or None if the path is unknown, and the name of the group in it."""
    if (rows := COLLECTION_ROUTES.get(head.decoded_path)) is not None:
        return rows, ""
    # The encoded path is matched, because the name of a group may contain a slash, as %2F (GROUP-5).
    if match := GROUP_PATTERN.fullmatch(head.path):
        return GROUP_ROUTES, unquote(match["group_name"])
    return None, ""


def allowed_methods(rows: MethodRoutes) -> str:
    """Return the value of the header Allow."""
    return ", ".join(sorted({method for method, _ in rows}))
