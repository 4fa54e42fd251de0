"""The API reference at /docs, in a browser."""

import json
from typing import Final

import pytest
from support.browser import expect
from support.browser_fixtures import OpenPage
from support.inspected import HOST, PHOEBE, Served

pytestmark = pytest.mark.browser

JOEY: Final = {"Http-X-Email": "joey@example.com"}
FRIENDS: Final = {"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"}
# The operation in the document, the texts of its fields, its body, and the operation and status of the call.
SENT: Final[tuple[tuple[str, dict[str, str], object, str, int], ...]] = (
    ("Users/list_users", {}, None, "list_users", 200),
    ("Users/list_users", JOEY, None, "get_user", 200),
    ("Users/create_user", {}, PHOEBE, "create_user", 201),
    ("Users/update_user", JOEY, {"last_name": "Hannigan"}, "update_user", 200),
    ("Users/delete_user", JOEY, None, "delete_user", 200),
    ("Groups/list_groups", {}, None, "list_groups", 200),
    ("Groups/create_group", {}, FRIENDS, "create_group", 201),
    ("Groups/get_group", {"group_name": "Friends"}, None, "get_group", 200),
    ("Groups/update_group", {"group_name": "Friends"}, {"access": "View"}, "update_group", 200),
    ("Groups/delete_group", {"group_name": "Friends"}, None, "delete_group", 200),
)


def test_all_ten_operations_are_sent_from_the_reference(served: Served, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/docs")

    for operation, fields, body, _, status in SENT:
        form = page.locator(f"#operations-{operation.replace('/', '-')}")
        form.locator(".opblock-summary-control").click()
        for label, text in fields.items():
            form.get_by_placeholder(label).fill(text)
        if body is not None:
            form.locator("textarea").fill(json.dumps(body))
        form.get_by_role("button", name="Execute").click()
        expect(form.locator(".live-responses-table .response-col_status").last).to_have_text(str(status))
        # A form that is shown is rendered again with each key in another one.
        form.locator(".opblock-summary-control").click()

    calls = served.sites[HOST].calls
    assert [(call.operation, call.status) for call in calls] == [(operation, status) for *_, operation, status in SENT]
