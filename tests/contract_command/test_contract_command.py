"""The command contract: deviations are found, with a curl line each; where nothing deviates, nothing is found."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, Final, NamedTuple
from xml.etree import ElementTree

import pytest
import requests
import yaml
from forks import PLAIN, SECONDS, command, forked
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

import mockscope
from mockscope.outside import is_loopback
from mockscope.schemathesis_setup import HiddenKey, Words, configuration, verdicts

DEMO: Final[dict[str, Any]] = json.loads((files("mockscope") / "demo.json").read_bytes())
SITE: Final[dict[str, Any]] = DEMO["sites"][0]
HOST: Final[str] = SITE["host"]
KEY: Final[str] = SITE["api_key"]
# What stands above the failures of an operation.
HEADING: Final = re.compile(r"^_+ (\S+ /\S+) _+$", re.MULTILINE)


class Outcome(NamedTuple):
    """What a run has told."""

    status: int
    printed: str
    complaints: str
    folder: Path

    @property
    def failures(self) -> dict[str, str]:
        """The section of each operation that something was found in."""
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
    """What a line comes to in a shell: status, content type and body."""
    done = subprocess.run(
        ["bash", "-c", f"{line} -s -w '\\n%{{http_code}} %{{content_type}}'"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
        env=PLAIN | environment,
    )
    body, _, last = done.stdout.rpartition("\n")
    status, _, content_type = last.partition(" ")
    return int(status), content_type, body


# -- a fork with deviations ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_a_fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Outcome, dict[str, Any], dict[str, Any]]]:
    """A run on the fork that is still there, and what its site was before and after."""
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
                "5",
                "--seed-number",
                "1",
                "--reset",
            ),
            *("--report", "junit", "--report", "har", "--report-dir", str(folder)),
            DEMO_KEY=KEY,
        )
        server.reset()
        yield outcome(done, folder), before, server.export()


FOUND: Final = {
    "DELETE /api/v1/users": ["Undocumented Content-Type"],
    "GET /api/v1/users": ["Response violates schema"],
    "POST /api/v1/groups": ["Server error", "Undocumented status code"],
    "PUT /api/v1/groups/{group_name}": ["Undocumented status code"],
}


def test_each_deviation_is_found_and_nothing_else(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, before, after = on_a_fork

    assert run.titles() == FOUND
    assert (run.status, run.complaints) == (1, "")
    assert after == before


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("DELETE /api/v1/users", (200, "text/plain")),
        ("GET /api/v1/users", (200, "application/json; charset=utf-8")),
        ("POST /api/v1/groups", (500, "application/json; charset=utf-8")),
        ("PUT /api/v1/groups/{group_name}", (202, "application/json; charset=utf-8")),
    ],
)
def test_the_curl_line_shows_the_deviation_again(
    operation: str, answer: tuple[int, str], on_a_fork: tuple[Outcome, Any, Any]
) -> None:
    run, _, _ = on_a_fork

    status, content_type, body = curl(run.curl_line(operation), DEMO_KEY=KEY)

    assert (status, content_type) == answer
    assert "tfa_enabled" not in json.loads(body)


def test_the_key_is_shown_nowhere_even_where_the_server_repeats_it(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, _, _ = on_a_fork
    texts = [run.printed, *(path.read_text(encoding="utf-8") for path in run.folder.iterdir())]

    assert [KEY in text for text in texts] == [False] * 3
    assert f"crashed while serving {HOST}:…{KEY[-4:]}" in run.printed
    assert run.curl_line("POST /api/v1/groups").startswith(
        f"curl -X POST -H 'Http-X-Partner-Auth: {HOST}:'\"$DEMO_KEY\" -H 'Content-Type: application/json' -d "
    )


def test_the_junit_report_names_operations_and_failures(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, _, _ = on_a_fork

    suites = ElementTree.parse(run.folder / "junit.xml").getroot()
    failed = {case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None}

    assert failed - {"Stateful tests"} == set(FOUND)
    [texts] = [case.findall("failure") for case in suites.iter("testcase") if case.get("name") == "POST /api/v1/groups"]
    assert f"'Http-X-Partner-Auth: {HOST}:'\"$DEMO_KEY\"" in str(texts[0].text)


def test_the_archive_holds_every_exchange_with_the_key_left_out(on_a_fork: tuple[Outcome, Any, Any]) -> None:
    run, _, _ = on_a_fork

    entries = json.loads((run.folder / "har.json").read_text(encoding="utf-8"))["log"]["entries"]
    sent = {header["value"] for entry in entries for header in entry["request"]["headers"]} & {
        f"{HOST}:{KEY}",
        f"{HOST}:$DEMO_KEY",
    }

    assert sent == {f"{HOST}:$DEMO_KEY"}
    assert len(entries) > 200
    assert {entry["request"]["method"] for entry in entries} >= {"GET", "POST", "PUT", "DELETE"}


# -- the mock --------------------------------------------------------------------------------------------------


def test_nothing_is_found_in_the_mock_itself_whatever_proxy_is_named(tmp_path: Path) -> None:
    # Port 9 discards: who went through this proxy would get no answer.
    done = command("--max-examples", "5", "--seed-number", "1", HTTP_PROXY="http://127.0.0.1:9", HOME=str(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in ("Examples", "Coverage", "Fuzzing", "Stateful") if f"✅ {name}" not in done.stdout] == []
    assert "No issues found" in done.stdout


def test_a_seed_that_leaves_the_contract_is_found_out_and_can_be_served_again(tmp_path: Path) -> None:
    # TEST-2: the document says 200.
    seed = tmp_path / "seed of friends.yaml"
    policy = {"test_mode_create_status": 201}
    # It has no key, so that each server makes up another.
    site = {name: value for name, value in SITE.items() if name != "api_key"} | {"policy": policy}
    seed.write_text(yaml.safe_dump(DEMO | {"sites": [{"host": "empty"}, site]}), encoding="utf-8")

    run = outcome(
        command(
            "--seed", str(seed), "--site", HOST, "--max-examples", "5", "--seed-number", "1", "--api-key-env", "KEY"
        ),
        tmp_path,
    )

    assert set(run.titles()) == {"POST /api/v1/users", "POST /api/v1/groups"}
    assert run.status == 1
    serving = re.fullmatch(
        r"mockscope: the curl lines want a server, and this one is gone: mockscope (serve --port \d+ --seed '.*'); "
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


def _read_until(stream: IO[str], word: str) -> str:
    return next(line for line in stream if word in line)


def test_the_reports_on_the_mock_hold_no_key_either(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(yaml.safe_dump(DEMO | {"sites": [SITE | {"policy": {"test_mode_create_status": 201}}]}), "utf-8")

    done = command(
        "--seed",
        str(seed),
        "--max-examples",
        "1",
        *("--report", "junit", "--report", "har"),
        "--report-dir",
        str(tmp_path),
    )

    texts = [done.stdout, done.stderr, *((tmp_path / name).read_text("utf-8") for name in ("junit.xml", "har.json"))]
    assert (done.returncode, [KEY in text for text in texts]) == (1, [False] * 4)
    assert [f"{HOST}:" in text for text in texts] == [True, False, True, True]


def test_who_interrupts_it_is_not_told_that_nothing_was_found() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mockscope", "contract"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=PLAIN
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"Base URL" in line:
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        assert process.wait(SECONDS) == 130


# A pace that only counts, until it is to wait for as long as nobody would.
COUNTING: Final = """
import sys
from mockscope import target

