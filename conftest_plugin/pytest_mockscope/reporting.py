"""The calls of a failed test, as a section of its report. It is made where the test ran, and xdist carries it along."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import pytest

from pytest_mockscope.remote_calls import RemoteTestCalls
from pytest_mockscope.settings import log_of

if TYPE_CHECKING:
    from mockscope import Call, RemoteServer, SiteAPI

SECTION: Final = "mockscope"
# The calls that a report shows, and that are kept for it; and those without a site that are kept for a file.
MAX_SHOWN: Final = 20
MAX_UNROUTED: Final = 1000


class TestCalls:
    """The calls of the test that runs, on any server of this process. An observer of calls.

    Args:
        most_unrouted: The number of calls without a site to keep.
    """

    __test__ = False

    def __init__(self, most_unrouted: int) -> None:
        self._latest: deque[Call] = deque(maxlen=MAX_SHOWN)
        self._earlier = 0
        # The logs that hold these calls. Weak, so that a removed site can be collected.
        self._sources: WeakSet[Any] = WeakSet()
        self._render: Callable[..., str] | None = None
        # The sites of the fixture, and the calls that reached no site.
        self.own_sites: list[SiteAPI] = []
        self.unrouted: deque[Call] = deque(maxlen=most_unrouted)
        self._remote: RemoteTestCalls | None = None

    def __call__(self, call: Call, source: Any) -> None:
        """Record a call that was just received."""
        if self._render is None:
            # Imported now, because a test may make later imports fail.
            from mockscope import report

            self._render = report
        if len(self._latest) == MAX_SHOWN:
            self._earlier += 1
        self._latest.append(call)
        self._sources.add(source)
        if source.owner is None:
            self.unrouted.append(call)

    def sites(self) -> list[SiteAPI]:
        """Return the sites of the fixture, and those that received calls; on a running server, those that are new."""
        own = self.own_sites if self._remote is None else self._remote.sites()
        called = [source.owner() for source in tuple(self._sources) if source.owner is not None]
        others = sorted((site for site in called if site is not None), key=lambda site: str(site.host))
        return list({id(site): site for site in (*own, *others)}.values())

    def watch(self, server: RemoteServer) -> None:
        """Include the calls to a server that runs already."""
        from mockscope import report

        self._render = report
        self._remote = RemoteTestCalls(server, MAX_SHOWN)
        self._remote.begin()

    def begin(self) -> None:
        """Discard the calls, because a test begins."""
        self.clear()
        if self._remote is not None:
            self._remote.begin()

    def clear(self) -> None:
        """Discard the calls."""
        self._latest.clear()
        self._earlier = 0
        self._sources.clear()
        self.unrouted.clear()

    def text(self) -> str:
        """Wait until the calls are complete, and return them as a report shows them; blank without calls."""
        try:
            for source in tuple(self._sources):
                source.settled()
            calls, earlier = self._remote.read() if self._remote is not None else ([], 0)
            calls += self._latest
            return self._render(calls, earlier=self._earlier + earlier) if self._render and calls else ""
        except Exception as error:  # noqa: BLE001 - an exception of a report hook ends the whole run
            return f"mockscope could not show the calls: {type(error).__name__}: {error}"


CALLS: Final = pytest.StashKey[TestCalls]()
# The sections of a test so far.
SECTIONS: Final = pytest.StashKey[list[tuple[str, str]]]()
# Called with a test that fails by findings, and their text, while its site is still there.
ON_FINDINGS: Final = pytest.StashKey[list[Callable[[pytest.Item, str], None]]]()
# The URL of the inspector of the session's server.
INSPECTOR: Final = pytest.StashKey[str]()


def observe_calls(config: pytest.Config) -> TestCalls:
    """Return the calls of the test that runs; from the first time on they are collected."""
    if CALLS not in config.stash:
        from mockscope import CALL_OBSERVERS  # imported late: a run without mockscope must not load it

        config.stash[CALLS] = calls = TestCalls(MAX_UNROUTED if config.option.mockscope_report else 0)
        CALL_OBSERVERS.append(calls)
        config.add_cleanup(lambda: CALL_OBSERVERS.remove(calls))
    return config.stash[CALLS]


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
    # A test may use a server of its own, without a fixture.
    if sys.modules.get("mockscope") is not None:
        observe_calls(item.config).begin()
        observe_calls(item.config).own_sites.clear()
    item.stash[SECTIONS] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Let each example of Hypothesis begin without calls, so that the report shows those of the last alone."""
    handle: Any = getattr(getattr(item, "obj", None), "hypothesis", None)
    inner = getattr(handle, "inner_test", None)
    if inner is None or CALLS not in item.config.stash:
        yield
        return
    handle.inner_test = _clear_before(item.config.stash[CALLS].begin, inner)
    try:
        yield
    finally:
        handle.inner_test = inner


def _clear_before(clear: Callable[[], None], inner: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(inner)
    def example(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        clear()
        return inner(*args, **kwargs)

    @wraps(inner)
    async def async_example(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return await example(*args, **kwargs)

    return async_example if iscoroutinefunction(inner) else example


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    sections = item.stash.setdefault(SECTIONS, [])
    calls = item.config.stash.get(CALLS, None)
    if calls and _is_wanted(log_of(item.config), call) and (text := calls.text()):
        sections.append((f"Captured {SECTION} {call.when}", text))
    # With the sections of earlier phases, as pytest does: JUnit XML takes them from the teardown.
    report.sections += sections
    if call.when == "teardown":
        # The session keeps its items. Without this, it would keep their sections, calls and sites in memory too.
        if calls:
            calls.clear()
            calls.own_sites.clear()
        item.stash[SECTIONS] = []
    return report


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
