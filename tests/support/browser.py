"""Chromium, its pages, and what tests look for on them.

If playwright is missing, the import of this module skips its importer. Under MOCKSCOPE_BROWSER=required, it fails.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from support.tools import skip_unless_required

INSTALL: Final = "apt-get install chromium fonts-dejavu-core && pip install -e '.[browser]'"
REQUIRED: Final = "MOCKSCOPE_BROWSER"
try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright
except ModuleNotFoundError:
    skip_unless_required(f"playwright is not installed: {INSTALL}", REQUIRED)

__all__ = ["Browser", "BrowserContext", "Locator", "Page", "expect"]

# Guards against a hang alone, as in `support.bounds`. A page that is wrong would hold up each test for five minutes.
WAIT_MS: Final = 60_000
expect.set_options(timeout=WAIT_MS)
WIDE: Final = (1280, 900)
NARROW: Final = (390, 844)
# Chromium logs each response of 400 and above, and each lost connection, as an error. No page can prevent it.
FAILED_LOAD: Final = "Failed to load resource"
# A page may load its icon, or records that changed, when the server of the test has stopped.
SERVER_STOPPED: Final = "net::ERR_CONNECTION_REFUSED"
RESOLVER_RULES: Final = "--host-resolver-rules=MAP mockscope 127.0.0.1"
REPORT_VIOLATIONS: Final = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium, in which `mockscope` is a name of this machine. Skip the test if it is missing."""
    program = shutil.which("chromium")
    if program is None:
        skip_unless_required(f"chromium is not installed: {INSTALL}", REQUIRED)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", RESOLVER_RULES])
        yield browser
        browser.close()


class Watch:
    """The faults of all pages of a context: errors, violations of the policy, and requests to other origins.

    Args:
        context: The context of the pages.
        origin: The only origin that its pages may send requests to.
        refusals: Whether its pages may get responses of 400 and above, and lose connections.
    """

    def __init__(self, context: BrowserContext, origin: str, *, refusals: bool = False) -> None:
        self.found: list[str] = []
        self._origin = origin
        self._refusals = refusals
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.found.append(f"uncaught: {error.error}"))
        context.on("request", lambda request: self._on_request(request.url))

    def _on_console(self, message: ConsoleMessage) -> None:
        is_failed_load = message.text.startswith(FAILED_LOAD)
        is_expected = self._refusals or SERVER_STOPPED in message.text
        if message.type in ("error", "warning") and not (is_failed_load and is_expected):
            self.found.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _on_request(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and origin_of(url) != self._origin:
            self.found.append(f"another origin: {url}")


def origin_of(url: str) -> str:
    """Return the origin of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@contextmanager
def watched(browser: Browser, url: str, *, refusals: bool = False, **options: Any) -> Iterator[BrowserContext]:
    """Yield a context for pages of one origin, and fail at the end if they had a fault.

    Args:
        browser: The browser.
        url: A URL of the origin.
        refusals: As of `Watch`.
        options: Options of the context.
    """
    width, height = WIDE
    context = browser.new_context(**{"viewport": {"width": width, "height": height}} | options)
    context.set_default_timeout(WAIT_MS)
    watch = Watch(context, origin_of(url), refusals=refusals)
    yield context
    context.close()
    assert watch.found == [], "\n".join(watch.found)


def axe_violations(page: Page, *rules: str) -> list[str]:
    """Return the violations that axe finds on a page: rule, element and reason.

    Args:
        page: The page.
        rules: The only rules to check; none are all.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {"resultTypes": ["violations"], "preload": False} | ({"runOnly": list(rules)} if rules else {})
    results = page.evaluate("(options) => axe.run(options)", options)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']} {node['html']}"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]


# An element is compared with all others that neither contain it nor lie in it. Parts of sticky and fixed elements cover
# what scrolls below them, so they are compared among themselves only.
LAYOUT_FAULTS: Final = r"""() => {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`sideways scroll: ${root.scrollWidth} > ${root.clientWidth}`);
  const name = (element) => {
    const text = (element.textContent || element.getAttribute("aria-label") || "").trim().slice(0, 40);
    return `<${element.localName}${element.className ? "." + element.className : ""}> ${JSON.stringify(text)}`;
  };
  const layer = (element) => {
    for (let at = element; at; at = at.parentElement) {
      if (["sticky", "fixed"].includes(getComputedStyle(at).position) || at.matches(":popover-open, dialog")) return at;
    }
    return null;
  };
  const visible = (element) => {
    let { left, top, right, bottom } = element.getBoundingClientRect();
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (getComputedStyle(at).overflow === "visible") continue;
      const box = at.getBoundingClientRect();
      left = Math.max(left, box.left); right = Math.min(right, box.right);
      top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
    }
    return { element, left, top, right, bottom, layer: layer(element) };
  };
  const shown = [...document.body.querySelectorAll("*")].filter((element) => {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const ownText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return ownText || element.matches("button, input, select, textarea, a");
  });
  const boxes = shown.map(visible).filter((box) => box.right - box.left > 2 && box.bottom - box.top > 2);
  for (const [index, one] of boxes.entries()) {
    for (const other of boxes.slice(index + 1)) {
      if (one.element.contains(other.element) || other.element.contains(one.element)) continue;
      if (one.layer !== other.layer) continue;
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (wide > 2 && high > 2) faults.push(`overlap: ${name(one.element)} and ${name(other.element)}`);
    }
  }
  for (const { element } of boxes) {
    const style = getComputedStyle(element);
    const isCut = element.scrollWidth > element.clientWidth + 1 && style.overflowX === "hidden";
    if (isCut && style.textOverflow !== "ellipsis") faults.push(`cut: ${name(element)}`);
  }
  return faults;
}"""


def layout_faults(page: Page) -> list[str]:
    """Return the faults of a layout that axe does not see: overlap, sideways scroll, text that is cut off."""
    faults: list[str] = page.evaluate(LAYOUT_FAULTS)
    return faults
