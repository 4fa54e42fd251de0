"""The stream of events in a browser: one for all tabs, resumed without loss."""

import pytest
from support.browser import Browser, Locator, Page, expect, watched
from support.browser_fixtures import OpenPage
from support.cut_proxy import CutProxy
from support.inspected import client, demo, inspector

from mockscope import LiveServer

pytestmark = pytest.mark.browser


def about(page: Page, email: str) -> Locator:
    """Return the cells of calls about a user."""
    return page.get_by_role("table", name="Calls").get_by_role("cell", name=email)


def get_user(server: LiveServer, email: str) -> None:
    """Send a call about a user."""
    with client(server) as http:
        http.get("/users", headers={"Http-X-Email": email})


def test_ten_tabs_share_a_stream_and_stay_live_when_the_leading_one_closes(browser: Browser) -> None:
    with demo() as server, watched(browser, server.url) as context:
        streams: list[str] = []
        context.on(
            "request", lambda request: streams.append(request.url) if request.url.endswith("/v1/events") else None
        )
        pages = []
        for _ in range(10):
            pages.append(context.new_page())
            pages[-1].goto(inspector(server))
            expect(pages[-1].get_by_text("No calls yet.")).to_be_visible()
        get_user(server, "joey@example.com")
        for page in pages:
            expect(about(page, "joey@example.com")).to_have_count(1)
        assert len(streams) == 1

        pages[0].close()
        get_user(server, "chandler@example.com")

        for page in pages[1:]:
            expect(about(page, "chandler@example.com")).to_have_count(1)
            expect(about(page, "joey@example.com")).to_have_count(1)
        assert len(streams) == 2


def test_a_stream_that_was_cut_is_said_and_resumed_with_each_call_once(open_page: OpenPage) -> None:
    with demo() as server, CutProxy(server.url) as proxy:
        page = open_page(f"{proxy.url}/_mockscope/", refusals=True)
        expect(page.get_by_text("No calls yet.")).to_be_visible()
        get_user(server, "joey@example.com")
        expect(about(page, "joey@example.com")).to_have_count(1)

        proxy.cut()
        expect(page.get_by_text("lost")).to_be_visible()
        expect(about(page, "joey@example.com")).to_have_count(1)
        for name in ("chandler", "monica", "rachel"):
            get_user(server, f"{name}@example.com")
        proxy.resume()

        for name in ("chandler", "monica", "rachel", "joey"):
            expect(about(page, f"{name}@example.com")).to_have_count(1)
        expect(page.get_by_text("lost")).to_have_count(0)
