"""Sites for the checks, and deviating servers: the mock behind a function that changes requests or responses."""

import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl, unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from mockscope import LiveServer, Mockscope, MockSite
from mockscope.conformance.check import Report, check
from mockscope.conformance.outcome import Level
from mockscope.remote.client import SiteClient
from mockscope.remote.exchange import Headers
from mockscope.web.request_head import MAX_HEAD_BYTES, REFUSED_HEAD

Result = TypeVar("Result")
LARGE: Final = 10_000
JSON_TYPE: Final = (b"content-type", b"application/json; charset=utf-8")
PAGE_SIZE: Final = 10
ADMIN: Final = "Rachel.Green@example.com"
# Small pages, several of each list; names of every kind; and one administrator.
SEED: Final[dict[str, Any]] = {
    "mockscope": 1,
    "sites": [
        {
            "host": "central:perk",
            "policy": {"page_size": PAGE_SIZE},
            "groups": [
                *({"name": f"Team {number:03}", "access": "View"} for number in range(10)),
                *(
                    {"name": name, "access": "Discovery"}
                    for name in ("NY/Knicks", "v1.2", "R+D", "Büro", "Sales", "eBay")
                ),
            ],
            "users": [
                {
                    "first_name": "Rachel",
                    "last_name": "Green",
                    "email": ADMIN,
                    "groups": ["Administrators", "All Users"],
                },
                # In lower case they come between others, and by code point before all.
                {"first_name": "Mike", "last_name": "Hannigan", "email": "Mike@example.com"},
                # Between a blank and a plus there is an exclamation mark.
                *(
                    {"first_name": "Phoebe", "last_name": "Buffay", "email": f"phoebe{tag}@example.com"}
                    for tag in ("", "!x", "+ny")
                ),
                *(
                    {
                        "first_name": "Joey",
                        "last_name": "Tribbiani",
                        "email": f"joey{number:03}@example.com",
                        "groups": ["All Users", "Sales"],
                        "last_login_at": "2014-02-06T23:46:07.118Z",
                        "tfa_enabled": True,
                    }
                    for number in range(20)
                ),
            ],
            "dashboards": [
                {"name": name, "owner": ADMIN, "access": {"Administrators": "Edit"}}
                for name in ("Example Dashboard", "Test Dashboard")
            ],
        }
    ],
}

# The rules that no site can show, or only a fresh one, with the reason.
NEVER: Final = {
    "HTTP-10": "these headers are mockscope's own, and other servers need not have them",
    "AUTH-3": "it needs a site for which the API is not enabled, and no check can run there",
    "AUTH-4": "requests show neither how keys are compared nor a rotated key",
    "USER-DELETE-2": "the API does not show who owns a dashboard",
    "GROUP-3": "no response of the API shows what an access allows",
    "GROUP-4": "the check needs a fresh site, and this one is in use",
}


def checked(client: SiteClient, level: Level, **settings: Any) -> Report:
    """Return the report on a site with small pages."""
    return check(client, level, policy={"page_size": PAGE_SIZE, **settings.pop("policy", {})}, **settings)


def differing(report: Report) -> set[str]:
    """Return the rules that differ."""
    return {rule.rule for rule in report.rules if rule.verdict == "differs"}


def marked_on(site: MockSite) -> list[str]:
    """Return the names on a site that carry the prefix of a check."""
    return [name for name in (*site.users, *site.groups) if name.lower().startswith("mockscope-check-")]


# -- stand-ins -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """A request as the server received it."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def bare(self) -> str:
        """Return the path without a trailing slash."""
        return self.path.rstrip("/")

    @property
    def params(self) -> dict[str, str]:
        """Return the parameters of the query."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def is_test_mode(self) -> bool:
        """Return whether the request is in test mode."""
        return self.method != "GET" and self.params.get("test_mode", "").lower() == "true"

    @property
    def email(self) -> str | None:
        """Return the value of Http-X-Email."""
        return self.header("http-x-email")

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object; empty if it is not an object, or too large to be parsed."""
        if len(self.body) > LARGE:
            return {}
        try:
            body = json.loads(self.body)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    def header(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value.decode() for own, value in self.headers if own == name.encode()), None)

    def without_header(self, name: str) -> "Request":
        """Return the request without a header."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name.encode()))

    def with_header(self, name: str, value: str) -> "Request":
        """Return the request with a header set."""
        same = self.without_header(name)
        return replace(same, headers=(*same.headers, (name.encode(), value.encode())))

    def with_json(self, fields: object) -> "Request":
        """The same with another body."""
        return self.with_body(json.dumps(fields).encode())

    def with_body(self, body: bytes) -> "Request":
        """Return the request with another body."""
        return replace(self.with_header("content-length", str(len(body))), body=body)


@dataclass(frozen=True)
class Response:
    """A response before the server sends it."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = (JSON_TYPE,)

    @property
    def fields(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)

    def with_json(self, fields: object) -> "Response":
        """The same with another body."""
        return replace(self, body=json.dumps(fields).encode())


