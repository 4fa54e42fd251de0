"""Redirects that are nested, overlapping and in threads. At the end every patch is undone."""

import http.client
import inspect
import re
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import wraps
from importlib import import_module
from typing import Any, Final

import httpcore
import pytest
import requests
import urllib3
from support.bounds import at_once, result
from support.child_clients import BODY, Outside
from support.child_clients import outside as outside
from support.messages import NOT_RUNNING
from support.ports import held_port

from mockscope import LiveServer, MockSite, redirected, serve
from mockscope.intercept.client_hooks import PATCH_TARGETS, PatchTarget
from mockscope.intercept.redirect import ABSENT

URL: Final = "http://app.periscopedata.com/api/v1/users"


def places_that_are_patched() -> list[object]:
    """Return the object at each place of the table, and the list of import finders."""
    places = []
    for target in PATCH_TARGETS:
        owner_name, _, attribute = target.name.rpartition(".")
        module = import_module(target.module)
        owner = getattr(module, owner_name) if owner_name else module
        # httpcore has a SOCKS proxy only where a package for it is installed.
        if hasattr(owner, attribute):
            places.append(vars(owner).get(attribute, ABSENT))
    return [*places, sys.meta_path]


def everything_that_is_patched() -> list[object]:
    """Return the object at each place of the table, and the finders of imports."""
    return [*places_that_are_patched(), *sys.meta_path]


def assert_same(before: list[object], after: list[object]) -> None:
    assert [one is other for one, other in zip(before, after, strict=True)] == [True] * len(before)


def leads_to(session: requests.Session, *sites: MockSite) -> MockSite | None:
    """Send a request, and return the site that received it, if one did."""
    before = [len(site.calls) for site in sites]
    session.get(URL, headers=sites[0].headers)
    asked = [site for site, count in zip(sites, before, strict=True) if len(site.calls) > count]
    return asked[0] if asked else None


@pytest.fixture
def other(mockscope: MockSite) -> Iterator[tuple[MockSite, LiveServer]]:
    """A site of the same name on another server."""
    with serve() as server:
        yield server.site(host=mockscope.host, api_key=mockscope.api_key), server


def test_every_patch_is_undone_exactly(mockscope_server: LiveServer) -> None:
    before = everything_that_is_patched()
    outside = places_that_are_patched()
    with mockscope_server.redirect():
        inside = places_that_are_patched()
    after = everything_that_is_patched()

    assert [one is other for one, other in zip(outside, inside, strict=True)].count(True) == 0
    assert_same(before, after)


def kind_of(target: PatchTarget) -> tuple[bool, str | None]:
    """Return the facts that other patches inspect in a function: whether it is asynchronous, and its parameters."""
    module = import_module(target.module)
    owner_name, _, attribute = target.name.rpartition(".")
    function = getattr(getattr(module, owner_name) if owner_name else module, attribute, None)
    try:
        return inspect.iscoroutinefunction(function), str(inspect.getfullargspec(function))
    except TypeError:
        return inspect.iscoroutinefunction(function), None


def test_a_patched_function_looks_like_the_original(mockscope_server: LiveServer) -> None:
    names = [f"{target.module}.{target.name}" for target in PATCH_TARGETS]
    before = dict(zip(names, [kind_of(target) for target in PATCH_TARGETS], strict=True))
    with mockscope_server.redirect():
        inside = dict(zip(names, [kind_of(target) for target in PATCH_TARGETS], strict=True))

    assert inside == before


def test_a_redirect_as_a_decorator_serves_several_calls_at_once(
    mockscope: MockSite, mockscope_server: LiveServer, outside: Outside
) -> None:
    both_are_in, first_is_out = threading.Barrier(2), threading.Event()

    def ask(*, leaves_first: bool) -> int:
        both_are_in.wait(timeout=300)
        if not leaves_first:
            first_is_out.wait(timeout=300)
        return requests.get(URL, headers=mockscope.headers, timeout=300).status_code

    redirect: Any = mockscope_server.redirect()
    decorated = redirect(ask)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(decorated, leaves_first=True)
        second = threads.submit(decorated, leaves_first=False)
        assert result(first) == 200
        first_is_out.set()
        assert result(second) == 200

    assert (outside.connections, len(mockscope.calls)) == (0, 2)


