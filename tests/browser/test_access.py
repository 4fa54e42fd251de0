"""Access to the page in a browser: tokens, TLS, other names of the machine, and pages of other origins."""

import re
from typing import Final

import pytest
from support.browser import Browser, Page, expect, watched
from support.browser_fixtures import OpenPage
from support.inspected import HOST, client, demo, inspector
from support.other_server import ok, scripted

from mockscope import LiveServer

pytestmark = pytest.mark.browser

TOKEN: Final = "central-perk"


def expect_live_call(page: Page, server: LiveServer) -> None:
    """Send a call, and expect it on the page."""
    expect(page.get_by_text("No calls yet.")).to_be_visible()
    with client(server) as http:
        http.get("/users")
    expect(page.get_by_role("table", name="Calls").get_by_role("link", name="list_users")).to_be_visible()


def test_the_token_of_the_address_is_sent_and_leaves_the_address(open_page: OpenPage) -> None:
    with demo(control_token=TOKEN) as server:
        page = open_page(inspector(server, f"#token={TOKEN}"))

        expect_live_call(page, server)
        assert TOKEN not in page.url
        assert page.context.cookies() == []
        page.reload()
        expect(page.get_by_role("link", name="list_users")).to_be_visible()


def test_a_page_without_the_token_asks_for_it(open_page: OpenPage) -> None:
    with demo(control_token=TOKEN) as server:
        page = open_page(inspector(server), refusals=True)

        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_text("The server refused the token.")).to_be_visible()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Use it").click()

        expect_live_call(page, server)


def test_the_page_works_over_tls(open_page: OpenPage) -> None:
    with demo(tls=True) as server:
        page = open_page(inspector(server), ignore_https_errors=True)

        expect_live_call(page, server)


def test_a_plain_name_has_neither_clipboard_nor_locks_and_works(browser: Browser) -> None:
    with demo(control_token=TOKEN) as server:
        url = server.url.replace("127.0.0.1", "mockscope")
        with watched(browser, url) as context:
            page = context.new_page()
            page.goto(f"{url}/_mockscope/#token={TOKEN}")

            expect_live_call(page, server)
            assert page.evaluate("[isSecureContext, 'locks' in navigator]") == [False, False]
            expect(page.get_by_text("a stream for each tab")).to_be_visible()
            page.keyboard.press("j")
            page.keyboard.press("Enter")
            page.get_by_role("group", name="Copy").get_by_role("button", name="curl").click()
            shown = page.get_by_role("dialog").get_by_role("textbox")
            expect(shown).to_have_value(re.compile(f"^curl .*{server.sites[HOST].api_key}", re.DOTALL))


def test_without_a_token_a_plain_name_is_refused(browser: Browser) -> None:
    with demo() as server:
        url = server.url.replace("127.0.0.1", "mockscope")
        with watched(browser, url, refusals=True) as context:
            page = context.new_page()
            page.goto(f"{url}/_mockscope/")

            expect(page.get_by_text("The control API refuses the Host mockscope")).to_be_visible()


FOREIGN: Final = """<!doctype html><title>Elsewhere</title>
<iframe src="{url}/_mockscope/"></iframe><iframe src="{url}/_mockscope/v1/sites"></iframe>
<form method=post action="{url}/_mockscope/v1/sites/example_site/reset"><button>Reset</button></form>"""
FETCH: Final = """async ([url, method]) => {
  const read = (mode) => fetch(url, { method, mode }).then((response) => response.text(), () => "refused");
  return [await read("cors"), await read("no-cors")];
}"""


def test_foreign_pages_can_neither_frame_nor_read_nor_post(browser: Browser) -> None:
    with demo() as server:
        page_bytes = FOREIGN.format(url=server.url).encode()
        with scripted(
            [ok(page_bytes, "Content-Type: text/html").replace(b"application/json", b"text/html", 1)]
        ) as other:
            context = browser.new_context()
            page = context.new_page()
            # Another name of this machine is another site for a browser.
            page.goto(other.url.replace("127.0.0.1", "localhost"))

            assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"] * 2
            read = page.evaluate(FETCH, [f"{server.url}/_mockscope/v1/sites", "GET"])
            posted = page.evaluate(FETCH, [f"{server.url}/_mockscope/v1/sites/{HOST}/reset", "POST"])
            page.get_by_role("button", name="Reset").click()
            expect(page.get_by_text("The control API refuses pages of another origin")).to_be_visible()
            context.close()

        assert (read, posted) == (["refused", "refused"], ["refused", "refused"])
        assert server.sites[HOST].api_key not in f"{read}{posted}"
