"""The memory of a server is bounded: it stops growing once the call log is full."""

import asyncio
import gc
import json
import sys
from typing import Any

import pytest

import mockscope

JOEY = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "invited_by_email": "admin@example.com",
}


async def receive_nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send_to_nobody(message: Any) -> None:
    assert message["type"].startswith("http.response.")


def scope(method: str, site: mockscope.MockSite, **headers: str) -> dict[str, Any]:
    sent = site.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": "/api/v1/users",
        "raw_path": b"/api/v1/users",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
    }


async def ask_often(mock: mockscope.Mockscope, site: mockscope.MockSite, requests: int) -> None:
    """Repeat: create a user, list users, send a refused request and one without credentials, delete the user."""
    body = json.dumps(JOEY).encode()

    async def receive_body() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    stranger = scope("GET", site) | {"headers": [(b"http-x-partner-auth", b"nobody:nothing")]}
    for _ in range(requests // 5):
        await mock.app(scope("POST", site, Content_Type="application/json"), receive_body, send_to_nobody)
        await mock.app(scope("GET", site), receive_nothing, send_to_nobody)
        await mock.app(scope("GET", site, Http_X_Email="nobody@example.com"), receive_nothing, send_to_nobody)
        await mock.app(dict(stranger), receive_nothing, send_to_nobody)
        await mock.app(scope("DELETE", site, Http_X_Email=JOEY["email"]), receive_nothing, send_to_nobody)


def blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize(
    ("requests", "calls_kept"), [(20_000, 1_000), pytest.param(200_000, 10_000, marks=pytest.mark.slow)]
)
def test_memory_is_flat_over_many_requests(requests: int, calls_kept: int) -> None:
    mock = mockscope.Mockscope(calls_kept=calls_kept)
    site = mock.site()
    site.faults.rate_limit(requests, per=0.001)
    site.faults.add("list_groups", status=503, times=None)
    # So many fill every ring and every cache.
    first = 5 * calls_kept

    asyncio.run(ask_often(mock, site, first))
    before = blocks()
    asyncio.run(ask_often(mock, site, requests - first))

    # What grows with each request would take at least a block of memory for each.
    assert blocks() - before < (requests - first) // 20
    assert (len(site.calls), len(mock.calls)) == (calls_kept, calls_kept)
