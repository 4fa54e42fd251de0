"""The fixtures and hooks of the whole suite."""

import gc
import signal
import sys
from collections.abc import Iterator
from typing import Final

import httpx
import httpx2
import pytest
from support.bounds import WAIT_SECONDS
from support.examples import register_profiles

import mockscope
from mockscope.instruments.call_log import CallLog
from mockscope.server.live import LiveServer

register_profiles()

pytest_plugins = ["pytester", "support.browser_fixtures", "support.unrun_rule_tests"]

SLOW_TEST_SECONDS: Final = 3600
IGNORED_AT_TIMES: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests an hour in place of the ten minutes that each test has."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_TEST_SECONDS))


def pytest_collection_finish() -> None:
    """Keep the collector away from the modules and tests, which stay: it would look through half a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def heeded_signals() -> Iterator[None]:
    """Under nohup, or in the background of a shell, some signals are ignored, and what is started there inherits it."""
    ignored = [number for number in IGNORED_AT_TIMES if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def patient_clients() -> Iterator[None]:
    """Let httpx, and queries of calls, wait as long as all else: a busy machine may need more than a few seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for defaults in (httpx._config.DEFAULT_TIMEOUT_CONFIG, httpx2._config.DEFAULT_TIMEOUT_CONFIG):
            # Functions of httpx have this object as their default, so that replacing it would come too late.
            for step in ("connect", "read", "write", "pool"):
                patch.setattr(defaults, step, WAIT_SECONDS)
        patch.setattr(CallLog.settled, "__defaults__", (WAIT_SECONDS,))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_modules(pytestconfig: pytest.Config) -> Iterator[None]:
    """Let the processes that tests start share compiled modules where this interpreter writes none.

    Without them each process compiles all that it imports: half a second for `mockscope serve`, three for pytest. They
    stay in pytest's cache for the next run.
    """
    with pytest.MonkeyPatch.context() as patch:
        # There is no cache under `-p no:cacheprovider`.
        cache = getattr(pytestconfig, "cache", None)
        if sys.dont_write_bytecode and cache is not None:
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", f"{cache.mkdir('compiled')}")
        yield


@pytest.fixture
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test runs that a test starts load our plugin and xdist alone: all the others take two seconds a run."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "pytest_mockscope,xdist.plugin")


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """A server of the test's own, without sites."""
    with mockscope.serve() as server:
        yield server
