"""The watch over pages in a browser finds each kind of fault."""

from typing import Final

import pytest
from support.browser import Browser, Watch, axe_violations, layout_faults

pytestmark = pytest.mark.browser

ORIGIN: Final = "http://central-perk.example"
PAGE: Final = "<!doctype html><html lang=en><title>Central Perk</title><main><h1>Central Perk</h1>{}</main>"
BOX: Final = "position: absolute; left: 9px; width: 90px; height: 20px; top"
SCRIPTS: Final = """
    <script>console.error("cold")</script>
    <script>setTimeout(() => { throw new Error("bitter") })</script>
    <script>fetch("/gone")</script>
    <script>fetch("http://other.invalid/", {mode: "no-cors"}).catch(() => 0)</script>
"""
LAYOUT: Final = f"""
    <p style="{BOX}: 490px">Tea</p><p style="{BOX}: 495px">Coffee</p>
    <p style="width: 3000px">Muffins</p>
    <p style="width: 9px; overflow: hidden">Chocolate</p>
    <img src="data:,">
"""


def faults(browser: Browser, body: str, policy: str = "") -> tuple[list[str], list[str], list[str]]:
    """Return what the watch, axe and the look at the layout find on a page with this body."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    watch = Watch(context, ORIGIN)
    page = context.new_page()
    context.route(
        f"{ORIGIN}/",
        lambda route: route.fulfill(
            body=PAGE.format(body), content_type="text/html", headers={"Content-Security-Policy": policy}
        ),
    )
    context.route(f"{ORIGIN}/gone", lambda route: route.fulfill(status=404))
    page.goto(f"{ORIGIN}/", wait_until="networkidle")
    found = (watch.found, axe_violations(page), layout_faults(page))
    context.close()
    return found


def test_a_page_without_faults_has_none(browser: Browser) -> None:
    assert faults(browser, "<p>Coffee</p><a href='#tea'>Tea</a>", "script-src 'none'") == ([], [], [])


def test_errors_and_requests_to_other_origins_are_found(browser: Browser) -> None:
    found, _, _ = faults(browser, SCRIPTS)

    assert sorted(line.partition(" (")[0] for line in found) == [
        "another origin: http://other.invalid/",
        "error: Failed to load resource: net::ERR_NAME_NOT_RESOLVED",
        "error: Failed to load resource: the server responded with a status of 404",
        "error: cold",
        "uncaught: bitter",
    ]


def test_violations_of_the_policy_are_found(browser: Browser) -> None:
    found, _, _ = faults(browser, "<script>alert('cold')</script>", "script-src 'none'")

    assert f"error: policy: script-src-elem inline {ORIGIN}/:1 ()" in found


def test_faults_of_the_layout_and_of_accessibility_are_found(browser: Browser) -> None:
    _, [violation], layout = faults(browser, LAYOUT)

    assert violation.startswith("image-alt: ['img']")
    assert layout == [
        "sideways scroll: 3008 > 1280",
        'overlap: <p> "Tea" and <p> "Coffee"',
        'cut: <p> "Chocolate"',
    ]
