"""The facts of the vendor's service, from its page and from public clients. Each stands here once."""

import re
from collections.abc import Mapping
from typing import Final, Literal, get_args

# The hosts of base URLs, on the page and in public clients. Nothing is sent to them unless a user names one.
VENDOR_HOSTS: Final = ("app.periscopedata.com", "api.periscopedata.com")

# "Authentication: Http-X-Partner-Auth: <Site-Host:API-KEY>"
AUTH_HEADER: Final = "Http-X-Partner-Auth"
# All clients can send visible ASCII in a header. A key has no colon, because the last one separates it from the host.
API_KEY: Final = re.compile(r"[!-9;-~]+")
# "REQUIRED HTTP HEADER: HTTP-X-EMAIL"
EMAIL_HEADER: Final = "Http-X-Email"
# In lower case, as ASGI has the names of headers.
AUTH_HEADER_BYTES: Final = AUTH_HEADER.lower().encode()
EMAIL_HEADER_BYTES: Final = EMAIL_HEADER.lower().encode()

API_PATH: Final = "/api/v1"
USERS_PATH: Final = f"{API_PATH}/users"
GROUPS_PATH: Final = f"{API_PATH}/groups"
GROUP_PATH: Final = f"{GROUPS_PATH}/{{group_name}}"
# The query parameter of a list, and the field of a page with its next value.
NEXT_PAGE_START: Final = "next_page_start"
TEST_MODE: Final = "test_mode"

Operation = Literal[
    "list_users",
    "get_user",
    "create_user",
    "update_user",
    "delete_user",
    "list_groups",
    "get_group",
    "create_group",
    "update_group",
    "delete_group",
]
OPERATIONS: Final[tuple[str, ...]] = get_args(Operation)

# The fields of records, in the page's order.
USER_FIELDS: Final = (
    "first_name",
    "last_name",
    "email",
    "groups",
    "last_login_at",
    "password_updated_at",
    "tfa_enabled",
)
GROUP_FIELDS: Final = ("name", "access")
# The field that identifies a record of a list.
KEY_FIELDS: Final[Mapping[str, str]] = {"users": "email", "groups": "name"}
INVITER_FIELD: Final = "invited_by_email"
CREATOR_FIELD: Final = "created_by_email"
# The page's table of fields has this spelling, and its bodies have the other one.
OTHER_CREATOR_FIELD: Final = "create_by_email"

ADMINISTRATORS: Final = "Administrators"
ALL_USERS: Final = "All Users"
# GROUP-4: a fresh site has exactly these two.
BUILTIN_GROUPS: Final = (ADMINISTRATORS, ALL_USERS)

# "The API only returns 100 records"
PAGE_SIZE: Final = 100

# TEST-2, "If test_mode=true is specified, the response body is"
TEST_MODE_MESSAGE: Final = "Action would have completed successfully"
# "User removed from example-site", "Group removed from example-site"
REMOVED_MESSAGE: Final = "{kind} removed from {host}"
