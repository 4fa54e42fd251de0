"""The life of a LiveServer: start, stop and restart, alone and beside others, from each kind of test."""

import asyncio
import errno
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import unittest
from collections.abc import Callable
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from support.bounds import WAIT_SECONDS, at_once, join
from support.leaks import open_files, threads_since
from support.messages import NOT_RUNNING
from support.ports import held_port
from support.wire import Wire, head

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.domain.site import Site
from mockscope.server import event_loop
from mockscope.server import live as live_module


def is_well(site: MockSite) -> bool:
    """Return whether the site's server responds for it."""
    response = requests.get(f"{site.url}/api/v1/users", headers=site.headers, timeout=WAIT_SECONDS)
    return response.status_code == 200 and response.json()["total_users"] == len(site.users)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port


def is_closed(port: int) -> bool:
    """Return whether no process listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


# -- start and stop --------------------------------------------------------------------------------------------


def test_a_server_that_does_not_run_has_no_url() -> None:
    live = LiveServer()
    with pytest.raises(RuntimeError, match=rf"^{re.escape(NOT_RUNNING)}$"):
        _ = live.url
    with live:
        assert live.url == f"http://127.0.0.1:{port_of(live.url)}"
    with pytest.raises(RuntimeError, match=rf"^{re.escape(NOT_RUNNING)}$"):
        _ = live.url


def test_the_repr_of_a_server_shows_whether_it_runs() -> None:
    live = LiveServer()
    assert repr(live) == "<LiveServer not running: 0 sites>"
    with live:
        live.site()
        assert repr(live) == f"<LiveServer {live.url}: 1 sites>"


def test_serve_does_not_start_by_itself() -> None:
    before = threading.enumerate()
    live = mockscope.serve()
    live.site("example_site")
    assert threads_since(before) == []
    assert list(live.sites) == ["example_site"]


def test_starting_a_running_server_raises_and_it_keeps_running() -> None:
    with mockscope.serve() as live:
        site = live.site()
        with pytest.raises(RuntimeError, match=f"^the mockscope server is running already, at {live.url}$"):
            live.start()
        assert is_well(site)


def test_stopping_a_stopped_server_does_nothing() -> None:
    live = LiveServer()
    live.stop()
    live.start()
    live.stop()
    live.stop()
    assert repr(live) == "<LiveServer not running: 0 sites>"


def test_a_server_may_be_stopped_inside_its_with_block() -> None:
    with mockscope.serve() as live:
        port = port_of(live.url)
        live.stop()
        assert is_closed(port)


def test_a_with_block_that_fails_stops_its_server() -> None:
    before = threading.enumerate()
    live = LiveServer()
    ports: list[int] = []

    def fail() -> None:
        with live:
            ports.append(port_of(live.url))
            raise LookupError("Chandler")

    with pytest.raises(LookupError, match="Chandler"):
        fail()
    assert [is_closed(port) for port in ports] == [True]
    assert threads_since(before) == []


def test_a_server_that_is_started_again_still_has_its_sites() -> None:
    live = LiveServer()
    with live:
        site = live.site()
        assert is_well(site)
        site.add_user("joey@example.com")
    with live:
        assert is_well(site)
        assert list(site.users) == ["admin@example.com", "joey@example.com"]


def test_a_fixed_port_is_free_again_as_soon_as_its_server_has_stopped() -> None:
    with held_port() as port:
        again = LiveServer(port=port)
        for _ in range(4):
            with again, requests.Session() as session:
                assert again.url == f"http://127.0.0.1:{port}"
                # A connection that is kept when the server stops must not hold the port.
                assert session.get(f"{again.url}/api/v1/users", timeout=WAIT_SECONDS).status_code == 403
                again.stop()
        assert is_closed(port)


def test_two_servers_at_once_share_no_state() -> None:
    with mockscope.serve() as one, mockscope.serve() as other:
        mine, theirs = one.site("example_site"), other.site("example_site")
        mine.add_user("joey@example.com")
        assert one.url != other.url
        assert is_well(mine)
        assert is_well(theirs)
        assert (len(mine.users), len(theirs.users)) == (2, 1)
        response = requests.get(f"{other.url}/api/v1/users", headers=mine.headers, timeout=WAIT_SECONDS)
        assert response.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_server_names_an_address_that_a_client_can_reach(host: str) -> None:
    with mockscope.serve(host=host) as live:
        assert is_well(live.site())


# -- servers that cannot start ---------------------------------------------------------------------------------


def test_a_port_in_use_by_another_server_raises() -> None:
    with held_port() as port:
        second = LiveServer(port=port)
        with mockscope.serve(port=port) as live:
            before = threading.enumerate()
            with pytest.raises(OSError, match="already in use"):
                second.start()
            assert threads_since(before) == []
            assert is_well(live.site())
        with second:
            assert is_well(second.site())


def test_a_port_in_use_by_another_program_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="already in use"):
        LiveServer(port=taken.getsockname()[1]).start()


@pytest.mark.parametrize("port", [-1, 65536, 99999, 8080.0, "8080", True, None])
def test_an_invalid_port_raises_before_anything_listens(port: Any) -> None:
    for name in ("port", "proxy_port"):
        with pytest.raises(ValueError, match=rf"^{name} is a number from 0 to 65535, not {re.escape(repr(port))}$"):
            LiveServer(**{name: port})


def test_an_address_of_another_machine_raises() -> None:
    # 192.0.2.0/24 is reserved for documentation.
    with pytest.raises(OSError, match="assign requested address"):
        LiveServer(host="192.0.2.1").start()


def test_one_of_several_servers_gets_a_port_and_the_others_can_retry() -> None:
    # Several sockets can bind an address without a listener, and only one can listen.
    before = threading.enumerate()
    together = threading.Barrier(4)

    def start(live: LiveServer) -> str:
        together.wait(timeout=WAIT_SECONDS)
        try:
            return live.start().url
        except OSError as error:
            return str(error)

    for _ in range(20):
        with held_port() as port:
            servers = [LiveServer(port=port) for _ in range(4)]
            results = at_once(start, servers)
            assert sorted(results, reverse=True) == [
                f"http://127.0.0.1:{port}",
                *[f"[Errno {errno.EADDRINUSE}] {os.strerror(errno.EADDRINUSE)}: '127.0.0.1 port {port}'"] * 3,
            ]
            for live in servers:
                live.stop()
            for live in servers:
                with live:
                    assert is_well(live.site())
    assert threads_since(before) == []


def test_a_start_that_fails_in_the_thread_raises_instead_of_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # For instance "Too many open files", when the event loop is made.
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("Too many open files")

    monkeypatch.setattr(event_loop, "uvicorn_config", fail)
    raised: list[BaseException | None] = []

    def start() -> None:
        try:
            LiveServer().start()
        except OSError as error:
            raised.append(error)

    starter = threading.Thread(target=start, daemon=True)
    starter.start()
    join(starter)
    assert [str(error) for error in raised] == ["Too many open files"]


# -- after stop ------------------------------------------------------------------------------------------------


class GreenThread(threading.Thread):
    """A thread that runs in the thread that starts it, as after gevent.monkey.patch_all()."""

    def start(self) -> None:
        self.run()


def test_a_server_refuses_green_threads_and_starts_once_threads_are_real(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_loop(app: object) -> NoReturn:
        raise AssertionError("the loop of the server must not begin")

    live = LiveServer()
    with monkeypatch.context() as patched:
        patched.setattr(live_module, "Thread", GreenThread)
        patched.setattr(event_loop, "uvicorn_config", no_loop)
        with pytest.raises(RuntimeError, match=r"^a mockscope server needs a system thread, .* gevent .*thread=False"):
            live.start()

    with live:
        assert is_well(live.site())


def test_stop_cancels_a_running_request_without_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.enumerate()
    live = LiveServer().start()
    site, port = live.site(), port_of(live.url)
    with Wire(live.url) as wire, caplog.at_level(logging.INFO):
        # The body never comes, so the request runs until something ends it.
        wire.send(head("POST", "/api/v1/users", site.headers, {"Content-Length": "100"}))
        assert is_well(site)
        live.stop()
        assert is_closed(port)
        assert wire.rest() == b""
    assert threads_since(before) == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith(("uvicorn", "mockscope"))] == []


def test_stop_does_not_wait_for_new_connections() -> None:
    before = threading.enumerate()
    for _ in range(100):
        live = LiveServer().start()
        port = port_of(live.url)
        wires = [Wire(live.url) for _ in range(3)]
        live.stop()
        assert is_closed(port)
        for wire in wires:
            with wire:
                assert wire.is_over()
    assert threads_since(before) == []


def test_stop_closes_idle_connections() -> None:
    before = threading.enumerate()
    live = LiveServer().start()
    site, port = live.site(), port_of(live.url)
    wires = [Wire(live.url) for _ in range(20)]
    # A response on the last one shows that the server has accepted all of them.
    for wire in wires[10:]:
        wire.send(head("GET", "/api/v1/users", site.headers))
        assert wire.response().status == 200
    live.stop()
    assert is_closed(port)
    assert threads_since(before) == []
    for wire in wires:
        with wire:
            assert wire.rest() == b""


def test_stop_does_not_wait_for_a_client_that_reads_nothing() -> None:
    before = threading.enumerate()
    with mockscope.serve() as live:
        site = live.site()
        for number in range(100):
            site.add_user(f"joey+{number}@example.com")
        with Wire(live.url) as wire:
            # 20 MB of answers: more than any buffer between the two holds.
            wire.send(head("GET", "/api/v1/users", site.headers) * 1000)
            assert is_well(site)
            live.stop()
    assert threads_since(before) == []


def test_starting_and_stopping_leaves_no_open_file() -> None:
    live = LiveServer()
    site = live.site()

    def once() -> None:
        with live, requests.Session() as session, Wire(live.url) as wire:
            session.get(f"{live.url}/api/v1/users", headers=site.headers, timeout=WAIT_SECONDS)
            wire.send(head("POST", "/api/v1/users", site.headers, {"Content-Length": "100"}))
            live.stop()

    once()
    before = open_files()
    for _ in range(10):
        once()
    assert open_files() - before == set()


def test_connections_closed_by_clients_leave_no_open_file(mockscope: MockSite) -> None:
    requested = [head("GET", "/api/v1/users", mockscope.headers), b"GET /api/", b"hello\r\n\r\n"]
    with Wire(mockscope.url) as steady:

        def turn() -> None:
            # The event loop accepts one connection per iteration, and each response takes an iteration.
            steady.send(requested[0])
            assert steady.response().status == 200

        for _ in range(10):
            turn()
        before = open_files()
        for number in range(60):
            with Wire(mockscope.url) as wire:
                wire.send(requested[number % 3])
            turn()
        for _ in range(10):
            turn()
        assert open_files() - before == set()


SIGNALLED: Final = """
import asyncio, os, signal
from contextlib import ExitStack
from mockscope.server.live import LiveServer, serve_in_foreground

