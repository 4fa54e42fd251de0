"""Each view by keyboard alone, in a browser."""

import pytest
from support.browser import Locator, Page, expect
from support.browser_fixtures import OpenPage
from support.inspected import HOST, demo, inspector

pytestmark = pytest.mark.browser

MAX_TABS = 60


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until an element has the focus."""
    expect(target).to_be_visible()
    for _ in range(MAX_TABS):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"not reached by {MAX_TABS} tabs: {target}")


def test_records_are_added_changed_and_removed(open_page: OpenPage) -> None:
    with demo() as server:
        site = server.sites[HOST]
        page = open_page(inspector(server))
        tab_to(page, page.get_by_role("link", name="Records"))
        page.keyboard.press("Enter")
        page.keyboard.press("/")
        page.keyboard.type("trib")
        expect(page.get_by_role("rowheader")).to_have_count(1)
        tab_to(page, page.get_by_role("link", name="joey@example.com"))
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("button", name="Edit"))
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_label("Last name"))
        page.keyboard.press("Control+a")
        page.keyboard.type("Stalin")
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Record").get_by_text("Joey Stalin")).to_be_visible()
        tab_to(page, page.get_by_role("button", name="Remove"))
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        expect(page.get_by_role("rowheader")).to_have_count(0)
        assert "joey@example.com" not in site.users


def test_faults_are_planned_and_removed(open_page: OpenPage) -> None:
    with demo() as server:
        site = server.sites[HOST]
        page = open_page(inspector(server, f"#/{HOST}/faults"))
        tab_to(page, page.get_by_role("link", name="Plan a fault").first)
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_label("Status"))
        page.keyboard.type("503")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="fault-1")).to_be_visible()
        assert [str(fault.status) for fault in site.faults if hasattr(fault, "status")] == ["503"]
        tab_to(page, page.get_by_role("button", name="Remove", exact=True))
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="fault-1")).to_have_count(0)
        assert list(site.faults) == []


def test_the_clock_is_frozen_and_a_snapshot_restored(open_page: OpenPage) -> None:
    with demo() as server:
        site = server.sites[HOST]
        page = open_page(inspector(server, f"#/{HOST}/time"))
        tab_to(page, page.get_by_role("button", name="Freeze"))
        page.keyboard.press("Enter")
        expect(
            page.get_by_role("button", name="Let it run").or_(page.get_by_role("button", name="Resume"))
        ).to_be_visible()
        assert site.clock.is_frozen
        tab_to(page, page.get_by_label("Name of the snapshot"))
        page.keyboard.type("before")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Restore")).to_be_visible()
        site.remove_user("joey@example.com")
        tab_to(page, page.get_by_role("button", name="Restore"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Undo").first).to_be_visible()
        assert "joey@example.com" in site.users


def test_a_request_is_sent_and_its_rule_is_read(open_page: OpenPage) -> None:
    with demo() as server:
        page = open_page(inspector(server, f"#/{HOST}/try/get_group"), refusals=True)
        tab_to(page, page.get_by_label("group_name"))
        page.keyboard.type("Slaes")
        page.keyboard.press("Enter")
        tab_to(page, page.get_by_role("region", name="Call", exact=True).get_by_role("link", name="GROUP-GET-1"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="GROUP-GET-1")).to_be_visible()
        page.keyboard.press("/")
        page.keyboard.type("USER-DELETE-1")
        tab_to(page, page.get_by_role("link", name="USER-DELETE-1").first)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="USER-DELETE-1")).to_be_visible()
