"""What a failed test says of its calls: a report section, made where the test ran and carried along by xdist."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mockscope.options import log_of

if TYPE_CHECKING:
    from mockscope import LiveServer, MockSite

# The server of the session, the sites that fixtures made for a test, and the server's calls before it.
SERVER: Final[pytest.StashKey[LiveServer]] = pytest.StashKey()
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
    server = item.config.stash.get(SERVER, None)
    if server is not None and _is_wanted(log_of(item.config), call) and (text := _report(item, server)):
        item.add_report_section(call.when, SECTION, text)
    return (yield)


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


def _report(item: pytest.Item, server: LiveServer) -> str:
    from mockscope import report

    # The site of the test itself may be gone, and a site of wider scope was there before it.
    entries = {entry.number: entry for entry in server.calls_since(item.stash.get(MARK, 0))}
    for site in item.stash.get(SITES, []):
        entries |= {entry.number: entry for entry in site.calls}
    return report(entries.values())
