"""The calls of a failed test, as a section of its report. It is made where the test ran, and xdist carries it along."""

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
# The sections of a test so far.
SECTIONS: Final = pytest.StashKey[list[tuple[str, str]]]()

SECTION: Final = "mockscope"


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if config.getoption("xmlpath", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(JUnitSections())


class JUnitSections:
    """A plugin that shows calls to JUnit XML, which takes only the sections that are named after standard output."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        shown = report.sections
        ours = [text for title, text in shown if title.startswith(f"Captured {SECTION} ")]
        report.sections = [*shown, *((f"Captured stdout {SECTION}", text) for text in ours)]
        yield
        report.sections = shown


def pytest_runtest_setup(item: pytest.Item) -> None:
    server = item.config.stash.get(SERVER, None)
    item.stash[MARK] = 0 if server is None else server.mark()
    item.stash[SECTIONS] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    sections = item.stash.setdefault(SECTIONS, [])
    if _is_wanted(log_of(item.config), call) and (text := _calls_of(item)):
        sections.append((f"Captured {SECTION} {call.when}", text))
    # With the sections of earlier phases, as pytest does: JUnit XML takes them from the teardown.
    report.sections += sections
    if call.when == "teardown":
        # The session keeps its items, and would keep their sites.
        item.stash[SITES], item.stash[SECTIONS] = [], []
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
    # pytest itself shows the sections of passed tests only with -rP.
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
