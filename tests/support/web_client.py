"""A client that calls the ASGI application: a test gives each byte of a request, and needs no event loop."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import mockscope

# Requests that no HTTP library would send: any bytes, any number of times.
Double = mockscope.Mockscope | mockscope.LiveServer
Headers = Mapping[str, str] | Iterable[tuple[str, str]]
Body = bytes | str | Mapping[str, object] | list[bytes] | None

USERS = "/api/v1/users"
GROUPS = "/api/v1/groups"


@dataclass(frozen=True)
class Response:
    """A status, headers in their order, and a body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def hint(self) -> str | None:
        return self.header("x-mockscope-hint")

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, values
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A client of one site.

    Args:
        site: the site whose credentials are sent with each request.
        mock: the server.
    """

    def __init__(self, site: mockscope.MockSite, mock: Double) -> None:
        self.site = site
        self.mock = mock

    def request(
        self,
        method: str,
        target: str,
        body: Body = None,
        *,
        email: str | None = None,
        headers: Headers = (),
        authenticated: bool = True,
    ) -> Response:
        """Send a request; a mapping is sent as JSON, a list of chunks without a Content-Length."""
        sent: list[tuple[str, str]] = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        if authenticated:
            sent += self.site.headers.items()
        if email is not None:
            sent.append(("Http-X-Email", email))
        return send_request(self.mock, method, target, body, sent)

    def get(self, target: str, **options: Any) -> Response:
        return self.request("GET", target, **options)

    def post(self, target: str, body: Body = None, **options: Any) -> Response:
        return self.request("POST", target, body, **options)

    def put(self, target: str, body: Body = None, **options: Any) -> Response:
        return self.request("PUT", target, body, **options)

    def delete(self, target: str, **options: Any) -> Response:
        return self.request("DELETE", target, **options)


def send_request(
    mock: Double,
    method: str,
    target: str,
    body: Body,
    headers: list[tuple[str, str]],
) -> Response:
    """Send a request to the application and return its response."""
    return asyncio.run(_send_request(mock, method, target, body, headers))


async def _send_request(
    mock: Double,
    method: str,
    target: str,
    body: Body,
    headers: list[tuple[str, str]],
) -> Response:
    chunks = _chunks(body)
    if not isinstance(body, list) and body is not None:
        length = ("Content-Length", str(len(chunks[0])))
        headers = headers if any(name.lower() == "content-length" for name, _ in headers) else [*headers, length]
    raw_path, _, query = target.encode().partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": query,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 80),
    }
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": place + 1 < len(chunks)}
        for place, chunk in enumerate(chunks)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await mock.app(scope, receive, send)
    return Response(
        sent[0]["status"],
        tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]),
        b"".join(message.get("body", b"") for message in sent[1:]),
    )


def refusal_body(refusal: mockscope.Refusal, **values: str) -> dict[str, str]:
    """Return the body of the response to a refused request.

    tests/domain/test_domain_refusals.py holds the sentences. Other tests name the refusal and its values.
    """
    return {"message": mockscope.Refused(refusal, **values).message}


def _chunks(body: Body) -> list[bytes]:
    match body:
        case None:
            return [b""]
        case bytes():
            return [body]
        case str():
            return [body.encode()]
        case list():
            return body
        case _:
            return [json.dumps(dict(body)).encode()]


def page_site(*, hint_header: bool = True, **options: Any) -> Client:
    """Return a client of a site with the people of the vendor's page: Rachel and Mike are administrators."""
    mock = mockscope.Mockscope(hint_header=hint_header)
    return Client(mock.site(seed=PAGE, **({"host": "example-site", "api_key": PAGE_KEY} | options)), mock)


PAGE_KEY = "e179017a-62b0-4996-8a38-e91aa9f1"
LAST_LOGIN = "2014-02-06T23:46:07.118Z"
PASSWORD_UPDATED = "2018-10-18T20:08:41.794Z"


def person(first_name: str, last_name: str, groups: list[str] | None = None) -> dict[str, Any]:
    """Return a user as the vendor's page renders it, with the same dates for each."""
    return {
        "first_name": first_name,
        "last_name": last_name,
        "email": f"{first_name.lower()}@example.com",
        "groups": groups or ["All Users"],
        "last_login_at": LAST_LOGIN,
        "password_updated_at": PASSWORD_UPDATED,
        "tfa_enabled": True,
    }


MONICA = person("Monica", "Geller")
CHANDLER = person("Chandler", "Bing")
JOEY = person("Joey", "Tribbiani")
RACHEL = person("Rachel", "Green", ["Administrators", "All Users"])
MIKE = person("Mike", "Hannigan", ["Administrators", "All Users"])

PAGE: dict[str, Any] = {
    "mockscope": 1,
    "sites": [
        {
            "host": "example-site",
            "groups": [{"name": "Sales", "access": "View"}, {"name": "NY Knicks", "access": "Discovery"}],
            "users": [MONICA, CHANDLER, JOEY, RACHEL, MIKE],
            "dashboards": [
                {"name": name, "owner": "monica@example.com", "access": {"Administrators": "Edit"}}
                for name in ("Test Dashboard", "Example Dashboard")
            ],
        }
    ],
}

# What creates Phoebe, and a group of Friends.
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["All Users", "Sales"],
    "invited_by_email": "mike@example.com",
}
FRIENDS = {"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"}
