"""A call that needs a socket gets one: faults, observers, clients that time out, an absent server."""

import asyncio
import copy
import gc
import os
import pickle
import re
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import httpx
import httpx2
import pytest
import requests
import trio
import urllib3
from support.bounds import WAIT_SECONDS
from support.messages import NOT_RUNNING
from support.transport_cases import CASES, USERS
from support.transport_clients import HOST, SEED, Carrier, End, recorded, shown, through_every_carrier, twins, was_here

from mockscope import Call, CannedResponse, LiveServer, MockSite, serve
from mockscope.instruments.fault import Transport
from mockscope.intercept.transports import InProcess, is_plain

VENDOR: Final = "https://app.periscopedata.com"


@pytest.fixture
def live() -> Iterator[tuple[LiveServer, MockSite]]:
    with serve(SEED) as server:
        yield server, server.sites[HOST]


def create(end: End) -> object:
    return end.send(CASES["create a user"])


def error_of(end: End, ask: Callable[[End], object]) -> type[BaseException]:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        ask(end)
    return caught.type


# -- planned faults --------------------------------------------------------------------------------------------


@through_every_carrier
@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("kind", ["reset", "drop", "truncate", "garbage"])
def test_a_broken_connection_raises_the_client_s_own_error(
    carrier: Carrier, kind: Transport, *, after_commit: bool
) -> None:
    with twins(carrier) as (there, here):
        for end in (there, here):
            end.site.faults.add("create_user", transport=kind, after_commit=after_commit)
        assert error_of(here, create) is error_of(there, create)
        for end in (there, here):
            is_created = after_commit or kind == "truncate"
            assert ("mike@example.com" in end.site.users, end.site.faults.unused()) == (is_created, [])
        assert recorded(here.site.calls.last, here.server) == recorded(there.site.calls.last, there.server)


@through_every_carrier
def test_planned_responses_are_returned(carrier: Carrier) -> None:
    with twins(carrier) as (there, here):
        found = []
        for end in (there, here):
            end.site.faults.add("list_users", status=503, headers={"Retry-After": "7", "Set-Cookie": "a=b"})
            end.site.faults.add("list_users", transport="bad_json")
            end.site.faults.add("list_users", action=lambda call, response: CannedResponse(418, {"seen": call.path}))
            end.site.faults.rate_limit(4, per=60)
            responses = [shown(end.get()) for _ in range(5)]
            found.append((responses, [recorded(call, end.server) for call in end.site.calls]))
        assert found[1] == found[0]
        assert [response.status for response in found[0][0]] == [503, 200, 418, 200, 429]


@through_every_carrier
def test_an_action_runs_in_a_thread_of_its_own(carrier: Carrier) -> None:
    seen: list[str] = []

    def note(call: Call, response: CannedResponse | None) -> None:
        seen.append(threading.current_thread().name)

    with twins(carrier) as (_, here):
        here.site.faults.add("list_users", action=note)
        here.get()
    assert seen == ["mockscope: a function of a planned fault"]


@through_every_carrier
def test_a_delay_uses_the_clock_of_the_site(carrier: Carrier) -> None:
    with twins(carrier) as (_, here):
        here.site.clock.freeze("2014-02-06T23:46:07Z", autojump=True)
        before = here.site.clock.now()
        here.site.faults.add("list_users", delay=3600)
        assert here.get().status == 200
        assert here.site.clock.now() - before == timedelta(hours=1)
        assert here.site.calls.last.duration == 3600


@pytest.mark.parametrize("fault", [{"transport": "hang"}, {"delay": 3600}], ids=["hang", "delay"])
@pytest.mark.parametrize(
    ("library", "timeout"),
    [
        (requests, (WAIT_SECONDS, 0.1)),
        (httpx, httpx.Timeout(WAIT_SECONDS, read=0.1)),
        (httpx2, httpx2.Timeout(WAIT_SECONDS, read=0.1)),
    ],
)
def test_a_client_s_timeout_works_without_a_socket(
    library: Any, timeout: Any, fault: dict[str, Any], live: tuple[LiveServer, MockSite]
) -> None:
    server, site = live
    site.faults.add("list_users", **fault)
    with client_of(library, server) as client, pytest.raises(library.ReadTimeout):
        client.get(f"{server.url}{USERS}", headers=site.headers, timeout=timeout)


