"""The API reference: the published files of Swagger UI, and the auth header that is filled in."""

from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from starlette.testclient import TestClient
from support.control_client import DEMO

from mockscope import Mockscope
from mockscope.web import inspector

FOLDER: Final = Path(inspector.__file__).parent / "swagger_ui"
# swagger-ui-dist 5.35.0 from npm: `npm pack swagger-ui-dist@5.35.0`.
PUBLISHED: Final = {
    "LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "NOTICE": "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2",
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui-bundle.js.LICENSE.txt": "37eb6e7e59aed57b2c1acf076574b818ea07b74265717e0bd67b59e0baf9abbb",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
WELL_KNOWN: Final = "example_site:e179017a-62b0-4996-8a38-e91aa9f1"


def test_the_files_of_swagger_ui_are_those_of_the_published_package() -> None:
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}

    assert found.keys() - PUBLISHED.keys() == {"index.html", "initializer.js"}
    assert {name: found[name] for name in PUBLISHED} == PUBLISHED


def shown_auth(mock: Mockscope) -> str:
    page = TestClient(mock.app).get("/docs").text
    return page.partition('data-auth="')[2].partition('"')[0]


def test_the_auth_header_of_the_demo_site_is_filled_in_and_no_other() -> None:
    mock = Mockscope(DEMO)
    mock.site("another_site")
    assert shown_auth(mock) == WELL_KNOWN

    mock.sites["example_site"].rotate_key("a-secret-key")
    assert shown_auth(mock) == ""

    mock.sites["example_site"].remove()
    assert shown_auth(mock) == ""


@pytest.mark.parametrize("mount", ["", "/mock"])
def test_the_page_names_its_files_relatively(mount: str) -> None:
    client = TestClient(Mockscope().app, root_path=mount, base_url="http://mockscope:8765")
    page = client.get("/docs").text

    assert 'src="docs/swagger-ui-bundle.js"' in page
    assert client.get("/openapi.json").json()["servers"] == [{"url": f"http://mockscope:8765{mount}"}]
