"""The command exec as a user sees it: environment, exit status, signals, and leftovers."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from support.commands import Done, invoke

from mockscope import Mockscope

COMMAND: Final = (sys.executable, "-m", "mockscope", "exec")
# Runs exec with these arguments and environment variables.
Run = Callable[..., Done]

AUTH: Final = "example_site:e179017a-62b0-4996-8a38-e91aa9f1"


def run_alone(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run exec in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=300, env=os.environ | environment, check=False
    )


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run exec in this process, and collect its output and the command's."""

    def run(*arguments: str, folder: Path | None = None, **environment: str) -> Done:
        done = invoke("exec", *arguments, folder=folder, environment=environment)
        written = capfd.readouterr()
        return Done(done.returncode, done.stdout + written.out, done.stderr + written.err)

    return run


def python(script: str) -> list[str]:
    """Return a command that runs a script."""
    return ["--", sys.executable, "-c", script]


@contextmanager
def running(script: str) -> Iterator["subprocess.Popen[str]"]:
    """Run exec with a script, and yield once the script has printed."""
    # The test does not wait for the end of the output, because left-over processes may hold it open.
    with subprocess.Popen(
        [*COMMAND, *python(script)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "there\n"
            yield process
        finally:
            process.kill()


def is_there(pid: int) -> bool:
    """Return whether a process runs. A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_the_command_finds_the_site_in_its_environment() -> None:
    script = """
import json, os, urllib.request
names = ["MOCKSCOPE_SITE", "MOCKSCOPE_API_KEY", "MOCKSCOPE_AUTH"]
request = urllib.request.Request(os.environ["MOCKSCOPE_URL"] + "/api/v1/groups")
request.add_header("Http-X-Partner-Auth", os.environ["MOCKSCOPE_AUTH"])
with urllib.request.urlopen(request) as response:
    print(json.dumps([response.status, *(os.environ[name] for name in names)]))
"""
    done = run_alone(*python(script))

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [200, *AUTH.split(":"), AUTH]


def test_the_variables_of_proxies_and_certificates_replace_existing_values() -> None:
    names = [
        *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY"),
        *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "WGETRC"),
        *("NODE_USE_ENV_PROXY", "JAVA_TOOL_OPTIONS", "PHP_INI_SCAN_DIR"),
    ]
    script = f"import json, os; print(json.dumps({{name: os.environ[name] for name in {names}}}))"
    were = {"NO_PROXY": "*", "https_proxy": "http://192.0.2.1:1", "JAVA_TOOL_OPTIONS": "-Dx=y", "PHP_INI_SCAN_DIR": ""}
    done = run_alone(*python(script), **were)
    found = json.loads(done.stdout)
    proxy = found["HTTPS_PROXY"]
    trust = Path(found["SSL_CERT_FILE"]).parent

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", proxy)
    assert found == {
        **dict.fromkeys(names[:6], proxy),
        **dict.fromkeys(names[6:8], "localhost,127.0.0.1,::1"),
        **dict.fromkeys(names[8:12], f"{trust}/bundle.pem"),
        "NODE_EXTRA_CA_CERTS": f"{trust}/ca.pem",
        "WGETRC": f"{trust}/wgetrc",
        "NODE_USE_ENV_PROXY": "1",
        "PHP_INI_SCAN_DIR": f":{trust}",
        "JAVA_TOOL_OPTIONS": f"-Dx=y -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort={proxy.rpartition(':')[2]} "
        f"-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort={proxy.rpartition(':')[2]} "
        f'-Dhttp.nonProxyHosts=localhost|127.*|[::1] "-Djavax.net.ssl.trustStore={trust}/truststore.p12"',
    }
    assert not trust.exists()


def test_standard_input_and_output_are_the_command_s() -> None:
    done = subprocess.run(
        [*COMMAND, "--", "cat"], input="How you doin'?", capture_output=True, text=True, timeout=300, check=True
    )

    assert (done.stdout, done.stderr) == ("How you doin'?", "")


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_the_exit_status_is_the_command_s(status: int, run: Run) -> None:
    assert run("--", "sh", "-c", f"exit {status}").returncode == status


def test_options_behind_the_command_are_the_command_s(run: Run) -> None:
    assert run("sh", "-c", "echo $0", "--seed").stdout == "--seed\n"


def test_a_failing_command_shows_its_calls_with_hints_and_the_refused_hosts(run: Run) -> None:
    script = """
import os, urllib.error, urllib.request
def ask(url):
    request = urllib.request.Request(url, headers={"Http-X-Partner-Auth": os.environ["MOCKSCOPE_AUTH"]})
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as error:
        error.close()
ask("https://app.periscopedata.com/api/v1/groups/sales")
ask("http://elsewhere.invalid/")
raise SystemExit(5)
"""
    done = run(*python(script))

    time, duration = r"\d\d:\d\d:\d\d\.\d{3}", r"\d+\.\d\d ms"
    assert (done.returncode, done.stdout) == (5, "")
    assert re.fullmatch(
        "mockscope: the command ended with status 5; its last calls:\n"
        rf"{time}  404  get_group      sales{' ' * 26}example_site  {duration}\n"
        r"    group-unknown: The site has no group sales\. "
        r"Did you mean Sales\? .*\n"
        r"    For more: mockscope explain GROUP-GET-1\n"
        r"mockscope: the proxy refused elsewhere\.invalid:80 \(once\): --proxy-others pass would let it through\n",
        done.stderr,
    ), done.stderr


def test_a_failing_command_without_a_call_gets_a_note(run: Run) -> None:
    done = run("--", "false")

    assert (done.returncode, done.stderr) == (
        1,
        "mockscope: the command ended with status 1; it made no call to the API.\n",
    )


def test_other_hosts_are_reached_by_option(run: Run) -> None:
    script = """
import http.client, os, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
connection = http.client.HTTPConnection(proxy.hostname, proxy.port)
# Linux takes this address for its own, and it is not a loopback address.
connection.request("GET", os.environ["MOCKSCOPE_URL"].replace("127.0.0.1", "0.0.0.0") + "/openapi.yaml")
print(connection.getresponse().status)
"""
    assert [run(*options, *python(script)).stdout for options in ((), ("--proxy-others", "pass"))] == ["403\n", "200\n"]


def test_a_client_that_does_not_trust_the_proxy_is_reported_with_the_variable_to_set(run: Run) -> None:
    script = """
import ssl, urllib.request
# A context without trusted certificates.
handler = urllib.request.HTTPSHandler(context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
try:
    urllib.request.build_opener(handler).open("https://app.periscopedata.com/api/v1/users")
except OSError as error:
    raise SystemExit(6)
"""
    done = run(*python(script))

    assert (done.returncode, done.stderr) == (
        6,
        "mockscope: the command ended with status 6; it made no call to the API.\n"
        "mockscope: a client ended the TLS handshake with app.periscopedata.com:443 (once): "
        "perhaps it does not trust the certificate in SSL_CERT_FILE\n",
    )


@pytest.mark.parametrize("status", [0, 4])
def test_findings_are_printed_and_change_neither_status_nor_state(tmp_path: Path, status: int, run: Run) -> None:
    script = """
import json, os, urllib.request
def ask(method, path, content):
    url, body = os.environ["MOCKSCOPE_URL"] + path, json.dumps(content).encode()
    request = urllib.request.Request(url, method=method, data=body)
    request.add_header("Http-X-Partner-Auth", os.environ["MOCKSCOPE_AUTH"])
    urllib.request.urlopen(request).close()
ask("PATCH", "/_mockscope/v1/sites/example_site", {"strict": True})
ask("POST", "/_mockscope/v1/sites/example_site/faults", {"status": 503})
raise SystemExit(%d)
"""
    done = run("--keep-state", "kept.yaml", *python(script % status), folder=tmp_path)

    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.splitlines()[bool(status) :] == [
        "mockscope: example_site: a planned fault was hit less often than planned: fault-1: 503 for *, 1 time; "
        "hit 0 of 0 calls"
    ]
    assert list(Mockscope(tmp_path / "kept.yaml").sites) == ["example_site"]


def test_a_seed_is_served_and_the_state_at_the_end_is_kept(tmp_path: Path, run: Run) -> None:
    (tmp_path / "seed.yaml").write_text("mockscope: 1\nsites:\n  - {host: central_perk, api_key: k}\n")
    script = """
import os, urllib.request
request = urllib.request.Request(os.environ["MOCKSCOPE_URL"] + "/api/v1/groups", method="POST")
request.add_header("Http-X-Partner-Auth", "central_perk:k")
print(os.environ["MOCKSCOPE_AUTH"])
raise SystemExit(4)
"""
    done = run("--seed", "seed.yaml", "--keep-state", "kept.json", *python(script), folder=tmp_path)

    assert (done.returncode, done.stdout) == (4, "central_perk:k\n")
    [site] = Mockscope(tmp_path / "kept.json").sites.values()
    assert (site.host, sorted(path.name for path in tmp_path.iterdir())) == ("central_perk", ["kept.json", "seed.yaml"])


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        ([], 2, "exec needs a command: mockscope exec -- COMMAND"),
        (["--", "", "Joey"], 2, "exec needs a command, and the name of the one that was given is empty"),
        (["--", "no-such-command"], 127, "there is no command no-such-command"),
        (["--", "/"], 126, "can't execute /: Permission denied"),
        (
            ["--", "./monica"],
            126,
            "can't execute ./monica: its first line asks for an interpreter that is not there",
        ),
        (["--seed", "none.yaml", "true"], 2, "can't read the seed none.yaml: No such file or directory"),
        (["--seed", "empty.yaml", "true"], 2, "the seed empty.yaml has no sites, and exec needs one"),
        (["--keep-state", "no/s.yaml", "true"], 2, "can't write the state file no/s.yaml: No such file or directory"),
        (
            ["--proxy-others", "ask", "true"],
            2,
            "Invalid value for '--proxy-others': 'ask' is not one of 'refuse', 'pass'.",
        ),
    ],
)
def test_a_command_that_cannot_be_run_is_one_line(
    arguments: list[str], status: int, line: str, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "empty.yaml").write_text("mockscope: 1\n")
    (tmp_path / "monica").write_text("#!/no/such/interpreter\n")
    (tmp_path / "monica").chmod(0o755)
    done = run(*arguments, folder=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"mockscope: {line}\n")


@pytest.mark.parametrize(
    "number",
    [
        *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
        *(signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2),
    ],
)
def test_a_signal_reaches_the_command_which_may_handle_it(number: int) -> None:
    # Blocked, it can't come between a look for signals and the wait for one, and be lost.
    script = f"""
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [{number}])
print("there", flush=True)
print("heard", int(signal.sigwait([{number}])), flush=True)
sys.exit(9)
"""
    with running(script) as process:
        process.send_signal(number)
        output, _ = process.communicate(timeout=300)

        assert (process.returncode, output) == (9, f"heard {int(number)}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_a_signal_ends_gives_128_and_its_number(number: int) -> None:
    script = f"import signal; signal.signal({number}, signal.SIG_DFL); print('there', flush=True); signal.pause()"
    with running(script) as process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)

        assert process.returncode == 128 + number
        assert errors == f"mockscope: the command ended with status {128 + number}; it made no call to the API.\n"


def test_a_signal_during_the_start_of_the_command_reaches_it(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("""
import os, signal, subprocess
class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        os.kill(os.getpid(), signal.SIGTERM)
subprocess.Popen = Popen
""")
    done = run_alone("--", "sleep", "60", PYTHONPATH=str(tmp_path))

    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "")


def test_a_signal_before_the_command_starts_prevents_its_start(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "sitecustomize.py").write_text("""
import os, signal, tempfile
mkdtemp = tempfile.mkdtemp
def early(*args, **options):
    os.kill(os.getpid(), signal.SIGTERM)
    return mkdtemp(*args, **options)
tempfile.mkdtemp = early
""")
    done = run_alone("--", "echo", "started", PYTHONPATH=str(tmp_path), TMPDIR=str(tmp_path / "tmp"))

    assert (done.returncode, done.stdout, list((tmp_path / "tmp").iterdir())) == (128 + signal.SIGTERM, "", [])


def test_signals_ignored_by_exec_are_ignored_by_the_command() -> None:
    script = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    # As nohup has it.
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *COMMAND, *python(script)]

    assert subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout == "True\n"


def test_processes_started_by_the_command_do_not_outlive_it(tmp_path: Path) -> None:
    child = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    )
    script = f"""
import subprocess, sys
deaf = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE)
deaf.stdout.readline()
print(deaf.pid)
"""
    # Into a file: a pipe would be open for as long as the child lives.
    with (tmp_path / "output").open("w") as output:
        subprocess.run([*COMMAND, *python(script)], stdout=output, timeout=300, check=True)

    assert not is_there(int((tmp_path / "output").read_text()))


def test_a_process_in_a_session_of_its_own_is_left_to_itself(tmp_path: Path) -> None:
    script = """
import subprocess, sys
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
print(child.pid)
"""
    with (tmp_path / "output").open("w") as output:
        subprocess.run([*COMMAND, *python(script)], stdout=output, timeout=3000, check=True)

    pid = int((tmp_path / "output").read_text())
    assert is_there(pid)
    os.kill(pid, signal.SIGKILL)


def test_unwritable_files_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import tempfile; tempfile.tempdir = '/no/such/folder'")
    done = run_alone("--", "true", PYTHONPATH=str(tmp_path))

    line = "mockscope: can't write the certificates: No such file or directory\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_no_file_is_left_in_the_temporary_directory(tmp_path: Path) -> None:
    done = run_alone(*python("import os; print(len(os.listdir(os.environ['TMPDIR'])))"), TMPDIR=str(tmp_path))

    assert (done.stdout, list(tmp_path.iterdir())) == ("1\n", [])


def test_on_a_terminal_the_command_is_in_the_foreground_and_gets_ctrl_c() -> None:
    # Blocked for the same reason.
    script = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("foreground", os.tcgetpgrp(0) == os.getpgrp(), flush=True)
signal.sigwait({signal.SIGINT})
print("interrupted", flush=True)
raise SystemExit(7)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*COMMAND, *python(script)])
    with open(terminal, "r+b", buffering=0) as screen:
        seen = b""
        while b"foreground True\r\n" not in seen:
            seen += screen.read(1000)
        screen.write(b"\x03")
        while b"interrupted\r\n" not in seen:
            seen += screen.read(1000)
        _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 7


def test_on_a_terminal_ctrl_z_stops_both_and_both_resume() -> None:
    script = """
print("there", flush=True)
print("read", input(), flush=True)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*COMMAND, *python(script)])
    with open(terminal, "r+b", buffering=0) as screen:
        seen = b""
        while b"there\r\n" not in seen:
            seen += screen.read(1000)
        screen.write(b"\x1a")
        _, stopped = os.waitpid(pid, os.WUNTRACED)
        os.kill(pid, signal.SIGCONT)
        screen.write(b"on\n")
        while b"read on\r\n" not in seen:
            seen += screen.read(1000)
        _, status = os.waitpid(pid, 0)

    assert (os.WIFSTOPPED(stopped), os.waitstatus_to_exitcode(status)) == (True, 0)
