"""Calls as curl commands, as Python code and as tests: each copy gets the response of the call again."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import grammar
from support.examples import examples
from support.transport_clients import SEED

import mockscope
from mockscope import Call, LiveServer, MockSite, strategies
from mockscope.instruments.call_export import MAX_TEST_RECORDS, IncompleteCall

PHOEBE: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "admin@example.com",
}
Answer = tuple[int, bytes]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with mockscope.serve() as server:
        yield server


@pytest.fixture
def site(server: LiveServer) -> Iterator[MockSite]:
    with server.site("example_site", api_key="0f1e2d3c-4b5a-6978-8796-a5b4c3d2") as site:
        yield site


def send(site: MockSite, method: str, path: str, **options: Any) -> Call:
    headers = site.headers | options.pop("headers", {})
    httpx.request(method, f"{site.url}{path}", headers=headers, timeout=300, **options)
    return site.calls.last


def run_curl(line: str, api_key: str) -> Answer:
    """Run a copied curl command, and return the status and body that it prints."""
    environment = os.environ | {"MOCKSCOPE_API_KEY": api_key, "no_proxy": "*"}
    command = ["sh", "-c", line.replace("curl -i", "curl -i -sS -q")]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def run_python(code: str, api_key: str, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Run copied code for httpx, and return status and body."""
    names: dict[str, Any] = {}
    with monkeypatch.context() as patch:
        patch.setenv("MOCKSCOPE_API_KEY", api_key)
        exec(code, names)
    return names["response"].status_code, names["response"].content


