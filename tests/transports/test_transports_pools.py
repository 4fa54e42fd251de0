"""Under a redirect, requests and httpx are answered without their pools, unless somebody would see that."""

import http.client
import io
import logging
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

import httpx
import httpx2
import pytest
import requests
import urllib3
from carriers import HOST, SEED, was_here
from requests.adapters import HTTPAdapter
from transport_cases import USERS

from mockscope import LiveServer, MockSite, serve
from mockscope.redirect import redirected

VENDOR: Final = "https://app.periscopedata.com"


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with serve(SEED) as server:
        yield server


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.sites[HOST]


@pytest.fixture
def session(site: MockSite) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update(site.headers)
        yield session


def pools_of(session: requests.Session) -> int:
    """How many pools a session has opened for the vendor's host."""
    adapter = session.get_adapter(VENDOR)
    assert isinstance(adapter, HTTPAdapter)
    return len(adapter.poolmanager.pools)


def packages_used(ask: Callable[[], object]) -> set[str]:
    """The packages of which functions are called meanwhile."""
    seen: set[str] = set()

    def see(frame: FrameType, event: str, argument: object) -> None:
        seen.add(frame.f_globals.get("__name__", "").partition(".")[0])

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        ask()
    finally:
        sys.setprofile(before)
    return seen


class Waiting(HTTPAdapter):
    """An adapter with a timeout of its own, as many projects have one."""

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        return super().send(request, *args, **options | {"timeout": (5, 30)})


@pytest.mark.parametrize("adapter", [HTTPAdapter, Waiting])
@pytest.mark.parametrize("options", [{}, {"stream": True}, {"verify": False}, {"timeout": 5}, {"verify": __file__}])
def test_no_pool_is_opened_where_nobody_would_see_it(
    adapter: type[HTTPAdapter],
    options: dict[str, Any],
    server: LiveServer,
    site: MockSite,
    session: requests.Session,
) -> None:
    session.mount("https://", adapter())
    with server.redirect():
        response = session.get(f"{VENDOR}{USERS}", **options)

    assert (response.status_code, response.content) == (200, site.calls.last.answer)
    assert (pools_of(session), was_here(site.calls.last)) == (0, True)


class Adding(HTTPAdapter):
    """An adapter that takes a step of its own."""

    def add_headers(self, request: Any, **options: Any) -> None:
        request.headers["X-Added"] = "by the adapter"


class Pools(urllib3.PoolManager):
    pass


class Retries(urllib3.Retry):
    pass


class Pool(urllib3.HTTPSConnectionPool):
    pass


def with_pools(session: requests.Session) -> None:
    adapter = HTTPAdapter()
    adapter.poolmanager = Pools()
    session.mount("https://", adapter)


def with_pool(session: requests.Session) -> None:
    adapter = HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = {"https": Pool}
    session.mount("https://", adapter)


def with_proxy(session: requests.Session) -> None:
    session.proxies["https"] = "http://127.0.0.1:9"


def with_step(name: str) -> Callable[[requests.Session], None]:
    """An adapter with a step of its own that belongs to no class."""

    def put(session: requests.Session) -> None:
        adapter = HTTPAdapter()
        owner = adapter if hasattr(adapter, name) else adapter.poolmanager
        step = getattr(owner, name)
        setattr(owner, name, lambda *args, **options: step(*args, **options))
        session.mount("https://", adapter)

    return put


# What is somebody's own about a session.
OWN: Final[dict[str, Callable[[requests.Session], None]]] = {
    "a step of the adapter": lambda session: session.mount("https://", Adding()),
    "retries": lambda session: session.mount("https://", HTTPAdapter(max_retries=1)),
    "statuses to ask again for": lambda session: session.mount(
        "https://", HTTPAdapter(max_retries=urllib3.Retry(0, status_forcelist=[599]))
    ),
    "a class of retries": lambda session: session.mount("https://", HTTPAdapter(max_retries=Retries(0))),
    "a pool that waits": lambda session: session.mount("https://", HTTPAdapter(pool_block=True)),
    "a class of pools": with_pool,
    "a manager of pools": with_pools,
    "a proxy": with_proxy,
    "a step of this adapter": with_step("cert_verify"),
    "a step of this manager": with_step("connection_from_pool_key"),
}


@pytest.mark.parametrize("own", OWN.values(), ids=OWN.keys())
def test_what_is_somebodys_own_about_a_session_has_its_say_in_the_pools(
    own: Callable[[requests.Session], None], server: LiveServer, site: MockSite, session: requests.Session
) -> None:
    own(session)
    with server.redirect():
        response = session.get(f"{VENDOR}{USERS}")

    adapter: Any = session.get_adapter(VENDOR)
    opened = len(adapter.poolmanager.pools) + sum(len(manager.pools) for manager in adapter.proxy_manager.values())
    assert (response.status_code, opened) == (200, 1)
    assert site.calls.last.header("x-added") == ("by the adapter" if type(adapter) is Adding else None)


