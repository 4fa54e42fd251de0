"""Each view by axe and by its layout: light and dark, narrow and wide, empty, full, and with hostile names."""

from collections.abc import Iterator
from typing import Final

import pytest
from support.browser import NARROW, WIDE, Browser, Page, axe_violations, expect, layout_faults, watched
from support.inspected import HOST, demo, fill, fill_with_hostile_names, inspector

import mockscope
from mockscope import LiveServer

pytestmark = pytest.mark.browser

HOSTILE: Final = (
    ("calls", "get_group"),
    ("calls?q=op:create_user", "create_user"),
    ("calls/latest", "Response"),
    ("records/user", "chandler@example.com"),
    ("records/group", "Administrators"),
    ("records/dashboard", "Example Dashboard"),
    ("faults", "fault-2"),
    ("faults/fault-2", "As JSON"),
    ("time", "Restore"),
)
# The address of each view, and a text in it.
EMPTY: Final = (
    ("calls", "No calls yet."),
    ("records/user", "admin@example.com"),
    ("records/dashboard", "dashboard"),
    ("faults", "Plan a fault"),
    ("faults/new", "Operation"),
    ("time", "Snapshots"),
    ("try/create_user", "first_name"),
    ("rules", "AUTH-1"),
)
FULL: Final = (
    ("calls", "get_user"),
    ("calls/latest", "Response"),
    ("calls?q=nothing-like-this", "No call matches."),
    ("records/user", "chandler@example.com"),
    ("records/user/chandler@example.com", "Last login"),
    ("records/group", "Administrators"),
    ("records/group/Administrators", "rachel@example.com"),
    ("records/dashboard", "Example Dashboard"),
    ("records/dashboard/Test%20Dashboard", "Owner"),
    ("faults", "fault-2"),
    ("faults/fault-2", "As JSON"),
    ("time", "Restore"),
    ("try/update_group", "group_name"),
    ("rules/USER-CREATE-1", "stated"),
    ("rules/email-header-renamed", "Http-X-Email"),
)


def faults(page: Page) -> Iterator[str]:
    """Yield the faults of a page in each scheme and size."""
    for width, height in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        yield from (f"{width}: {fault}" for fault in (*axe_violations(page), *layout_faults(page)))
        # The scheme changes colours alone.
        page.emulate_media(color_scheme="dark")
        yield from (f"{width} dark: {fault}" for fault in axe_violations(page, "color-contrast"))


def faults_of_views(browser: Browser, server: LiveServer, views: tuple[tuple[str, str], ...]) -> list[str]:
    """Return the faults of all views, each with the address of its view."""
    found = []
    # Colours on their way from one to another have less contrast.
    with watched(browser, server.url, reduced_motion="reduce") as context:
        page = context.new_page()
        for address, text in views:
            page.goto(inspector(server, f"#/{HOST}/{address}"))
            expect(page.get_by_role("main").get_by_text(text).first).to_be_attached()
            found += [f"{address} {fault}" for fault in faults(page)]
    return found


def test_views_of_an_empty_site_have_no_faults(browser: Browser) -> None:
    with mockscope.serve() as server:
        server.site(HOST)

        assert faults_of_views(browser, server, EMPTY) == []


def test_views_of_a_full_site_have_no_faults(browser: Browser) -> None:
    with demo() as server:
        fill(server)

        assert faults_of_views(browser, server, FULL) == []


def test_views_with_hostile_names_have_no_faults(browser: Browser) -> None:
    with demo() as server:
        fill_with_hostile_names(server)

        assert faults_of_views(browser, server, HOSTILE) == []
