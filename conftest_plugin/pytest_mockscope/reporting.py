"""The calls of a failed test: a section of its report, made where the test ran and carried along by xdist."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mockscope.options import log_of

if TYPE_CHECKING:
    from mockscope import Entry, LiveServer, MockSite

# The server of the session, and the function that renders calls.
SERVER: Final[pytest.StashKey[LiveServer]] = pytest.StashKey()
RENDER: Final[pytest.StashKey[Callable[[Iterable[Entry]], str]]] = pytest.StashKey()
# The sites that fixtures made for a test, and the place among the server's calls at which the test began.
SITES: Final[pytest.StashKey[list[MockSite]]] = pytest.StashKey()
MARK: Final = pytest.StashKey[int]()

SECTION: Final = "mockscope"


def pytest_runtest_setup(item: pytest.Item) -> None:
    server = item.config.stash.get(SERVER, None)
    item.stash[MARK] = 0 if server is None else server.mark()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _is_wanted(log_of(item.config), call) and (text := _calls_of(item)):
        report.sections.append((f"Captured {SECTION} {call.when}", text))
    if call.when == "teardown":
        # A rerun begins anew, and the session keeps its items: their sites are free to go.
        item.stash[SITES] = []
    return report


def _calls_of(item: pytest.Item) -> str:
    server, render = item.config.stash.get(SERVER, None), item.config.stash.get(RENDER, None)
    if server is None or render is None:
        return ""
    try:
        # The site of the test itself may be gone, and a site of wider scope was there before it.
        entries = {entry.number: entry for entry in server.calls_since(item.stash.get(MARK, 0))}
        for site in item.stash.get(SITES, []):
            entries |= {entry.number: entry for entry in site.calls}
        return render(entries.values())
    except Exception as error:  # noqa: BLE001 - an exception of a report hook ends the whole run
        return f"mockscope could not show the calls: {type(error).__name__}: {error}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    # Of tests that passed, pytest itself shows sections with -rP only.
    if log_of(config) != "all" or terminalreporter.hasopt("P"):
        return
    for report in terminalreporter.getreports("passed"):
        for title, text in report.sections:
            if title == f"Captured {SECTION} {report.when}":
                terminalreporter.section(f"{report.nodeid}: {title}", sep="-")
                terminalreporter.line(text)


def _is_wanted(log: str, call: pytest.CallInfo[None]) -> bool:
    if log == "all":
        return call.when == "call" or call.excinfo is not None
    return log == "failed" and call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception)
