"""The options --tls and --proxy of serve, and the commands for programs beside a server: env and wait."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from support.bounds import WAIT_SECONDS
from support.child_clients import Outside
from support.child_clients import outside as outside
from support.commands import Done, invoke
from support.messages import port_in_use
from support.ports import held_port

import mockscope

COMMAND: Final = (sys.executable, "-m", "mockscope")
AUTH: Final = "example_site:e179017a-62b0-4996-8a38-e91aa9f1"
HEADERS: Final = {"Http-X-Partner-Auth": AUTH}


def run(*arguments: str, **environment: str) -> Done:
    return invoke(*arguments, environment=environment)


def alone(*arguments: str) -> Done:
    """Run a command in a process of its own, so that its files are closed."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=300, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def serving(
    folder: Path, *options: str, **environment: str
) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """Run a server on free ports; yield once wait has seen its ready file."""
    ready = folder / "ready.json"
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port=0", f"--ready-file={ready}", "--log=off", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        assert run("wait", "--ready-file", str(ready), "--timeout", f"{WAIT_SECONDS}") == (0, "", "")
        yield process, json.loads(ready.read_text())
    finally:
        # Not killed: then its temporary files would stay.
        process.terminate()
        process.communicate(timeout=300)


def test_serve_tls_serves_https_and_writes_the_certificate(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with serving(tmp_path, "--tls", "--ca-file", str(ca_file)) as (_, ready):
        response = requests.get(f"{ready['url']}/api/v1/groups", headers=HEADERS, verify=str(ca_file), timeout=300)

    assert (ready["url"].partition(":")[0], ready["ca_file"], response.status_code) == ("https", str(ca_file), 200)
    assert sorted(ready) == ["ca_file", "pid", "sites", "trust", "url", "version"]


def test_the_ready_file_names_the_certificate_for_readers_in_other_folders(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with serving(tmp_path, "--tls", "--ca-file", os.path.relpath(ca_file)) as (_, ready):
        assert ready["ca_file"] == f"{Path.cwd()}/{os.path.relpath(ca_file)}"


def test_the_banner_of_serve_tls_has_a_curl_line_that_works_when_pasted(tmp_path: Path) -> None:
    with serving(tmp_path, "--tls", "--proxy", "--proxy-port=0") as (process, ready):
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(11)]
        [curl] = [line.strip() for line in lines if line.strip().startswith("curl ")]
        response = subprocess.run(
            curl.replace("curl", "curl -s", 1), shell=True, capture_output=True, timeout=300, check=True
        ).stdout

    assert "".join(lines) == (
        f"mockscope {mockscope.__version__} answers at {ready['url']} (Ctrl-C ends it)\n"
        "\n"
        f"    Http-X-Partner-Auth: {AUTH}\n"
        "\n"
        "Try:\n"
        "\n"
        f"    curl --cacert {ready['ca_file']} -H 'Http-X-Partner-Auth: {AUTH}' {ready['url']}/api/v1/users\n"
        "\n"
        f"The vendor's hosts are answered through the proxy {ready['proxy']};\n"
        "clients must trust:\n"
        "\n"
    )
    assert len(json.loads(response)["users"]) == 5


def test_serve_proxy_serves_the_vendor_s_hosts_and_stops_cleanly(tmp_path: Path) -> None:
    trust = tmp_path / "trust"
    trust.mkdir()
    environment = {"PROXY": "true", "PROXY_PORT": "0", "PROXY_OTHERS": "refuse"}
    environment = {f"MOCKSCOPE_{name}": value for name, value in environment.items()} | {"TMPDIR": str(trust)}
    with serving(tmp_path, **environment) as (process, ready), requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": ready["proxy"], "http": ready["proxy"]}
        session.verify = ready["ca_file"]
        response = session.get("https://app.periscopedata.com/api/v1/groups", headers=HEADERS, timeout=300)
        refused = session.get("http://elsewhere.invalid/", timeout=300)
        with socket.create_connection(("127.0.0.1", int(ready["proxy"].rpartition(":")[2])), timeout=300):
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=300)

    assert (response.status_code, refused.status_code) == (200, 403)
    assert (process.returncode, errors, list(trust.iterdir())) == (0, "", [])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--ca-file", "ca.pem"], "--ca-file needs --tls or --proxy: otherwise there is no authority"),
        (["--tls", "--ca-file", "no/ca.pem"], "can't write the CA file no/ca.pem: No such file or directory"),
    ],
)
def test_an_unwritable_certificate_is_one_line(options: list[str], line: str) -> None:
    assert alone("serve", "--port=0", *options) == (2, "", f"mockscope: {line}\n")


def test_a_proxy_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = alone("serve", "--port=0", "--proxy", f"--proxy-port={port}")

    assert done == (2, "", port_in_use(port))


def test_env_prints_the_variables_that_lead_programs_to_a_running_proxy(tmp_path: Path) -> None:
    with serving(tmp_path, "--proxy", "--proxy-port=0") as (_, ready):
        script = f"""
eval "$({shlex.join(COMMAND)} env --ready-file ready.json)"
curl -sS -o /dev/null -w '%{{http_code}} ' -H "Http-X-Partner-Auth: $MOCKSCOPE_AUTH" \
    https://app.periscopedata.com/api/v1/groups
curl -sS -o /dev/null -w '%{{http_code}} ' -H "Http-X-Partner-Auth: $MOCKSCOPE_AUTH" "$MOCKSCOPE_URL/api/v1/groups"
echo "$MOCKSCOPE_SITE $HTTPS_PROXY"
"""
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
        )

    assert (done.stdout, done.stderr) == (f"200 200 example_site {ready['proxy']}\n", "")


