"""Hostile text in every field stays text, in every view."""

from typing import Final

import pytest
from support.browser import Page, expect
from support.browser_fixtures import OpenPage
from support.inspected import HOST, HOSTILE, demo, fill_with_hostile_names, inspector

pytestmark = pytest.mark.browser

# The elements that hostile text would make, were it markup.
MARKUP: Final = "main img, main script, main b, main iframe, [onerror]"
RECORDS: Final = ("records/group", "records/dashboard", "records/user")
MARKED: Final = HOSTILE[0]


def visit(page: Page, url: str, text: str) -> None:
    """Open an address, and expect the text in it, and nothing that the text could have made."""
    page.goto(url)
    expect(page.get_by_role("main").get_by_text(text).first).to_be_attached()
    expect(page.locator(MARKUP)).to_have_count(0)


def test_hostile_names_stay_text_in_every_view(open_page: OpenPage) -> None:
    with demo() as server:
        fill_with_hostile_names(server)
        page = open_page(inspector(server))
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        calls = server.sites[HOST].calls
        for number, call in enumerate(calls):
            if number < 4:
                visit(page, inspector(server, f"#/{HOST}/calls/{call.id}"), MARKED)
        for address in (
            "calls",
            "records/group",
            "records/dashboard",
            "records/user",
            "faults",
            "faults/fault-1",
            "time",
        ):
            visit(page, inspector(server, f"#/{HOST}/{address}"), MARKED)
        # The control characters are shown, and no text runs over its neighbours from right to left.
        visit(page, inspector(server, f"#/{HOST}/records/group"), "nul")
        assert not {"\0", "\x07", "\u202e"} & {*page.get_by_role("main").inner_text()}


def test_hostile_hosts_and_queries_stay_text(open_page: OpenPage) -> None:
    host = "<img/src=x/onerror=alert(1)>"
    with demo() as server:
        server.site(host)
        page = open_page(inspector(server))

        page.get_by_label("Site", exact=True).select_option(host)
        expect(page.get_by_text("No calls yet.")).to_be_visible()
        page.goto(inspector(server, "#/%3Cimg%20src=x%20onerror=alert(1)%3E/calls"))
        expect(page.get_by_text("There is no site <img src=x onerror=alert(1)>.")).to_be_visible()
        page.goto(inspector(server, f"#/{HOST}/calls?q=%3Cimg%20src=x%3E"))
        expect(page.get_by_label("Filter")).to_have_value("<img src=x>")
        expect(page.locator(MARKUP)).to_have_count(0)
