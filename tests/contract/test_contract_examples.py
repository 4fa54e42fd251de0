"""Every example of a response in the contract equals the demo site's response to a request in this module."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import pytest
import requests
from support.contract_cases import ALIASES, OPERATIONS, SITE, resolved, restore, status_number

from mockscope import LiveServer, serve

# An operation, a status, and the name of an example of it.
Place = tuple[str, str, str]

EXAMPLES: Final[dict[Place, Any]] = {
    (operation["operationId"], status, name): example["value"]
    for operation in OPERATIONS.values()
    for status, response in operation["responses"].items()
    for name, example in resolved(response)["content"]["application/json"]["examples"].items()
}
LINES: Final = {operation["operationId"]: line for line, operation in OPERATIONS.items()}


class Request(NamedTuple):
    """A request for an operation. The requests in ``before`` prepare the site for it."""

    operation: str
    email: str | None = None
    group: str = ""
    body: Mapping[str, object] | None = None
    test_mode: bool = False
    credentials: str | None = f"{SITE['host']}:{SITE['api_key']}"
    enabled: bool = True
    before: tuple["Request", ...] = ()

    def sent_to(self, url: str) -> requests.Response:
        """Send the request to a server; return the response."""
        method, path = LINES[self.operation]
        headers = {"Http-X-Partner-Auth": self.credentials, "Http-X-Email": self.email}
        return requests.request(
            method,
            url + path.format(group_name=self.group),
            params={"test_mode": "true"} if self.test_mode else {},
            headers={name: value for name, value in headers.items() if value is not None},
            json=self.body,
            timeout=300,
        )


PHOEBE: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["All Users", "Sales"],
    "invited_by_email": "mike@example.com",
}
NAMELESS: Final = {"last_name": "Buffay", "email": "phoebe", "invited_by_email": "mike@example.com"}
JOSEPH: Final = {"first_name": "Joseph", "last_name": "Tribbiani", "groups": ["All Users", "NY Knicks"]}
FRIENDS: Final = {"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"}
TOO_LARGE: Final = {"name": "x" * 1024 * 1024}
OTHER_USERS: Final = tuple(
    Request("delete_user", f"{name}@example.com") for name in ("chandler", "joey", "rachel", "mike")
)
OTHER_GROUPS: Final = tuple(Request("delete_group", group=name) for name in ("Sales", "NY Knicks"))

LIST_USERS: Final = Request("list_users")
CREATE_USER: Final = Request("create_user", body=PHOEBE)
UPDATE_USER: Final = Request("update_user", "joey@example.com", body=JOSEPH)
DELETE_USER: Final = Request("delete_user", "monica@example.com")
LIST_GROUPS: Final = Request("list_groups")
CREATE_GROUP: Final = Request("create_group", body=FRIENDS)
GET_GROUP: Final = Request("get_group", group="Administrators")
UPDATE_GROUP: Final = Request("update_group", group="Sales", body={"name": "Friends", "access": "Sql"})
DELETE_GROUP: Final = Request("delete_group", group="NY Knicks")

READS: Final = (LIST_USERS, LIST_GROUPS, GET_GROUP)
CREATES: Final = (CREATE_USER, CREATE_GROUP)
BODIES: Final = (*CREATES, UPDATE_USER, UPDATE_GROUP)
OTHER_WRITES: Final = (UPDATE_USER, UPDATE_GROUP, DELETE_USER, DELETE_GROUP)
WRITES: Final = (*CREATES, *OTHER_WRITES)

PROVOKED: Final[dict[Place, Request]] = {
    # What the operations have in common.
    **{(each.operation, "403", "missing"): each._replace(credentials=None) for each in (*READS, *WRITES)},
    **{(each.operation, "403", "wrong_key"): each._replace(credentials="example_site:1") for each in (*READS, *WRITES)},
    **{(each.operation, "404", "not_enabled"): each._replace(enabled=False) for each in (*READS, *WRITES)},
    **{(each.operation, "413", "too_large"): each._replace(body=TOO_LARGE) for each in BODIES},
    **{(each.operation, "2XX", "test_mode"): each._replace(test_mode=True) for each in CREATES},
    **{(each.operation, "200", "test_mode"): each._replace(test_mode=True) for each in OTHER_WRITES},
    **{
        (each.operation, "404", "no_such_group"): each._replace(group="Central Perk")
        for each in (GET_GROUP, UPDATE_GROUP, DELETE_GROUP)
    },
    # What each has of its own.
    ("list_users", "200", "list_users"): LIST_USERS._replace(before=OTHER_USERS),
    ("list_users", "200", "get_user"): LIST_USERS._replace(email="chandler@example.com"),
    ("list_users", "400", "unknown_email"): LIST_USERS._replace(email="gunther@example.com"),
    ("create_user", "201", "phoebe"): CREATE_USER,
    ("create_user", "400", "bad_fields"): CREATE_USER._replace(body=NAMELESS),
    ("create_user", "400", "unknown_group"): CREATE_USER._replace(body={**PHOEBE, "groups": ["Sails"]}),
    ("create_user", "409", "taken"): CREATE_USER._replace(body={**PHOEBE, "email": "joey@example.com"}),
    ("update_user", "200", "joey"): UPDATE_USER,
    ("update_user", "400", "missing_header"): UPDATE_USER._replace(email=None),
    ("delete_user", "200", "removed"): DELETE_USER,
    ("delete_user", "400", "unknown_email"): DELETE_USER._replace(email="gunther@example.com"),
    ("list_groups", "200", "list_groups"): LIST_GROUPS._replace(before=OTHER_GROUPS),
    ("create_group", "201", "friends"): CREATE_GROUP,
    ("create_group", "400", "bad_access"): CREATE_GROUP._replace(body={**FRIENDS, "access": "Edit"}),
    ("create_group", "409", "taken"): CREATE_GROUP._replace(body={**FRIENDS, "name": "Sales"}),
    ("get_group", "200", "administrators"): GET_GROUP,
    ("get_group", "200", "no_dashboards"): GET_GROUP._replace(group="Sales"),
    ("update_group", "200", "access_only"): UPDATE_GROUP._replace(body={"access": "Discovery"}),
    ("update_group", "200", "friends"): UPDATE_GROUP,
    ("update_group", "400", "bad_access"): UPDATE_GROUP._replace(body={"access": ""}),
    ("update_group", "409", "taken"): UPDATE_GROUP._replace(body={"name": "NY Knicks"}),
    ("delete_group", "200", "removed"): DELETE_GROUP,
    ("delete_group", "400", "built_in"): DELETE_GROUP._replace(group="Administrators"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with serve() as server:
        yield server


@pytest.mark.parametrize("place", EXAMPLES, ids="-".join)
def test_every_example_of_a_response_equals_that_of_the_demo_site(place: Place, server: LiveServer) -> None:
    assert place in PROVOKED, "an example that nobody asks for: write a request that is answered so"
    restore(server)
    request = PROVOKED[place]
    assert [each.sent_to(server.url).status_code for each in request.before] == [200] * len(request.before)
    server.sites[SITE["host"]].enabled = request.enabled

    response = request.sent_to(server.url)

    operation, status, _ = place
    assert (request.operation, response.status_code) == (operation, status_number(status))
    assert response.json() == EXAMPLES[place]


def first_example(node: Mapping[str, Any]) -> Any:
    """Return the value of the first example, which importers of collections send; or None without examples."""
    return next((example["value"] for example in node.get("examples", {}).values()), None)


def test_the_first_examples_succeed_one_after_the_other(server: LiveServer) -> None:
    restore(server)
    statuses = {}
    for (method, path), operation in (OPERATIONS | ALIASES).items():
        parameters = [resolved(parameter) for parameter in operation.get("parameters", ())]
        # Importers send what is required, and what has an example.
        sent = {each["name"]: first_example(each) for each in parameters if each["required"] or "examples" in each}
        sent |= {each["name"]: schema["examples"][0] for each in parameters if "examples" in (schema := each["schema"])}
        body = resolved(operation["requestBody"])["content"]["application/json"] if "requestBody" in operation else {}
        headers = {"Http-X-Partner-Auth": f"{SITE['host']}:{SITE['api_key']}"}
        if "Http-X-Email" in sent:
            headers["Http-X-Email"] = sent.pop("Http-X-Email")
        url = server.url + path.format(group_name=sent.pop("group_name", None))
        response = requests.request(method, url, params=sent, headers=headers, json=first_example(body), timeout=300)
        statuses[operation["operationId"]] = response.status_code

    created = {"create_user": 201, "create_group": 201}
    expected = {operation["operationId"]: 200 for operation in OPERATIONS.values()} | created
    assert statuses == {**expected, **{f"{name}_slash": status for name, status in expected.items()}}


def test_every_example_request_has_an_example_response() -> None:
    assert sorted(PROVOKED.keys() - EXAMPLES.keys()) == []


def test_every_response_of_every_operation_has_an_example() -> None:
    responses = {
        (operation["operationId"], status) for operation in OPERATIONS.values() for status in operation["responses"]
    }
    assert sorted(responses - {place[:2] for place in EXAMPLES}) == []
