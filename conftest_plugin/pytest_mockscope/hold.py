"""Hold a failed test: its server stays up, with a page about its sites, until the user presses Enter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from pytest_mockscope.reporting import CALLS, INSPECTOR, ON_FINDINGS

if TYPE_CHECKING:
    from mockscope import SiteAPI


def check_hold(config: pytest.Config) -> None:
    """Check that somebody can press Enter.

    Raises:
        pytest.UsageError: If the run is distributed by pytest-xdist, or has no terminal.
    """
    if hasattr(config, "workerinput") or config.getoption("dist", "no") != "no":
        raise pytest.UsageError("--mockscope-hold waits for Enter, which workers of pytest-xdist do not get: add -n 0")
    with _terminal(config):
        if not sys.stdin.isatty():
            raise pytest.UsageError("--mockscope-hold waits for Enter: run it in a terminal, or leave it out")


class Hold:
    """A plugin that holds each failed test."""

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash.setdefault(ON_FINDINGS, []).append(hold)

    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, report: pytest.TestReport) -> None:
        if isinstance(node, pytest.Item):
            hold(node, report.longreprtext)


def hold(test: pytest.Item, reason: str) -> None:
    """Print the addresses of the pages about the sites of a test, and wait for Enter. Without sites, do nothing.

    Args:
        test: The test.
        reason: The reason why it fails, to print before them.
    """
    calls = test.config.stash.get(CALLS, None)
    # None are left after the teardown.
    sites = calls.sites() if calls else []
    if not sites:
        return
    writer = test.config.get_terminal_writer()
    with _terminal(test.config):
        writer.line(f"\n{reason}")
        writer.line(f"mockscope holds {test.nodeid}. Look at its sites, and press Enter to go on:")
        for site in sites:
            # The server of a site that the test made itself may be stopped.
            with suppress(RuntimeError):
                writer.line(f"    {_address(site, test.config.stash.get(INSPECTOR, ''))}")
        writer.flush()
        with suppress(EOFError):
            input()


def _address(site: SiteAPI, inspector: str) -> str:
    """Return the address of the page about a site.

    Args:
        site: The site.
        inspector: The page of the session's server, with the token in the fragment if there is one.
    """
    page, _, token = (inspector if inspector.startswith(f"{site.url}/") else f"{site.url}/_mockscope/").partition("#")
    return f"{page}#{token}/{quote(site.host, safe='')}/calls"


@contextmanager
def _terminal(config: pytest.Config) -> Iterator[None]:
    """Give the terminal to a ``with`` block, as ``--pdb`` does."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        yield
        return
    # Output is captured again afterwards if it was before. Input is captured again with the next test.
    with capture.global_and_fixture_disabled():
        capture.suspend_global_capture(in_=True)
        yield