# Steps of requests and urllib3 that tests put something of their own in the place of.
STEPS: Final = (
    "requests.adapters.HTTPAdapter.send",
    "requests.adapters.HTTPAdapter.cert_verify",
    "requests.adapters.HTTPAdapter.build_response",
    "urllib3.connectionpool.HTTPConnectionPool.urlopen",
    "urllib3.connectionpool.HTTPSConnectionPool.urlopen",
    "urllib3.connectionpool.HTTPConnectionPool._get_conn",
    "urllib3.connectionpool.HTTPConnectionPool._make_request",
    "urllib3.connectionpool.HTTPConnectionPool._new_conn",
    "urllib3.poolmanager.PoolManager.connection_from_host",
    "urllib3.poolmanager.PoolManager.connection_from_pool_key",
    "urllib3.connection.HTTPConnection.connect",
    "urllib3.connection.HTTPConnection.getresponse",
    "urllib3.connection.HTTPConnection.request",
    "urllib3.response.HTTPResponse.read",
)
# Those by which an answer can be lost on its way. Before that of connections, the request may not have arrived yet.
ON_THE_WAY_BACK: Final = ("build_response", "HTTPResponse.read")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_first", [True, False], ids=["before the redirect", "inside"])
def test_a_step_that_a_test_makes_fail_fails(
    step: str, *, is_first: bool, server: LiveServer, site: MockSite, session: requests.Session
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise urllib3.exceptions.MaxRetryError(Pool("app.periscopedata.com"), USERS)

    def ask() -> None:
        with server.redirect(), pytest.MonkeyPatch.context() as inside:
            if not is_first:
                inside.setattr(step, fail)
            session.get(f"{VENDOR}{USERS}")

    with pytest.MonkeyPatch.context() as before:
        if is_first:
            before.setattr(step, fail)
        with pytest.raises(Exception, match="Max retries exceeded"):
            ask()

    if not step.endswith("getresponse"):
        assert len(site.calls) == (1 if step.endswith(ON_THE_WAY_BACK) else 0)


def test_the_log_of_urllib3_is_written_for_who_reads_it(
    server: LiveServer, session: requests.Session, caplog: pytest.LogCaptureFixture
) -> None:
    logs = []
    for redirect in (redirected(server.url), server.redirect()):
        caplog.clear()
        with redirect, caplog.at_level(logging.DEBUG, "urllib3"):
            assert session.get(f"{VENDOR}{USERS}").status_code == 200
        session.close()
        logs.append(caplog.messages)

    assert logs[0] == logs[1]
    assert f'"GET {USERS} HTTP/1.1" 200' in logs[1][-1]


def test_the_debug_level_of_http_client_shows_the_request(
    server: LiveServer,
    site: MockSite,
    session: requests.Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    printed = []
    for redirect in (redirected(server.url), server.redirect()):
        with redirect, urllib3.PoolManager() as pools:
            assert session.get(f"{VENDOR}{USERS}").status_code == 200
            assert pools.request("GET", f"{VENDOR}{USERS}", headers=site.headers).status == 200
        session.close()
        printed.append([line.partition(":")[0] for line in capsys.readouterr().out.splitlines()])

    assert printed[0] == printed[1]
    assert printed[1].count("reply") == 2


def test_certificates_that_are_not_there_are_complained_of(server: LiveServer, session: requests.Session) -> None:
    with server.redirect(), pytest.raises(OSError, match=r"invalid path: missing\.pem"):
        session.get(f"{VENDOR}{USERS}", verify="missing.pem")


def seen_of(raw: Any) -> dict[str, Any]:
    """What can be asked of urllib3's response behind one of requests, but for its connection."""
    state = ("status", "reason", "version", "version_string", "closed", "length_remaining", "chunked", "msg", "_body")
    ways = ("tell", "isclosed", "readable", "geturl", "get_redirect_location", "read", "drain_conn", "release_conn")
    return (
        {"kinds": (isinstance(raw, urllib3.HTTPResponse), isinstance(raw, io.IOBase))}
        | {name: getattr(raw, name) for name in state}
        | {name: getattr(raw, name)() for name in ways}
        | {"headers": [name.lower() for name in raw.headers], "lengths": raw.headers.getlist("content-length")}
        | {"retries": raw.retries.total, "lines": list(raw), "more": next(raw, None)}
    )


@pytest.mark.parametrize("stream", [False, True], ids=["read", "to be read"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_lies_behind_a_response_looks_as_over_loopback(
    method: str, server: LiveServer, session: requests.Session, *, stream: bool
) -> None:
    with redirected(server.url):
        there = seen_of(session.request(method, f"{VENDOR}{USERS}", stream=stream).raw)
    with server.redirect():
        here = seen_of(session.request(method, f"{VENDOR}{USERS}", stream=stream).raw)
    session.mount(server.url, server.adapter())
    direct = seen_of(session.request(method, f"{server.url}{USERS}", stream=stream).raw)

    assert here == there
    assert direct == there


def test_a_response_that_was_read_may_be_closed_by_its_block(server: LiveServer, session: requests.Session) -> None:
    session.mount(server.url, server.adapter())
    raw: Any = session.get(f"{server.url}{USERS}").raw

    with pytest.raises(ValueError, match="closed"), raw:
        pytest.fail("it was closed before")
    assert repr(raw) == "<ReadResponse 200>"


# -- httpx and httpx2 ------------------------------------------------------------------------------------------

CORES: Final = {httpx: "httpcore", httpx2: "httpcore2"}
both = pytest.mark.parametrize("library", CORES, ids=["httpx", "httpx2"])


def client_of(library: Any, transport: Any, site: MockSite) -> Any:
    return library.Client(transport=transport, headers=site.headers, base_url=VENDOR)


@both
def test_no_pool_of_httpcore_is_asked_where_nobody_would_see_it(
    library: Any, server: LiveServer, site: MockSite
) -> None:
    with client_of(library, None, site) as client, server.redirect():
        used = packages_used(lambda: client.get(USERS).raise_for_status())

    assert (library.__name__ in used, CORES[library] in used, was_here(site.calls.last)) == (True, False, True)


@both
def test_a_transport_of_somebodys_own_asks_its_pool(library: Any, server: LiveServer, site: MockSite) -> None:
    own = type("Own", (library.HTTPTransport,), {"__module__": __name__})
    with client_of(library, own(), site) as client, server.redirect():
        used = packages_used(lambda: client.get(USERS).raise_for_status())

    assert (CORES[library] in used, was_here(site.calls.last)) == (True, True)


@both
def test_a_pool_of_somebodys_own_is_asked(library: Any, server: LiveServer, site: MockSite) -> None:
    transport, core = library.HTTPTransport(), sys.modules[CORES[library]]
    asked: list[bytes] = []

    def handle_request(pool: Any, request: Any) -> Any:
        asked.append(request.method)
        return core.ConnectionPool.handle_request(pool, request)

    transport._pool = type("Own", (core.ConnectionPool,), {"handle_request": handle_request})()
    with client_of(library, transport, site) as client, server.redirect():
        client.get(USERS).raise_for_status()

    assert (asked, was_here(site.calls.last)) == ([b"GET"], True)


# Steps of httpx and httpcore, by the package and by whether it is for asyncio.
STEPS_OF_HTTPX: Final = {
    False: (
        "{client}.HTTPTransport.handle_request",
        "{core}.ConnectionPool.handle_request",
        "{core}.ConnectionPool._assign_requests_to_connections",
        "{core}.HTTPConnection.handle_request",
        "{core}.HTTP11Connection.handle_request",
    ),
    True: (
        "{client}.AsyncHTTPTransport.handle_async_request",
        "{core}.AsyncConnectionPool.handle_async_request",
        "{core}.AsyncConnectionPool._assign_requests_to_connections",
        "{core}.AsyncHTTPConnection.handle_async_request",
        "{core}.AsyncHTTP11Connection.handle_async_request",
    ),
}


@both
@pytest.mark.parametrize(
    ("step", "is_async"), [(step, is_async) for is_async, steps in STEPS_OF_HTTPX.items() for step in steps]
)
@pytest.mark.parametrize("is_first", [True, False], ids=["before the redirect", "inside"])
async def test_a_step_of_httpx_that_a_test_makes_fail_fails(
    library: Any, step: str, *, is_async: bool, is_first: bool, server: LiveServer, site: MockSite
) -> None:
    place = step.format(client=library.__name__, core=CORES[library])

    def fail(*args: Any) -> None:
        raise sys.modules[CORES[library]].ConnectError("the test's own")

    async def ask() -> None:
        with server.redirect(), pytest.MonkeyPatch.context() as inside:
            if not is_first:
                inside.setattr(place, fail)
            if is_async:
                async with library.AsyncClient(headers=site.headers) as client:
                    await client.get(f"{VENDOR}{USERS}")
            else:
                with library.Client(headers=site.headers) as client:
                    client.get(f"{VENDOR}{USERS}")

    with pytest.MonkeyPatch.context() as before:
        if is_first:
            before.setattr(place, fail)
        with pytest.raises(Exception, match="the test's own"):
            await ask()

    assert len(site.calls) == 0


@both
def test_a_step_of_this_pool_is_taken(library: Any, server: LiveServer, site: MockSite) -> None:
    transport = library.HTTPTransport()
    pool = transport._pool
    asked: list[bytes] = []

    def see(request: Any) -> Any:
        asked.append(request.method)
        return type(pool).handle_request(pool, request)

    pool.handle_request = see
    with client_of(library, transport, site) as client, server.redirect():
        client.get(USERS).raise_for_status()

    assert asked == [b"GET"]


@both
def test_who_allows_few_connections_sees_requests_wait_for_one(
    library: Any, server: LiveServer, site: MockSite
) -> None:
    limits, timeout = library.Limits(max_connections=1), library.Timeout(5, pool=0.02)
    with (
        library.Client(limits=limits, timeout=timeout, headers=site.headers) as client,
        server.redirect(),
        client.stream("GET", f"{VENDOR}{USERS}"),
        pytest.raises(library.PoolTimeout),
    ):
        client.get(f"{VENDOR}{USERS}")
