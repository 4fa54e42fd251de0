"""The report of a failed test in a browser: `mockscope show` from a wheel in an environment of its own."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from support.bounds import WAIT_SECONDS
from support.browser import axe_violations, expect, layout_faults
from support.browser_fixtures import OpenPage
from support.inspected import HOST, client, demo, inspector
from support.nested import run
from support.paths import ROOT

from mockscope import save_report
from mockscope.cli.show import load_server

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("few_plugins")]

FAILING: Final = """
import requests

def test_ross_leaves(mockscope):
    mockscope.add_group("<img src=/x onerror=alert(1)>")
    mockscope.faults.add("delete_group", status=503)
    requests.get(f"{mockscope.url}/api/v1/groups/Slaes", headers=mockscope.headers)
    assert False
"""


def second_environment(folder: Path) -> Path:
    """Install a wheel of the checkout into a new virtual environment, and return its command.

    The libraries are those of this environment, so that nothing is downloaded.
    """
    wheel = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(wheel, check=True, capture_output=True, timeout=WAIT_SECONDS)
    environment = folder / "second"
    venv.create(environment, with_pip=True)
    python, [built] = environment / "bin" / "python", folder.glob("*.whl")
    install = [str(python), "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", str(built)]
    subprocess.run(install, check=True, capture_output=True, timeout=WAIT_SECONDS)
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin" / "mockscope"


@contextmanager
def shown(command: Path, report: Path) -> Iterator[str]:
    """Run `mockscope show`, and yield the URL of its page."""
    with subprocess.Popen([command, "show", report], stdout=subprocess.PIPE, text=True, cwd=report.parent) as process:
        try:
            assert process.stdout is not None
            [url] = [word for word in process.stdout.readline().split() if word.startswith("http")]
            yield url
        finally:
            process.terminate()


def test_a_report_of_a_worker_is_shown_from_a_wheel(
    pytester: pytest.Pytester, tmp_path: Path, open_page: OpenPage
) -> None:
    pytester.makepyfile(FAILING)
    run(pytester, "-n", "1", "--mockscope-report=failures").assert_outcomes(failed=1)
    [report] = (pytester.path / "failures").iterdir()

    with shown(second_environment(tmp_path), report) as url:
        page = open_page(url, reduced_motion="reduce")
        expect(page.get_by_text("test_ross_leaves")).to_be_visible()
        page.get_by_role("table", name="Calls").get_by_role("link", name="get_group").click()
        expect(
            page.get_by_role("region", name="Call", exact=True).get_by_text("The site has no group Slaes.")
        ).to_be_visible()
        for button in ("on the site", "Clear", "Pause"):
            expect(page.get_by_role("button", name=button)).to_have_count(0)
        expect(page.get_by_role("link", name="Try")).to_have_count(0)
        assert (axe_violations(page), layout_faults(page)) == ([], [])

        page.get_by_role("link", name="Faults").click()
        expect(page.get_by_text("never came")).to_be_visible()
        page.get_by_role("link", name="Records").click()
        page.get_by_role("link", name="Groups").click()
        expect(page.get_by_role("link", name="<img src=/x onerror=alert(1)>")).to_be_visible()


def test_a_report_offers_nothing_that_it_would_refuse(tmp_path: Path, open_page: OpenPage) -> None:
    report = tmp_path / "friends.mockscope.json"
    with demo() as tested:
        with client(tested) as http:
            http.get("/users")
        save_report(report, [tested.sites[HOST]], test="friends")

    with load_server(report, 0) as server:
        page = open_page(inspector(server, f"#/{HOST}/try"))
        page.get_by_role("table", name="Calls").get_by_role("link", name="list_users").click()

        copies = page.get_by_role("group", name="Copy").get_by_role("button")
        expect(copies).to_have_text(["curl", "httpx"])
        page.get_by_role("link", name="Time and state").click()
        expect(page.get_by_text("The seed has a made-up key.")).to_be_visible()
        page.close()
