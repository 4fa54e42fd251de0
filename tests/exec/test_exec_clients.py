"""Unchanged scripts with the vendor's URL written into them, as commands of exec: a page, a creation, a reset."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import mockscope
from mockscope import LiveServer
from mockscope.running import run

SCRIPTS: Final = Path(__file__).parent / "scripts"
# Were a client to go its own way, it would fail here, before any name is resolved.
GUARD: Final = """
import sys

def guard(event, arguments):
    if event == "socket.getaddrinfo" and "periscopedata" in str(arguments[0]):
        raise RuntimeError(f"{arguments[0]} was to be resolved, past the proxy")

sys.addaudithook(guard)
"""


class Script(NamedTuple):
    """A script with what runs it, and the host that is written into it."""

    interpreter: str
    name: str
    host: str

    def command(self, *arguments: str) -> list[str]:
        return [self.interpreter, str(SCRIPTS / self.name), *arguments]


def has_perl_tls() -> bool:
    command = ["perl", "-MIO::Socket::SSL", "-e", "1"]
    return (
        shutil.which("perl") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def script(interpreter: str, name: str, *needed: str) -> Iterator[object]:
    missing = [program for program in (interpreter, *needed) if shutil.which(program) is None]
    if interpreter == "perl" and not has_perl_tls():
        missing = ["perl with IO::Socket::SSL"]
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    host = f"{'app' if 'https://app.' in text else 'api'}.periscopedata.com"
    skip = pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")
    yield pytest.param(Script(interpreter, name, host), id=name, marks=skip)


through_every_script: Final = pytest.mark.parametrize(
    "script",
    [
        *script(sys.executable, "with_requests.py"),
        *script(sys.executable, "with_httpx.py"),
        *script(sys.executable, "with_httpx_async.py"),
        *script(sys.executable, "with_aiohttp.py"),
        *script(sys.executable, "with_urllib.py"),
        *script("sh", "with_curl.sh", "curl"),
        *script("sh", "with_wget.sh", "wget"),
        *script("node", "with_node.mjs"),
        *script("java", "WithJava.java"),
        *script("perl", "with_perl.pl"),
        *script("ruby", "with_ruby.rb"),
    ],
)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """The server of an exec, with the demo site, whose name and key the scripts have."""
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    with as_file(files("mockscope") / "demo.yaml") as seed, mockscope.serve(seed, proxy=True) as server:
        yield server


@through_every_script
def test_a_script_reads_a_page(script: Script, server: LiveServer, capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    status = run(script.command("page"), server, said.append)

    output = capfd.readouterr()
    assert (status, said) == (0, []), output.err
    shown, _, body = output.out.partition(" ")
    assert (shown, [user["email"] for user in json.loads(body)["users"]]) == (
        "200",
        ["chandler@example.com", "joey@example.com", "mike@example.com", "monica@example.com", "rachel@example.com"],
    )
    [call] = server.sites["example_site"].calls
    assert (call.operation, dict(call.headers)["host"]) == ("list_users", script.host)


@through_every_script
def test_a_script_creates_a_user(script: Script, server: LiveServer, capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    status = run(script.command("create"), server, said.append)

    output = capfd.readouterr()
    assert (status, said) == (0, []), output.err
    shown, _, body = output.out.partition(" ")
    assert (shown, json.loads(body)["email"]) == ("201", "phoebe@example.com")
    assert server.sites["example_site"].users["phoebe@example.com"].last_name == "Buffay"


@through_every_script
def test_a_script_meets_a_planned_reset(script: Script, server: LiveServer, capfd: pytest.CaptureFixture[str]) -> None:
    fault = server.sites["example_site"].faults.add("list_users", transport="reset", times=None)
    said: list[str] = []

    status = run(script.command("page"), server, said.append)

    output = capfd.readouterr()
    assert (status > 0, output.out) == (True, ""), output.err
    assert said[0].startswith(f"the command ended with status {status}; its last calls:\n")
    assert {call.fault for call in server.sites["example_site"].calls} == {fault.id}
