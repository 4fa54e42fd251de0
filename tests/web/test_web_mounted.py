"""``Mockscope().app`` mounted under a path, in Starlette's TestClient, and in httpx's ASGITransport."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send
from support.yaml_documents import load_yaml

from mockscope import LiveServer, Mockscope, MockSite

DOCUMENTS = ["/openapi", "/_mockscope/v1/openapi"]


@pytest.fixture
def double() -> Mockscope:
    return Mockscope()


@pytest.fixture
def site(double: Mockscope) -> MockSite:
    return double.site("example_site")


@pytest.fixture(params=["", "/mock", "/a/b", "/api", "/_mockscope", "/caf\u00e9"])
def mount(request: pytest.FixtureRequest) -> str:
    path: str = request.param
    return path


@pytest.fixture
def client(double: Mockscope, mount: str) -> Iterator[TestClient]:
    """A client of an application that mounts mockscope under a path."""
    with TestClient(Starlette(routes=[Mount(mount, app=double.app)]), base_url="http://outer:81/") as client:
        yield client


def test_the_application_is_starlettes_with_a_route_for_each_document_and_each_path_of_the_control_api(
    double: Mockscope,
) -> None:
    assert type(double.app) is Starlette
    paths = [route.path for route in double.app.routes if isinstance(route, Route)]
    assert paths[:5] == ["/livez", "/readyz", "/favicon.ico", "/openapi.yaml", "/openapi.json"]
    assert paths[5:7] == ["/_mockscope/v1/health", "/_mockscope/v1/version"]
    assert len(paths) == len(double.app.routes) == len(set(paths))


def test_a_mounted_double_answers_and_records_the_path_below_the_mount(
    client: TestClient, mount: str, site: MockSite
) -> None:
    user = {"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com"}
    user["invited_by_email"] = site.admin.email
    created = client.post(f"{mount}/api/v1/users", json=user, headers=site.headers)
    found = client.get(f"{mount}/api/v1/users/", headers={**site.headers, "Http-X-Email": "joey@example.com"})

    assert (created.status_code, found.status_code) == (201, 200)
    assert found.json() == created.json()
    assert [(call.operation, call.path) for call in site.calls] == [
        ("create_user", "/api/v1/users"),
        ("get_user", "/api/v1/users/"),
    ]


def test_copies_of_a_call_and_archives_have_the_path_of_the_mount(
    client: TestClient, mount: str, site: MockSite
) -> None:
    client.get(f"{mount}/api/v1/users?x=1", headers=site.headers)
    url = f"http://outer:81{mount}/api/v1/users?x=1".replace("\u00e9", "%C3%A9")

    call = site.calls.last
    assert call.as_curl().endswith(f" '{url}'")
    assert f"    {url!r},\n" in call.as_httpx()
    assert [entry["request"]["url"] for entry in json.loads(site.calls.to_har())["log"]["entries"]] == [url]
    # A replay goes to the application itself.
    assert (site.replay(call).status, site.calls.last.mount_path) == (200, "")


@pytest.mark.rule("GROUP-5")
def test_a_group_with_a_slash_in_its_name_is_found_below_a_mount(
    client: TestClient, mount: str, site: MockSite
) -> None:
    site.add_group("Design/Art 100%25")

    found = client.get(f"{mount}/api/v1/groups/Design%2FArt%20100%2525", headers=site.headers)
    two_segments = client.get(f"{mount}/api/v1/groups/Design/Art", headers=site.headers)

    assert (found.status_code, found.json()["name"]) == (200, "Design/Art 100%25")
    assert two_segments.status_code == 404


@pytest.mark.rule("HTTP-6")
def test_a_mounted_double_authenticates_before_it_routes(client: TestClient, mount: str, site: MockSite) -> None:
    wrong = {"Http-X-Partner-Auth": f"{site.host}:wrong"}

    answers = [client.get(f"{mount}/api/v1/{path}", headers=wrong) for path in ("users", "nothing", "groups/a/b")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert client.get(f"{mount}/api/v1/nothing", headers=site.headers).status_code == 404
    assert (
        client.patch(f"{mount}/api/v1/users", headers=site.headers).headers["Allow"] == "DELETE, GET, HEAD, POST, PUT"
    )


@pytest.mark.parametrize("path", ["/", "/api/v1/users//", "/openapi.yaml/", "/_mockscope/v1", "/_mockscope/v1/sites/"])
def test_no_path_redirects(client: TestClient, mount: str, site: MockSite, path: str) -> None:
    answer = client.get(f"{mount}{path}", headers=site.headers, follow_redirects=False)

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json; charset=utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_mounted_document_names_the_path_of_the_mount_as_its_server(
    client: TestClient, mount: str, document: str
) -> None:
    server = "http://outer:81" + mount.replace("\u00e9", "%C3%A9")

    in_yaml, in_json = (client.get(f"{mount}{document}.{form}") for form in ("yaml", "json"))

    assert load_yaml(in_yaml.text)["servers"] == [{"url": server}]
    assert in_json.json() == load_yaml(in_yaml.text)


def test_the_server_of_a_document_can_be_used(client: TestClient, site: MockSite, mount: str) -> None:
    [server] = client.get(f"{mount}/openapi.json").json()["servers"]

    assert client.get(f"{server['url']}/api/v1/users", headers=site.headers).status_code == 200


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("host", ['x"\n  - url: "http://y', "a b", "\u00ff", ""])
async def test_no_host_header_breaks_a_document(double: Mockscope, document: str, host: str) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", host.encode("latin-1"))]
    scope = {"type": "http", "method": "GET", "path": f"{document}.yaml", "query_string": b"", "headers": headers}
    await double.app({**scope, "server": ("127.0.0.1", 80)}, receive, send)

    if sent[0]["status"] == 200:
        assert load_yaml(sent[1]["body"])["servers"] == [{"url": "http://127.0.0.1"}]
    else:
        assert (document, sent[0]["status"]) == (DOCUMENTS[1], 403)


def test_a_mounted_control_api_answers(client: TestClient, mount: str, double: Mockscope) -> None:
    base = f"{mount}/_mockscope/v1"

    created = client.post(f"{base}/sites", json={"host": "a/b"})
    renamed = client.patch(f"{base}/sites/a%2Fb", json={"label": "Monica"})

    assert (created.status_code, renamed.status_code, renamed.json()["label"]) == (201, 200, "Monica")
    assert double.sites["a/b"].label == "Monica"
    assert client.get(f"{base}/site").json() == {
        "message": "There is no /_mockscope/v1/site; did you mean /_mockscope/v1/sites?"
    }
    refused = client.put(f"{base}/health")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
    assert refused.json() == {"message": "/_mockscope/v1/health does not have the method PUT: use one of GET, HEAD."}
    foreign = client.get(f"{base}/health", headers={"Host": "elsewhere.example"})
    assert (foreign.status_code, foreign.headers["X-Frame-Options"]) == (403, "DENY")


def test_a_mounted_control_api_demands_its_token() -> None:
    app = Starlette(routes=[Mount("/mock", app=Mockscope(control_token="secret").app)])
    client = TestClient(app)

    assert client.get("/mock/_mockscope/v1/health").status_code == 401
    assert client.get("/mock/_mockscope/v1/health", headers={"Authorization": "Bearer secret"}).status_code == 200
    assert client.get("/mock/openapi.yaml").status_code == 200


def test_two_doubles_in_one_application_know_nothing_of_each_other() -> None:
    doubles = Mockscope(), Mockscope()
    routes = [Mount(f"/{number}", app=double.app) for number, double in enumerate(doubles)]
    client = TestClient(Starlette(routes=routes))
    site = doubles[1].site()

    assert client.get("/0/api/v1/users", headers=site.headers).status_code == 403
    assert client.get("/1/api/v1/users", headers=site.headers).status_code == 200


def test_routes_and_middleware_can_be_added(double: Mockscope, site: MockSite) -> None:
    def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.url_for("echo")))

    seen: list[str] = []

    class Paths:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["path"])
            await self._app(scope, receive, send)

    double.app.add_route("/echo", echo, name="echo")
    double.app.add_middleware(Paths)
    client = TestClient(Starlette(routes=[Mount("/mock", app=double.app)]))

    assert client.get("/mock/echo").text == "http://testserver/mock/echo"
    assert client.get("/mock/api/v1/users", headers=site.headers).status_code == 200
    assert seen == ["/mock/echo", "/mock/api/v1/users"]


def test_a_server_passes_requests_through_added_middleware() -> None:
    class Teapot:
        def __init__(self, app: ASGIApp) -> None:
            pass

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse("", 418)(scope, receive, send)

    server = LiveServer()
    server.app.add_middleware(Teapot)
    with server:
        assert httpx.get(f"{server.url}/api/v1/users").status_code == 418


def test_a_server_removes_the_mounts_path_itself_or_leaves_it(double: Mockscope, site: MockSite) -> None:
    # TestClient's own root_path is not part of the path, unlike the path of a mount.
    client = TestClient(double.app, root_path="/mock")

    assert client.get("/api/v1/users", headers=site.headers).status_code == 200
    assert client.get("/openapi.json").json()["servers"] == [{"url": "http://testserver/mock"}]


async def test_httpx_reaches_a_mounted_double(double: Mockscope, site: MockSite) -> None:
    app = Starlette(routes=[Mount("/mock", app=double.app)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://double/mock") as client:
        users = await client.get("/api/v1/users", headers=site.headers)
        document = await client.get("/openapi.json")

    assert (users.status_code, json.loads(document.text)["servers"]) == (200, [{"url": "https://double/mock"}])