def client_of(library: Any, server: LiveServer) -> Any:
    if library is not requests:
        return library.Client(transport=server.transport(), verify=False)
    session = requests.Session()
    session.mount("http://", server.adapter())
    return session


@through_every_carrier
def test_a_fault_affects_its_own_site_only(carrier: Carrier) -> None:
    with twins(carrier) as (_, here):
        other = here.server.site()
        other.faults.add(transport="reset")
        assert here.get().status == 200
        assert was_here(here.site.calls.last)
        here.site.faults.add("delete_group", status=500)
        assert here.get().status == 200
        assert not was_here(here.site.calls.last)
        here.site.faults.clear()
        assert here.get().status == 200
        assert was_here(here.site.calls.last)


def test_a_fault_planned_during_a_call_does_not_affect_it(
    live: tuple[LiveServer, MockSite],
) -> None:
    server, site = live

    async def respond_late(scope: Any, receive: Any, send: Any) -> None:
        site.faults.add(transport="hang")
        site.faults.rate_limit(1, per=60)
        await server.app(scope, receive, send)

    ask = InProcess(server.registry, respond_late, server.url, lambda: True)
    auth = site.headers["Http-X-Partner-Auth"].encode()
    headers = [(b"host", b"localhost"), (b"http-x-partner-auth", auth)]
    answered = ask("GET", b"/api/v1/users", headers, b"")

    assert answered is not None
    assert (answered.status, [len(site.calls), *(rule.hits for rule in site.faults.unused())]) == (200, [1, 0])
    assert ask("GET", b"/api/v1/users", headers, b"") is None


# -- observers -------------------------------------------------------------------------------------------------


@through_every_carrier
def test_an_observer_is_called_in_the_thread_of_the_server(carrier: Carrier) -> None:
    seen: list[tuple[str, int | None]] = []
    with twins(carrier) as (_, here):
        here.server.observers.append(lambda call: seen.append((threading.current_thread().name, call.status)))
        here.get()
        assert here.site.calls.settled()
    assert seen == [("mockscope", 200)]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_an_extension_that_needs_a_connection_goes_over_the_socket(
    library: Any, live: tuple[LiveServer, MockSite]
) -> None:
    server, site = live
    seen: list[str] = []
    with client_of(library, server) as client:
        response = client.get(
            f"{server.url}{USERS}",
            headers=site.headers,
            extensions={"trace": lambda name, info: seen.append(name)},
        )
        assert response.extensions["network_stream"].get_extra_info("server_addr")[0] == "127.0.0.1"
    assert "connection.connect_tcp.started" in seen


# -- clients that will not wait, and servers that are not there ------------------------------------------------


@pytest.mark.parametrize("library", [requests, httpx, httpx2])
def test_a_tiny_timeout_does_not_affect_a_call_without_a_socket(
    library: Any, live: tuple[LiveServer, MockSite]
) -> None:
    server, site = live
    with client_of(library, server) as client:
        assert client.get(f"{server.url}{USERS}", headers=site.headers, timeout=1e-9).status_code == 200
    assert was_here(site.calls.last)


@through_every_carrier
def test_a_stopped_server_refuses_as_over_loopback(carrier: Carrier) -> None:
    with twins(carrier) as (there, here):
        assert here.get().status == 200
        for end in (there, here):
            end.server.stop()
        assert error_of(here, End.get) is error_of(there, End.get)
        assert len(here.site.calls) == 1


def test_a_transport_of_a_stopped_server_does_not_reach_a_later_one(live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    with client_of(httpx, server) as client:
        before = server.url
        server.stop()
        # So that it can't get the same port again.
        with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))) as taken:
            server.start()
            taken.close()
            with pytest.raises(httpx.ConnectError):
                client.get(f"{before}{USERS}", headers=site.headers)
    assert len(site.calls) == 0


@pytest.mark.parametrize("offered", [LiveServer.transport, LiveServer.adapter])
def test_a_stopped_server_offers_no_transport(offered: Callable[[LiveServer], Any]) -> None:
    with pytest.raises(RuntimeError, match=re.escape(NOT_RUNNING)):
        offered(serve())


