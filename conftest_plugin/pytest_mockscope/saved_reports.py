"""A file for each failed test, with the sites of the test. It is written where the test ran, by xdist workers too."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote as quote_url

import pytest

from pytest_mockscope.reporting import CALLS, ON_FINDINGS, SECTION, SECTIONS

if TYPE_CHECKING:
    from mockscope import Call, SiteAPI

MAX_NAME_CHARS: Final = 150


def file_name(id: str) -> str:
    """Return the name of the file of a test.

    Args:
        id: The node id of the test.
    """
    digits = sha256(id.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9._-]', '_', id)[:MAX_NAME_CHARS]}-{digits}.mockscope.json"


class SavedReports:
    """A plugin that writes the files.

    Args:
        folder: The folder for the files. It is made with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash.setdefault(ON_FINDINGS, []).append(self._save_before_removal)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        # Of an earlier run, or of an earlier attempt of a plugin that repeats failed tests.
        with suppress(OSError):
            self._path(item).unlink()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        # Copied now, because after the teardown they are forgotten.
        sites, unrouted = _sites_and_calls(item.config)
        report = yield
        # On a running server, the site of a test with findings is gone now, and its file is written.
        if report.failed and (sites or unrouted or self._path(item).exists()):
            section = f"Captured {SECTION} report", self._save(item, sites, unrouted)
            # A later phase that fails replaces the file, and names it once.
            if section not in report.sections:
                report.sections.append(section)
                item.stash.setdefault(SECTIONS, []).append(section)
                self._link(item.config, report, self._path(item))
        return report

    def _path(self, item: pytest.Item) -> Path:
        return self._folder / file_name(item.nodeid)

    def _save_before_removal(self, item: pytest.Item, reason: str) -> None:
        self._save(item, *_sites_and_calls(item.config))

    def _save(self, item: pytest.Item, sites: Sequence[SiteAPI], unrouted: Sequence[Call]) -> str:
        """Write the file of a test, and return the text that names it."""
        from mockscope import save_report  # imported late: a run may have no failures

        path = self._path(item)
        try:
            if sites or unrouted:
                save_report(path, sites, test=item.nodeid, calls=unrouted)
        except Exception as error:  # noqa: BLE001 - an exception of a report hook ends the whole run
            # A site of a server elsewhere is gone after the teardown. An earlier phase has written the file then.
            if not path.exists():
                return f"mockscope could not write the report {path}: {type(error).__name__}: {error}"
        return f"The calls, records and faults of this test: mockscope show {quote(str(path))}"

    def _link(self, config: pytest.Config, report: Any, path: Path) -> None:
        """Link the file in the report of pytest-html, if there is one."""
        html, target = config.pluginmanager.getplugin("html"), config.getoption("htmlpath", None)
        if target and hasattr(html, "extras"):
            address = quote_url(Path(os.path.relpath(path, Path(target).parent)).as_posix())
            report.extras = [*getattr(report, "extras", []), html.extras.url(address, name=SECTION)]


def _sites_and_calls(config: pytest.Config) -> tuple[Sequence[SiteAPI], Sequence[Call]]:
    """Return the sites of the test that runs, and its calls that reached no site."""
    calls = config.stash.get(CALLS, None)
    return (calls.sites(), calls.unrouted.copy()) if calls else ((), ())
