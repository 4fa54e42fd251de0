"""Use the Python client of OpenAPI Generator: each write in test mode, then all operations.

Each line of the output is an array of an operation, the class of its result, and the result as JSON.
"""

import json
import sys
from typing import Protocol, assert_type

from openapi_client import ApiClient, Configuration, GroupsApi, UsersApi
from openapi_client.models.group import Group
from openapi_client.models.group_create import GroupCreate
from openapi_client.models.group_detail import GroupDetail
from openapi_client.models.group_or_message import GroupOrMessage
from openapi_client.models.group_page import GroupPage
from openapi_client.models.group_update import GroupUpdate
from openapi_client.models.message import Message
from openapi_client.models.user import User
from openapi_client.models.user_create import UserCreate
from openapi_client.models.user_or_message import UserOrMessage
from openapi_client.models.user_page import UserPage
from openapi_client.models.user_page_or_user import UserPageOrUser
from openapi_client.models.user_update import UserUpdate

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
    def to_json(self) -> str: ...


def report(operation: str, result: Model) -> None:
    sys.stdout.write(json.dumps([operation, type(result).__name__, json.loads(result.to_json())]) + "\n")


def member(union: UserPageOrUser | UserOrMessage | GroupOrMessage) -> Model:
    """Return the record in a union, which this generator wraps."""
    assert union.actual_instance is not None
    return union.actual_instance


def use_test_mode(users: UsersApi, groups: GroupsApi) -> None:
    # The method is typed as the record that a real call returns.
    created: User | Message = users.create_user(PHOEBE, test_mode="true")
    assert isinstance(created, Message)
    report("create_user", created)
    report("update_user", member(users.update_user("joey@example.com", UserUpdate(first_name="Joe"), test_mode="true")))
    report("delete_user", users.delete_user("joey@example.com", test_mode="true"))
    group: Group | Message = groups.create_group(CENTRAL_PERK, test_mode="true")
    assert isinstance(group, Message)
    report("create_group", group)
    report("update_group", member(groups.update_group("NY Knicks", GroupUpdate(access="View"), test_mode="true")))
    report("delete_group", groups.delete_group("NY Knicks", test_mode="true"))


def use(users: UsersApi, groups: GroupsApi) -> None:
    page = users.list_users().actual_instance
    assert isinstance(page, UserPage)
    report("list_users", page)
    report("create_user", assert_type(users.create_user(PHOEBE), User))
    one = users.list_users(http_x_email="phoebe@example.com").actual_instance
    assert isinstance(one, User)
    report("get_user", one)
    changed = users.update_user("phoebe@example.com", UserUpdate(last_name="Hannigan")).actual_instance
    assert isinstance(changed, User)
    report("update_user", changed)
    report("delete_user", assert_type(users.delete_user("phoebe@example.com"), Message))

    report("list_groups", assert_type(groups.list_groups(), GroupPage))
    report("create_group", assert_type(groups.create_group(CENTRAL_PERK), Group))
    report("get_group", assert_type(groups.get_group("Central Perk"), GroupDetail))
    renamed = groups.update_group("Central Perk", GroupUpdate(access="view")).actual_instance
    assert isinstance(renamed, Group)
    report("update_group", renamed)
    report("delete_group", assert_type(groups.delete_group("Central Perk"), Message))


def main(auth: str) -> None:
    # The server is the one that the document names.
    with ApiClient(Configuration(api_key={"PartnerAuth": auth})) as client:
        users, groups = UsersApi(client), GroupsApi(client)
        use_test_mode(users, groups)
        use(users, groups)


main(*sys.argv[1:])
