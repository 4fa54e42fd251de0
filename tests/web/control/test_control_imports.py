"""The control API costs nothing until it is used: no module is loaded before the first request to it."""

import subprocess
import sys

import httpx
from support.control_client import BASE

from mockscope import Mockscope

LOADED = """
import sys
from mockscope import serve
import http.client, urllib.request
with serve() as server:
    site = server.site()
    urllib.request.urlopen(urllib.request.Request(server.url + "/api/v1/users", headers=site.headers)).read()
    before = {name for name in sys.modules if name.startswith(("mockscope.web.control", "starlette.applications"))}
    urllib.request.urlopen(server.url + "/_mockscope/v1/health").read()
    after = {name for name in sys.modules if name.startswith(("mockscope.web.control", "starlette.applications"))}
print(sorted(before), "mockscope.web.control.endpoints" in after, "starlette.applications" in after)
"""


def test_the_control_api_is_imported_with_its_first_request() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=300, check=False)

    assert (done.stdout, done.stderr) == (
        "['mockscope.web.control', 'mockscope.web.control.access'] True False\n",
        "",
    )


async def test_lifespan_and_websockets_are_handled_as_asgi_requires() -> None:
    double = Mockscope()
    sent: list[str] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))

    async def ask(scope_type: str, *messages: str) -> None:
        coming = iter([{"type": message} for message in messages])

        async def receive() -> dict[str, str]:
            return next(coming)

        scope = {"type": scope_type, "path": f"{BASE}/health", "headers": []}
        await double.app(scope, receive, send)  # type: ignore[arg-type]

    await ask("lifespan", "lifespan.startup", "lifespan.shutdown")
    await ask("websocket", "websocket.connect")

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


async def test_a_path_without_raw_path_is_decoded_once() -> None:
    double = Mockscope()
    site = double.site("50%25")

    async def without_raw_path(scope, receive, send):  # type: ignore[no-untyped-def]
        await double.app({key: scope[key] for key in scope if key != "raw_path"}, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=without_raw_path), base_url="http://testserver"
    ) as client:
        answer = await client.get(f"{BASE}/sites/50%2525")

    assert answer.json()["host"] == site.host