@pytest.mark.parametrize("offered", [LiveServer.transport, LiveServer.adapter])
def test_a_tls_server_offers_no_transport(offered: Callable[[LiveServer], Any]) -> None:
    with (
        serve(tls=True) as server,
        pytest.raises(ValueError, match=r"^this mockscope server speaks TLS, which needs a socket: https://"),
    ):
        offered(server)


@through_every_carrier
@pytest.mark.parametrize("path", ["/openapi.yaml", "/_mockscope/v1/sites/example_site", "/docs", "/"])
def test_reserved_paths_work_through_a_transport(carrier: Carrier, path: str) -> None:
    with twins(carrier) as (there, here):
        assert shown(here.get(path)).status == shown(there.get(path)).status
        assert here.get(path).body.replace(here.server.url.encode(), b"") == there.get(path).body.replace(
            there.server.url.encode(), b""
        )


def answered_in_a_child(ask: Callable[[], int]) -> int:
    """Return the response in a forked process, where no thread of the server runs."""
    child = os.fork()
    if child == 0:
        status = 0
        try:
            status = ask() // 100
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * 100


# Python 3.12 warns where threads run; the child starts none and waits for none.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("library", [requests, httpx])
def test_a_forked_process_calls_the_server_of_its_parent(library: Any, live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    with client_of(library, server) as client, httpx.Client(verify=False) as redirected, server.redirect():
        children = [
            answered_in_a_child(lambda: client.get(f"{server.url}{USERS}", headers=site.headers).status_code),
            answered_in_a_child(lambda: redirected.get(f"{VENDOR}{USERS}", headers=site.headers).status_code),
        ]
        assert client.get(f"{server.url}{USERS}", headers=site.headers).status_code == 200

    assert (children, [was_here(call) for call in site.calls]) == ([200, 200], [False, False, True])


def test_a_request_without_any_header_goes_to_the_port() -> None:
    assert not is_plain("GET", b"/api/v1/users", [], 0)


# -- other addresses, proxies ----------------------------------------------------------------------------------


@through_every_carrier
@pytest.mark.parametrize("has_fault", [False, True])
def test_the_vendor_s_url_reaches_the_server_of_the_transport(carrier: Carrier, *, has_fault: bool) -> None:
    with serve(SEED) as server:
        site = server.sites[HOST]
        if has_fault:
            site.faults.add("list_users", status=503)
        with carrier.open(carrier.stand_in(server)) as ask:
            response = ask("GET", f"{VENDOR}{USERS}?next_page_start=joey@example.com", site.headers, None)
        [call] = site.calls
        assert (response.status, was_here(call)) == (503 if has_fault else 200, not has_fault)
        assert (call.header("host"), call.params) == ("app.periscopedata.com", {"next_page_start": "joey@example.com"})


@pytest.mark.parametrize("has_fault", [False, True])
def test_a_response_has_the_requested_url(live: tuple[LiveServer, MockSite], *, has_fault: bool) -> None:
    server, site = live
    if has_fault:
        site.faults.add("list_users", status=503)
    url = f"{VENDOR}{USERS}"
    with requests.Session() as session:
        session.mount(VENDOR, server.adapter())
        response = session.get(url, headers=site.headers)
        assert (response.url, response.request.url, response.request.headers.get("Host")) == (url, url, None)
    with httpx.Client(transport=server.transport(), verify=False) as client:
        found = client.get(url, headers=site.headers)
        assert (str(found.url), str(found.request.url)) == (url, url)


def test_an_error_has_its_request(live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    site.faults.add("list_users", transport="reset")
    with requests.Session() as session:
        session.mount(VENDOR, server.adapter())
        with pytest.raises(requests.ConnectionError) as caught:
            session.get(f"{VENDOR}{USERS}", headers=site.headers)

    assert caught.value.request is not None
    assert caught.value.request.url == f"{VENDOR}{USERS}"


def test_an_adapter_with_retries_is_retried_by_urllib3(live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    adapter = server.adapter()
    adapter.max_retries = urllib3.Retry(2, status_forcelist=[405], allowed_methods=None, raise_on_status=False)
    with requests.Session() as session:
        session.mount(server.url, adapter)
        response = session.patch(f"{server.url}{USERS}", headers=site.headers)

    assert (response.status_code, [call.status for call in site.calls]) == (405, [405] * 3)


@pytest.mark.parametrize("path", ["/groups/a%2fb", "/groups/%zz", "/groups/a%", "/users?a=a%2fb"])
def test_a_hand_made_url_is_sent_as_over_loopback(path: str, live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    asked = []
    for adapter in (requests.adapters.HTTPAdapter(), server.adapter()):
        with requests.Session() as session:
            session.mount(server.url, adapter)
            request = session.prepare_request(requests.Request("GET", f"{server.url}{USERS}", headers=site.headers))
            request.url = f"{server.url}/api/v1{path}"
            session.send(request)
            asked.append((site.calls.last.path, site.calls.last.query))

    assert asked[1] == asked[0]


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("url", [USERS, f"ftp://127.0.0.1{USERS}"])
def test_an_unsupported_scheme_raises_the_library_s_own_error(
    library: Any, url: str, live: tuple[LiveServer, MockSite]
) -> None:
    server, site = live
    messages = []
    for transport in (None, server.transport()):
        with (
            library.Client(transport=transport, headers=site.headers) as client,
            pytest.raises(library.UnsupportedProtocol) as caught,
        ):
            client.get(url)
        messages.append(str(caught.value))

    assert messages[1] == messages[0]
    assert len(site.calls) == 0


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_transport_may_be_wrapped(library: Any, live: tuple[LiveServer, MockSite]) -> None:
    server, site = live

    class Wrapper(library.BaseTransport):  # type: ignore[misc]
        def __init__(self, transport: Any) -> None:
            assert isinstance(transport, library.BaseTransport)
            assert isinstance(transport, library.AsyncBaseTransport)
            self._transport = transport

        def handle_request(self, request: Any) -> Any:
            return self._transport.handle_request(request)

    with library.Client(transport=Wrapper(server.transport()), base_url=server.url, headers=site.headers) as client:
        assert client.get(USERS).status_code == 200
    assert was_here(site.calls.last)
    assert repr(server.transport()) == f"<Transport to {server.url}>"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copied_session_calls_the_same_server(copied: Any, live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    with requests.Session() as session:
        session.mount(server.url, server.adapter())
        with copied(session) as copy_of_it:
            assert copy_of_it.get(f"{server.url}{USERS}", headers=site.headers).status_code == 200
    assert was_here(site.calls.last)


def test_an_adapter_cannot_be_pickled(live: tuple[LiveServer, MockSite]) -> None:
    server, _ = live
    with requests.Session() as session:
        session.mount(server.url, server.adapter())
        message = f"<Adapter to {server.url}> belongs to the process of its mockscope server, and can't be pickled"
        with pytest.raises(TypeError) as caught:
            pickle.dumps(session)
    # Python 3.14 adds notes.
    assert str(caught.value) == message


@pytest.mark.parametrize("has_fault", [False, True])
def test_a_proxy_in_the_environment_is_not_used(live: tuple[LiveServer, MockSite], *, has_fault: bool) -> None:
    server, site = live
    if has_fault:
        site.faults.add("list_users", status=503)
    with client_of(requests, server) as session:
        # Nobody listens there.
        session.proxies = {"http": "http://127.0.0.1:1"}
        assert session.get(f"{server.url}{USERS}", headers=site.headers).status_code == (503 if has_fault else 200)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_repeated_headers_are_recorded_twice(library: Any, live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    headers = [*site.headers.items(), ("X-Twice", "a"), ("X-Twice", "b")]
    with client_of(library, server) as client:
        assert client.get(f"{server.url}{USERS}", headers=headers).status_code == 200
    [call] = site.calls
    assert ([value for name, value in call.headers if name == "x-twice"], was_here(call)) == (["a", "b"], False)


# -- how they fit into a client --------------------------------------------------------------------------------


def test_a_response_of_requests_can_be_streamed(live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    seen: list[int] = []
    with client_of(requests, server) as session:
        session.hooks["response"].append(lambda response, **options: seen.append(response.status_code))
        whole = session.get(f"{server.url}{USERS}", headers=site.headers)
        with session.get(f"{server.url}{USERS}", headers=site.headers, stream=True) as response:
            start, rest = response.raw.read(10), b"".join(response.iter_content(7))
            assert (start + rest, response.raw.read()) == (whole.content, b"")
        assert (whole.raw.closed, whole.raw.read()) == (True, b"")
        assert whole.elapsed > timedelta()
    assert (seen, [was_here(call) for call in site.calls]) == ([200, 200], [True, True])


def test_a_response_of_httpx_can_be_streamed(live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    seen: list[int] = []
    hooks = {"response": [lambda response: seen.append(response.status_code)]}
    with httpx.Client(transport=server.transport(), event_hooks=hooks, verify=False) as client:
        whole = client.get(f"{server.url}{USERS}", headers=site.headers)
        with client.stream("GET", f"{server.url}{USERS}", headers=site.headers) as response:
            assert not response.is_stream_consumed
            assert b"".join(response.iter_bytes(7)) == whole.content
        assert (response.is_closed, response.num_bytes_downloaded) == (True, len(whole.content))
        assert whole.elapsed > timedelta()
    assert (seen, [was_here(call) for call in site.calls]) == ([200, 200], [True, True])


@pytest.mark.parametrize("has_fault", [False, True])
@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_request_may_be_of_a_subclass(library: Any, live: tuple[LiveServer, MockSite], *, has_fault: bool) -> None:
    server, site = live
    if has_fault:
        site.faults.add("list_users", status=503)
    own = type(
        "OwnRequest",
        (library.Request,),
        {"__init__": lambda self, url: library.Request.__init__(self, "GET", url, headers=site.headers)},
    )
    with client_of(library, server) as client:
        assert client.send(own(f"{server.url}{USERS}")).status_code == (503 if has_fault else 200)
    assert was_here(site.calls.last) is not has_fault


def test_a_transport_may_be_mounted_beside_others(live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    with serve(SEED) as other, httpx.Client(mounts={server.url: server.transport()}, verify=False) as client:
        for each in (server, other):
            assert client.get(f"{each.url}{USERS}", headers=site.headers).status_code == 200
        assert [was_here(each.sites[HOST].calls.last) for each in (server, other)] == [True, False]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_transport_closes_what_it_opened(library: Any, live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    site.faults.add("list_users", status=503, times=None)

    async def ask() -> int:
        async with library.AsyncClient(transport=server.transport()) as client:
            return int((await client.get(f"{server.url}{USERS}", headers=site.headers)).status_code)

    transport = server.transport()
    with transport, client_of(library, server) as client:
        assert client.get(f"{server.url}{USERS}", headers=site.headers).status_code == 503
    assert asyncio.run(ask()) == 503
    assert trio.run(ask) == 503
    # What was left open would be a warning here, and so an error.
    gc.collect()
    assert repr(transport) == f"<Transport to {server.url}>"
    assert repr(server.adapter()) == f"<Adapter to {server.url}>"


# -- other tasks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)], ids=["asyncio", "trio"])
def test_other_tasks_run_meanwhile(library: Any, run: Any, live: tuple[LiveServer, MockSite]) -> None:
    server, site = live
    is_over: list[bool] = []

    async def ask_until_over() -> int:
        async with library.AsyncClient(transport=server.transport(), verify=False) as client:
            for times in range(10_000):
                if is_over:
                    return times
                await client.get(f"{server.url}{USERS}", headers=site.headers)
        return 10_000

    async def on_asyncio() -> int:
        asking = asyncio.create_task(ask_until_over())
        await asyncio.sleep(0)
        is_over.append(True)
        return await asking

    async def on_trio() -> int:
        found: list[int] = []

        async def ask() -> None:
            found.append(await ask_until_over())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.lowlevel.checkpoint()
            is_over.append(True)
        return found[0]

    main = on_asyncio() if run is asyncio.run else on_trio()
    assert run(main) < 10
    assert all(was_here(call) for call in site.calls)


def test_a_call_cancelled_before_it_starts_never_happens(live: tuple[LiveServer, MockSite]) -> None:
    server, site = live

    async def cancel() -> None:
        async with httpx.AsyncClient(transport=server.transport(), verify=False) as client:
            asking = asyncio.create_task(client.delete(f"{server.url}{USERS}", headers=site.headers))
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    asyncio.run(cancel())
    assert len(site.calls) == 0