@pytest.mark.parametrize("url", ["ftp://a", "https://localhost", "http://", "http://localhost:99999", "http://[::1"])
def test_an_invalid_url_is_refused_before_the_block(url: str) -> None:
    with pytest.raises(ValueError, match=r"^mockscope can") as caught:
        redirected(url)
    assert str(caught.value) == f"mockscope can only redirect to a server that speaks plain HTTP, not to {url}"


@pytest.mark.parametrize("ask", [requests.get, urllib.request.urlopen, urllib3.request])
def test_an_error_of_the_connection_to_the_mock_names_the_redirect(ask: Callable[..., object]) -> None:
    arguments = ("GET", URL) if ask is urllib3.request else (URL,)
    with held_port() as port:
        url = f"http://127.0.0.1:{port}"
        with redirected(url), pytest.raises(Exception, match=rf"Connection refused \(mockscope redirects to {url}\)"):
            ask(*arguments)


def test_every_patch_is_undone_after_an_error(mockscope_server: LiveServer) -> None:
    before = everything_that_is_patched()
    with pytest.raises(KeyError, match="Chandler"), mockscope_server.redirect():
        raise KeyError("Chandler")

    assert_same(before, everything_that_is_patched())


def test_the_innermost_redirect_wins(
    mockscope: MockSite, mockscope_server: LiveServer, other: tuple[MockSite, LiveServer], outside: Outside
) -> None:
    there, server = other
    before = everything_that_is_patched()
    with requests.Session() as session:
        with mockscope_server.redirect():
            inside = everything_that_is_patched()
            with server.redirect():
                assert_same(inside, everything_that_is_patched())
                assert leads_to(session, mockscope, there) is there
            assert leads_to(session, mockscope, there) is mockscope
            with mockscope_server.redirect():
                assert leads_to(session, mockscope, there) is mockscope
            assert leads_to(session, mockscope, there) is mockscope
        assert_same(before, everything_that_is_patched())
        assert outside.connections == 0
        assert session.get(URL).content == BODY


def test_the_latest_active_redirect_wins_whichever_ends_first(
    mockscope: MockSite, mockscope_server: LiveServer, other: tuple[MockSite, LiveServer], outside: Outside
) -> None:
    there, server = other
    before = everything_that_is_patched()
    first, second, third = ExitStack(), ExitStack(), ExitStack()
    with requests.Session() as session:
        first.enter_context(mockscope_server.redirect())
        second.enter_context(server.redirect())
        third.enter_context(mockscope_server.redirect())
        first.close()
        assert leads_to(session, mockscope, there) is mockscope
        third.close()
        assert leads_to(session, mockscope, there) is there
        second.close()
        assert_same(before, everything_that_is_patched())
        assert outside.connections == 0
        assert leads_to(session, mockscope, there) is None


def test_two_overlapping_threads_share_the_latest_redirect(
    mockscope: MockSite, mockscope_server: LiveServer, other: tuple[MockSite, LiveServer], outside: Outside
) -> None:
    there, server = other
    before = everything_that_is_patched()
    joined, left = threading.Event(), threading.Event()

    def first() -> list[MockSite | None]:
        with requests.Session() as session:
            with mockscope_server.redirect():
                alone = leads_to(session, mockscope, there)
                joined.set()
                assert second_is_in.wait(300)
                shared = leads_to(session, mockscope, there)
            left.set()
            return [alone, shared]

    second_is_in = threading.Event()

    def second() -> list[MockSite | None]:
        with requests.Session() as session:
            assert joined.wait(300)
            with server.redirect():
                second_is_in.set()
                assert left.wait(300)
                return [leads_to(session, mockscope, there)]

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(first), pool.submit(second)]
        assert [result(future) for future in futures] == [[mockscope, there], [there]]
    assert_same(before, everything_that_is_patched())
    assert outside.connections == 0


