"""A full run that ends half-way: an interrupted run removes its records, a killed run leaves them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

import pytest
from support.bounds import WAIT_SECONDS
from support.conformance_runs import Forward, Request, Response, deviating_server, marked_on
from support.messages import CHECK_INTERRUPTED

from mockscope import LiveServer, MockSite

# So many records are there when the run is ended.
MADE: Final = 8


class HalfWay:
    """A deviation that delays the response to a create, until a test has ended the run."""

    def __init__(self) -> None:
        self.reached = Event()
        self.go_on = Event()

    async def __call__(self, request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if not self.reached.is_set() and len(marked_on(site)) > MADE:
            self.reached.set()
            # The wait is in a thread, because the server must serve other requests meanwhile.
            assert await asyncio.to_thread(self.go_on.wait, WAIT_SECONDS)
        return response


@contextmanager
def running(server: LiveServer, site: MockSite, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the command in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mockscope", "check", server.url, "--site", site.host, *options],
        env=os.environ | {"MOCKSCOPE_API_KEY": site.api_key},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_removes_its_records(number: int) -> None:
    half_way = HalfWay()
    with deviating_server(half_way) as (server, site):
        before = site.export()
        with running(server, site, "--full", "--yes") as process:
            assert half_way.reached.wait(WAIT_SECONDS)
            process.send_signal(number)
            half_way.go_on.set()
            output, errors = process.communicate(timeout=WAIT_SECONDS)

        assert (process.returncode, output, errors) == (1, "", f"{CHECK_INTERRUPTED}\n")
        assert site.export() == before


def test_under_nohup_a_hangup_does_not_end_a_run() -> None:
    half_way = HalfWay()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with deviating_server(half_way) as (server, site), running(server, site, "--full", "--yes") as process:
            assert half_way.reached.wait(WAIT_SECONDS)
            process.send_signal(signal.SIGHUP)
            half_way.go_on.set()
            output, _ = process.communicate(timeout=WAIT_SECONDS)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert output.splitlines()[-1].startswith("full: 52 rules: ")


def test_a_killed_run_leaves_its_records_and_the_next_run_names_them() -> None:
    half_way = HalfWay()
    with deviating_server(half_way) as (server, site):
        before = site.export()
        with running(server, site, "--full", "--yes") as process:
            assert half_way.reached.wait(WAIT_SECONDS)
            process.kill()
            process.wait(WAIT_SECONDS)
            half_way.go_on.set()
        made = marked_on(site)
        with running(server, site, "--rule", "GROUP-1") as process:
            _, errors = process.communicate(timeout=WAIT_SECONDS)
        assert marked_on(site) == made
        with running(server, site, "--clean-up", "--yes") as process:
            assert process.wait(WAIT_SECONDS) == 0

        assert len(made) > MADE
        assert errors.startswith("mockscope: left by another check, killed or running: the ")
        assert [name for name in made if name not in errors] == []
        assert (errors.count("\n"), "; --clean-up removes it\n" in errors) == (1, True)
        assert site.export() == before
