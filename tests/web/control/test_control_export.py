"""An export over the control API: streamed, with the state of one moment, while the server does other things."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest
from starlette.types import Message
from support.bounds import WAIT_SECONDS
from support.control_client import BASE, path_of

from mockscope import LiveServer, Mockscope
from mockscope.domain.site import Site
from mockscope.web.control import export

LONG_NAME = 2000 * "x"
# Their export is larger than the buffers of a connection.
USERS = [
    {"first_name": LONG_NAME, "last_name": "Geller", "email": f"{number}@example.com"} for number in range(1000, 5000)
]
SEED = {"mockscope": 1, "sites": [{"host": "example_site", "users": USERS}]}


@pytest.mark.parametrize(
    ("path", "version", "encoding"),
    [(f"{path_of('example_site')}/export", "HTTP/1.1", "chunked"), (f"{BASE}/export", "HTTP/1.0", None)],
)
def test_a_site_is_changed_while_a_client_reads_its_export(
    server: LiveServer, path: str, version: str, encoding: str | None
) -> None:
    site = server.site("example_site", seed=SEED)
    before = site.export()

    with closing(HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=WAIT_SECONDS)) as slow:
        slow._http_vsn_str = version  # type: ignore[attr-defined]
        slow.request("GET", path)
        response = slow.getresponse()
        start = response.read(100)
        with httpx.Client(base_url=f"{server.url}{path_of(site.host)}", verify=False) as client:
            added = client.post("/users", json={"email": "joey@example.com"})
            removed = client.delete("/users/4999@example.com")
            total = client.get("/users?limit=1").json()["total"]
        end = response.read()

    assert (response.status, response.getheader("Transfer-Encoding")) == (200, encoding)
    assert response.getheader("Content-Type") == "application/json; charset=utf-8"
    assert (added.status_code, removed.status_code, total) == (201, 204, len(USERS))
    assert json.loads(start + end) == before != site.export()


async def test_a_piece_is_rendered_when_the_client_has_taken_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[bytes] = []
    sent: list[bytes] = []

    def render(sites: Sequence[Site]) -> Iterator[bytes]:
        for piece in (b"[", b"1", b"]"):
            rendered.append(piece)
            yield piece

    async def send(message: Message) -> None:
        if message.get("body"):
            sent.append(message["body"])
            assert rendered == sent

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    monkeypatch.setattr(export, "render_export", render)
    for method, expected in (("HEAD", []), ("GET", [b"[", b"1", b"]"])):
        scope = {"type": "http", "method": method, "path": f"{BASE}/export", "query_string": b"", "headers": []}
        await Mockscope().app({**scope, "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, send)
        assert (rendered, sent) == (expected, expected)


def test_an_export_of_many_small_sites_is_complete(server: LiveServer) -> None:
    for number in range(300):
        server.site(f"site_{number}")

    response = httpx.get(f"{server.url}{BASE}/export", verify=False)

    assert (response.status_code, response.json()) == (200, server.export())