def test_many_threads_enter_and_leave_and_no_request_escapes(mockscope_server: LiveServer, outside: Outside) -> None:
    before = everything_that_is_patched()
    with urllib3.PoolManager(maxsize=8) as shared, serve() as other:

        def come_and_go(number: int) -> set[int]:
            statuses = set()
            for turn in range(10):
                with (mockscope_server, other)[(number + turn) % 2].redirect():
                    # 403, since none of the two knows the site.
                    statuses.add(shared.request("GET", URL, headers={"Http-X-Partner-Auth": "nobody:key"}).status)
            return statuses

        assert set().union(*at_once(come_and_go, range(8))) == {403}
    assert outside.connections == 0
    assert_same(before, everything_that_is_patched())


def test_patches_applied_by_others_meanwhile_stay(mockscope_server: LiveServer, outside: Outside) -> None:
    before = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as theirs:
        with mockscope_server.redirect():
            ours = socket.getaddrinfo
            theirs.setattr(socket, "getaddrinfo", lambda *args, **options: ours(*args, **options))
            patched = socket.getaddrinfo
        assert socket.getaddrinfo is patched
        # What they go round is idle by now.
        assert requests.get(URL).content == BODY
        assert socket.getaddrinfo is patched
    # They put back what they found, and the first call of it puts back what was there before.
    assert socket.getaddrinfo is ours
    assert requests.get(URL).content == BODY
    assert socket.getaddrinfo is before
    assert outside.connections == 2


PLACES: Final = (
    (socket, "getaddrinfo"),
    (socket.socket, "connect"),
    (http.client.HTTPConnection, "putrequest"),
    (urllib3.connection.HTTPSConnection, "connect"),
    (httpcore.ConnectionPool, "handle_request"),
    (httpcore.AsyncConnectionPool, "handle_async_request"),
)


@pytest.mark.parametrize("is_first", [True, False], ids=["patched before", "patched inside"])
@pytest.mark.parametrize("ends_first", [True, False], ids=["ends first", "ends last"])
@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[name for _, name in PLACES])
def test_patches_of_others_leave_no_layer_behind_in_any_order(
    owner: Any, name: str, *, is_first: bool, ends_first: bool, mockscope_server: LiveServer
) -> None:
    before = vars(owner).get(name, ABSENT)
    for _ in range(3):
        theirs, ours = pytest.MonkeyPatch(), ExitStack()
        if not is_first:
            ours.enter_context(mockscope_server.redirect())
        found = getattr(owner, name)
        # A patch that looks like the original, as mock's autospec makes them.
        theirs.setattr(owner, name, wraps(found)(lambda *args, found=found, **options: found(*args, **options)))
        if is_first:
            ours.enter_context(mockscope_server.redirect())
        for end in (theirs.undo, ours.close) if ends_first else (ours.close, theirs.undo):
            end()
    with mockscope_server.redirect():
        layers = []
        layer = getattr(owner, name)
        while hasattr(layer, "__wrapped__"):
            layers.append(layer)
            layer = layer.__wrapped__
        assert len(layers) == 1
    assert vars(owner).get(name, ABSENT) is before


def test_redirecting_to_a_stopped_server_is_refused() -> None:
    with pytest.raises(RuntimeError, match=re.escape(NOT_RUNNING)):
        serve().redirect()


def test_redirecting_to_a_tls_server_is_refused() -> None:
    with (
        serve(tls=True) as server,
        pytest.raises(
            ValueError, match=r"^mockscope can only redirect to a server that speaks plain HTTP, not to https://"
        ),
    ):
        server.redirect()


def test_one_redirect_may_be_entered_again_with_the_same_session(mockscope: MockSite, outside: Outside) -> None:
    def ask() -> int:
        return session.get(URL, headers=mockscope.headers).status_code

    decorate: Any = redirected(mockscope.url)
    led = decorate(ask)

    with requests.Session() as session:
        assert [led(), led()] == [200, 200]
    assert outside.connections == 0
