"""The files of the inspector and of the API reference: who gets them, and under which policy."""

from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from support.control_client import DEMO, TOKEN

from mockscope import LiveServer, Mockscope, serve

INSPECTOR_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
REFERENCE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Chromium's.
ACCEPT: Final = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
PAGES: Final = [
    ("/_mockscope/", "text/html; charset=utf-8", INSPECTOR_POLICY),
    ("/_mockscope/static/main.js", "text/javascript; charset=utf-8", INSPECTOR_POLICY),
    ("/_mockscope/static/style.css", "text/css; charset=utf-8", INSPECTOR_POLICY),
    ("/_mockscope/static/icon.svg", "image/svg+xml", INSPECTOR_POLICY),
    ("/docs", "text/html; charset=utf-8", REFERENCE_POLICY),
    ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8", REFERENCE_POLICY),
    ("/docs/swagger-ui.css", "text/css; charset=utf-8", REFERENCE_POLICY),
    ("/docs/initializer.js", "text/javascript; charset=utf-8", REFERENCE_POLICY),
]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server that requires a token, with the demo site and a planned fault for each request."""
    with serve(DEMO, control_token=TOKEN) as server:
        server.sites["example_site"].faults.add("*", status=503, times=None)
        yield server


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, verify=False) as client:
        yield client


@pytest.mark.parametrize(("path", "media_type", "policy"), PAGES)
def test_a_file_needs_no_token_and_has_its_policy(
    server: LiveServer, client: httpx.Client, path: str, media_type: str, policy: str
) -> None:
    # A page may be opened by a link of another site, and under any name.
    linked = {"Host": "mockscope:8765", "Sec-Fetch-Site": "cross-site"}
    response = client.get(path, headers=linked)
    head = client.head(path)

    assert (response.status_code, response.headers["Content-Type"]) == (200, media_type)
    expected = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cache-control": "no-cache",
        "server": "mockscope",
    }
    assert {name: response.headers[name] for name in expected} == expected
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == response.headers
    assert server.all_calls() == []


@pytest.mark.parametrize("path", ["/_mockscope/", "/docs", "/docs/swagger-ui.css"])
def test_a_browser_that_has_a_file_does_not_get_it_again(client: httpx.Client, path: str) -> None:
    etag = client.get(path).headers["ETag"]

    known = client.get(path, headers={"If-None-Match": f'"another", W/{etag}'})
    unknown = client.get(path, headers={"If-None-Match": '"another"'})

    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", etag)
    assert unknown.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/_mockscope/static/nothing.js",
        "/_mockscope/static/index.html",
        "/_mockscope/static/..%2Ffiles.py",
        "/_mockscope/static/%2e%2e%2fswagger_ui%2finitializer.js",
        "/_mockscope/static/",
        "/docs/LICENSE",
        "/docs/..%2F__init__.py",
        "/docs/swagger_ui/index.html",
    ],
)
def test_no_other_file_is_served(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, list(response.json())) == (404, ["message"])


@pytest.mark.parametrize("path", ["/_mockscope", "/_mockscope/", "/_mockscope/static/main.js", "/docs", "/docs/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_page_can_only_be_read(client: httpx.Client, path: str, method: str) -> None:
    response = client.request(method, path)

    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
    assert response.json() == {"message": f"{path} does not have the method {method}: use one of GET, HEAD."}


def test_the_data_of_the_page_needs_the_token(client: httpx.Client) -> None:
    statuses = [client.get(f"/_mockscope/{path}").status_code for path in ("v1/sites", "v1/", "v2", "x")]

    assert statuses == [401, 401, 401, 401]


# -- redirects -------------------------------------------------------------------------------------------------


def test_a_browser_is_led_from_the_root_to_the_page_and_every_other_client_gets_the_apis_response() -> None:
    with serve(DEMO) as server, httpx.Client(base_url=server.url, verify=False) as client:
        browser = client.get("/", headers=ACCEPT, follow_redirects=True)
        head = client.head("/", headers=ACCEPT)
        upper_case = client.get("/", headers={"Accept": "*/*;q=0, TEXT/HTML;Level=0; q=0.1"})
        others = ("*/*", "application/json", "", "text/html;q=0", "Text/HTML ; Q=0.000", "text/html;a=1;q=0., */*")
        clients = [client.get("/", headers={"Accept": accept}) for accept in others]
        form = client.post("/", headers=ACCEPT)
        below = client.get("/api/v1/users", headers=ACCEPT)

    assert (browser.url.path, browser.status_code) == ("/_mockscope/", 200)
    assert browser.history[0].headers["Vary"] == "Accept"
    assert (upper_case.status_code, upper_case.headers["Location"]) == (307, "_mockscope/")
    assert [each.status_code for each in (head, *clients, form, below)] == [403] * 9
    assert [call.method for call in server.calls] == ["HEAD", *["GET"] * 6, "POST", "GET"]


@pytest.mark.parametrize("mount", ["", "/mock", "/a%20b"])
@pytest.mark.parametrize(
    ("path", "target"), [("/", "/_mockscope/"), ("/_mockscope", "/_mockscope/"), ("/docs/", "/docs")]
)
def test_a_redirect_leads_to_the_right_spelling_under_the_path_of_a_mount(mount: str, path: str, target: str) -> None:
    client = TestClient(Starlette(routes=[Mount(mount.replace("%20", " "), app=Mockscope(control_token=TOKEN).app)]))

    response = client.get(f"{mount}{path}?at=1", headers=ACCEPT)

    assert (response.status_code, response.url.raw_path.decode()) == (200, f"{mount}{target}")
    assert [str(each.headers["Location"])[0] for each in response.history] in (["_"], ["."])


def test_without_the_control_api_the_inspector_is_off_and_the_reference_stays() -> None:
    with serve(DEMO, control=False) as server, httpx.Client(base_url=server.url, verify=False) as client:
        page = client.get("/_mockscope/", headers=ACCEPT)
        root = client.get("/", headers=ACCEPT, follow_redirects=True)

        assert (page.status_code, page.json()) == (
            404,
            {"message": "The control API of this server is switched off (--no-control, control=False)."},
        )
        assert (root.url.path, root.status_code) == ("/docs", 200)
        assert client.get("/docs/initializer.js").status_code == 200
        with pytest.raises(RuntimeError, match="has no inspector, because its control API is switched off"):
            _ = server.inspector_url


# -- the URL ---------------------------------------------------------------------------------------------------


def test_the_url_of_the_inspector_has_the_token_in_its_fragment() -> None:
    with serve() as server:
        assert server.inspector_url == f"{server.url}/_mockscope/"
    with serve(control_token="a+b/c==") as server:
        assert server.inspector_url == f"{server.url}/_mockscope/#token=a%2Bb%2Fc%3D%3D"
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.inspector_url
