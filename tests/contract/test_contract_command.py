"""The command contract finds each deviation, with a curl line, and nothing else."""

import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Final, NamedTuple, cast
from xml.etree import ElementTree

import pytest
import yaml
from schemathesis import Config, HookContext
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData
from support.bounds import WAIT_SECONDS
from support.changed_servers import PLAIN, command, forked

import mockscope
from mockscope.cli import contract, main
from mockscope.cli.remote_options import is_loopback
from mockscope.contract import hooks
from mockscope.remote.client import SiteClient
from mockscope.remote.exchange import Exchange

DEMO: Final[dict[str, Any]] = json.loads((files("mockscope") / "demo.json").read_bytes())
SITE: Final[dict[str, Any]] = DEMO["sites"][0]
HOST: Final[str] = SITE["host"]
KEY: Final[str] = SITE["api_key"]
# What stands above the failures of an operation.
HEADING: Final = re.compile(r"^_+ (\S+ /\S+) _+$", re.MULTILINE)


class Outcome(NamedTuple):
    """The output and the exit status of a run."""

    status: int
    printed: str
    complaints: str
    folder: Path

    @property
    def failures(self) -> dict[str, str]:
        """Return the section of each operation with a failure."""
        found = self.printed.partition("= FAILURES =")[2].partition("= Stateful tests =")[0]
        _, *parts = HEADING.split(found)
        return dict(zip(parts[::2], parts[1::2], strict=True))

    def titles(self) -> dict[str, list[str]]:
        return {name: re.findall(r"^- ST\d+ (.*)$", text, re.MULTILINE) for name, text in self.failures.items()}

    def curl_line(self, operation: str) -> str:
        lines = re.findall(r"^    (curl .*)$", self.failures[operation], re.MULTILINE)
        assert lines, self.failures[operation]
        return str(lines[-1])


def outcome(done: "subprocess.CompletedProcess[str]", folder: Path) -> Outcome:
    return Outcome(done.returncode, done.stdout, done.stderr, folder)


def curl(line: str, **environment: str) -> tuple[int, str, str]:
    """Run a curl command in a shell; return status, content type and body."""
    done = subprocess.run(
        ["bash", "-c", f"{line} -s -w '\\n%{{http_code}} %{{content_type}}'"],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=True,
        env=PLAIN | environment,
    )
    body, _, last = done.stdout.rpartition("\n")
    status, _, content_type = last.partition(" ")
    return int(status), content_type, body


# -- a fork with deviations ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_a_fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Outcome, dict[str, Any], dict[str, Any]]]:
    """A run against the running fork, with its site's records before and after."""
    folder = tmp_path_factory.mktemp("reports")
    with forked(DEMO) as server:
        before = server.export()
        done = command(
            *(
                server.url,
                "--site",
                HOST,
                "--api-key-env",
                "DEMO_KEY",
                "--max-examples",
                "2",
                "--seed-number",
                "1",
                "--reset",
            ),
            *("--report", "junit", "--report", "har", "--report-dir", str(folder)),
            DEMO_KEY=KEY,
        )
        server.reset()
        yield outcome(done, folder), before, server.export()


FOUND = {
    "DELETE /api/v1/users": ["Undocumented Content-Type"],
    "GET /api/v1/users": ["Response violates schema"],
    "POST /api/v1/groups": ["Server error", "Undocumented status code"],
    "PUT /api/v1/groups/{group_name}": ["Undocumented status code"],
}
FOUND |= {f"{operation}/": titles for operation, titles in FOUND.items()}


@pytest.mark.slow
def test_each_deviation_is_found_and_nothing_else(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, before, after = on_a_fork

    assert run.titles() == FOUND
    assert (run.status, run.complaints) == (1, "")
    assert after == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "response"),
    [
        ("DELETE /api/v1/users", (200, "text/plain")),
        ("GET /api/v1/users", (200, "application/json; charset=utf-8")),
        ("POST /api/v1/groups", (500, "application/json; charset=utf-8")),
        ("PUT /api/v1/groups/{group_name}", (202, "application/json; charset=utf-8")),
    ],
)
def test_the_curl_line_shows_the_deviation_again(
    operation: str, response: tuple[int, str], on_a_fork: tuple[Outcome, Any, Any]
) -> None:
    run, _, _ = on_a_fork

    status, content_type, body = curl(run.curl_line(operation), DEMO_KEY=KEY)

    assert (status, content_type) == response
    assert "tfa_enabled" not in json.loads(body)


