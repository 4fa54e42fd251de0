"""The application as ASGI defines it: lifespan, websockets, and a scope without its optional parts."""

import httpx
from support.control_client import BASE

from mockscope import Mockscope


async def test_lifespan_and_websockets_are_handled_as_asgi_requires() -> None:
    mock = Mockscope()
    sent: list[str] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(str(message["type"]))

    async def send_request(scope_type: str, *messages: str) -> None:
        coming = iter([{"type": message} for message in messages])

        async def receive() -> dict[str, str]:
            return next(coming)

        scope = {"type": scope_type, "path": f"{BASE}/health", "headers": []}
        await mock.app(scope, receive, send)  # type: ignore[arg-type]

    await send_request("lifespan", "lifespan.startup", "lifespan.shutdown")
    await send_request("websocket", "websocket.connect")

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


async def test_a_path_without_raw_path_is_decoded_once() -> None:
    mock = Mockscope()
    site = mock.site("50%25")

    async def without_raw_path(scope, receive, send):  # type: ignore[no-untyped-def]
        await mock.app({key: scope[key] for key in scope if key != "raw_path"}, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=without_raw_path), base_url="http://testserver"
    ) as client:
        response = await client.get(f"{BASE}/sites/50%2525")

    assert response.json()["host"] == site.host
