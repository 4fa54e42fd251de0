"""The command serve as a user sees it: a process, its output, its exit status."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from support.commands import invoke
from support.messages import PLAIN_HTTP_PORT, port_in_use

import mockscope
from mockscope.cli import output

AUTH: Final = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
COMMAND: Final = (sys.executable, "-m", "mockscope")


@dataclass
class Served:
    """A running ``mockscope serve``: the process, its banner, and its URL."""

    process: "subprocess.Popen[str]"
    banner: str
    url: str

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and the text on stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=300)
        return self.process.returncode, errors


@contextmanager
def serving(*options: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> Iterator[Served]:
    process = subprocess.Popen(
        [*COMMAND, "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | (environment or {}),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        lines = [process.stdout.readline()]
        found = re.search(r"answers at (\S+)", lines[0])
        assert found, lines[0] + process.stderr.read()
        while lines[-1] != "\n" or len(lines) < 3 or not any("curl" in line or "no sites" in line for line in lines):
            lines.append(process.stdout.readline())
        yield Served(process, "".join(lines), found[1])
    finally:
        process.kill()
        process.communicate()


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=300, env=os.environ | environment, check=False
    )


def test_the_banner_gives_url_header_and_a_curl_line_that_works_when_pasted() -> None:
    with serving("--port", "0") as served:
        (curl,) = (line.strip() for line in served.banner.splitlines() if line.strip().startswith("curl"))
        response = subprocess.run(
            curl.replace("curl", "curl -s", 1), shell=True, capture_output=True, timeout=300, check=True
        ).stdout

        assert served.banner == (
            f"mockscope {mockscope.__version__} answers at {served.url} (Ctrl-C ends it)\n"
            "\n"
            "    Http-X-Partner-Auth: example_site:e179017a-62b0-4996-8a38-e91aa9f1\n"
            "\n"
            "Try:\n"
            "\n"
            f"    {curl}\n"
            "\n"
        )
        assert [user["email"] for user in json.loads(response)["users"]] == [
            "chandler@example.com",
            "joey@example.com",
            "mike@example.com",
            "monica@example.com",
            "rachel@example.com",
        ]


@pytest.mark.parametrize(("options", "given"), [((), ""), (("--control-token", "a+b=="), "#token=a%2Bb%3D%3D")])
def test_the_inspector_is_the_last_line_of_the_banner_and_is_opened_with_its_token(
    tmp_path: Path, options: tuple[str, ...], given: str
) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    os.mkfifo(opened)
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    with serving("--port", "0", "--open", *options, environment={"BROWSER": str(browser)}) as served:
        assert served.process.stdout is not None
        rest = [served.process.stdout.readline() for _ in range(4)]

        # A given token is known, and is not printed.
        assert rest == ["See what happens:\n", "\n", f"    {served.url}/_mockscope/\n", "\n"]
        assert opened.read_text() == f"{served.url}/_mockscope/{given}\n"


def test_a_browser_that_can_not_be_opened_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)

    output._open_in_browser("http://127.0.0.1:8765/_mockscope/")

    assert caplog.messages == ["no browser could be opened: open the inspector yourself"]


def test_the_demo_site_holds_the_page_s_own_people_and_dashboards() -> None:
    with serving("--port", "0") as served:
        groups = requests.get(f"{served.url}/api/v1/groups", headers=AUTH).json()
        administrators = requests.get(f"{served.url}/api/v1/groups/Administrators", headers=AUTH).json()
        monica = requests.get(
            f"{served.url}/api/v1/users", headers=AUTH | {"Http-X-Email": "monica@example.com"}
        ).json()

    assert [group["name"] for group in groups["groups"]] == ["Administrators", "All Users", "NY Knicks", "Sales"]
    assert administrators == {
        "name": "Administrators",
        "access": "Sql",
        "dashboards": [
            {"name": "Example Dashboard", "access": "Edit"},
            {"name": "Test Dashboard", "access": "Edit"},
        ],
    }
    assert monica == {
        "first_name": "Monica",
        "last_name": "Geller",
        "email": "monica@example.com",
        "groups": ["All Users"],
        "last_login_at": "2014-02-06T23:46:07.118Z",
        "password_updated_at": "2018-10-18T20:08:41.794Z",
        "tfa_enabled": True,
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_serve_with_status_0_and_removes_the_ready_file(tmp_path: Path, number: int) -> None:
    ready = tmp_path / "ready.json"
    with serving("--port", "0", "--ready-file", str(ready)) as served:
        content: dict[str, Any] = json.loads(ready.read_text())
        status, errors = served.end(number)

    assert content == {
        "url": served.url,
        "pid": served.process.pid,
        "version": mockscope.__version__,
        "sites": [
            {
                "host": "example_site",
                "api_key": "e179017a-62b0-4996-8a38-e91aa9f1",
                "admin": "mike@example.com",
            }
        ],
    }
    assert (status, errors, list(tmp_path.iterdir())) == (0, "", [])


def test_an_open_connection_does_not_keep_serve_from_stopping() -> None:
    with serving("--port", "0", "--log", "off") as served, requests.Session() as session:
        assert session.get(f"{served.url}/api/v1/users", headers=AUTH).status_code == 200

        assert served.end() == (0, "")


@contextmanager
def serving_the_deaf(folder: Path) -> Iterator[Served]:
    """Run a server that waits for a client, which has requested more than the buffers hold and reads nothing."""
    seed = {"mockscope": 1, "sites": [{"host": "a", "api_key": "k", "generate": {"users": 500}}]}
    (folder / "seed.json").write_text(json.dumps(seed))
    with (
        serving("--port", "0", "--log", "off", "--seed", "seed.json", folder=folder) as served,
        socket.socket() as deaf,
    ):
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", int(served.url.rpartition(":")[2])))
        deaf.sendall(b"GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\nHttp-X-Partner-Auth: a:k\r\n\r\n" * 1000)
        # A later client gets its response once the server has sent all that it can to the first client.
        for _ in range(3):
            assert requests.get(f"{served.url}/api/v1/groups", headers={"Http-X-Partner-Auth": "a:k"}).ok
        yield served


def test_readyz_is_503_while_a_stopping_server_waits_for_a_client(tmp_path: Path) -> None:
    with serving_the_deaf(tmp_path) as served:
        assert requests.get(f"{served.url}/readyz").json() == {"status": "ok"}
        served.process.send_signal(signal.SIGTERM)
        while (ready := requests.get(f"{served.url}/readyz")).ok:
            pass
        alive = requests.get(f"{served.url}/livez")

        assert (ready.status_code, ready.json()) == (503, {"status": "stopping"})
        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
        # The second signal ends the wait.
        assert served.end(signal.SIGINT) == (0, "")


def test_a_client_that_reads_nothing_is_disconnected_without_a_traceback(tmp_path: Path) -> None:
    with serving_the_deaf(tmp_path) as served:
        assert served.end() == (0, "")


def test_a_second_signal_does_not_wait_for_a_client_that_reads_nothing(tmp_path: Path) -> None:
    with serving_the_deaf(tmp_path) as served:
        served.process.send_signal(signal.SIGINT)
        # Until it has heard: two signals at once would be one.
        while requests.get(f"{served.url}/readyz").ok:
            pass
        assert served.end(signal.SIGINT) == (0, "")


def test_a_client_that_sends_half_a_request_is_disconnected_without_a_traceback() -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in AUTH.items())
    with serving("--port", "0", "--log", "off") as served:
        address = ("127.0.0.1", int(served.url.rpartition(":")[2]))
        with socket.create_connection(address, 300) as connection:
            connection.sendall(
                f"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{head}".encode()
                + b"Content-Length: 100\r\n\r\n"
            )
            assert connection.recv(12) == b"HTTP/1.1 100"
            assert served.end() == (0, "")


def test_the_ready_file_of_a_site_without_administrators_has_no_admin_email(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text("mockscope: 1\nsites:\n  - {host: a, api_key: k}\n")
    with serving("--port", "0", "--seed", "seed.yaml", "--ready-file", "ready.json", folder=tmp_path):
        assert json.loads((tmp_path / "ready.json").read_text())["sites"] == [
            {"host": "a", "api_key": "k", "admin": None}
        ]


def test_the_ready_file_of_another_server_stays(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    options = ("--port", "0", "--ready-file", str(ready))
    with serving(*options) as first, serving(*options) as second:
        assert first.end() == (0, "")
        left = json.loads(ready.read_text())["url"]
        assert second.end() == (0, "")

    assert (left, list(tmp_path.iterdir())) == (second.url, [])


def test_a_ready_file_must_not_be_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready.json")
    result = run("serve", "--port", "0", "--ready-file", str(tmp_path / "ready.json"))

    line = f"mockscope: can't write the ready file {tmp_path}/ready.json: it is not a regular file\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", line)
    assert (tmp_path / "ready.json").is_fifo()


def test_every_option_has_an_environment_variable(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text('{"mockscope": 1, "sites": [{"host": "a", "api_key": "k"}]}')
    environment = {
        "MOCKSCOPE_HOST": "127.0.0.2",
        "MOCKSCOPE_PORT": "0",
        "MOCKSCOPE_SEED": str(tmp_path / "seed.json"),
        "MOCKSCOPE_READY_FILE": str(tmp_path / "ready.json"),
        "MOCKSCOPE_LOG": "json",
        "MOCKSCOPE_HINTS": "false",
    }
    with serving(environment=environment) as served:
        response = requests.get(f"{served.url}/api/v1/users", headers={"Http-X-Partner-Auth": "a:wrong"})
        ready = json.loads((tmp_path / "ready.json").read_text())
        _, errors = served.end()

    assert served.url.startswith("http://127.0.0.2:")
    assert ready["url"] == served.url
    assert (response.status_code, response.headers.get("X-Mockscope-Hint")) == (403, None)
    assert json.loads(errors)["status"] == 403


def test_the_text_log_has_one_line_per_request_and_hints_under_it() -> None:
    joey = AUTH | {"Http-X-Email": "joey@example.com"}
    with serving("--port", "0") as served:
        requests.get(f"{served.url}/api/v1/users", headers=AUTH)
        requests.get(f"{served.url}/api/v1/users", headers=AUTH | {"Http-X-Email": "monika@example.com"})
        requests.delete(f"{served.url}/api/v1/users?test_mode=true&dry_run=1&a=b", headers=joey)
        requests.get(f"{served.url}/api/v1/groups/All%20Users/", headers=AUTH)
        requests.get(f"{served.url}/api/v1/users%0Aforged", headers=AUTH)
        requests.get(f"{served.url}/openapi.yaml")
        _, errors = served.end()

    time, duration = r"\d\d:\d\d:\d\d\.\d{3}", r"\d+\.\d\d ms"
    patterns = [
        rf"{time}  200  list_users    {' ' * 32}example_site  {duration}",
        rf"{time}  400  get_user       monika@example\.com{' ' * 15}example_site  {duration}",
        r"    user-unknown: The site has no user monika@example\.com\. Did you mean monica@example\.com\? .*",
        "    For more: mockscope explain USER-GET-1",
        rf"{time}  200  delete_user    joey@example\.com  test mode    example_site  {duration}",
        r"    parameter-dry-run: There is no parameter dry_run: .*",
        r"    parameter-unknown: The service knows no parameter a here, .*",
        rf"{time}  200  get_group      All Users{' ' * 22}example_site  {duration}",
        rf"{time}  404  GET /api/v1/users%0Aforged{' ' * 33}example_site  {duration}",
        r"    path-unknown: .*",
    ]
    lines = errors.splitlines()
    assert [line for line, pattern in zip(lines, patterns, strict=True) if not re.fullmatch(pattern, line)] == []


def test_the_json_log_has_one_object_per_request() -> None:
    with serving("--port", "0", "--log", "json") as served:
        response = requests.delete(
            f"{served.url}/api/v1/users?test_mode=true&a=b", headers=AUTH | {"Http-X-Email": "ross@example.com"}
        )
        _, errors = served.end()
    (line,) = errors.splitlines()
    record = json.loads(line)

    assert record.pop("time").endswith("+00:00")
    assert record.pop("duration_ms") > 0
    assert record == {
        "id": response.headers["X-Request-Id"],
        "method": "DELETE",
        "path": "/api/v1/users",
        "query": "test_mode=true&a=b",
        "operation": "delete_user",
        "email": "ross@example.com",
        "group": None,
        "test_mode": True,
        "site": "example_site",
        "status": 400,
        "fault": None,
        "rule": "USER-DELETE-1",
        "hint": {
            "code": "user-unknown",
            "cause": "The site has no user ross@example.com.",
            "remedy": "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
        },
        "other_hints": ["parameter-unknown"],
    }


@pytest.mark.parametrize("form", ["text", "json", "off"])
def test_a_message_of_the_server_has_the_form_of_the_log(form: str) -> None:
    with serving("--port", "0", "--log", form) as served:
        port = int(served.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=300) as client:
            client.sendall(b"\x16\x03\x01")
            client.recv(1000)
        _, errors = served.end()

    if form == "json":
        record = json.loads(errors)
        assert record.pop("time").endswith("+00:00")
        assert record == {"level": "warning", "message": PLAIN_HTTP_PORT}
    else:
        pattern = rf"\d\d:\d\d:\d\d\.\d{{3}}  {re.escape(PLAIN_HTTP_PORT)}\n" if form == "text" else ""
        assert re.fullmatch(pattern, errors)


def test_with_a_json_log_every_line_on_standard_error_is_json() -> None:
    with serving("--port", "0", "--log", "json", "--strict") as served:
        requests.get(f"{served.url}/api/v1/groups?page=2", headers=AUTH)
        _, errors = served.end()
    call, finding = map(json.loads, errors.splitlines())
    assert call["hint"]["code"] == "parameter-paging"
    assert finding["message"].startswith("example_site: 200 list_groups (HTTP-7, call ")

    refused = run("serve", "--log", "json", "--port", "x")
    message = "Invalid value for '--port': 'x' is not a valid integer range."
    assert (refused.returncode, json.loads(refused.stderr)["message"]) == (2, message)


def test_the_full_log_shows_request_and_response() -> None:
    with serving("--port", "0", "--log", "full") as served:
        headers = AUTH | {"User-Agent": "friends", "Content-Type": "application/json"}
        body = b'{"name": "Friends",\n "access": "x"}'
        response = requests.post(f"{served.url}/api/v1/groups?test_mode=true", body, headers=headers)
        _, errors = served.end()

    line, hint, *exchange = errors.splitlines()
    assert line.split()[1:4] == ["400", "create_group", "Friends"]
    assert hint.startswith("    access-misspelt: The request has invalid fields: access must be one of ")
    assert exchange == [
        "    > POST /api/v1/groups?test_mode=true",
        f"    > host: {served.url.removeprefix('http://')}",
        "    > user-agent: friends",
        "    > accept-encoding: gzip, deflate",
        "    > accept: */*",
        "    > connection: keep-alive",
        "    > http-x-partner-auth: example_site:…a9f1",
        "    > content-type: application/json",
        "    > content-length: 35",
        "    >",
        '    > {"name": "Friends",',
        '    >  "access": "x"}',
        "    < 400",
        "    < server: mockscope",
        f"    < content-length: {len(response.content)}",
        "    < content-type: application/json; charset=utf-8",
        f"    < x-request-id: {response.headers['X-Request-Id']}",
        "    < x-mockscope-hint: access-misspelt",
        "    <",
        f"    < {response.text}",
        "    For more: mockscope explain GROUP-CREATE-1",
    ]


def test_a_port_in_use_is_one_line_and_exit_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port))

    assert (result.returncode, result.stdout, result.stderr) == (2, "", port_in_use(port))


CONTROL_LINE: Final = "mockscope: {} needs the control API, and --no-control leaves it out"
FILES_LINE: Final = "mockscope: MOCKSCOPE_STATE and MOCKSCOPE_READY_FILE need a file each"
PROXY_LINE: Final = "mockscope: {} needs --proxy: otherwise there is no proxy"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["serve", "--prot", "1"],
            "mockscope: No such option '--prot'. (Did you mean one of: '--port', '--proxy', '--proxy-port'?)",
        ),
        (["serve", "--port", "99999"], "mockscope: Invalid value for '--port': 99999 is not in the range 0<=x<=65535."),
        (
            ["serve", "friends.yaml"],
            "mockscope: unexpected argument friends.yaml; a seed is given as --seed friends.yaml",
        ),
        (["serve", "--no-control", "--control-token", "t"], CONTROL_LINE.format("--control-token")),
        (["serve", "--no-control", "--open"], "mockscope: --open needs the inspector, and --no-control leaves it out"),
        (["serve", "--proxy-port", "8766"], PROXY_LINE.format("--proxy-port")),
        (["serve", "--tls", "--proxy-others", "refuse"], PROXY_LINE.format("--proxy-others")),
        (
            ["serve", "--log", "xml"],
            "mockscope: Invalid value for '--log': 'xml' is not one of 'text', 'full', 'json', 'off'.",
        ),
        (["serve", "--seed", "none.yaml"], "mockscope: can't read the seed none.yaml: No such file or directory"),
        (
            ["serve", "--port", "0", "--ready-file", "no/r.json"],
            "mockscope: can't write the ready file no/r.json: No such file or directory",
        ),
        (
            ["serve", "--port", "0", "--ready-file", "."],
            "mockscope: can't write the ready file .: it is not a regular file",
        ),
        (
            ["serve", "--host", "192.0.2.1"],
            "mockscope: can't listen on 192.0.2.1 port 8765: Cannot assign requested address",
        ),
        (["sevre"], "mockscope: No such command 'sevre'. Did you mean 'serve'?"),
    ],
)
def test_wrong_use_is_one_line_and_exit_status_2(arguments: list[str], line: str) -> None:
    assert invoke(*arguments) == (2, "", f"{line}\n")


def test_an_unreadable_demo_is_named_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockscope.cli.options.DEMO", Path("none.json"))

    assert invoke("serve") == (2, "", "mockscope: can't read the seed none.json: No such file or directory\n")


def test_wrong_use_is_one_line_from_a_process_too() -> None:
    result = run("serve", "--log", "xml")

    line = "mockscope: Invalid value for '--log': 'xml' is not one of 'text', 'full', 'json', 'off'."
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"{line}\n")


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"PORT": "abc"}, "mockscope: Invalid value for MOCKSCOPE_PORT: 'abc' is not a valid integer range."),
        (
            {"LOG": "xml"},
            "mockscope: Invalid value for MOCKSCOPE_LOG: 'xml' is not one of 'text', 'full', 'json', 'off'.",
        ),
        ({"CONTROL": "false", "CONTROL_TOKEN": "t"}, CONTROL_LINE.format("MOCKSCOPE_CONTROL_TOKEN")),
        ({"PROXY_PORT": "8766"}, PROXY_LINE.format("MOCKSCOPE_PROXY_PORT")),
        ({"STATE": "new.json", "READY_FILE": "new.json"}, FILES_LINE),
    ],
)
def test_a_wrong_value_in_the_environment_is_named_by_its_variable(environment: dict[str, str], line: str) -> None:
    twins = {f"MOCKSCOPE_{name}": value for name, value in environment.items()}

    assert invoke("serve", environment=twins) == (2, "", f"{line}\n")


def test_a_wrong_seed_is_one_line_with_file_line_and_nearest_name(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text("mockscope: 1\nsites:\n  - host: a\n    polcy: {page_size: 3}\n")

    line = f"mockscope: {seed}, line 4: unknown key polcy; did you mean policy?\n"
    assert invoke("serve", "--seed", str(seed)) == (2, "", line)


def test_a_seed_without_sites_is_served_with_an_explanation_in_the_banner(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text("mockscope: 1\n")
    with serving("--port", "0", "--seed", "seed.yaml", folder=tmp_path) as served:
        assert "The seed has no sites: every request is answered 403." in served.banner
        assert requests.get(f"{served.url}/api/v1/users", headers=AUTH).status_code == 403


def test_the_banner_shows_ten_sites_and_counts_the_others(tmp_path: Path) -> None:
    lines = [f"  - {{host: site_{place}, api_key: k}}\n" for place in range(12)]
    (tmp_path / "seed.yaml").write_text("mockscope: 1\nsites:\n" + "".join(lines))
    with serving("--port", "0", "--seed", "seed.yaml", folder=tmp_path) as served:
        shown = served.banner.splitlines()[2:13]

    assert shown == [*(f"    Http-X-Partner-Auth: site_{place}:k" for place in range(10)), "    ... and 2 more sites"]


def test_a_second_signal_before_the_server_is_up_prints_nothing() -> None:
    script = """
import atexit, os, signal, sys
from mockscope.cli import main, serve
signalled = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)
serve._load = signalled
atexit.register(signalled)
sys.argv = ["mockscope", "serve"]
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=3000, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_early_signal_stops_serve_although_a_library_catches_every_exception() -> None:
    script = """
import signal, sys
from mockscope.cli import main, serve
load = serve._load
def catching(*args, **options):
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException:
        return load(*args, **options)
serve._load = catching
sys.argv = ["mockscope", "serve", "--port", "0"]
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_version_openapi_and_schema_are_printed() -> None:
    contract = (Path(__file__).resolve().parents[2] / "openapi.yaml").read_text("utf-8")

    assert run("--version").stdout == f"mockscope {mockscope.__version__}\n"
    assert run("openapi").stdout == contract
    assert json.loads(run("openapi", "--format", "json").stdout)["openapi"] == "3.1.0"
    assert json.loads(run("export-schema").stdout)["title"] == "mockscope seed"


def test_help_is_shown_without_a_command() -> None:
    result = run()

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: mockscope [OPTIONS] COMMAND [ARGS]...\n")
