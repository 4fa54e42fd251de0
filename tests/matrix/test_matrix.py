"""Every client by every way to the mock: a page is read, a user is created, and a reset is raised."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import pytest
from support.bounds import WAIT_SECONDS
from support.child_clients import Outside, guarded_path
from support.child_clients import outside as outside
from support.clients import CLIENTS, Client, Options
from support.commands import restored_signals

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.cli.child_process import run

SCRIPTS: Final = Path(__file__).parent / "scripts"
# What npm installed for Node's scripts, if it did.
PACKAGES: Final = SCRIPTS / "node_modules"
VENDOR: Final = "https://app.periscopedata.com"
PHOEBE: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "mike@example.com",
}
Act = Literal["page", "create", "reset"]


class World(NamedTuple):
    """The surroundings of a test: a server with the demo site, its host and key for the scripts, and a folder."""

    server: LiveServer
    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def site(self) -> MockSite:
        return self.server.sites["example_site"]


class Came(NamedTuple):
    """The result of a client: the host of its request, and status and body, which are None without a response."""

    status: int | None
    body: bytes
    host: str


Ask = Callable[[World, Act], Came]


# -- in the process of the test ----------------------------------------------------------------------------------


def ask_here(client: Client, address: str, world: World, act: Act) -> Came:
    """Send a request with a client of this process."""
    headers = {**world.site.headers, "Content-Type": "application/json"}
    asked = ("GET", None) if act == "page" else ("POST", json.dumps(PHOEBE).encode())
    host = urlsplit(address).netloc
    with client.open(Options()) as ask:
        try:
            response = ask(asked[0], f"{address}/api/v1/users", headers, asked[1])
        except client.reset:
            return Came(None, b"", host)
        return Came(response.status, response.body, host)


def by_redirect(client: Client, world: World, act: Act) -> Came:
    with world.server.redirect():
        return ask_here(client, VENDOR, world, act)


def by_base_url(client: Client, world: World, act: Act) -> Came:
    return ask_here(client, world.server.url, world, act)


# -- in a process of its own -------------------------------------------------------------------------------------


class Script(NamedTuple):
    """A script with its interpreter and its target. The text may be that of another script with some words replaced."""

    interpreter: str
    name: str
    instead: Mapping[str, str] = MappingProxyType({})
    program: str | None = None

    @property
    def text(self) -> str:
        text = (SCRIPTS / self.name).read_text(encoding="utf-8")
        for words, others in self.instead.items():
            assert words in text
            text = text.replace(words, others)
        return text

    @property
    def host(self) -> str:
        return "app.periscopedata.com" if VENDOR in self.text else "api.periscopedata.com"

    def command(self, folder: Path, act: Act, text: str) -> list[str]:
        """Return the command that runs the script, as it is or with another text."""
        path = folder / self.name
        if PACKAGES.is_dir() and not (folder / PACKAGES.name).exists():
            # Node looks for them beside the script.
            (folder / PACKAGES.name).symlink_to(PACKAGES)
        path.write_text(text, encoding="utf-8")
        return [*self.interpreter.split(), str(path), "page" if act == "page" else "create"]


def by_exec(script: Script, world: World, act: Act) -> Came:
    lines: list[str] = []
    with restored_signals():
        status = run(script.command(world.folder, act, script.text), world.server, lines.append)
    output = world.capture.readouterr()
    if status:
        assert lines[0].startswith(f"the command ended with status {status}; its last calls:\n"), output.err
    return came(status, output.out, output.err, script.host)


def by_base_url_of(script: Script, world: World, act: Act) -> Came:
    """Run the script with another URL in it, and with a plain environment."""
    text = script.text.replace(f"https://{script.host}", world.server.url)
    done = subprocess.run(
        script.command(world.folder, act, text), capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    return came(done.returncode, done.stdout, done.stderr, urlsplit(world.server.url).netloc)


def came(status: int, output: str, errors: str, host: str) -> Came:
    """Parse the result that a script prints."""
    if status:
        assert output == "", errors
        return Came(None, b"", host)
    shown, _, body = output.partition(" ")
    return Came(int(shown), body.encode(), host)


# -- the table ---------------------------------------------------------------------------------------------------

HTTPX2: Final = {"httpx": "httpx2"}
ON_UVLOOP: Final = {"asyncio.run(main())": "import uvloop\n\nuvloop.run(main())"}
ON_TRIO: Final = {"asyncio.run(main())": "import trio\n\ntrio.run(main)"}
UNDICI: Final = Script("node", "with_undici.mjs", program="undici")

THROUGH_THE_PROXY: Final = {
    "requests": Script(sys.executable, "with_requests.py"),
    "urllib3": Script(sys.executable, "with_urllib3.py"),
    "urllib": Script(sys.executable, "with_urllib.py"),
    "http.client": Script(sys.executable, "with_http_client.py"),
    "httpx": Script(sys.executable, "with_httpx.py"),
    "httpx on asyncio": Script(sys.executable, "with_httpx_async.py"),
    "httpx on uvloop": Script(sys.executable, "with_httpx_async.py", ON_UVLOOP),
    "httpx on trio": Script(sys.executable, "with_httpx_async.py", ON_TRIO),
    "httpx2": Script(sys.executable, "with_httpx.py", HTTPX2),
    "httpx2 on asyncio": Script(sys.executable, "with_httpx_async.py", HTTPX2),
    "httpx2 on uvloop": Script(sys.executable, "with_httpx_async.py", HTTPX2 | ON_UVLOOP),
    "httpx2 on trio": Script(sys.executable, "with_httpx_async.py", HTTPX2 | ON_TRIO),
    "aiohttp on asyncio": Script(sys.executable, "with_aiohttp.py"),
    "aiohttp on uvloop": Script(sys.executable, "with_aiohttp.py", ON_UVLOOP),
    "curl": Script("sh", "with_curl.sh", program="curl"),
    "wget": Script("sh", "with_wget.sh", program="wget"),
    "node": Script("node", "with_node.mjs"),
    "node's fetch with a proxy agent": UNDICI,
    # Before that version it heeds no proxy.
    "node's own fetch": Script("node", "with_node_fetch.mjs", program="node 24"),
    "java": Script("java", "WithJava.java"),
    "perl": Script("perl", "with_perl.pl"),
    "ruby": Script("ruby", "with_ruby.rb"),
    "php": Script("php", "with_php.php"),
    "go": Script("go run", "with_go.go", program="go"),
}
# Only Python can run inside the process of the test. Node's script for the proxy speaks HTTPS only.
OTHERS: Final = {
    **{name: THROUGH_THE_PROXY[name] for name in ("curl", "wget", "java", "perl", "ruby", "php", "go")},
    "node": Script("node", "with_node_fetch.mjs"),
    "node's fetch with a proxy agent": UNDICI,
}


@cache
def node_version() -> int:
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=WAIT_SECONDS, check=True)
    return int(done.stdout.removeprefix("v").partition(".")[0])


@cache
def has_perl_tls() -> bool:
    command = ["perl", "-MIO::Socket::SSL", "-e", "1"]
    return subprocess.run(command, capture_output=True, timeout=WAIT_SECONDS, check=False).returncode == 0


@cache
def has_php_curl() -> bool:
    command = ["php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"]
    return subprocess.run(command, capture_output=True, timeout=WAIT_SECONDS, check=False).returncode == 0


def is_missing(program: str, way: str) -> bool:
    if program == "undici":
        return shutil.which("node") is None or not (PACKAGES / program).is_dir()
    if program == "node 24":
        return shutil.which("node") is None or node_version() < 24
    if program == "php":
        return shutil.which("php") is None or not has_php_curl()
    return shutil.which(program) is None or (program == "perl" and way == "exec" and not has_perl_tls())


# By default, one client for each patched function and one script of each kind run. The others are slow.
BY_DEFAULT: Final = {
    *("requests, redirect", "urllib, redirect", "httpx, redirect", "httpx2 on trio, redirect"),
    *("aiohttp on uvloop, redirect", "requests, base URL", "requests, exec", "curl, exec", "curl, base URL"),
    "php, exec",
}


def cases() -> Iterator[object]:
    found: list[tuple[str, Ask, list[pytest.MarkDecorator]]] = []
    for name, client in CLIENTS.items():
        found.append((f"{name}, redirect", partial(by_redirect, client), []))
        found.append((f"{name}, base URL", partial(by_base_url, client), []))
    for way, ask, scripts in (("exec", by_exec, THROUGH_THE_PROXY), ("base URL", by_base_url_of, OTHERS)):
        for name, script in scripts.items():
            program = script.program or script.interpreter
            mark = pytest.mark.skipif(is_missing(program, way), reason=f"{program} is not installed")
            found.append((f"{name}, {way}", partial(ask, script), [mark]))
    for name, client_of, marks in found:
        yield pytest.param(client_of, id=name, marks=marks if name in BY_DEFAULT else [*marks, pytest.mark.slow])


@pytest.fixture
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], outside: Outside
) -> Iterator[World]:
    monkeypatch.setenv("PYTHONPATH", guarded_path(tmp_path))
    with as_file(files("mockscope") / "demo.json") as seed, mockscope.serve(seed, proxy=True) as server:
        yield World(server, tmp_path, capfd)
    assert outside.connections == 0


@pytest.mark.parametrize("act", ["page", "create", "reset"])
@pytest.mark.parametrize("ask", list(cases()))
def test_a_client_reaches_the_mock(ask: Ask, act: Act, world: World) -> None:
    people = list(world.site.users)
    # The fault is unlimited, because some clients retry.
    fault = world.site.faults.add("create_user", transport="reset", times=None) if act == "reset" else None

    status, body, host = ask(world, act)

    calls = {(call.operation, call.header("host"), call.fault) for call in world.site.calls}
    if act == "page":
        assert (status, [user["email"] for user in json.loads(body)["users"]]) == (200, people)
        assert calls == {("list_users", host, None)}
    elif act == "create":
        assert (status, json.loads(body)["email"]) == (201, "phoebe@example.com")
        assert calls == {("create_user", host, None)}
        assert world.site.users["phoebe@example.com"].last_name == "Buffay"
    else:
        assert (status, list(world.site.users)) == (None, people)
        assert calls == {("create_user", host, fault.id if fault else "")}


@pytest.mark.slow
def test_a_client_that_ignores_the_environment_bypasses_the_proxy(world: World) -> None:
    script = Script(sys.executable, "with_aiohttp.py", {", trust_env=True": ""})
    lines: list[str] = []

    status = run(script.command(world.folder, "page", script.text), world.server, lines.append)

    output = world.capture.readouterr()
    assert (status, lines) == (1, ["the command ended with status 1; it made no call to the API."])
    assert "app.periscopedata.com was to be resolved, past the proxy" in output.err
