"""Use the client of openapi-python-client: each write in test mode, then all operations.

Each line of the output is an array of an operation, the class of its result, and the result as JSON.
"""

import json
import sys
from typing import Any, Protocol

from vendor_client import AuthenticatedClient
from vendor_client.api.groups import create_group, delete_group, get_group, list_groups, update_group
from vendor_client.api.users import create_user, delete_user, list_users, update_user
from vendor_client.models.group import Group
from vendor_client.models.group_create import GroupCreate
from vendor_client.models.group_detail import GroupDetail
from vendor_client.models.group_page import GroupPage
from vendor_client.models.group_update import GroupUpdate
from vendor_client.models.message import Message
from vendor_client.models.user import User
from vendor_client.models.user_create import UserCreate
from vendor_client.models.user_page import UserPage
from vendor_client.models.user_update import UserUpdate

PHOEBE = UserCreate(
    first_name="Phoebe",
    last_name="Buffay",
    email="phoebe@example.com",
    groups=["Sales", "All Users"],
    invited_by_email="mike@example.com",
)
CENTRAL_PERK = GroupCreate(name="Central Perk", access="Sql", created_by_email="rachel@example.com")


def make_what_mypy_refuses() -> None:
    GroupCreate(access="Sql", created_by_email="rachel@example.com")  # type: ignore[call-arg]
    GroupCreate(name="Central Perk", access="Sql")  # type: ignore[call-arg]
    UserUpdate(firstname="Joe")  # type: ignore[call-arg]


class Model(Protocol):
    def to_dict(self) -> dict[str, Any]: ...


def report(operation: str, result: Model | None, expected: type) -> None:
    # Each function is typed as a union of the responses.
    assert result is not None
    assert isinstance(result, expected), result
    sys.stdout.write(json.dumps([operation, type(result).__name__, result.to_dict()]) + "\n")


def use_test_mode(client: AuthenticatedClient) -> None:
    report("create_user", create_user.sync(client=client, body=PHOEBE, test_mode="true"), Message)
    changes = UserUpdate(first_name="Joe")
    updated = update_user.sync(client=client, body=changes, http_x_email="joey@example.com", test_mode="true")
    report("update_user", updated, Message)
    deleted = delete_user.sync(client=client, http_x_email="joey@example.com", test_mode="true")
    report("delete_user", deleted, Message)
    report("create_group", create_group.sync(client=client, body=CENTRAL_PERK, test_mode="true"), Message)
    access = GroupUpdate(access="View")
    report("update_group", update_group.sync("NY Knicks", client=client, body=access, test_mode="true"), Message)
    report("delete_group", delete_group.sync("NY Knicks", client=client, test_mode="true"), Message)


def use(client: AuthenticatedClient) -> None:
    report("list_users", list_users.sync(client=client), UserPage)
    created: User | Message | None = create_user.sync(client=client, body=PHOEBE)
    report("create_user", created, User)
    report("get_user", list_users.sync(client=client, http_x_email="phoebe@example.com"), User)
    changes = UserUpdate(last_name="Hannigan")
    report("update_user", update_user.sync(client=client, body=changes, http_x_email="phoebe@example.com"), User)
    report("delete_user", delete_user.sync(client=client, http_x_email="phoebe@example.com"), Message)

    report("list_groups", list_groups.sync(client=client), GroupPage)
    group: Group | Message | None = create_group.sync(client=client, body=CENTRAL_PERK)
    report("create_group", group, Group)
    detail: GroupDetail | Message | None = get_group.sync("Central Perk", client=client)
    report("get_group", detail, GroupDetail)
    access = GroupUpdate(access="view")
    report("update_group", update_group.sync("Central Perk", client=client, body=access), Group)
    report("delete_group", delete_group.sync("Central Perk", client=client), Message)


def main(url: str, auth: str) -> None:
    client = AuthenticatedClient(
        base_url=url, token=auth, prefix="", auth_header_name="Http-X-Partner-Auth", raise_on_unexpected_status=True
    )
    with client:
        use_test_mode(client)
        use(client)


main(*sys.argv[1:])