def run_tests(folder: Path) -> dict[str, int]:
    """Run the tests of a folder, and return the number of each outcome."""
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    done = subprocess.run([*command, str(folder)], cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout
    return {kind: int(number) for number, kind in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}


# -- each call -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_each_copy_of_a_call_gets_its_response_again(
    number: int, server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[Call] = []

    @settings(max_examples=examples(number), suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def copy_calls(data: st.DataObject) -> None:
        with server.site(seed=SEED, **data.draw(strategies.policies())) as site:
            for _ in range(data.draw(st.integers(2, 8))):
                asked = data.draw(grammar.requests(site))
                forks = [site.fork() for _ in range(3)]
                before = len(site.calls)
                client.request(asked.method, asked.url(server.url), headers=dict(asked.headers), content=asked.content)
                if len(site.calls) > before:
                    copy(site.calls.last, asked.content, forks)
                for fork in forks:
                    fork.remove()

    def copy(call: Call, sent: bytes | None, forks: list[MockSite]) -> None:
        # Of an unknown path, a body is not read.
        if call.method in ("POST", "PUT") and (call.body or b"") != (sent or b""):
            with pytest.raises(IncompleteCall):
                call.as_curl()
            return
        replayed = forks[2].replay(call)
        responses = [
            run_curl(for_fork(call.as_curl(), call, forks[0]), forks[0].api_key),
            run_python(for_fork(call.as_httpx(), call, forks[1]), forks[1].api_key, monkeypatch),
            (replayed.status, replayed.response),
        ]
        assert [
            (status, (body or b"").replace(fork.host.encode(), str(call.site).encode()))
            for fork, (status, body) in zip(forks, responses, strict=True)
        ] == [(call.status, call.response)] * 3
        (tmp_path / f"test_{len(copied)}.py").write_text(call.as_pytest(), encoding="utf-8")
        copied.append(call)

    # httpx.request makes an SSL context each time, which takes longer than the request.
    with httpx.Client(timeout=300) as client:
        copy_calls()
    assert len({call.operation for call in copied}) >= 4
    assert run_tests(tmp_path) == {"passed": len(copied)}


def for_fork(copy: str, call: Call, fork: MockSite) -> str:
    return copy.replace(f"{call.site}:", f"{fork.host}:")


LATIN_1: Final = "caf\u00e9@example.com".encode("latin-1")
# Method, target, headers and body of requests that clients and shells might change.
SPECIAL: Final[list[tuple[str, str, list[tuple[str, bytes]], bytes | None]]] = [
    ("GET", "/api/v1/groups/..", [], None),
    ("GET", "/api/v1/groups/%2e?a=[1]&b={2}&c=it's", [], None),
    ("GET", "/api/v1/groups/a%zz%2Fb//", [], None),
    ("HEAD", "/api/v1/users", [], None),
    ("GET", "/api/v1/users", [("Http-X-Email", b"")], None),
    ("GET", "/api/v1/users", [("Http-X-Email", b"admin@example.com"), ("Http-X-Email", b"joey@example.com")], None),
    ("DELETE", "/api/v1/users", [("Http-X-Email", "caf\u00e9@example.com".encode())], None),
    ("DELETE", "/api/v1/users", [("Http-X-Email", LATIN_1)], None),
    ("GET", "/api/v1/users", [("X-Note", b"a\tb '$HOME' \"`ls`\"")], b'{"ignored": true}'),
    ("POST", "/api/v1/users", [], None),
    ("POST", "/api/v1/users", [("Content-Type", b"application/json")], b'\x00\xff%s\\ {"'),
    ("POST", "/api/v1/users", [("Content-Type", b"")], b"@seed"),
    ("PUT", "/api/v1/groups/All%20Users", [], '{"access": "Z\u00f6e\'s\r\n\u2028 \x1b[0m \\"$HOME\\""}'.encode()),
    ("PUT", "/api/v1/users", [("Http-X-Email", b"Admin@example.com")], b'{"first_name": "Zo\xc3\xab",\n "groups": []}'),
    ("PATCH", "/api/v1/users", [], b"{}"),
]


def send_raw(site: MockSite, method: str, target: str, headers: list[tuple[str, bytes]], body: bytes | None) -> Call:
    connection = HTTPConnection(site.url.removeprefix("http://"), timeout=300)
    connection.putrequest(method, target)
    length = [("Content-Length", b"%d" % len(body))] if body is not None else []
    for name, value in [*((name, value.encode()) for name, value in site.headers.items()), *headers, *length]:
        connection.putheader(name, value)
    connection.endheaders(body)
    connection.getresponse().read()
    connection.close()
    return site.calls.last


def test_requests_that_clients_might_change_are_copied_as_they_were(server: LiveServer, tmp_path: Path) -> None:
    for number, parts in enumerate(SPECIAL):
        with server.site() as site, site.fork() as fork, site.fork() as other:
            call = send_raw(site, *parts)
            replayed = other.replay(call)
            copied = run_curl(for_fork(call.as_curl(), call, fork), fork.api_key)
            expected = call.status, call.response
            host = site.host.encode()
            assert (copied[0], copied[1].replace(fork.host.encode(), host)) == expected
            assert (replayed.status, (replayed.response or b"").replace(other.host.encode(), host)) == expected
            own = ("http-x-email", "content-type", "x-note")
            assert [pair for pair in fork.calls.last.headers if pair[0] in own and pair[1]] == [
                pair for pair in call.headers if pair[0] in own and pair[1]
            ]
            assert fork.calls.last.body == call.body
            if "%zz" not in call.path:
                (tmp_path / f"test_{number}.py").write_text(call.as_pytest(), encoding="utf-8")

    assert run_tests(tmp_path) == {"passed": len(SPECIAL) - 1}


# -- the texts -------------------------------------------------------------------------------------------------


def test_a_curl_command_takes_the_key_from_the_shell(site: MockSite) -> None:
    call = send(site, "POST", "/api/v1/users?test_mode=true", json=PHOEBE | {"last_name": site.api_key})

    body = json.dumps(PHOEBE | {"last_name": "'\"$MOCKSCOPE_API_KEY\"'"}, separators=(",", ":")).replace("\\", "")
    content = "-H 'Content-Type: application/json' --data-raw"
    target = f"'{site.url}/api/v1/users?test_mode=true'"
    assert call.as_curl() == (
        f"curl -i -X POST -H 'Http-X-Partner-Auth: example_site:'\"$MOCKSCOPE_API_KEY\" {content} '{body}' {target}"
    )
    assert call.as_curl(include_key=True) == (
        f"curl -i -X POST -H 'Http-X-Partner-Auth: example_site:{site.api_key}' {content} '{body}' {target}".replace(
            "'\"$MOCKSCOPE_API_KEY\"'", site.api_key
        )
    )


def test_curl_keeps_a_path_whose_last_segment_is_of_dots(site: MockSite) -> None:
    call = send_raw(site, "GET", "/api/v1/groups/..", [], None)

    assert call.as_curl() == (
        "curl -i --path-as-is -H 'Http-X-Partner-Auth: example_site:'\"$MOCKSCOPE_API_KEY\" "
        f"{site.url}/api/v1/groups/%2E%2E"
    )


def test_python_code_takes_the_key_from_the_environment(site: MockSite) -> None:
    call = send(site, "PUT", "/api/v1/users", headers={"Http-X-Email": "Admin@example.com"}, content='{"groups": []}')

    code = call.as_httpx(url="http://127.0.0.1:8765/")
    assert (
        code
        == """\
import os

import httpx

response = httpx.request(
    'PUT',
    'http://127.0.0.1:8765/api/v1/users',
    headers=[
        ('Http-X-Partner-Auth', 'example_site:' + os.environ["MOCKSCOPE_API_KEY"]),
        ('Http-X-Email', 'Admin@example.com'),
    ],
    content='{"groups": []}',
)
print(response.status_code, response.text)
"""
    )
    with_key = call.as_httpx(include_key=True, url="http://127.0.0.1:8765")
    credentials = f"'example_site:{site.api_key}'"
    assert with_key == code.removeprefix("import os\n\n").replace(
        """'example_site:' + os.environ["MOCKSCOPE_API_KEY"]""", credentials
    )


def test_a_test_has_the_records_from_before_the_call(site: MockSite) -> None:
    call = send(site, "POST", "/api/v1/users", json=PHOEBE)
    site.remove_user("phoebe@example.com")
    site.set_policy(page_size=7)
    text = call.as_pytest()

    [assigned] = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    with site.fork() as fresh:
        fresh.set_policy(page_size=100)
        [records] = fresh.export()["sites"]
    assert ast.literal_eval(assigned.value) == {
        "mockscope": 1,
        "sites": [{name: value for name, value in records.items() if name != "api_key"} | {"host": "example_site"}],
    }
    assert (
        text.partition("\n\n\n")[2]
        == """\
@pytest.mark.mockscope(host='example_site', seed=SEED)
def test_create_user(mockscope):
    with PoolManager() as client:
        response = client.request(
            'POST',
            f"{mockscope.url}/api/v1/users",
            headers=HTTPHeaderDict([
                *mockscope.headers.items(),
                ('Content-Type', 'application/json'),
            ]),
            body='{"first_name":"Phoebe","last_name":"Buffay","email":"phoebe@example.com",\
"invited_by_email":"admin@example.com"}',
        )

    assert response.status == 201
    assert response.json() == {
        'first_name': 'Phoebe',
        'last_name': 'Buffay',
        'email': 'phoebe@example.com',
        'groups': ['All Users'],
        'last_login_at': None,
        'password_updated_at': None,
        'tfa_enabled': False,
    }
"""
    )
    assert call.as_pytest(seed="friends.yaml").startswith("""\
# 201 create_user phoebe@example.com
import pytest
from urllib3 import HTTPHeaderDict, PoolManager



@pytest.mark.mockscope(host='example_site', seed='friends.yaml')
def test_create_user(mockscope):
""")


def test_a_call_that_worked_by_accident_is_no_finding_of_its_test(site: MockSite) -> None:
    call = send(site, "GET", "/api/v1/users?limit=1")
    assert "@pytest.mark.mockscope(host='example_site', seed=SEED, strict=False)\n" in call.as_pytest()


def test_other_secrets_are_left_out_unless_the_key_is_included(site: MockSite) -> None:
    secrets = {"Authorization": "Bearer sesame", "Cookie": "a=sesame", "X-Partner-Auth": "example_site:sesame"}
    call = send(site, "GET", "/api/v1/users", headers=secrets)

    assert "sesame" not in call.as_curl() + call.as_httpx() + call.as_pytest()
    assert [copy(include_key=True).count("sesame") for copy in (call.as_curl, call.as_httpx)] == [3, 3]


# -- calls that cannot be copied -------------------------------------------------------------------------------


def test_a_header_that_is_named_by_the_key_is_left_out(server: LiveServer) -> None:
    with server.site(api_key="phoebes-secret-key") as site:
        call = send(site, "GET", "/api/v1/groups", headers={"Phoebes-Secret-Key": "x", "X-Kept": "y"})

    for copy in (call.as_curl(), call.as_httpx(), call.as_pytest()):
        assert ("secret" in copy.lower(), "X-Kept" in copy) == (False, True)
    assert "Phoebes-Secret-Key: x" in call.as_curl(include_key=True)


@pytest.mark.parametrize(
    ("method", "options", "problem"),
    [
        ("as_curl", {"url": ""}, "url must be the URL of a server, such as site.url, not ''"),
        ("as_httpx", {"url": 8765}, "url must be text, not 8765"),
        ("as_curl", {"include_key": "no"}, "include_key must be true or false, not 'no'"),
        ("as_pytest", {"seed": 1}, "seed must be text or a path, not 1"),
    ],
)
def test_a_wrong_argument_of_a_copy_is_refused(
    site: MockSite, method: str, options: dict[str, Any], problem: str
) -> None:
    call = send(site, "GET", "/api/v1/groups")

    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        getattr(call, method)(**options)


def test_a_call_to_a_host_of_the_vendor_needs_the_url_of_a_server(site: MockSite) -> None:
    call = send(site, "GET", "/api/v1/users", headers={"Host": "app.periscopedata.com"})

    for copy in (call.as_curl, call.as_httpx):
        with pytest.raises(ValueError, match=r"was sent to app\.periscopedata\.com: name the server for the copy"):
            copy()
        assert f"{site.url}/api/v1/users" in copy(url=site.url)


def test_a_call_whose_body_was_cut_is_neither_copied_nor_replayed(site: MockSite) -> None:
    call = send(site, "POST", "/api/v1/users", json=PHOEBE | {"last_name": "x" * 70_000})

    for repeat in (call.as_curl, call.as_httpx, call.as_pytest, lambda: site.replay(call)):
        with pytest.raises(IncompleteCall, match=rf"^the call {call.id} cannot be repeated: its body was cut to 65536"):
            repeat()
    assert len(site.calls) == 1


def test_a_body_of_exactly_the_kept_size_is_whole(site: MockSite) -> None:
    call = send(site, "POST", "/api/v1/users", content=b" " * 65_536)
    assert site.replay(call).response == call.response


def test_a_call_whose_content_was_removed_is_not_copied(site: MockSite) -> None:
    call = send(site, "GET", "/api/v1/users")
    call.discard_content()

    with pytest.raises(IncompleteCall, match=r"its headers and body were removed to save memory$"):
        call.as_curl()


def test_a_call_in_progress_is_not_copied(site: MockSite) -> None:
    errors: list[str] = []

    def copy(call: Call) -> None:
        try:
            call.as_curl()
        except IncompleteCall as error:
            errors.append(str(error))

    mockscope.CALL_OBSERVERS.append(lambda call, log: copy(call))
    try:
        call = send(site, "GET", "/api/v1/users")
    finally:
        mockscope.CALL_OBSERVERS.pop()
    assert errors == [f"the call {call.id} cannot be repeated yet: it is in progress"]


def test_a_call_without_records_or_response_is_no_test(server: LiveServer, site: MockSite) -> None:
    httpx.get(f"{site.url}/api/v1/users")
    with pytest.raises(ValueError, match=r"reached no site: there are no records to test it with"):
        server.calls.last.as_pytest()

    without_it = "a test without it may get another response"
    fault = site.faults.add("list_users", status=503)
    listed = send(site, "GET", "/api/v1/users")
    with pytest.raises(ValueError, match=rf"^{fault.id} affected the call {listed.id}: {without_it}$"):
        listed.as_pytest()

    change = site.faults.add_change("create_user", before={}, email="joey@example.com")
    grouped = send(site, "GET", "/api/v1/groups")
    with pytest.raises(ValueError, match=rf"^{change.id} affected the call {grouped.id}: {without_it}$"):
        grouped.as_pytest()


def test_a_target_that_the_client_of_a_test_would_change_is_refused(site: MockSite) -> None:
    call = send_raw(site, "GET", "/api/v1/groups/100%", [], None)
    with pytest.raises(ValueError, match=r"^urllib3 would change the target of the call .*: /api/v1/groups/100%$"):
        call.as_pytest()


def test_a_test_has_no_more_records_than_can_be_read(server: LiveServer) -> None:
    with server.site(seed={"mockscope": 1, "sites": [{"host": "a", "generate": {"users": MAX_TEST_RECORDS}}]}) as site:
        call = send(site, "GET", "/api/v1/users")
        with pytest.raises(ValueError, match=r"had 1002 records, too many for a test: name a seed file"):
            call.as_pytest()
        assert "seed='friends.yaml'" in call.as_pytest(seed="friends.yaml")


def test_a_site_that_changed_a_lot_has_forgotten_the_records_before_a_call(site: MockSite) -> None:
    call = send(site, "GET", "/api/v1/users")
    for number in range(1_001):
        site.add_user(f"joey{number}@example.com")
        site.remove_user(f"joey{number}@example.com")
    with pytest.raises(ValueError, match=r"^the site has changed too much since then: over 2000 records$"):
        call.as_pytest()


# -- replay ----------------------------------------------------------------------------------------------------


def test_a_replay_is_a_new_call_that_no_fault_hits(site: MockSite) -> None:
    call = send(site, "POST", "/api/v1/users", json=PHOEBE)
    fault = site.faults.add("create_user", status=503)
    site.remove_user("phoebe@example.com")
    old_key = site.api_key
    site.rotate_key()

    again = site.replay(call)
    assert (again.status, again.response, again.body, again.fault) == (201, call.response, call.body, None)
    assert (list(site.calls), again.id == call.id, fault.hits) == ([call, again], False, 0)
    assert "phoebe@example.com" in site.users
    shown = json.dumps([again.as_dict(), again.headers, site.calls.to_har()])
    assert (old_key in shown, site.api_key in shown) == (False, False)


def test_a_replay_is_not_counted_by_a_planned_change(site: MockSite) -> None:
    site.add_user("joey@example.com")
    call = send(site, "GET", "/api/v1/users")
    site.faults.add_change("delete_user", before={"operation": "list_users", "call": 1}, email="joey@example.com")

    assert len((site.replay(call).response_json)["users"]) == 2
    assert len(send(site, "GET", "/api/v1/users").response_json["users"]) == 1


def test_a_call_is_replayed_on_another_site(site: MockSite) -> None:
    call = send(site, "DELETE", "/api/v1/users", headers={"Http-X-Email": "admin@example.com"})
    with site.fork() as fork:
        fork.add_user("admin@example.com")
        again = fork.replay(call)
        assert (again.site, again.status, again.json) == (fork.host, 200, None)
        assert again.response_json == {"message": f"User removed from {fork.host}"}
    assert list(site.calls) == [call]


async def test_a_replay_needs_no_socket_and_notifies_observers() -> None:
    seen: list[Call] = []
    mock = mockscope.Mockscope()
    site = mock.site()
    mock.observers.append(seen.append)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.app), base_url=mock.url) as client:
        await client.get("/api/v1/users", headers=site.headers)

    again = site.replay(site.calls.last)
    assert (seen, again.status, again.duration is not None) == (list(site.calls), 200, True)


def test_only_a_call_is_replayed(site: MockSite) -> None:
    with pytest.raises(ValueError, match=r"^call must be a call, such as site\.calls\.last, not 'call-1'$"):
        site.replay("call-1")  # type: ignore[arg-type]