turns = []

class Counting(target.Pace):
    def __init__(self, rate, sleep):
        super().__init__(None, sleep)
        self.rate = rate

    def wait(self):
        turns.append(self)
        if len(turns) == LAST:
            print("waiting", self.rate, file=sys.stderr, flush=True)
            self._sleep(600)

target.Pace = Counting
"""


@pytest.mark.parametrize("at", ["the mock", "a URL"])
def test_ctrl_c_ends_it_while_it_waits_for_the_turn_of_a_request(at: str) -> None:
    script = COUNTING.replace("LAST", "20") + "from mockscope.cli import main\nmain()"
    with mockscope.serve(DEMO) as server:
        where = [] if at == "the mock" else [server.url, "--site", HOST]
        with subprocess.Popen(
            [sys.executable, "-c", script, "contract", *where, "--rate", "0.5"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=PLAIN | {"MOCKSCOPE_API_KEY": KEY},
        ) as process:
            try:
                assert process.stderr is not None
                assert process.stderr.readline() == "waiting 0.5\n"
                process.send_signal(signal.SIGINT)
                assert process.wait(SECONDS) == 130
            finally:
                process.kill()


def test_every_request_waits_for_its_turn() -> None:
    script = f"""{COUNTING.replace("LAST", "-1")}
import json, requests, mockscope
from mockscope.cli import main

server = mockscope.LiveServer(json.loads(sys.argv.pop()))
inner, send, arrivals = server.app, requests.Session.send, []

async def counting(scope, receive, send):
    arrivals.append((len(turns), scope["path"]))
    await inner(scope, receive, send)

server.app = counting
with server:
    sys.argv.insert(2, server.url)
    try:
        main()
    except SystemExit as end:
        counts, paths = zip(*arrivals)
        print(end.code, len(counts) > 300, list(counts) == sorted(set(counts)), requests.Session.send is send)
        print(f"/_mockscope/v1/sites/{HOST}/reset" in paths, len(set(turns)))
