"""Comparison of a site with one that is loaded from its export: responses of the API, and indexes."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

from mockscope import LiveServer, Mockscope, MockSite

KEY = "e179017a-62b0-4996-8a38-e91aa9f1"
Server = Mockscope | LiveServer

USERS = "/api/v1/users"
GROUPS = "/api/v1/groups"

FRIENDS: dict[str, Any] = {
    "mockscope": 1,
    "sites": [
        {
            "host": "example_site",
            "api_key": KEY,
            "policy": {"page_size": 2},
            "groups": [{"name": "Sales", "access": "View"}, {"name": "NY Knicks", "access": "Discovery"}],
            "users": [
                {"first_name": "Monica", "last_name": "Geller", "email": "monica@example.com"},
                {"first_name": "Chandler", "last_name": "Bing", "email": "Chandler@example.com", "groups": ["Sales"]},
                {
                    "first_name": "Rachel",
                    "last_name": "Green",
                    "email": "rachel@example.com",
                    "groups": ["Administrators", "All Users"],
                },
            ],
            "dashboards": [
                {"name": "Example Dashboard", "owner": "monica@example.com", "access": {"Administrators": "Edit"}},
                {"name": "Test Dashboard", "owner": "rachel@example.com", "access": {"Sales": "View"}},
            ],
        }
    ],
}


def friends() -> tuple[Mockscope, MockSite]:
    """Return a server without a socket, and its one site."""
    mock = Mockscope(FRIENDS)
    return mock, mock.sites["example_site"]


def send_request(
    mock: Server, site: MockSite, method: str, target: str, body: object = None, *, email: str | None = None
) -> tuple[int, Any]:
    """Send a request to the application; return status and body."""
    headers = site.headers | ({} if email is None else {"Http-X-Email": email})
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"" if body is None else json.dumps(body).encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(mock.app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def pages(mock: Server, site: MockSite, path: str) -> list[Any]:
    """Every page of a list, by the API."""
    found = [send_request(mock, site, "GET", path)]
    while cursor := found[-1][1].get("next_page_start"):
        found.append(send_request(mock, site, "GET", f"{path}?next_page_start={quote(cursor, safe='')}"))
    return found


def seen(mock: Server, site: MockSite) -> dict[str, Any]:
    """Return all that a client can request: every page, every user and every group."""
    return {
        "users": pages(mock, site, USERS),
        "groups": pages(mock, site, GROUPS),
        "each user": [send_request(mock, site, "GET", USERS, email=email) for email in site.users],
        "each group": [send_request(mock, site, "GET", f"{GROUPS}/{quote(name, safe='')}") for name in site.groups],
        "administrators": [user.email for user in site.users.values() if "Administrators" in user.groups],
    }


def indexed(site: MockSite) -> dict[str, Any]:
    """Return the content of the indexes, empty entries included: those would be a leak."""
    store = site._site.store
    return {
        "members": store.members._keys,
        "owned": store.owned._keys,
        "shared": store.shared._keys,
        "order": [list(store.users), list(store.groups), list(store.dashboards)],
    }


def assert_like_fresh(mock: Server, site: MockSite) -> None:
    """Assert that responses and indexes of a site equal those of a site loaded from its export."""
    exported = site.export()
    fresh = Mockscope(exported)
    twin = fresh.sites[site.host]

    assert twin.export() == exported
    # A disabled site returns 404 for every request.
    enabled, site.enabled, twin.enabled = site.enabled, True, True
    assert seen(mock, site) == seen(fresh, twin)
    assert indexed(site) == indexed(twin)
    site.enabled = enabled