def json_response(status: int, fields: object) -> Response:
    """Return a response in JSON."""
    return Response(status, json.dumps(fields).encode())


def refusal(status: int) -> Response:
    """Return a refusal with a status."""
    return json_response(status, {"message": "Could it be any more refused?"})


Forward = Callable[[Request], Awaitable[Response]]
# The type of a deviation: it gets the request, a function that forwards it to the mock, and the site.
Deviation = Callable[[Request, Forward, MockSite], Awaitable[Response]]


class WithoutSocket(SiteClient):
    """A client that calls the mock in this thread, with a deviation or without.

    Args:
        mock: The mock. Its first site is checked.
        deviate: The deviation, if there is one.
    """

    def __init__(self, mock: Mockscope, deviate: Deviation | None = None) -> None:
        [self.site, *_] = mock.sites.values()
        super().__init__("http://127.0.0.1:1", self.site.host, self.site.api_key, sleep=lambda seconds: None)
        self._app = DeviatingApp(mock.app, self.site, deviate) if deviate is not None else mock.app

    def _send(self, method: str, target: str, headers: Headers, body: bytes | None) -> tuple[int, Headers, bytes]:
        path, _, query = target.partition("?")
        own = [("host", "127.0.0.1"), *([("content-length", str(len(body)))] if body is not None else [])]
        named = {name.lower() for name, _ in headers}
        sent = [*(pair for pair in own if pair[0] not in named), *headers]
        length = sum(len(name) + len(value) for name, value in sent)
        refused = (
            "LINE_TOO_LONG" if len(target) > MAX_HEAD_BYTES else "HEAD_TOO_LONG" if length > MAX_HEAD_BYTES else ""
        )
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent],
            "client": ("127.0.0.1", 2),
            "server": ("127.0.0.1", 1),
            # As the server's protocol leaves it.
            "state": {REFUSED_HEAD: refused} if refused else {},
        }
        head, content = run_now(_response(self._app, scope, body or b""))
        return head["status"], [(name.decode(), value.decode()) for name, value in head["headers"]], content


def run_now(waiting: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of a coroutine that never waits."""
    try:
        waiting.send(None)
    except StopIteration as done:
        return cast(Result, done.value)
    raise AssertionError("it waits for something")


async def _response(app: ASGIApp, scope: Scope, body: bytes) -> tuple[Any, bytes]:
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


class DeviatingApp:
    """The mock with a deviation.

    Args:
        app: The mock.
        site: The site that is checked.
        deviate: The deviation.
    """

    def __init__(self, app: ASGIApp, site: MockSite, deviate: Deviation) -> None:
        self._app = app
        self._site = site
        self._deviate = deviate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path, query = scope["raw_path"].decode(), scope["query_string"].decode()

        async def forward(request: Request) -> Response:
            meant = {
                **scope,
                "method": request.method,
                "path": unquote(request.path),
                "raw_path": request.path.encode(),
                "query_string": request.query.encode(),
                "headers": list(request.headers),
            }
            head, content = await _response(self._app, meant, request.body)
            return Response(head["status"], content, tuple(head["headers"]))

        request = Request(scope["method"], path, query, tuple(scope["headers"]), body)
        response = await self._deviate(request, forward, self._site)
        # The length of the mock's response may be wrong now.
        headers = [pair for pair in response.headers if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})


def deviating_client(deviate: Deviation, seed: Any = SEED) -> WithoutSocket:
    """Return a client for a mock with a deviation."""
    return WithoutSocket(Mockscope(seed), deviate)


@contextmanager
def deviating_server(deviate: Deviation, seed: Any = SEED) -> Iterator[tuple[LiveServer, MockSite]]:
    """Yield a server with a deviation, on a socket, and its site."""
    server = LiveServer(seed)
    [site] = server.sites.values()
    server.app.add_middleware(DeviatingApp, site, deviate)
    with server:
        yield server, site
