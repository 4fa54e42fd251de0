"""A full run that is ended half-way, one way or another, leaves nothing behind."""

import asyncio
import io
import json
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
from checking_harness import Answer, Forward, Request, marked_on, standing_in

from mockscope import LiveServer, MockSite
from mockscope.checking import guardian
from mockscope.checking.guardian import Guardian
from mockscope.checking.names import Names, Record
from mockscope.checking.outcome import CouldNotRun

SECONDS: Final = 30
# So many records are there when the run is ended.
MADE: Final = 8


class HalfWay:
    """Holds the answer to a create back, when so many have been done, until a test has ended the run.

    Args:
        holds_request: hold the request back rather than its answer, until something is removed: what was under way
            arrives when everything else is over.
    """

    def __init__(self, *, holds_request: bool = False) -> None:
        self.reached = Event()
        self.go_on = Event()
        self._holds_request = holds_request
        self._made = 0

    async def __call__(self, request: Request, forward: Forward, site: MockSite) -> Answer:
        is_create = request.method == "POST" and not request.is_rehearsal and request.fields.get("last_name") == "Check"
        if self._holds_request and request.method == "DELETE" and self.reached.is_set():
            self.go_on.set()
        if not is_create or self.reached.is_set():
            return await forward(request)
        self._made = len(marked_on(site))
        if self._holds_request and self._made >= MADE:
            await self._wait()
            return await forward(request)
        answer = await forward(request)
        if self._made >= MADE:
            await self._wait()
        return answer

    async def _wait(self) -> None:
        self.reached.set()
        # In a thread: the server has others to answer meanwhile.
        assert await asyncio.to_thread(self.go_on.wait, SECONDS)


