"""The probes and the icon: without a token, under any Host, and never recorded."""

from typing import Any, Final

import httpx
import pytest
from support.control_client import TOKEN

from mockscope import serve

PROBES: Final = [("/livez", 200, {"status": "ok"}), ("/readyz", 200, {"status": "ok"}), ("/favicon.ico", 204, None)]


@pytest.mark.parametrize("control", [True, False])
@pytest.mark.parametrize(("path", "status", "body"), PROBES)
def test_a_probe_needs_no_token_and_is_not_recorded(path: str, status: int, body: Any, *, control: bool) -> None:
    with serve(control=control, control_token=TOKEN if control else None) as server:
        foreign = {"Host": "evil.example", "Origin": "http://evil.example"}
        response = httpx.get(f"{server.url}{path}?at=1", headers=foreign)
        head = httpx.head(f"{server.url}{path}")
        refused = httpx.post(f"{server.url}{path}")

        assert (response.status_code, response.json() if response.content else None) == (status, body)
        assert (head.status_code, head.content) == (status, b"")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
        assert server.all_calls() == []


def test_a_path_below_a_probe_is_not_found_and_not_recorded() -> None:
    with serve() as server:
        response = httpx.get(f"{server.url}/livez/x")

        assert (response.status_code, server.all_calls()) == (404, [])


def test_a_server_that_was_started_again_is_ready() -> None:
    with serve() as server:
        server.stop()
        server.start()

        assert httpx.get(f"{server.url}/readyz").json() == {"status": "ok"}
