"""The options --scenario, --faults, --log, --har, --strict and --contract of serve and exec."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from support.commands import invoke

from mockscope.seeds.scenarios import SCENARIOS

NAIVE: Final = """
import os, requests
with requests.Session() as client:
    client.headers["Http-X-Partner-Auth"] = os.environ["MOCKSCOPE_AUTH"]
    user = {"first_name": "Ross", "last_name": "Geller", "email": "ross@example.com"}
    user["invited_by_email"] = os.environ["ADMIN"]
    create = {"url": os.environ["MOCKSCOPE_URL"] + "/api/v1/users", "json": user}
    try:
        response = client.post(**create)
    except requests.ConnectionError:
        RETRY
    response.raise_for_status()
"""
RETRY: Final = "response = client.post(**create)"
LOOK: Final = 'response = client.get(create["url"], headers={"Http-X-Email": user["email"]})'


def run(*arguments: str, retry: str = RETRY, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    admin = "monica@example.com" if "--scenario" in arguments else "rachel@example.com"
    script = NAIVE.replace("RETRY", retry)
    return subprocess.run(
        [sys.executable, "-m", "mockscope", "exec", *arguments, "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"ADMIN": admin},
        cwd=folder,
        check=False,
    )


def test_in_a_scenario_a_naive_command_fails_and_a_careful_one_passes() -> None:
    naive, careful = (run("--scenario", "lost-response", retry=retry) for retry in (RETRY, LOOK))

    assert (naive.returncode, "409 Client Error: Conflict" in naive.stderr) == (1, True)
    assert (careful.returncode, careful.stdout, careful.stderr) == (0, "", "")


def test_a_file_with_faults_applies_to_the_command_s_site_and_calls_are_logged_and_archived(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text(
        "faults:\n  - {operation: create_user, transport: reset, after_commit: true}\n"
        "timeline:\n  - {before: {operation: list_users}, do: disable}\nstrict: true\n"
    )
    done = run(
        *("--faults", "faults.yaml", "--log", "text", "--har", "calls.har", "--keep-state", "kept.json"),
        retry=LOOK,
        folder=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    *log, finding = done.stderr.splitlines()
    assert [(line.split()[1:3], "[fault-1]" in line) for line in log] == [
        (["---", "create_user"], True),
        (["200", "get_user"], False),
    ]
    assert finding == (
        "mockscope: example_site: a planned change was not made: "
        "change-2: disable before call 1 of list_users; not made after 0 calls"
    )
    archive = json.loads((tmp_path / "calls.har").read_text())
    assert [entry["response"]["status"] for entry in archive["log"]["entries"]] == [0, 200]
    assert {*json.loads((tmp_path / "kept.json").read_text())["sites"][0]}.isdisjoint({"faults", "timeline", "strict"})

    # The archive is replaced, and an option goes before the file.
    again = run("--faults", "faults.yaml", "--no-strict", "--har", "calls.har", retry=LOOK, folder=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["exec", "--scenario", "key-rotated", "--seed", "f.yaml", "true"],
            "a scenario has records of its own: leave --seed out",
        ),
        (
            ["serve", "--scenario", "key-rotated", "--seed", "f.yaml"],
            "a scenario has records of its own: leave --seed out",
        ),
        (
            ["serve", "--scenario", "key-rotated", "--state", "f.yaml"],
            "a scenario has records of its own: leave --state out",
        ),
        (["exec", "--faults", "f.yaml", "true"], "f.yaml, line 1: unknown key fault; did you mean faults?"),
        (["exec", "--faults", "none.yaml", "true"], "can't read the file none.yaml: No such file or directory"),
        (["exec", "--faults", "f.yaml", "--har", "f.yaml", "true"], "--faults and --har need a file each"),
        (
            ["exec", "--har", "f.yaml", "true"],
            "--har would be written over f.yaml, which is not a HAR file of mockscope: name another file, or remove it",
        ),
    ],
)
def test_options_that_do_not_go_together_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "f.yaml").write_text("fault: []\n")

    done = invoke(*arguments, folder=tmp_path)

    assert (done.returncode, done.stderr) == (2, f"mockscope: {message}\n")
    assert (tmp_path / "f.yaml").read_text() == "fault: []\n"


@pytest.mark.parametrize("command", ["serve", "exec"])
def test_an_unknown_scenario_names_the_nearest_and_the_help_names_all(command: str) -> None:
    refused = invoke(command, "--scenario", "users-vanish", "true")
    problem = "there is no scenario 'users-vanish'; did you mean user-vanishes?"
    assert (refused.returncode, refused.stderr) == (2, f"mockscope: Invalid value for '--scenario': {problem}\n")

    shown = " ".join(invoke(command, "--help").stdout.split())
    assert [name for name in SCENARIOS if name not in shown] == []