def test_env_of_a_plain_server_prints_its_url_quoted_for_the_shell(tmp_path: Path) -> None:
    site = {"host": "the one", "api_key": "it's", "admin": None}
    (tmp_path / "ready.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "sites": [site]}))
    (tmp_path / "empty.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "sites": []}))

    assert run("env", MOCKSCOPE_READY_FILE=str(tmp_path / "ready.json")).stdout == (
        "export MOCKSCOPE_URL=http://127.0.0.1:1\n"
        "export MOCKSCOPE_SITE='the one'\n"
        "export MOCKSCOPE_API_KEY='it'\"'\"'s'\n"
        "export MOCKSCOPE_AUTH='the one:it'\"'\"'s'\n"
    )
    assert (
        run("env", "--ready-file", str(tmp_path / "empty.json")).stdout == "export MOCKSCOPE_URL=http://127.0.0.1:1\n"
    )


def test_wait_waits_for_a_server_with_tls(tmp_path: Path) -> None:
    with serving(tmp_path, "--tls") as (process, _):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
        done = run("wait", "--ready-file", str(tmp_path / "ready.json"), "--timeout", "0")

    assert (done.returncode, process.returncode) == (1, 0)


def test_wait_times_out_and_names_the_server(tmp_path: Path) -> None:
    with held_port() as port:
        url = f"http://127.0.0.1:{port}"
        (tmp_path / "stale.json").write_text(json.dumps({"url": url, "sites": []}))
        (tmp_path / "half.json").write_text('{"url": ')
        (tmp_path / "list.json").write_text(json.dumps({"url": url, "sites": [5]}))
        described = {
            path.name: run("wait", "--ready-file", str(path), "--timeout", "0.1")
            for path in (Path("none.json"), *(tmp_path / name for name in ("stale.json", "half.json", "list.json")))
        }

    assert described == {
        "none.json": (
            1,
            "",
            "mockscope: can't read the ready file none.json (No such file or directory) after 0.1 seconds\n",
        ),
        "stale.json": (
            1,
            "",
            f"mockscope: nothing answers at {url} ([Errno 111] Connection refused) after 0.1 seconds\n",
        ),
        "half.json": (
            1,
            "",
            f"mockscope: {tmp_path}/half.json is not a ready file (Input data was truncated) after 0.1 seconds\n",
        ),
        "list.json": (
            1,
            "",
            f"mockscope: {tmp_path}/list.json is not a ready file "
            "(Expected `object`, got `int` - at `$.sites[0]`) after 0.1 seconds\n",
        ),
    }


def test_wait_times_out_for_a_silent_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        (tmp_path / "ready.json").write_text(json.dumps({"url": url, "sites": []}))
        done = alone("wait", "--ready-file", str(tmp_path / "ready.json"), "--timeout", "0.1")

    assert (done.returncode, done.stderr) == (1, f"mockscope: nothing answers at {url} (timed out) after 0.1 seconds\n")


def test_wait_does_not_accept_another_server_on_the_port(
    tmp_path: Path, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("RESPONSE_SECONDS", "MIN_RESPONSE_SECONDS"):
        monkeypatch.setattr(f"mockscope.cli.wait.{bound}", WAIT_SECONDS)
    (tmp_path / "ready.json").write_text(json.dumps({"url": outside.url(), "sites": []}))
    done = run("wait", "--ready-file", str(tmp_path / "ready.json"), "--timeout", "0")

    line = f"mockscope: the server at {outside.url()} is not a mockscope after 0 seconds\n"
    assert (done.returncode, done.stderr) == (1, line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_ended_by_a_signal_fails(number: int, tmp_path: Path) -> None:
    fifo = tmp_path / "ready.json"
    os.mkfifo(fifo)
    process = subprocess.Popen([*COMMAND, "wait", "--ready-file", str(fifo)])
    # Opened by both ends: it is reading the file.
    with fifo.open("w"):
        process.send_signal(number)

        assert process.wait(300) == -number


@pytest.mark.parametrize("command", ["env", "wait"])
def test_env_and_wait_without_a_ready_file_are_wrong_use(command: str) -> None:
    assert run(command) == (2, "", "mockscope: Missing option '--ready-file'.\n")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "can't read the ready file {path}: No such file or directory"),
        ("[]", "{path} is not a ready file: Expected `object`, got `array`"),
        ("{}", "{path} is not a ready file: Object missing required field `url`"),
        (
            '{"url": "http://127.0.0.1:1", "sites": 5}',
            "{path} is not a ready file: Expected `array`, got `int` - at `$.sites`",
        ),
        (
            '{"url": "localhost", "sites": []}',
            "{path} is not a ready file: Expected `str` matching regex '^https?://.+:\\\\d+$' - at `$.url`",
        ),
    ],
)
def test_env_explains_an_invalid_ready_file(content: str | None, line: str, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    if content is not None:
        path.write_text(content)

    assert run("env", "--ready-file", str(path)) == (2, "", f"mockscope: {line.format(path=path)}\n")
