"""The views Records, Faults, and Time and state in a browser."""

import pytest
from support.browser import expect
from support.browser_fixtures import OpenPage
from support.inspected import HOST, demo, inspector

pytestmark = pytest.mark.browser


def test_a_user_is_changed_by_keyboard_and_shown_as_the_site_changes(open_page: OpenPage) -> None:
    with demo() as server:
        page = open_page(inspector(server, f"#/{HOST}/records/user%2Fjoey@example.com"))
        detail = page.get_by_label("Record", exact=True)
        detail.get_by_role("button", name="Edit").press("Enter")
        page.get_by_label("First name").fill("Joe")
        page.keyboard.press("Enter")
        expect(detail.get_by_text("Joe Tribbiani")).to_be_visible()

        server.sites[HOST].update_user("joey@example.com", first_name="Joseph")
        expect(detail.get_by_text("Joseph Tribbiani")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="joey@example.com")).to_be_focused()


def test_a_planned_fault_is_listed_with_its_hits_and_removed_with_an_undo(open_page: OpenPage) -> None:
    with demo() as server:
        site = server.sites[HOST]
        page = open_page(inspector(server, f"#/{HOST}/faults/new"))
        page.get_by_label("Status").fill("503")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="fault-1")).to_be_visible()
        assert [(fault.as_dict()["id"], fault.as_dict()["status"]) for fault in site.faults] == [("fault-1", 503)]

        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text("No fault is planned.")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="fault-2")).to_be_visible()


def test_a_refusal_stands_beside_the_field_of_a_rate_limit(open_page: OpenPage) -> None:
    with demo() as server:
        page = open_page(inspector(server, f"#/{HOST}/faults/new"), refusals=True)
        page.get_by_label("What", exact=True).select_option("A rate limit")
        page.get_by_label("In seconds").fill("0")
        page.get_by_role("button", name="Plan the limit").click()

        message = "per must be above 0 seconds and at most a year, not 0"
        expect(page.get_by_label("In seconds")).to_have_accessible_description(message)
        page.close()


def test_a_reset_asks_nothing_and_can_be_undone(open_page: OpenPage) -> None:
    with demo() as server:
        site = server.sites[HOST]
        site.remove_user("joey@example.com")
        page = open_page(inspector(server, f"#/{HOST}/time"))
        page.get_by_role("button", name="Reset the site").click()
        expect(page.get_by_text("Nothing: the records are as they were.")).to_be_visible()
        assert "joey@example.com" in site.users

        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="Compare", exact=True)).to_be_visible()
        expect(page.get_by_text("joey@example.com")).to_be_visible()
        assert "joey@example.com" not in site.users
        # The page may still load what the undo changed, and the server stops now.
        page.goto("about:blank")
