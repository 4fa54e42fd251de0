"""The options --strict and --calls-kept of serve: the findings at the end, the calls kept, and no Date header."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import requests

from mockscope import serve
from mockscope.cli.root import cli
from mockscope.sites.settings import Settings

AUTH: Final = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
COMMAND: Final = (sys.executable, "-m", "mockscope", "serve", "--port", "0", "--log", "off")


@contextmanager
def serving(folder: Path, *options: str, **twins: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run a server; yield its process and URL."""
    ready = folder / "ready.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOCKSCOPE_")}
    process = subprocess.Popen(
        [*COMMAND, "--ready-file", str(ready), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | twins,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("mockscope "), process.communicate()[1]
        yield process, json.loads(ready.read_text())["url"]
    finally:
        process.kill()
        process.communicate()


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def update_with_an_unknown_field(url: str) -> requests.Response:
    return requests.put(
        f"{url}/api/v1/users", headers=AUTH | {"Http-X-Email": "monica@example.com"}, json={"frist_name": "Monica"}
    )


def test_no_response_shows_the_machine_s_time(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, url), serve() as live:
        served = [requests.get(f"{each}/{path}") for each in (url, live.url) for path in ("api/v1/users", "nowhere")]

    assert [response.headers.get("Date") for response in served] == [None] * 4


def test_findings_are_printed_at_the_end_with_exit_status_0(tmp_path: Path) -> None:
    with serving(tmp_path, "--strict") as (process, url):
        requests.get(f"{url}/api/v1/users", headers=AUTH)
        response = update_with_an_unknown_field(url)
        assert response.status_code == 200

        assert end(process) == (
            0,
            "mockscope: example_site: 200 update_user monica@example.com "
            f"(HTTP-7, call {response.headers['X-Request-Id']}): field-unknown: The service knows no field frist_name "
            "here. Did you mean first_name? Correct the name, or leave the field out: unknown fields are ignored.\n",
        )


@pytest.mark.parametrize("options", [[], ["--no-strict"]])
def test_nothing_is_printed_without_strict_mode(tmp_path: Path, options: list[str]) -> None:
    twins = {"MOCKSCOPE_STRICT": "true"} if options else {}
    with serving(tmp_path, *options, **twins) as (process, url):
        assert update_with_an_unknown_field(url).status_code == 200

        assert end(process) == (0, "")


def test_only_max_calls_are_kept(tmp_path: Path) -> None:
    with serving(tmp_path, MOCKSCOPE_CALLS_KEPT="3") as (_, url):
        asked = [requests.get(f"{url}/api/v1/users", headers=AUTH).headers["X-Request-Id"] for _ in range(5)]
        calls = requests.get(f"{url}/_mockscope/v1/sites/example_site/calls").json()["calls"]

    assert [call["id"] for call in calls] == asked[:1:-1]


def test_max_calls_of_0_is_refused() -> None:
    done = subprocess.run([*COMMAND, "--calls-kept", "0"], capture_output=True, text=True, timeout=300, check=False)

    line = "mockscope: Invalid value for '--calls-kept': 0 is not in the range x>=1.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_the_command_line_keeps_as_many_calls_as_a_server_in_a_test() -> None:
    [option] = [option for option in cli.commands["serve"].params if option.name == "calls_kept"]

    assert option.default == Settings().calls_kept
