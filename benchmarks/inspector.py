"""The inspector in Chromium, and the cost of it for a server that nobody looks at."""

import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from statistics import fmean
from typing import Any, Final

from benchmarks.figures import Figure, Goal
from benchmarks.loads import ADMIN, AUTH, PATH, SITE, draw_emails, mockscope
from benchmarks.plan import Plan
from benchmarks.servers import HOST, Server, running, send
from mockscope._vendor import EMAIL_HEADER

NOTE: Final = "from the last key"
NEEDS: Final = "chromium and the extra browser"
FEW: Final = 100
USERS: Final = 100_000
CALLS: Final = 10_000
# The system counts processor time in hundredths of a second.
REQUESTS: Final = 2_000
WAIT_MS: Final = 120_000
# Writes the time at which each text first stands in the page, and the longest task so far.
WATCH: Final = """
globalThis.seen = {};
globalThis.longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration);
}).observe({ type: "longtask", buffered: true });
globalThis.waitFor = (text) => new Promise((resolve) => {
  const look = () => {
    if (!document.querySelector("main")?.textContent.includes(text)) return requestAnimationFrame(look);
    globalThis.seen[text] = Date.now();
    resolve(globalThis.seen[text]);
  };
  look();
});
"""


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure a live call, 10,000 calls, a search, and a server without a page."""
    if find_spec("playwright") and which("chromium"):
        yield from _in_browser(plan)
    else:
        for name in ("a call is visible", f"{CALLS:,} calls, longest task", f"search in {USERS:,} users, shown"):
            yield Figure(name, "ms", [], f"needs {NEEDS}")
    yield from _unwatched(plan)


def _in_browser(plan: Plan) -> Iterator[Figure]:
    # Imported by name, because only the extra `browser` installs it.
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        plan.tell("the inspector in Chromium")
        with running(mockscope(plan.work, FEW), plan.work / "inspector.log") as server:
            page = _open(browser, server, "calls", "No calls yet.")
            samples = [_visible_after(page, server, number) for number in range(plan.rounds)]
            yield Figure("a call is visible after its response", "ms", samples, "", Goal(250, at_most=True))
            plan.tell(f"{CALLS:,} calls on an open page")
            yield Figure(
                f"{CALLS:,} calls on an open page, longest task",
                "ms",
                [_longest_task(page, server)],
                "",
                Goal(400, at_most=True),
            )
            page.close()
            page = _open(browser, server, "calls", f"{CALLS:,}")
            note = "a page that is opened afterwards"
            yield Figure(
                f"{CALLS:,} calls, longest task", "ms", [page.evaluate("longest")], note, Goal(400, at_most=True)
            )
        plan.tell(f"a search in {USERS:,} users")
        with running(mockscope(plan.work, USERS), plan.work / "inspector-large.log") as server:
            page = _open(browser, server, "records/user", f"{USERS:,}")
            emails = draw_emails(server.port, plan.rounds)
            samples = [_search(page, email) for email in emails]
            yield Figure(
                f"search in {USERS:,} users, shown", "ms", samples, "from the last key", Goal(300, at_most=True)
            )
        browser.close()


def _open(browser: Any, server: Server, view: str, text: str) -> Any:
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.add_init_script(WATCH)
    page.goto(f"http://{HOST}:{server.port}/_mockscope/#/{SITE}/{view}")
    page.evaluate("(text) => waitFor(text)", text)
    return page


def _visible_after(page: Any, server: Server, number: int) -> float:
    """Send a call, and return the milliseconds from its response until the page shows it."""
    email = f"joey.{number}@example.com"
    send(server.port, "GET", PATH, AUTH | {EMAIL_HEADER: email})
    done = time.time() * 1000
    seen: float = page.evaluate("(text) => waitFor(text)", email)
    return max(0.0, seen - done)


def _longest_task(page: Any, server: Server) -> float:
    page.evaluate("longest = 0")
    for number in range(CALLS):
        send(server.port, "GET", PATH, AUTH | {EMAIL_HEADER: f"chandler.{number}@example.com"})
    page.evaluate("(text) => waitFor(text)", f"chandler.{CALLS - 1}@example.com")
    longest: float = page.evaluate("longest")
    return longest


def _search(page: Any, email: str) -> float:
    """Search for a user, and return the milliseconds from the last key until the list has the user."""
    page.evaluate("globalThis.began = 0; addEventListener('input', () => { began = Date.now(); }, { capture: true });")
    page.get_by_role("searchbox").fill(email)
    # The text of the field is not that of the page.
    took: float = page.evaluate("async (text) => await waitFor(text) - began", email)
    return took


def _unwatched(plan: Plan) -> Iterator[Figure]:
    """Compare a server whose page nobody opens with one that has no page."""
    plan.tell("a server that nobody looks at")
    with (
        running(mockscope(plan.work, FEW), plan.work / "unwatched.log") as unwatched,
        running(mockscope(plan.work, FEW, "--no-control"), plan.work / "without.log") as without,
    ):
        memory = (unwatched.resident_bytes - without.resident_bytes) / 2**20
        before, ratios = _cost(without), []
        for _ in range(plan.rounds):
            done, after = _cost(unwatched), _cost(without)
            ratios.append(fmean((before, after)) / done)
            before = after
    note = f"by processor time, against --no-control; {memory:+.1f} MiB"
    yield Figure("GET one user, page never opened", "of the speed", ratios, note, Goal(0.95))


def _cost(server: Server) -> float:
    """Return the processor time of requests."""
    before = server.cpu_seconds
    for _ in range(REQUESTS):
        send(server.port, "GET", PATH, AUTH | {EMAIL_HEADER: ADMIN})
    return server.cpu_seconds - before