@pytest.mark.slow
def test_the_key_is_never_shown_even_if_the_server_repeats_it(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, _, _ = on_a_fork
    texts = [run.printed, *(path.read_text(encoding="utf-8") for path in run.folder.iterdir())]

    assert [KEY in text for text in texts] == [False] * 3
    assert f"crashed while serving {HOST}:…{KEY[-4:]}" in run.printed
    assert run.curl_line("POST /api/v1/groups").startswith(
        f"curl -X POST -H 'Http-X-Partner-Auth: {HOST}:'\"$DEMO_KEY\" -H 'Content-Type: application/json' -d "
    )


@pytest.mark.slow
def test_the_junit_report_names_operations_and_failures(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, _, _ = on_a_fork

    suites = ElementTree.parse(run.folder / "junit.xml").getroot()
    failed = {case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None}

    assert failed - {"Stateful tests"} == set(FOUND)
    [texts] = [case.findall("failure") for case in suites.iter("testcase") if case.get("name") == "POST /api/v1/groups"]
    assert f"'Http-X-Partner-Auth: {HOST}:'\"$DEMO_KEY\"" in str(texts[0].text)


@pytest.mark.slow
def test_the_archive_holds_every_exchange_without_the_key(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, _, _ = on_a_fork

    entries = json.loads((run.folder / "har.json").read_text(encoding="utf-8"))["log"]["entries"]
    values = {header["value"] for entry in entries for header in entry["request"]["headers"]}

    assert {value for value in values if value.startswith(HOST)} >= {f"{HOST}:…{KEY[-4:]}"}
    assert len(entries) > 200
    assert {entry["request"]["method"] for entry in entries} >= {"GET", "POST", "PUT", "DELETE"}


# -- the mock --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_mock_itself_passes_and_keeps_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    # Port 9 discards: a request through this proxy would get no response. The encoding has no sign for success.
    done = command(
        "--max-examples", "1", "--seed-number", "1", HTTP_PROXY="http://127.0.0.1:9", PYTHONIOENCODING="cp1252"
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in ("Examples", "Coverage", "Fuzzing", "Stateful") if f"? {name}" not in done.stdout] == []
    assert "No issues found" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_seed_outside_the_contract_is_found_and_can_be_served_again(tmp_path: Path) -> None:
    # TEST-2: the document says 200.
    seed = tmp_path / "seed of friends.yaml"
    policy = {"test_mode_create_status": 201}
    # It has no key, so that each server makes up another.
    site = {name: value for name, value in SITE.items() if name != "api_key"} | {"policy": policy}
    folder = tmp_path / "reports"
    seed.write_text(yaml.safe_dump(DEMO | {"sites": [{"host": "empty"}, site]}), encoding="utf-8")

    run = outcome(
        command(
            *("--seed", str(seed), "--site", HOST, "--max-examples", "1", "--seed-number", "1", "--api-key-env", "KEY"),
            *("--report", "junit", "--report", "har", "--report-dir", str(folder)),
        ),
        folder,
    )

    creates = {"POST /api/v1/users", "POST /api/v1/groups"}
    assert set(run.titles()) == creates | {f"{create}/" for create in creates}
    assert run.status == 1
    serving = re.fullmatch(
        r"mockscope: the curl lines need a server, and this one ends: mockscope (serve --port \d+ --seed '.*'); "
        r"and in KEY the key that it prints\n",
        run.complaints,
    )
    assert serving is not None, run.complaints
    line = f"exec {sys.executable} -m mockscope {serving[1]}"
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE, text=True, env=PLAIN) as server:
        assert server.stdout is not None
        [key] = re.findall(rf"Http-X-Partner-Auth: {HOST}:(\S+)", _read_until(server.stdout, f"{HOST}:"))
        status, _, body = curl(run.curl_line("POST /api/v1/users"), KEY=key)
        server.terminate()
    assert (status, json.loads(body)) == (201, {"message": "Action would have completed successfully"})
    # The key was made up, and has the vendor's shape (AUTH-4).
    texts = [run.printed, *((folder / name).read_text("utf-8") for name in ("junit.xml", "har.json"))]
    assert [f"{HOST}:" in text for text in texts] == [True] * 3
    assert [re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}\b", text) for text in texts] == [[]] * 3
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [0o600, 0o600]


def _read_until(stream: IO[str], word: str) -> str:
    return next(line for line in stream if word in line)


def test_an_interrupt_does_not_report_success() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mockscope", "contract"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=PLAIN
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"Base URL" in line:
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        assert process.wait(WAIT_SECONDS) == 130


@pytest.mark.parametrize(
    ("rate", "limit"),
    [
        (None, "auto"),
        (1_000_000, "1000000/s"),
        (2.5, "2/s"),
        (1, "1/s"),
        (0.5, "30/m"),
        (1 / 61, "59/h"),
        (1 / 3601, "23/d"),
        (1e-9, "1/d"),
    ],
)
def test_the_rate_never_exceeds_the_option(rate: float | None, limit: str) -> None:
    assert contract._rate_limit(rate) == limit


@pytest.mark.slow
def test_a_server_with_tls_is_tested_and_reset_with_a_ca_file() -> None:
    with mockscope.serve(DEMO, tls=True) as server:
        before = server.export()
        done = command(
            *(server.url, "--site", HOST, "--ca-file", str(server.ca_file), "--reset"),
            *("--max-examples", "1", "--seed-number", "1"),
            MOCKSCOPE_API_KEY=KEY,
        )
        server.reset()

        assert (done.returncode, done.stderr) == (0, "")
        assert "No issues found" in done.stdout
        assert server.export() == before


@pytest.mark.slow
def test_ctrl_c_again_ends_a_wait_for_the_rate() -> None:
    # One request a day, and the first one goes at once.
    with subprocess.Popen(
        [sys.executable, "-m", "mockscope", "contract", "--rate", "1e-9"], stdout=subprocess.PIPE, env=PLAIN
    ) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if b"API capabilities" in line)
        status = None
        while status is None:
            process.send_signal(signal.SIGINT)
            # Long enough for a busy machine: a signal to an interpreter that is shutting down would be another status.
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(20)
        assert status == 130


# -- wrong use -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "message"),
    [
        (
            ["http://127.0.0.1:9", "--seed", "x.yaml"],
            {},
            2,
            "give a URL or a seed, not both",
        ),
        (
            ["--report", "har", "--report-dir", f"{__file__}/reports"],
            {},
            2,
            f"can't write reports to {__file__}/reports: Not a directory",
        ),
        (["--reset"], {}, 2, "--reset needs a URL: the mock is reset anyway"),
        (["--seed", "nowhere.yaml"], {}, 2, "can't read the seed nowhere.yaml: No such file or directory"),
        (["--site", "elsewhere"], {}, 2, f"the seed has no site elsewhere; it has {HOST}"),
        (["friends.yaml"], {}, 2, "a URL begins with http:// or https://; a seed is given as --seed FILE"),
        (
            ["http://127.0.0.1:9"],
            {},
            2,
            "a URL needs --site HOST: the host of the site, as in the auth header",
        ),
        (
            ["http://127.0.0.1:9", "--site", HOST],
            {},
            2,
            "the API key must be in the environment variable MOCKSCOPE_API_KEY, which is not set",
        ),
        (
            ["http://192.0.2.1", "--site", HOST],
            {"MOCKSCOPE_API_KEY": "a-key"},
            2,
            f"contract creates, changes and deletes records of the site {HOST} at http://192.0.2.1: "
            "add --yes if they may all go",
        ),
        (
            ["http://127.0.0.1:9/api/v1", "--site", HOST],
            {"MOCKSCOPE_API_KEY": "a-key"},
            2,
            "'http://127.0.0.1:9/api/v1' must end before /api/v1: write http://127.0.0.1:9",
        ),
        (["--max-examples", "0"], {}, 2, "Invalid value for '--max-examples': 0 is not in the range x>=1."),
        (
            ["http://127.0.0.1:9", "--site", HOST],
            {"MOCKSCOPE_API_KEY": "a-key"},
            1,
            "http://127.0.0.1:9: connection refused: no server listens there",
        ),
    ],
)
def test_an_impossible_run_is_one_line(
    arguments: list[str],
    environment: dict[str, str],
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["mockscope", "contract", *arguments])
    monkeypatch.delenv("MOCKSCOPE_API_KEY", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as end:
        main()

    assert (end.value.code, *capsys.readouterr()) == (status, "", f"mockscope: {message}\n")


def test_a_wrong_key_is_one_line_and_no_case_is_run() -> None:
    with forked(DEMO) as server:
        done = command(server.url, "--site", HOST, MOCKSCOPE_API_KEY="a-key")

        message = f"mockscope: {server.url} answers 403: the site {HOST} is not there, or this is not its key\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
        assert [call.method for call in server.calls] == ["GET"]


def test_a_server_without_a_control_api_cannot_be_reset_and_no_case_is_run() -> None:
    with mockscope.serve(DEMO, control=False) as server:
        done = command(server.url, "--site", HOST, "--reset", MOCKSCOPE_API_KEY=KEY)

        message = (
            f"mockscope: {server.url} answers 404 to /_mockscope/v1/sites/{HOST}/reset: "
            "--reset needs mockscope's control API there\n"
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
        assert [call.operation for call in server.sites[HOST].calls] == ["list_users"]


def test_a_missing_extra_is_one_line_that_names_it() -> None:
    script = "import sys; sys.modules['schemathesis'] = None; from mockscope.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "contract"], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )

    message = "mockscope: contract needs Schemathesis: pip install 'mockscope[contract]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_serve_does_not_import_schemathesis() -> None:
    script = (
        "import sys, mockscope.cli; print(sorted({'schemathesis', 'hypothesis', 'jsonschema_rs'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=WAIT_SECONDS, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("http://127.0.0.1:8765", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:8765/prefix", True),
        ("https://localhost", True),
        ("http://mock.localhost:1", True),
        ("http://192.0.2.1", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("https://app.periscopedata.com", False),
        ("http://[", False),
    ],
)
def test_only_loopback_needs_no_confirmation_and_no_rate(url: str, is_ours: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_loopback(url) == is_ours


# -- the configuration of Schemathesis -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "emails"),
    [
        ({"users": SITE["users"]}, ["rachel@example.com", "mike@example.com"]),
        ({"users": []}, []),
        ({"users": [{"email": "\U0001f600@example.com", "groups": ["Administrators"]}]}, []),
        ({"users": [{"email": "\x7f@example.com", "groups": ["Administrators"]}]}, []),
        ({"users": [{"email": 5, "groups": ["Administrators"]}]}, []),
        ({"users": [{"email": "joey@example.com"}]}, []),
        ({"users": [None]}, []),
        ({"users": None}, []),
        ([], []),
        (5, []),
    ],
)
def test_administrators_are_parsed_from_a_page_and_invalid_ones_skipped(page: object, emails: list[str]) -> None:
    response = Exchange("GET", "/api/v1/users", (), b"", 200, (), json.dumps(page).encode())
    client = SimpleNamespace(request=lambda method, path: response)

    assert contract._administrators(cast(SiteClient, client)) == emails


def test_the_configuration_is_valid_with_any_administrators() -> None:
    text = contract.CONFIGURATION.read_text("utf-8")
    emails = ["mike@example.com", "\\\"'${HOME}{}@example.com"]

    example = json.dumps(contract.EXAMPLE)
    assert text.count(example) == 1
    config = Config.from_str(text.replace(example, json.dumps(emails)).replace("${MOCKSCOPE_AUTH}", "a:b"))
    assert [entry.value for entry in config.dictionaries["administrators"].entries] == emails


REFUSED: Final = RejectedPositiveData(
    operation="", message="", status_code=400, allowed_statuses=[], title="", case_id=None
)


@pytest.mark.parametrize(
    ("asked", "hint", "is_kept"),
    [
        ({"headers": {"Http-X-Email": "joey@example.com"}}, "user-unknown", False),
        ({"headers": {"Http-X-Email": "joey@example.com"}}, "fields-invalid", True),
        ({"headers": {"Http-X-Email": "joey@example.com"}}, None, False),
        ({"body": {"groups": ["Sales"]}}, None, False),
        ({"body": {"groups": []}}, None, True),
        ({"body": {"invited_by_email": "joey@example.com"}}, None, False),
        ({"path_parameters": {"group_name": "All%20Users"}}, None, False),
        ({"path_parameters": {"group_name": "Sales"}, "body": {"access": "Sql"}}, None, True),
        ({"body": b"{"}, None, True),
        ({"path": "/_mockscope/v1/sites", "body": {"groups": ["Sales"]}}, None, True),
        ({}, None, True),
    ],
)
def test_a_refusal_is_ignored_only_if_it_may_depend_on_the_site_s_records(
    asked: dict[str, Any],
    hint: str | None,
    is_kept: bool,  # noqa: FBT001 - a parameter
) -> None:
    case = SimpleNamespace(**{"path": "/api/v1/users", "headers": None, "path_parameters": None, "body": None} | asked)
    response = SimpleNamespace(status_code=400, headers={} if hint is None else {"x-mockscope-hint": [hint]})
    context = HookContext()

    assert hooks.filter_failure(context, REFUSED, case, response) == is_kept
    assert hooks.filter_failure(context, REFUSED, case, SimpleNamespace(status_code=418, headers={})) is True
    assert hooks.filter_failure(context, Failure(operation="", title="", message=""), case, response) is True
