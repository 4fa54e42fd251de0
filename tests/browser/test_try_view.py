"""The view Try in a browser: the ten operations as forms."""

from typing import Final

import pytest
from support.browser import expect
from support.browser_fixtures import OpenPage
from support.inspected import HOST, Served, demo, inspector

pytestmark = pytest.mark.browser

JOEY: Final = {"Http-X-Email": "joey@example.com"}
# The operation, the texts of its fields, and the status of the call.
SENT: Final[tuple[tuple[str, dict[str, str], int], ...]] = (
    ("list_users", {}, 200),
    ("get_user", JOEY, 200),
    ("create_user", {"first_name": "Phoebe", "last_name": "Buffay", "email": "phoebe@example.com"}, 201),
    ("update_user", JOEY | {"last_name": "Hannigan"}, 200),
    ("delete_user", JOEY, 200),
    ("list_groups", {}, 200),
    ("create_group", {"name": "Friends"}, 201),
    ("get_group", {"group_name": "Friends"}, 200),
    ("update_group", {"group_name": "Friends", "name": "Old Friends"}, 200),
    ("delete_group", {"group_name": "Old Friends"}, 200),
)


def test_all_ten_operations_are_sent_from_the_forms(served: Served, open_page: OpenPage) -> None:
    page = open_page(inspector(served, f"#/{HOST}/try"))

    for operation, fields, status in SENT:
        page.get_by_label("Operation").select_option(operation)
        for label, text in fields.items():
            page.get_by_label(label, exact=True).fill(text)
        if status == 201 or operation.startswith(("update", "delete")):
            page.get_by_label("Test mode").uncheck()
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("heading", name=f"{operation} {status}")).to_be_visible()

    calls = served.sites[HOST].calls
    assert [(call.operation, call.status, call.test_mode) for call in calls] == [
        (operation, status, False) for operation, _, status in SENT
    ]


def test_writes_are_in_test_mode_until_it_is_switched_off(open_page: OpenPage) -> None:
    with demo() as server:
        page = open_page(inspector(server, f"#/{HOST}/try/delete_user"))
        page.get_by_label("Http-X-Email").fill("joey@example.com")
        page.get_by_role("button", name="Send").click()

        expect(page.get_by_role("heading", name="delete_user 200")).to_be_visible()
        assert server.sites[HOST].calls.last.test_mode
        assert "joey@example.com" in server.sites[HOST].users


def test_a_refusal_stands_beside_its_field(open_page: OpenPage) -> None:
    with demo() as server:
        page = open_page(inspector(server, f"#/{HOST}/try/create_user"), refusals=True)
        page.get_by_label("first_name", exact=True).fill("Phoebe")
        page.get_by_label("last_name", exact=True).fill("Buffay")
        page.get_by_label("email", exact=True).fill("nobody")
        page.get_by_role("button", name="Send").click()

        expect(page.get_by_label("email", exact=True)).to_have_accessible_description(
            "The request has invalid fields: email is not a valid email address."
        )
