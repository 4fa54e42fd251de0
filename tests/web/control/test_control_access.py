"""Access to the control API: token, Host and Origin, on loopback, elsewhere, and without a socket."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from starlette.types import Message
from support.control_client import BASE, TOKEN

from mockscope import LiveServer, Mockscope, Refusal, Refused, serve
from mockscope.web.control import access
from mockscope.web.control.endpoints import CONTROL_OPERATIONS, ControlOperation
from mockscope.web.control.request import MAX_BODY_BYTES

BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
NO_TOKEN: Final = {
    "message": "The control API requires the header Authorization: Bearer <token>. The token is that of "
    "--control-token or, without this option, the one that the server printed and wrote into its ready file."
}
WRONG_TOKEN: Final = {
    "message": "The token is not that of this server: use the one of --control-token, or the one that it printed."
}


def foreign_host(host: str) -> dict[str, str]:
    return {
        "message": f"The control API refuses the Host {host}: use localhost, a loopback address, or the "
        "address or name that the server was bound to (--host), or demand a token (--control-token)."
    }


def in_process(
    mock: Mockscope | LiveServer, base: str = "http://mockscope.invalid", client: str = "127.0.0.1"
) -> httpx.Client:
    """Return a client without a socket. Each request has its own event loop."""

    class Transport(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            import asyncio

            async def response() -> httpx.Response:
                inner = httpx.ASGITransport(app=mock.app, client=(client, 1))
                async with httpx.AsyncClient(transport=inner) as asynchronous:
                    made = await asynchronous.send(
                        httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
                    )
                    return httpx.Response(made.status_code, headers=made.headers, content=made.content)

            return asyncio.run(response())

    return httpx.Client(transport=Transport(), base_url=base)


def get_health(url: str, **headers: str) -> tuple[int, Any]:
    response = httpx.get(
        f"{url}{BASE}/health", headers={name.replace("_", "-"): headers[name] for name in headers}, verify=False
    )
    return response.status_code, response.json()


# -- Host: DNS rebinding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:80", "127.1.2.3:8765", "[::1]", "[::1]:8765"]
)
def test_loopback_is_allowed_by_any_name_and_port(server: LiveServer, host: str) -> None:
    assert get_health(server.url, Host=host) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "192.0.2.1",
        "[2001:db8::1]:80",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "127.0.0.1:80:80",
    ],
)
def test_a_foreign_host_is_refused(server: LiveServer, host: str) -> None:
    assert get_health(server.url, Host=host) == (403, foreign_host(host))


@pytest.mark.parametrize(
    ("hosts", "status", "response"),
    [
        # No browser leaves the Host out.
        ([], 200, {"status": "ok"}),
        ([""], 403, foreign_host("(none)")),
        (["localhost", "evil.example"], 403, foreign_host("localhost, evil.example")),
        (["localhost", "localhost"], 403, foreign_host("localhost, localhost")),
    ],
)
async def test_a_request_with_a_blank_host_or_with_two_is_refused(
    hosts: list[str], status: int, response: dict[str, str]
) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{BASE}/health",
        "raw_path": f"{BASE}/health".encode(),
        "query_string": b"",
        "headers": [(b"host", host.encode()) for host in hosts],
        "server": ("127.0.0.1", 8765),
    }
    await Mockscope().app(scope, receive, send)

    assert (sent[0]["status"], json.loads(sent[1]["body"])) == (status, response)


def test_the_bound_name_and_address_of_a_server_are_allowed() -> None:
    mock = Mockscope()
    mock.listens_at("127.0.0.1", "mockscope.internal")

    for host in ("127.0.0.1:8765", "mockscope.internal:8765", "MOCKSCOPE.internal", "localhost:8765"):
        with in_process(mock, f"http://{host}") as client:
            assert client.get(f"{BASE}/health").json() == {"status": "ok"}
    with in_process(mock, "http://mockscope.internal") as client:
        response = client.get(f"{BASE}/health", headers={"Host": "evil.example"})
        assert (response.status_code, response.json()) == (403, foreign_host("evil.example"))


def test_any_host_is_allowed_where_a_token_is_demanded() -> None:
    mock = Mockscope(control_token=TOKEN)
    mock.listens_at("192.0.2.7", "0.0.0.0")
    with in_process(mock, "http://mockscope:8765") as client:
        assert client.get(f"{BASE}/health", headers=BEARER).json() == {"status": "ok"}
        # A page whose name was rebound to the server has the Origin of the server, but not the token.
        rebound = client.get(f"{BASE}/sites", headers={"Origin": "http://mockscope:8765"})
        foreign = client.get(f"{BASE}/sites", headers=BEARER | {"Origin": "http://evil.example"})

    assert (rebound.status_code, rebound.json()) == (401, NO_TOKEN)
    message = "The control API refuses pages of another origin (http://evil.example): call it from a program."
    assert (foreign.status_code, foreign.json()) == (403, {"message": message})


# -- Origin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://{host}",
        "http://{host}.evil.example",
        "http://evil.example/http://{host}",
        "",
    ],
)
def test_a_foreign_origin_is_refused_on_every_path(server: LiveServer, origin: str) -> None:
    origin = origin.replace("{host}", server.url.removeprefix("http://"))
    message = f"The control API refuses pages of another origin ({origin}): call it from a program."

    assert get_health(server.url, Origin=origin) == (403, {"message": message})
    made = httpx.post(f"{server.url}{BASE}/sites", headers={"Origin": origin}, verify=False)
    assert (made.status_code, server.sites) == (403, {})


def test_the_servers_own_origin_is_allowed(server: LiveServer) -> None:
    assert get_health(server.url, Origin=server.url) == (200, {"status": "ok"})
    assert get_health(server.url, Origin=server.url.upper().replace("HTTP", "http")) == (200, {"status": "ok"})


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
@pytest.mark.parametrize("path", ["/health", "/sites", "/nothing"])
def test_no_response_allows_another_origin(server: LiveServer, method: str, path: str) -> None:
    for origin in (server.url, "http://evil.example"):
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = httpx.request(method, f"{server.url}{BASE}{path}", headers=asks, verify=False)
        assert [name for name in response.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    ("method", "site", "mode", "dest", "status"),
    [
        ("GET", "cross-site", "cors", "empty", 403),
        ("GET", "cross-site", "no-cors", "image", 403),
        ("GET", "cross-site", "navigate", "iframe", 403),
        ("GET", "cross-site", "no-cors", "document", 403),
        ("POST", "cross-site", "navigate", "document", 403),
        ("GET", "same-site", "no-cors", "image", 403),
        ("GET", "same-site", "navigate", "iframe", 403),
        ("GET", "same-site", "navigate", "document", 200),
        ("GET", "cross-site", "navigate", "document", 200),
        ("HEAD", "cross-site", "navigate", "document", 200),
        ("GET", "same-origin", "cors", "empty", 200),
        ("POST", "same-origin", "cors", "empty", 200),
        ("GET", "none", "navigate", "document", 200),
    ],
)
def test_a_cross_site_request_is_refused_except_for_navigation(
    server: LiveServer, method: str, site: str, mode: str, dest: str, status: int
) -> None:
    frozen = f"{server.url}{BASE}/clock{'/freeze' if method == 'POST' else ''}"
    fetched = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}

    response = httpx.request(method, frozen, headers=fetched, verify=False)

    assert response.status_code == status
    assert server.clock.is_frozen == (method == "POST" and status == 200)
    if status == 403:
        assert response.json() == {"message": "The control API refuses pages of another site: call it from a program."}


@pytest.mark.parametrize("path", ["/health", "/nothing", "/openapi.yaml", "/clock/freeze"])
def test_responses_can_not_be_embedded_or_sniffed(server: LiveServer, path: str) -> None:
    responses = [
        httpx.get(f"{server.url}{BASE}{path}", verify=False),
        httpx.get(f"{server.url}{BASE}{path}", headers={"Host": "evil"}, verify=False),
    ]

    for response in responses:
        for name, value in (
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("X-Frame-Options", "DENY"),
        ):
            assert response.headers.get_list(name) == [value], response.status_code


# -- the token -------------------------------------------------------------------------------------------------


def test_on_loopback_a_token_is_required_only_when_one_is_set(server: LiveServer) -> None:
    assert server.control_token is None
    assert get_health(server.url) == (200, {"status": "ok"})
    with serve(control_token=TOKEN) as guarded:
        assert guarded.control_token == TOKEN
        assert get_health(guarded.url) == (401, NO_TOKEN)
        assert get_health(guarded.url, **BEARER) == (200, {"status": "ok"})
        assert get_health(guarded.url, Authorization=f"bearer  {TOKEN}") == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (f"Bearer {TOKEN}x", WRONG_TOKEN),
        ("Bearer", WRONG_TOKEN),
        ("Bearer \xe9", WRONG_TOKEN),
        (TOKEN, NO_TOKEN),
        (f"Basic {TOKEN}", NO_TOKEN),
        ("", NO_TOKEN),
    ],
)
def test_a_wrong_token_is_refused_with_a_challenge(sent: str, message: dict[str, str]) -> None:
    mock = Mockscope(control_token=TOKEN)
    with in_process(mock) as client:
        response = client.post(f"{BASE}/sites", headers={b"Authorization": sent.encode("latin-1")})

    assert (response.status_code, response.json(), mock.sites) == (401, message, {})
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="mockscope"')


def test_every_path_of_the_control_api_checks_access() -> None:
    mock = Mockscope(control_token=TOKEN)
    site = mock.site("example_site")
    with in_process(mock) as client:
        for row in CONTROL_OPERATIONS:
            path = row.path.format(host=site.host, call="x", name="x", fault="x", email="x")
            assert client.request(row.method, path).status_code == 401, row
        assert client.get("/_mockscope/v2").status_code == 401
        assert client.get("/openapi.yaml").status_code == 200


@pytest.mark.parametrize("row", CONTROL_OPERATIONS, ids=lambda row: f"{row.method} {row.path}")
def test_an_unknown_parameter_is_refused_on_every_path_without_effect(row: ControlOperation) -> None:
    mock = Mockscope()
    site = mock.site("example_site")
    site.snapshot("x")
    fault = site.faults.add("get_user", status=503)
    path = row.path.format(host=site.host, call="x", name="x", fault=fault.id, email="x")
    with in_process(mock) as client:
        response = client.request(row.method, path, params={"opration": "get_user"})
        state = client.get(f"{BASE}/sites").json()

    known = row.query.__struct_encode_fields__
    suggestion = "did you mean operation?" if "operation" in known else f"known: {', '.join(known) or 'none'}"
    assert (response.status_code, response.json()) == (
        400,
        {"message": f"there is no field opration here; {suggestion}"},
    )
    assert [(each["host"], each["api_key"], each["counts"]["faults"]) for each in state["sites"]] == [
        (site.host, site.api_key, 1)
    ]
    assert (list(site.snapshots), site.clock.is_frozen, mock.clock.is_frozen) == (["x"], False, False)


def test_a_server_beyond_loopback_generates_and_requires_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "is_loopback", lambda address: False)
    with serve() as server:
        token = server.control_token
        assert token is not None
        assert re.fullmatch(r"[0-9a-f]{64}", token)
        assert get_health(server.url) == (401, NO_TOKEN)
        assert get_health(server.url, Authorization=f"Bearer {token}") == (200, {"status": "ok"})
        server.stop()
        assert server.start().control_token == token
    with serve() as another:
        assert another.control_token != token


@pytest.mark.parametrize(
    ("address", "demanded"),
    [
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.0.2.1", True),
        ("fe80::1%eth0", True),
    ],
)
def test_the_address_of_the_socket_decides_if_a_token_is_required(address: str, *, demanded: bool) -> None:
    mock = Mockscope()
    mock.listens_at(address, "localhost")

    assert (mock.control_token is not None) is demanded


@pytest.mark.parametrize("token", ["", "two words", "line\nend", "\xe9", "a=b"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="a control token must consist of letters, digits"):
        Mockscope(control_token=token)


# -- without a socket ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["http://mockscope.invalid", "http://testserver", "https://whatever.example:1"])
def test_without_a_socket_every_host_name_is_allowed(base: str) -> None:
    mock = Mockscope()
    with in_process(mock, base) as client:
        made = client.post(f"{BASE}/sites", json={"host": "a/b"})
        read = client.get(f"{BASE}/sites/a%2Fb")

    assert (made.status_code, read.json()) == (201, made.json())
    assert list(mock.sites) == ["a/b"]


def test_a_listening_server_can_still_be_called_without_its_socket(server: LiveServer) -> None:
    with in_process(server) as client:
        assert client.get(f"{BASE}/health").json() == {"status": "ok"}


def test_under_another_server_a_remote_client_needs_a_token() -> None:
    with in_process(Mockscope(), client="192.0.2.9") as client:
        response = client.get(f"{BASE}/health")
        assert (response.status_code, response.json()) == (
            403,
            {
                "message": "The control API requires a token from other machines, and this application has none: "
                "set control_token."
            },
        )
    with in_process(Mockscope(control_token=TOKEN), client="192.0.2.9") as client:
        assert client.get(f"{BASE}/health", headers=BEARER).json() == {"status": "ok"}


# -- switched off, and wrong paths -----------------------------------------------------------------------------


def test_a_disabled_control_api_is_404_and_the_contract_is_still_served() -> None:
    with serve(control=False) as server:
        for path in (f"{BASE}/health", f"{BASE}/sites", "/_mockscope", f"{BASE}/openapi.yaml"):
            response = httpx.get(f"{server.url}{path}", verify=False)
            assert (response.status_code, response.json()) == (
                404,
                {"message": "The control API of this server is switched off (--no-control, control=False)."},
            )
        assert httpx.get(f"{server.url}/openapi.yaml", verify=False).status_code == 200
        assert server.control_token is None


def test_an_unknown_path_is_404_and_names_the_nearest_path(server: LiveServer) -> None:
    near, far = (
        httpx.get(f"{server.url}{BASE}/sitse", verify=False),
        httpx.get(f"{server.url}/livez/zzzzzzzz", verify=False),
    )

    assert (near.status_code, near.json()) == (
        404,
        {"message": f"There is no {BASE}/sitse; did you mean {BASE}/sites?"},
    )
    assert (far.status_code, far.json()) == (
        404,
        {"message": f"There is no /livez/zzzzzzzz; {BASE}/openapi.yaml describes the paths."},
    )


@pytest.mark.parametrize(
    ("path", "guess"),
    [
        ("/users", "/sites"),
        ("/rest", "/rules"),
        ("/sav", None),
        ("/imports", "/export"),
        ("/sites/example_site/rset", None),
        ("/sites/example_site/rotate_key", None),
        ("/sites/example_site/fault", "/sites/{host}/faults"),
        ("/clock/rest", "/clock/resume"),
        ("/clock/frezze", "/clock/freeze"),
    ],
)
def test_no_path_that_overwrites_data_is_suggested(server: LiveServer, path: str, guess: str | None) -> None:
    response = httpx.post(f"{server.url}{BASE}{path}")

    hint = f"did you mean {BASE}{guess}?" if guess else f"{BASE}/openapi.yaml describes the paths."
    assert response.json() == {"message": f"There is no {BASE}{path}; {hint}"}


@pytest.mark.parametrize("path", [BASE, f"{BASE}/"])
def test_no_path_is_suggested_for_the_prefix_of_all_paths(server: LiveServer, path: str) -> None:
    response = httpx.get(f"{server.url}{path}", verify=False)

    assert (response.status_code, response.json()) == (
        404,
        {"message": f"There is no {path}; {BASE}/openapi.yaml describes the paths."},
    )


def test_an_unknown_method_is_405_and_names_the_allowed_methods(server: LiveServer) -> None:
    response = httpx.put(f"{server.url}{BASE}/sites", verify=False)

    assert (response.status_code, response.headers["Allow"], response.json()) == (
        405,
        "GET, HEAD, POST",
        {"message": f"{BASE}/sites does not have the method PUT: use one of GET, HEAD, POST."},
    )


def test_head_is_get_without_the_body(server: LiveServer) -> None:
    got, head = (
        httpx.get(f"{server.url}{BASE}/sites", verify=False),
        httpx.head(f"{server.url}{BASE}/sites", verify=False),
    )

    assert (head.status_code, head.headers, head.content) == (200, got.headers, b"")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(server: LiveServer, *, chunked: bool) -> None:
    part = b" " * 1024 * 1024
    whole = MAX_BODY_BYTES // len(part) + 1
    content = (part for _ in range(whole)) if chunked else part * whole

    response = httpx.post(f"{server.url}{BASE}/sites", content=content, timeout=300, verify=False)

    assert (response.status_code, response.json()) == (
        413,
        {"message": "The body is over the limit of 67108864 bytes: send it in parts, or start with a seed file."},
    )
    assert server.sites == {}


def test_a_crash_of_the_control_api_is_500_in_json(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def reset() -> None:
        raise KeyError("a slip")

    monkeypatch.setattr(server.registry, "reset", reset)

    response = httpx.post(f"{server.url}{BASE}/reset", verify=False)

    assert (response.status_code, response.json()) == (500, {"message": Refused(Refusal.CRASHED).message})
    assert [record.getMessage() for record in caplog.records] == [f"crashed on POST {BASE}/reset"]


def test_a_state_file_that_can_not_be_written_is_an_error_without_a_traceback(
    server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    def save() -> None:
        raise PermissionError(13, "Permission denied", "state.yaml")

    server.registry.save = save

    response = httpx.post(f"{server.url}{BASE}/save", verify=False)

    assert (response.status_code, response.json()) == (500, {"message": "the state was not written: Permission denied"})
    assert caplog.records == []


# -- mockscope serve -------------------------------------------------------------------------------------------


@contextmanager
def start(folder: Path, *options: str, before: str = "") -> Iterator["subprocess.Popen[str]"]:
    code = f"{before}\nfrom mockscope.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port=0", "--ready-file=ready.json", "--log=off", *options],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("MOCKSCOPE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            # A test that fails must not wait for a server that nobody ends.
            process.kill()


def banner(process: "subprocess.Popen[str]", *, last: str) -> str:
    assert process.stdout is not None
    text = ""
    while last not in text:
        line = process.stdout.readline()
        assert line, text
        text += line
    return text


def ready(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "ready.json").read_text())
    return content


def test_serve_prints_a_generated_token_and_writes_it_into_the_ready_file(tmp_path: Path) -> None:
    elsewhere = "from mockscope.web.control import access; access.is_loopback = lambda address: False"
    with start(tmp_path, before=elsewhere) as process:
        text = banner(process, last="#token=")
        ready_file = ready(tmp_path)
        token = ready_file["control_token"]
        statuses = [get_health(ready_file["url"])[0], get_health(ready_file["url"], Authorization=f"Bearer {token}")[0]]
        process.send_signal(signal.SIGTERM)
        assert (process.wait(300), process.stderr and process.stderr.read()) == (0, "")

    assert text.endswith(
        f"\nThe control API wants:\n\n    Authorization: Bearer {token}\n\n"
        f"See what happens:\n\n    {ready_file['url']}/_mockscope/#token={token}\n"
    )
    assert statuses == [401, 200]


def test_serve_requires_a_given_token_and_does_not_print_it(tmp_path: Path) -> None:
    with start(tmp_path, "--control-token", TOKEN) as process:
        text = banner(process, last="curl ")
        ready_file = ready(tmp_path)
        statuses = [get_health(ready_file["url"])[0], get_health(ready_file["url"], **BEARER)[0]]
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=300)

    assert (ready_file["control_token"], statuses, errors) == (TOKEN, [401, 200], "")
    assert TOKEN not in text + rest


def test_serve_without_a_token_has_none_in_the_ready_file_and_ends_at_once_with_a_stream_open(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        banner(process, last="curl ")
        ready_file = ready(tmp_path)
        with httpx.stream("GET", f"{ready_file['url']}{BASE}/calls/stream", timeout=300, verify=False) as response:
            lines = response.iter_lines()
            first = next(lines)
            process.send_signal(signal.SIGTERM)
            rest = list(lines)
        _, errors = process.communicate(timeout=300)

    epoch = rest[1].removeprefix("id: ").removesuffix("-0")
    assert "control_token" not in ready_file
    assert (first, rest, process.returncode, errors) == (
        ": events from here on",
        ["retry: 1000", f"id: {epoch}-0", ""],
        0,
        "",
    )


def test_serve_can_disable_the_control_api(tmp_path: Path) -> None:
    with start(tmp_path, "--no-control") as process:
        banner(process, last="curl ")
        assert get_health(ready(tmp_path)["url"])[0] == 404
        process.terminate()


def test_serve_refuses_a_token_that_no_header_can_carry(tmp_path: Path) -> None:
    with start(tmp_path, "--control-token", "two words") as process:
        out, errors = process.communicate(timeout=300)

    assert (process.returncode, out, errors) == (
        2,
        "",
        "mockscope: a control token must consist of letters, digits and - . _ ~ + /, with = only at its end\n",
    )
