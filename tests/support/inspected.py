"""Servers for tests of the inspector: without calls, with all kinds of calls, and with hostile names."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from threading import Thread
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

import mockscope
from mockscope import LiveServer, Mockscope, MockSite
from support.bounds import join, until

HOST: Final = "example_site"
PHOEBE: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["All Users", "Sales"],
    "invited_by_email": "mike@example.com",
}
# Markup, text that runs from right to left, control characters, and text that is longer than any screen.
HOSTILE: Final = (
    "<img src=/x onerror=alert(1)>",
    "</textarea><script>alert(2)</script>",
    "\u202eevil\u2066 \u05d0\u05d1\u05d2",
    "nul\0bell\x07",
    "&lt;b&gt; {{7*7}} ${7*7} javascript:alert(3)",
    "long-" * 2000,
)


class Served(NamedTuple):
    """A served application, with those members of a server that the tests use."""

    url: str
    sites: Mapping[str, MockSite]


def demo_seed() -> dict[str, Any]:
    """Return the seed of the demo site."""
    seed: dict[str, Any] = json.loads((files("mockscope") / "demo.json").read_bytes())
    return seed


def demo(**settings: Any) -> LiveServer:
    """Return a server with the demo site."""
    return mockscope.serve(demo_seed(), **settings)


@contextmanager
def mounted_demo(path: str) -> Iterator[Served]:
    """Serve the demo site below a path of another application, by uvicorn."""
    mock = Mockscope(demo_seed())
    app = Starlette(routes=[Mount(path, app=mock.app)])
    # Event streams end when the server stops.
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            until(lambda: server.started)
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}{path}", mock.sites)
        finally:
            server.should_exit = True
            join(thread)


def inspector(server: LiveServer | Served, address: str = "") -> str:
    """Return the URL of the page, at an address such as `#/example_site/calls`."""
    return f"{server.url}/_mockscope/{address}"


@contextmanager
def client(server: LiveServer, site: MockSite | None = None) -> Iterator[httpx.Client]:
    """Yield a client of a site, by default the demo site. It sends no request twice."""
    headers = (site or server.sites[HOST]).headers
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, verify=False) as client:
        yield client


def send_all_kinds(server: LiveServer) -> None:
    """Send calls with each kind of end: done, in test mode, refused, with a hint, hit by a fault, without a site."""
    site = server.sites[HOST]
    with client(server) as http:
        http.get("/users")
        http.get("/users", headers={"Http-X-Email": "joey@example.com"})
        http.post("/users", json=PHOEBE, params={"test_mode": "true"})
        http.post("/users", json=PHOEBE)
        http.post("/users", json=PHOEBE)
        http.put("/users", json={"last_name": "Hannigan"}, headers={"Http-X-Email": "phoebe@example.com"})
        http.post("/groups", json={"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"})
        http.put("/groups/Sales", json={"name": "Sales Team", "access": "View"})
        http.get("/groups/Slaes")
        http.delete("/users", headers={"X-Email": "ross@example.com"})
        http.delete("/users", headers={"Http-X-Email": "monica@example.com"})
        http.post("/users", content=b"{broken", headers={"Content-Type": "application/json"})
        site.faults.add("list_groups", status=503, headers={"Retry-After": "1"})
        http.get("/groups")
        http.get("/groups")
        http.get("/users", headers={"Http-X-Partner-Auth": f"{HOST}:wrong"})
        http.get("/users", headers={"Http-X-Partner-Auth": "nowhere:key"})


def fill(server: LiveServer) -> None:
    """Fill the demo site with records, calls, faults and snapshots, so that each view has something to scroll."""
    site = server.sites[HOST]
    site.snapshot("before")
    send_all_kinds(server)
    for number in range(40):
        site.add_user(f"guest{number:02}@example.com", first_name="Gunther", last_name=f"Guest {number}")
        site.add_group(f"Table {number}", access="View")
        site.add_dashboard(f"Sales of week {number}", owner="joey@example.com", access={"Administrators": "Edit"})
    site.snapshot("crowded")
    site.faults.add("create_user", status=500, times=3, where={"email": "ross@example.com"})
    site.faults.add("delete_user", transport="reset", after_commit=True)
    site.faults.add(delay=0.5, nth=100, times=None)
    site.faults.rate_limit(1000, per=60, operation="list_users")
    site.faults.add_change("delete_user", before={"operation": "list_users", "call": 500}, email="joey@example.com")
    with client(server) as http:
        for number in range(40):
            http.get("/users", headers={"Http-X-Email": f"guest{number:02}@example.com"})


def fill_with_hostile_names(server: LiveServer) -> None:
    """Put hostile text into every field of the demo site, and into every part of calls."""
    site = server.sites[HOST]
    for number, text in enumerate(HOSTILE):
        name = f"{text}{number}"
        site.add_group(name)
        site.add_user(f"{'long-' * 12}{number}@example.com", first_name=text, last_name=text, groups=[name])
        site.add_dashboard(name, owner=None)
        site.snapshot(name)
        site.faults.add("get_group", status=418, body=text, where={"group": name})
    with client(server) as http:
        for number, text in enumerate(HOSTILE):
            http.post("/users", json={**PHOEBE, "email": f"{text}@example.com", "first_name": text, "nickname": text})
            http.post("/groups", json={"name": f"{text}!", "access": "Sql", "created_by_email": "rachel@example.com"})
            sendable = "".join(character for character in text[:200] if character.isprintable())
            http.get("/users", params={"q": text[:2000]}, headers={b"Http-X-Email": sendable.encode()})
            http.get(f"/groups/{quote(text[:1000], safe='')}{number}")
