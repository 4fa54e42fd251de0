"""The view of calls, and of one call, in a browser."""

import re
import socket
import subprocess
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from support.bounds import WAIT_SECONDS
from support.browser import Locator, Page, expect
from support.browser_fixtures import OpenPage
from support.inspected import HOST, PHOEBE, client, demo, inspector, send_all_kinds

from mockscope import LiveServer

pytestmark = pytest.mark.browser

CLIPBOARD: Final[dict[str, Any]] = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture
def server() -> LiveServer:
    """A server with the demo site."""
    return demo()


@pytest.fixture(autouse=True)
def running(server: LiveServer) -> Iterator[None]:
    """Run the server until the pages are closed."""
    with server:
        yield


def rows(page: Page) -> Locator:
    """Return the rows of the table of calls, without the head."""
    return page.get_by_role("table", name="Calls").get_by_role("row").filter(has=page.get_by_role("cell"))


def test_a_call_appears_with_its_rule_and_reason_without_a_reload(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(inspector(server))
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    expect(page.get_by_text("No calls yet.")).to_be_visible()

    with client(server) as http:
        http.get("/groups/Slaes")

    expect(rows(page)).to_have_count(1)
    for text in ("404", "get_group", "Slaes", "GROUP-GET-1"):
        expect(rows(page).get_by_role("cell").filter(has_text=text)).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    detail = page.get_by_role("region", name="Call", exact=True)
    expect(detail.get_by_role("link", name="GROUP-GET-1")).to_be_visible()
    expect(detail.get_by_text("did you mean Sales?")).not_to_have_count(0)
    assert loads == []


def test_calls_are_read_by_keyboard_alone(server: LiveServer, open_page: OpenPage) -> None:
    send_all_kinds(server)
    page = open_page(inspector(server))
    expect(rows(page)).to_have_count(14)
    detail = page.get_by_role("region", name="Call", exact=True)

    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows(page).nth(1).get_by_role("link").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(detail.get_by_role("link", name="fault-1")).to_be_visible()
    page.keyboard.press("j")
    expect(detail.get_by_role("heading", name="create_user 400")).to_be_visible()
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    expect(rows(page).nth(2).get_by_role("link").first).to_be_focused()

    page.keyboard.press("/")
    page.keyboard.type("status:4xx op:create_user")
    expect(rows(page)).to_have_count(2)
    expect(page).to_have_url(re.compile(r"q=status:4xx\+op:create_user$"))
    page.reload()
    expect(rows(page)).to_have_count(2)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("filter the calls")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_call_is_replayed_by_a_key(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(inspector(server))
    with client(server) as http:
        http.post("/users", json=PHOEBE)
    expect(rows(page)).to_have_count(1)

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Fields of user phoebe@example.com")).to_be_visible()
    page.keyboard.press("r")

    expect(rows(page)).to_have_count(2)
    expect(page.get_by_role("heading", name="create_user 409")).to_be_visible()


def test_a_copied_curl_command_has_the_key_and_works(server: LiveServer, open_page: OpenPage) -> None:
    with client(server) as http:
        http.get("/users", headers={"Http-X-Email": "joey@example.com"})
    page = open_page(inspector(server), **CLIPBOARD)
    expect(rows(page)).to_have_count(1)

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="get_user 200")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("status").get_by_text("Copied")).to_be_visible()

    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert '"last_name":"Tribbiani"' in done.stdout
    assert server.sites[HOST].api_key not in page.content()


def test_calls_that_reached_no_site_have_a_site_of_their_own(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(inspector(server))
    page.get_by_label("Site", exact=True).select_option("no site")
    expect(page.get_by_text("Every call reached a site.")).to_be_visible()

    with client(server) as http:
        http.get("/users", headers={"Http-X-Partner-Auth": "nowhere:key"})

    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("403")


def test_calls_are_paused_followed_and_cleared(server: LiveServer, open_page: OpenPage) -> None:
    page = open_page(inspector(server))
    with client(server) as http:
        http.get("/users")
        expect(rows(page)).to_have_count(1)
        page.get_by_role("button", name="Pause").click()
        http.get("/groups")
        expect(page.get_by_role("button", name="Resume")).to_have_text("Resume · 1 new")
        expect(rows(page)).to_have_count(1)
        page.get_by_role("button", name="Resume").click()
        expect(rows(page)).to_have_count(2)

        page.get_by_role("button", name="Follow latest").click()
        expect(page.get_by_role("heading", name="list_groups 200")).to_be_visible()
        http.get("/groups/Sales")
        expect(page.get_by_role("heading", name="get_group 200")).to_be_visible()

    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Remove all calls?").click()
    expect(page.get_by_text("No calls yet.")).to_be_visible()
    assert list(server.sites[HOST].calls) == []


def test_calls_that_another_tab_or_code_clears_are_gone(server: LiveServer, open_page: OpenPage) -> None:
    page, other = open_page(inspector(server)), open_page(inspector(server))
    with client(server) as http:
        http.get("/users")
        expect(rows(page)).to_have_count(1)
        other.get_by_role("button", name="Clear").click()
        other.get_by_role("button", name="Remove all calls?").click()
        expect(page.get_by_text("No calls yet.")).to_be_visible()

        http.get("/users")
        expect(rows(page)).to_have_count(1)
        server.sites[HOST].calls.clear()
        expect(page.get_by_text("No calls yet.")).to_be_visible()


def test_a_delayed_call_is_open_live_and_after_a_reload(server: LiveServer, open_page: OpenPage) -> None:
    site = server.sites[HOST]
    site.faults.add("list_users", delay=3600)
    page = open_page(inspector(server))
    expect(page.get_by_text("No calls yet.")).to_be_visible()
    auth = "".join(f"{name}: {value}\r\n" for name, value in site.headers.items())

    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as connection:
        connection.sendall(f"GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\n{auth}\r\n".encode())
        expect(rows(page).get_by_role("cell", name="open", exact=True)).to_be_visible()
        page.reload()
        expect(rows(page).get_by_role("cell", name="open", exact=True)).to_be_visible()
        rows(page).get_by_role("link", name="list_users").click()
        expect(page.get_by_role("heading", name="list_users open")).to_be_visible()
        # It would ask for the fault of the call.
        page.close()
        site.reset()


def test_older_calls_are_loaded_after_the_connection_was_lost(server: LiveServer, open_page: OpenPage) -> None:
    with client(server) as http:
        for _ in range(120):
            http.get("/groups")
    page = open_page(inspector(server), refusals=True)
    table = page.get_by_role("table", name="Calls")
    expect(table).to_have_attribute("aria-rowcount", "101")
    page.route("**/calls?*before=*", lambda route: route.abort(), times=1)

    with page.expect_event("requestfailed"):
        table.evaluate("table => table.parentElement.scrollTo(0, table.offsetHeight)")
    expect(table).to_have_attribute("aria-rowcount", "101")
    table.evaluate("table => table.parentElement.scrollBy(0, -100)")

    expect(table).to_have_attribute("aria-rowcount", "121")