class CountingEvent(asyncio.Event):
    times_set = 0

    def set(self):
        CountingEvent.times_set += 1
        super().set()

def send_signals():
    for number in (signal.SIGTERM, signal.SIGINT):
        for _ in range(100):
            os.kill(os.getpid(), number)

asyncio.Event = CountingEvent
server = LiveServer()
with ExitStack() as opened:
    serve_in_foreground(server, server.open_ports(opened), send_signals)
print(CountingEvent.times_set)
"""


def test_signals_without_a_further_effect_do_not_reach_the_event_loop() -> None:
    # The handlers of a flood of signals would nest until the recursion limit.
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


# -- threads and event loops -----------------------------------------------------------------------------------


class InAUnittest(unittest.TestCase):
    """A test case of the standard library, without the pytest plugin."""

    shared: LiveServer

    @classmethod
    def setUpClass(cls) -> None:
        cls.shared = cls.enterClassContext(mockscope.serve())

    def test_a_with_block_serves(self) -> None:
        with mockscope.serve() as live:
            assert is_well(live.site())

    def test_a_server_of_the_class_serves_each_test_a_site(self) -> None:
        site = self.shared.site()
        site.add_user("joey@example.com")
        assert is_well(site)

    def test_a_second_test_gets_another_site(self) -> None:
        assert list(self.shared.site().users) == ["admin@example.com"]


def test_a_server_serves_clients_on_the_event_loop_that_started_it() -> None:
    async def ask() -> list[int]:
        with mockscope.serve() as live:
            site = live.site()
            async with httpx.AsyncClient(
                base_url=site.url, headers=site.headers, timeout=WAIT_SECONDS, verify=False
            ) as client:
                responses = await asyncio.gather(*(client.get("/api/v1/users") for _ in range(20)))
            return [response.status_code for response in responses]

    assert asyncio.run(ask()) == [200] * 20


async def test_a_server_serves_an_async_test() -> None:
    with mockscope.serve() as live:
        site = live.site()
        async with httpx.AsyncClient(
            base_url=site.url, headers=site.headers, timeout=WAIT_SECONDS, verify=False
        ) as client:
            assert (await client.get("/api/v1/users")).json()["total_users"] == 1


def in_eight_threads(work: Callable[[int], None]) -> None:
    at_once(work, range(8))


def test_threads_add_sites_and_send_requests_at_once(mockscope_server: LiveServer) -> None:
    def work(number: int) -> None:
        site = mockscope_server.site()
        with requests.Session() as session:
            for user in range(10):
                body = {
                    "first_name": "Joey",
                    "last_name": "Tribbiani",
                    "email": f"joey+{user}@example.com",
                    "invited_by_email": "admin@example.com",
                }
                created = session.post(
                    f"{site.url}/api/v1/users", json=body, headers=site.headers, timeout=WAIT_SECONDS
                )
                assert created.status_code == 201
                site.add_user(f"rachel+{user}@example.com")
        assert len(site.users) == 21
        assert is_well(site)
        site.remove()

    in_eight_threads(work)


def test_threads_run_servers_of_their_own_at_once() -> None:
    before = threading.enumerate()

    def work(number: int) -> None:
        with mockscope.serve() as live:
            assert is_well(live.site())

    in_eight_threads(work)
    assert threads_since(before) == []


def test_concurrent_writes_to_one_site_lose_nothing(mockscope: MockSite) -> None:
    def work(number: int) -> None:
        with requests.Session() as session:
            for user in range(10):
                body = {
                    "first_name": "Joey",
                    "last_name": "Tribbiani",
                    "email": f"joey+{number}+{user}@example.com",
                    "invited_by_email": "admin@example.com",
                }
                url = f"{mockscope.url}/api/v1/users"
                assert session.post(url, json=body, headers=mockscope.headers, timeout=WAIT_SECONDS).status_code == 201

    in_eight_threads(work)
    assert len(mockscope.users) == 81
    assert is_well(mockscope)


def test_a_server_may_be_stopped_from_another_thread() -> None:
    live = LiveServer().start()
    port = port_of(live.url)
    stopper = threading.Thread(target=live.stop)
    stopper.start()
    join(stopper)
    assert is_closed(port)


def test_threads_that_stop_one_server_at_once_all_succeed() -> None:
    for _ in range(10):
        live = LiveServer().start()
        port, together = port_of(live.url), threading.Barrier(8)

        def work(number: int, live: LiveServer = live, together: threading.Barrier = together) -> None:
            together.wait(timeout=WAIT_SECONDS)
            live.stop()

        in_eight_threads(work)
        assert is_closed(port)
        assert repr(live) == "<LiveServer not running: 0 sites>"


def test_a_program_ends_although_it_never_stops_its_server() -> None:
    program = """
import urllib.request, mockscope
live = mockscope.serve().start()
site = live.site()
request = urllib.request.Request(f"{live.url}/api/v1/users", headers=site.headers)
with urllib.request.urlopen(request) as response:
    print(response.status)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT_SECONDS, check=True
    )
    assert (done.stdout, done.stderr) == ("200\n", "")


def test_a_site_may_be_removed_while_another_thread_lists_all(monkeypatch: pytest.MonkeyPatch) -> None:
    mock = mockscope.Mockscope()
    handle = mock.site("central-perk")

    def host(site: Site) -> str:
        monkeypatch.undo()
        handle.remove()
        return site.host

    monkeypatch.setattr(Site, "host", property(host), raising=False)

    assert mock.sites == {"central-perk": handle}
    assert mock.sites == {}
