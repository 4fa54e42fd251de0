"""AUTH-1 to AUTH-4 over HTTP."""

import pytest
from support.web_client import GROUPS, PAGE_KEY, USERS, Client, Response, page_site, refusal_body, send_request

from mockscope import Refusal

EVERY_ENDPOINT = [
    ("GET", USERS),
    ("POST", USERS),
    ("PUT", USERS),
    ("DELETE", USERS),
    ("GET", GROUPS),
    ("POST", GROUPS),
    ("GET", f"{GROUPS}/Sales"),
    ("PUT", f"{GROUPS}/Sales"),
    ("DELETE", f"{GROUPS}/Sales"),
]


def opened_with(client: Client, *credentials: str, header: str = "Http-X-Partner-Auth") -> Response:
    return send_request(client.mock, "GET", USERS, None, [(header, value) for value in credentials])


@pytest.mark.rule("AUTH-1")
@pytest.mark.parametrize(
    "header", ["Http-X-Partner-Auth", "HTTP-X-PARTNER-AUTH", "http-x-partner-auth", "hTTP-x-pARTNER-aUTH"]
)
def test_the_header_is_matched_without_case(header: str) -> None:
    assert opened_with(page_site(), f"example-site:{PAGE_KEY}", header=header).status == 200


@pytest.mark.rule("AUTH-1")
@pytest.mark.parametrize("header", ["X-Partner-Auth", "Authorization", "Http_X_Partner_Auth"])
def test_no_other_header_authenticates(header: str) -> None:
    response = opened_with(page_site(), f"example-site:{PAGE_KEY}", header=header)

    assert (response.status, response.json()) == (
        403,
        refusal_body(Refusal.AUTH_MISSING),
    )


@pytest.mark.rule("AUTH-1")
def test_the_host_of_a_site_with_spaces_holds_a_colon() -> None:
    assert opened_with(page_site(host="example-site:space"), f"example-site:space:{PAGE_KEY}").status == 200


@pytest.mark.rule("AUTH-2")
@pytest.mark.parametrize(
    ("credentials", "body"),
    [
        ([], refusal_body(Refusal.AUTH_MISSING)),
        ([""], refusal_body(Refusal.AUTH_MISSING)),
        (["   "], refusal_body(Refusal.AUTH_MISSING)),
        ([PAGE_KEY], refusal_body(Refusal.AUTH_MALFORMED)),
        ([f"<example-site:{PAGE_KEY}>"], refusal_body(Refusal.SITE_UNKNOWN, host="<example-site")),
        ([f"nowhere:{PAGE_KEY}"], refusal_body(Refusal.SITE_UNKNOWN, host="nowhere")),
        ([f"d\xe9mo:{PAGE_KEY}"], refusal_body(Refusal.SITE_UNKNOWN, host="démo")),
        (["example-site:"], refusal_body(Refusal.KEY_WRONG, host="example-site")),
        (["example-site:\xff"], refusal_body(Refusal.KEY_WRONG, host="example-site")),
        ([f"example-site:{PAGE_KEY.upper()}"], refusal_body(Refusal.KEY_WRONG, host="example-site")),
        (
            [f"example-site:{PAGE_KEY}", "example-site:other"],
            refusal_body(Refusal.AUTH_REPEATED),
        ),
    ],
)
def test_credentials_that_open_no_site_are_refused(credentials: list[str], body: dict[str, str]) -> None:
    response = opened_with(page_site(), *credentials)

    assert (response.status, response.json()) == (403, body)


@pytest.mark.rule("AUTH-2")
def test_the_same_credentials_may_be_sent_twice() -> None:
    credentials = f"example-site:{PAGE_KEY}"

    assert opened_with(page_site(), credentials, credentials).status == 200


@pytest.mark.rule("AUTH-2")
@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
def test_every_endpoint_requires_credentials(method: str, path: str) -> None:
    assert page_site().request(method, path, {}, authenticated=False).status == 403


@pytest.mark.rule("AUTH-3")
@pytest.mark.parametrize(("method", "path"), [*EVERY_ENDPOINT, ("GET", "/api/v1/nothing"), ("PATCH", USERS)])
def test_every_endpoint_of_a_site_without_the_api_is_not_found(method: str, path: str) -> None:
    client = page_site()
    client.site.enabled = False

    response = client.request(method, path, {})

    assert (response.status, response.json()) == (
        404,
        refusal_body(Refusal.API_DISABLED, host="example-site"),
    )


@pytest.mark.rule("AUTH-3")
def test_a_site_whose_api_is_enabled_again_is_served_at_once() -> None:
    client = page_site()
    client.site.enabled = False
    client.site.enabled = True

    assert client.get(USERS).status == 200


@pytest.mark.rule("AUTH-4")
def test_a_rotated_key_is_refused_at_once() -> None:
    client = page_site()

    key = client.site.rotate_key()

    assert opened_with(client, f"example-site:{PAGE_KEY}").status == 403
    assert opened_with(client, f"example-site:{key}").status == 200


@pytest.mark.rule("AUTH-4")
def test_a_key_of_any_shape_without_a_colon_opens_its_site() -> None:
    assert opened_with(page_site(api_key="<k>/~!#"), "example-site:<k>/~!#").status == 200


@pytest.mark.rule("AUTH-4")
def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(left: str, right: str) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr("mockscope.domain.site.compare_digest", compare)

    assert opened_with(page_site(), f"example-site:{PAGE_KEY}").status == 200
    assert compared == [(PAGE_KEY, PAGE_KEY)]


def test_sites_of_one_server_do_not_see_each_other() -> None:
    client = page_site()
    other = Client(client.mock.site(), client.mock)

    assert other.get(USERS).json()["total_users"] == 1
    assert other.delete(USERS, email="monica@example.com").status == 400
    assert client.get(USERS).json()["total_users"] == 5