@contextmanager
def running(server: LiveServer, site: MockSite) -> Iterator["subprocess.Popen[str]"]:
    """A full run in a process of its own."""
    command = [sys.executable, "-m", "mockscope", "check", server.url, "--site", site.host, "--full", "--yes"]
    process = subprocess.Popen(
        [*command, "--policy", "small.yaml"],
        env=os.environ | {"MOCKSCOPE_API_KEY": site.api_key},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # The guardian has it too, so that its end is seen by reading.
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
    Path("small.yaml").write_text("policy: {page_size: 10}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_removes_what_it_made(number: int) -> None:
    half_way = HalfWay()
    with standing_in(half_way) as (server, site):
        before = site.export()
        with running(server, site) as process:
            assert half_way.reached.wait(SECONDS)
            assert len(marked_on(site)) > MADE
            process.send_signal(number)
            half_way.go_on.set()
            output, errors = process.communicate(timeout=SECONDS)

        assert (process.returncode, output, errors) == (1, "", "mockscope: ended before all was checked\n")
        assert site.export() == before


def test_a_run_that_is_killed_leaves_its_records_to_the_guardian() -> None:
    half_way = HalfWay()
    with standing_in(half_way) as (server, site):
        before = site.export()
        with running(server, site) as process:
            assert half_way.reached.wait(SECONDS)
            made = marked_on(site)
            process.kill()
            half_way.go_on.set()
            _, errors = process.communicate(timeout=SECONDS)

        assert process.returncode == -signal.SIGKILL
        assert errors.startswith("mockscope: removed what the check had made: ")
        assert [name for name in made if name not in errors] == []
        assert site.export() == before


def test_what_was_under_way_when_the_run_was_killed_is_removed_too() -> None:
    half_way = HalfWay(holds_request=True)
    with standing_in(half_way) as (server, site):
        before = site.export()
        with running(server, site) as process:
            assert half_way.reached.wait(SECONDS)
            process.kill()
            process.communicate(timeout=SECONDS)

        assert half_way.go_on.is_set()
        assert site.export() == before


def test_the_key_is_in_no_list_of_processes() -> None:
    half_way = HalfWay()
    with standing_in(half_way) as (server, site):
        with running(server, site) as process:
            assert half_way.reached.wait(SECONDS)
            [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            shown = [Path(f"/proc/{child}/{part}").read_bytes() for part in ("cmdline", "environ")]
            half_way.go_on.set()
            process.communicate(timeout=SECONDS)

        assert process.returncode == 0
    assert b"mockscope.checking.guardian" in shown[0]
    assert [part for part in shown if site.api_key.encode() in part or b"MOCKSCOPE_API_KEY" in part] == []


# -- the guardian itself ---------------------------------------------------------------------------------------


def told(server: LiveServer, site: MockSite, *lines: object) -> list[str]:
    target = {"url": server.url, "host": site.host, "api_key": site.api_key, "ca_file": None}
    said = [{"target": target, "run": "0123abcd", "most_pages": 50}, *lines]
    return [json.dumps(line) + "\n" for line in said]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "PAUSE", 0)


@pytest.mark.usefixtures("soon")
def test_the_guardian_removes_what_it_was_told_of_and_what_bears_the_mark(server: LiveServer) -> None:
    site = server.site()
    for name in ("mockscope-check-0123abcd-1@example.com", "mockscope-check-ffffffff-1@example.com"):
        site.add_user(name)
    site.add_group("mockscope-check-0123abcd 2")
    errors = io.StringIO()

    guardian.main(told(server, site, {"about": ["group", "mockscope-check-0123abcd 2"]}), errors)

    assert marked_on(site) == ["mockscope-check-ffffffff-1@example.com"]
    assert errors.getvalue() == (
        "mockscope: removed what the check had made: the group mockscope-check-0123abcd 2, "
        "the user mockscope-check-0123abcd-1@example.com\n"
    )


@pytest.mark.parametrize("end", [[], [""], ['{"target": {'], ["done"], ["told nothing"]])
def test_a_guardian_that_was_told_nothing_or_dismissed_asks_nothing(server: LiveServer, end: list[str]) -> None:
    site = server.site()
    site.add_group("mockscope-check-0123abcd 2")
    about = {"about": ["group", "mockscope-check-0123abcd 2"]}
    lines = {"done": told(server, site, about, {"done": True}), "told nothing": told(server, site)}

    guardian.main(lines.get("".join(end), end), io.StringIO())

    assert (len(site.calls), len(marked_on(site))) == (0, 1)


@pytest.mark.usefixtures("soon")
def test_half_a_line_is_what_was_not_sent_yet(server: LiveServer) -> None:
    site = server.site()
    lines = [*told(server, site, {"about": ["user", "mockscope-check-0123abcd-1@example.com"]}), '{"about": ["us']

    guardian.main(lines, io.StringIO())

    assert [call.email for call in site.calls if call.method == "DELETE"] == ["mockscope-check-0123abcd-1@example.com"]


def test_a_guardian_that_finds_no_server_says_so(server: LiveServer) -> None:
    site = server.site()
    lines = told(server, site, {"about": ["user", "mockscope-check-0123abcd-1@example.com"]})
    url = server.url
    server.stop()
    errors = io.StringIO()

    guardian.main(lines, errors)

    assert errors.getvalue() == f"mockscope: what the check made may still be there: {url}: nothing listens there\n"


@pytest.mark.usefixtures("soon")
def test_what_can_t_be_removed_is_named() -> None:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Answer:
        return await forward(request.without("http-x-email") if request.method == "DELETE" else request)

    with standing_in(deviate) as (server, site):
        site.add_user("mockscope-check-0123abcd-1@example.com")
        errors = io.StringIO()
        guardian.main(told(server, site, {"about": ["user", "mockscope-check-0123abcd-1@example.com"]}), errors)

    assert errors.getvalue() == "mockscope: still there: the user mockscope-check-0123abcd-1@example.com\n"


def test_without_a_guardian_nothing_is_made(server: LiveServer) -> None:
    site = server.site()
    watch = Guardian(server.url, site.host, site.api_key, Names(), most_pages=50, options={})
    os.kill(watch.pid, signal.SIGKILL)
    os.waitid(os.P_PID, watch.pid, os.WEXITED | os.WNOWAIT)

    with pytest.raises(CouldNotRun, match="the process that would clean up has ended"):
        watch.announce(Record("user", "mockscope-check-0123abcd-1@example.com"), is_there=True)
    # What is gone needs nobody to remember it.
    watch.announce(Record("user", "mockscope-check-0123abcd-1@example.com"), is_there=False)
    watch.dismiss()


@pytest.mark.parametrize(
    ("api_key", "kept"),
    [
        ("e179017a-62b0-4996-8a38-e91aa9f1", ["PLAIN"]),
        # In "links" there is a k.
        ("k", ["PLAIN", "LINKS"]),
    ],
)
def test_variables_with_the_key_are_not_passed_on(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, api_key: str, kept: list[str]
) -> None:
    site = server.site(api_key=api_key)
    told = {"KEY": api_key, "AUTH": f"{site.host}:{api_key}", "PLAIN": "joey", "LINKS": f"links {api_key}"}
    for name, value in told.items():
        monkeypatch.setenv(f"CHECKED_{name}", value)
    watch = Guardian(server.url, site.host, api_key, Names(), most_pages=50, options={})
    # A program that is just being loaded has none yet.
    while not (environment := Path(f"/proc/{watch.pid}/environ").read_text().split("\0")[:-1]):
        pass
    watch.dismiss()

    assert [name for name in told if f"CHECKED_{name}={told[name]}" in environment] == kept


def test_a_guardian_that_can_t_be_started_ends_the_run(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    site = server.site()
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    with pytest.raises(CouldNotRun, match="can't be started: No such file or directory"):
        Guardian(server.url, site.host, site.api_key, Names(), most_pages=50, options={})