"""
    done = subprocess.run(
        [
            *(sys.executable, "-c", script, "contract", "--site", HOST, "--reset", "--rate", "0.5"),
            *("--max-examples", "1", "--seed-number", "1", json.dumps(DEMO)),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
        env=PLAIN | {"MOCKSCOPE_API_KEY": KEY},
    )

    assert done.stdout.splitlines()[-2:] == ["0 True True True", "True 1"]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_the_output_can_not_hold_is_replaced_and_it_goes_on(encoding: str) -> None:
    done = command("--max-examples", "1", "--seed-number", "1", PYTHONIOENCODING=encoding)

    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in ("Examples", "Coverage", "Fuzzing", "Stateful") if f"? {name}" not in done.stdout] == []


def test_nothing_is_left_where_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert command("--max-examples", "1", "--seed-number", "1").returncode == 0
    assert list(tmp_path.iterdir()) == []


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
            "the API key must be in the environment variable MOCKSCOPE_API_KEY, and that is not set",
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
            "http://127.0.0.1:9: nothing listens there",
        ),
    ],
)
def test_what_can_not_be_done_is_one_line(
    arguments: list[str], environment: dict[str, str], status: int, message: str
) -> None:
    done = command(*arguments, **environment)

    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"mockscope: {message}\n")


def test_a_wrong_key_is_one_line_and_nothing_is_tried() -> None:
    with forked(DEMO) as server:
        done = command(server.url, "--site", HOST, MOCKSCOPE_API_KEY="a-key")

        message = f"mockscope: {server.url} answers 403: the site {HOST} is not there, or this is not its key\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
        assert [call.method for call in server.calls] == ["GET"]


def test_a_server_without_a_control_api_can_not_be_reset_and_nothing_is_tried() -> None:
    with mockscope.serve(DEMO, control=False) as server:
        done = command(server.url, "--site", HOST, "--reset", MOCKSCOPE_API_KEY=KEY)

        message = (
            f"mockscope: {server.url} answers 404 to /_mockscope/v1/sites/{HOST}/reset: "
            "--reset needs mockscope's control API there\n"
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
        assert [call.operation for call in server.sites[HOST].calls] == ["list_users", "list_groups"]


def test_without_the_extra_it_is_one_line_that_names_it() -> None:
    script = "import sys; sys.modules['schemathesis'] = None; from mockscope.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "contract"], capture_output=True, text=True, timeout=SECONDS, check=False
    )

    message = "mockscope: contract needs Schemathesis: pip install 'mockscope[contract]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_nothing_of_it_is_loaded_to_serve() -> None:
    script = (
        "import sys, mockscope.cli; print(sorted({'schemathesis', 'hypothesis', 'jsonschema_rs'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS, check=True)

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
def test_only_this_machine_may_be_tried_without_a_yes_and_checked_in_haste(url: str, is_ours: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_loopback(url) == is_ours


# -- what Schemathesis is told ---------------------------------------------------------------------------------


def test_a_site_without_users_has_no_words_for_them() -> None:
    told = configuration("a:b", Words.of([{"nothing": 1}], []))

    assert told["dictionaries"] == {
        "groups": {"values": ["Administrators", "All Users"]},
        "switch": {"values": ["true", "false"]},
    }
    assert set(told["parameters"]) == {"path.group_name", "query.test_mode"}


def test_the_words_of_a_site_are_its_users_its_administrators_and_its_groups() -> None:
    assert Words.of(SITE["users"], ["Sales", "All Users"]) == Words(
        emails=[user["email"] for user in SITE["users"]],
        administrators=["rachel@example.com", "mike@example.com"],
        groups=["Administrators", "All Users", "Sales"],
    )


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
        ({}, None, True),
    ],
)
def test_a_refusal_is_dropped_only_where_it_may_hang_on_what_the_site_holds(
    asked: dict[str, Any],
    hint: str | None,
    is_kept: bool,  # noqa: FBT001 - a parameter
) -> None:
    _, filter_failure = verdicts()
    case = SimpleNamespace(**{"headers": None, "path_parameters": None, "body": None} | asked)
    answer = SimpleNamespace(status_code=400, headers={} if hint is None else {"x-mockscope-hint": [hint]})

    assert filter_failure(None, REFUSED, case, answer) == is_kept
    assert filter_failure(None, REFUSED, case, SimpleNamespace(status_code=418, headers={})) is True
    assert filter_failure(None, Failure(operation="", title="", message=""), case, answer) is True


def test_the_key_stands_only_in_the_request_that_is_sent() -> None:
    hidden = HiddenKey("example site", "secret-secret", "MY_KEY")
    prepared = requests.Request("GET", "http://127.0.0.1:9/", auth=hidden)
    prepared.headers = {"Http-X-Partner-Auth": hidden.shown}

    sent = prepared.prepare()
    assert sent.headers["Http-X-Partner-Auth"] == "example site:secret-secret"
    hidden.take_out(sent)
    assert sent.headers["Http-X-Partner-Auth"] == hidden.shown == "example site:$MY_KEY"
    # Credentials that Schemathesis made up stay what they are.
    wrong = requests.Request("GET", "http://127.0.0.1:9/", headers={"Http-X-Partner-Auth": "0:1"}, auth=hidden)
    assert wrong.prepare().headers["Http-X-Partner-Auth"] == "0:1"
    assert hidden.hide("-H 'Http-X-Partner-Auth: example site:$MY_KEY' said secret-secret") == (
        "-H 'Http-X-Partner-Auth: example site:'\"$MY_KEY\" said …cret"
    )
