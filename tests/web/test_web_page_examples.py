"""The examples of the vendor's page, unchanged: each request, and its response."""

from typing import Any, Final

import pytest
from support.web_client import LAST_LOGIN, PASSWORD_UPDATED, Client, page_site, refusal_body

import mockscope
from mockscope import Refusal

MONICA_ALONE: dict[str, Any] = {
    "mockscope": 1,
    "sites": [
        {
            "host": "example-site",
            "users": [
                {
                    "first_name": "Monica",
                    "last_name": "Geller",
                    "email": "monica@example.com",
                    "last_login_at": LAST_LOGIN,
                    "password_updated_at": PASSWORD_UPDATED,
                    "tfa_enabled": True,
                }
            ],
        }
    ],
}

# The page's bodies, commas and quotes included.
CREATE_USER = """{
   "first_name": "Phoebe",
   "last_name": "Buffay",
   "email": "phoebe@example.com",
   "groups": [
       "All Users",
       "Sales"
   ],
   "invited_by_email": "mike@example.com",
}"""
UPDATE_USER = """{
   "first_name": "Joseph",
   "last_name": "Tribbiani",
   "groups": [
       "All Users",
       "NY Knicks"
   ],
}"""
CREATE_GROUP = """{
   "name": "Friends",
   "access": "Sql",
   \u201ccreated_by_email\u201d: \u201crachel@example.com\u201d
}"""
UPDATE_GROUP = """{
   "name": "Friends",
   "access": "Sql",
}"""


@pytest.fixture
def client() -> Client:
    return page_site()


@pytest.mark.rule("PAGE-2", "PAGE-5", "USER-1")
def test_get_users() -> None:
    mock = mockscope.Mockscope()
    client = Client(mock.site(seed=MONICA_ALONE), mock)

    assert client.get("/api/v1/users").json() == {
        "total_users": 1,
        "users_this_page": 1,
        "next_page_start": None,
        "users": [
            {
                "first_name": "Monica",
                "last_name": "Geller",
                "email": "monica@example.com",
                "groups": ["All Users"],
                "last_login_at": "2014-02-06T23:46:07.118Z",
                "password_updated_at": "2018-10-18T20:08:41.794Z",
                "tfa_enabled": True,
            }
        ],
    }


@pytest.mark.rule("USER-GET-1", "USER-1")
def test_get_single_user(client: Client) -> None:
    response = client.get("/api/v1/users", headers={"HTTP-X-EMAIL": "chandler@example.com"})

    assert response.json() == {
        "first_name": "Chandler",
        "last_name": "Bing",
        "email": "chandler@example.com",
        "groups": ["All Users"],
        "last_login_at": "2014-02-06T23:46:07.118Z",
        "password_updated_at": "2018-10-18T20:08:41.794Z",
        "tfa_enabled": True,
    }


COMMA: Final = "Illegal trailing comma before end of object"


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    ("method", "path", "body", "mistake", "hint"),
    [
        ("POST", "/api/v1/users", CREATE_USER, f"{COMMA} at line 9, column 42", "json-trailing-comma"),
        ("PUT", "/api/v1/users", UPDATE_USER, f"{COMMA} at line 7, column 5", "json-trailing-comma"),
        (
            "POST",
            "/api/v1/groups/",
            CREATE_GROUP,
            "Expecting property name enclosed in double quotes at line 4, column 4",
            "json-curly-quotes",
        ),
        ("PUT", "/api/v1/groups/Friends", UPDATE_GROUP, f"{COMMA} at line 3, column 19", "json-trailing-comma"),
    ],
)
def test_the_sample_bodies_of_the_page_are_not_valid_json(
    client: Client, method: str, path: str, body: str, mistake: str, hint: str
) -> None:
    client.site.add_group("Friends")

    response = client.request(method, path, body, email="joey@example.com")

    assert (response.status, response.hint) == (400, hint)
    assert response.json() == refusal_body(Refusal.BODY_NOT_JSON, reason=mistake)


@pytest.mark.rule("USER-CREATE-2", "USER-CREATE-5")
def test_create_user(client: Client) -> None:
    response = client.post("/api/v1/users", CREATE_USER.replace('.com",\n}', '.com"\n}'))

    # The page shows the dates of another user here: a new one has not logged in.
    assert (response.status, response.json()) == (
        201,
        {
            "first_name": "Phoebe",
            "last_name": "Buffay",
            "email": "phoebe@example.com",
            "groups": ["All Users", "Sales"],
            "last_login_at": None,
            "password_updated_at": None,
            "tfa_enabled": False,
        },
    )


@pytest.mark.rule("TEST-2")
def test_create_user_in_test_mode(client: Client) -> None:
    response = client.post("/api/v1/users?test_mode=true", CREATE_USER.replace('.com",\n}', '.com"\n}'))

    assert response.json() == {"message": "Action would have completed successfully"}


@pytest.mark.rule("USER-UPDATE-1", "USER-UPDATE-2")
def test_update_user(client: Client) -> None:
    response = client.put("/api/v1/users", UPDATE_USER.replace("],", "]"), email="joey@example.com")

    assert (response.status, response.json()) == (
        200,
        {
            "first_name": "Joseph",
            "last_name": "Tribbiani",
            "email": "joey@example.com",
            "groups": ["All Users", "NY Knicks"],
            "last_login_at": "2014-02-06T23:46:07.118Z",
            "password_updated_at": "2018-10-18T20:08:41.794Z",
            "tfa_enabled": True,
        },
    )


@pytest.mark.rule("USER-UPDATE-2")
@pytest.mark.parametrize(
    ("body", "groups"),
    [
        ({"first_name": "..."}, ["Sales", "NY Knicks"]),
        ({"first_name": "...", "groups": []}, ["All Users"]),
        ({"first_name": "...", "groups": ["All Users"]}, ["All Users"]),
    ],
)
def test_update_user_some_more_examples(client: Client, body: dict[str, Any], groups: list[str]) -> None:
    client.put("/api/v1/users", {"groups": ["Sales", "NY Knicks"]}, email="joey@example.com")

    user = client.put("/api/v1/users", body, email="joey@example.com").json()

    assert (user["first_name"], user["last_name"], user["groups"]) == ("...", "Tribbiani", groups)


@pytest.mark.rule("USER-DELETE-1")
def test_delete_user(client: Client) -> None:
    response = client.delete("/api/v1/users", email="joey@example.com")

    assert (response.status, response.json()) == (200, {"message": "User removed from example-site"})


@pytest.mark.rule("GROUP-1", "GROUP-4")
def test_get_groups() -> None:
    mock = mockscope.Mockscope()

    assert Client(mock.site(), mock).get("/api/v1/groups").json() == {
        "total_groups": 2,
        "groups_this_page": 2,
        "next_page_start": None,
        "groups": [{"name": "Administrators", "access": "Sql"}, {"name": "All Users", "access": "Sql"}],
    }


@pytest.mark.rule("GROUP-1")
def test_get_single_group(client: Client) -> None:
    assert client.get("/api/v1/groups/Administrators").json() == {
        "name": "Administrators",
        "access": "Sql",
        "dashboards": [
            {"name": "Example Dashboard", "access": "Edit"},
            {"name": "Test Dashboard", "access": "Edit"},
        ],
    }


@pytest.mark.rule("GROUP-CREATE-3", "GROUP-2")
def test_create_group(client: Client) -> None:
    response = client.post("/api/v1/groups/", CREATE_GROUP.replace("\u201c", '"').replace("\u201d", '"'))

    assert (response.status, response.json()) == (201, {"name": "Friends", "access": "Sql"})


@pytest.mark.rule("GROUP-UPDATE-1")
def test_update_group(client: Client) -> None:
    response = client.put("/api/v1/groups/Sales", UPDATE_GROUP.replace('Sql",', 'Sql"'))

    assert (response.status, response.json()) == (200, {"name": "Friends", "access": "Sql"})


@pytest.mark.rule("GROUP-UPDATE-1", "GROUP-2")
@pytest.mark.parametrize(
    ("body", "status"), [({"name": "..."}, 200), ({"access": ""}, 400), ({"name": "...", "access": ""}, 400)]
)
def test_update_group_some_more_examples(client: Client, body: dict[str, str], status: int) -> None:
    """The page writes an empty access, and says "400 if the access is NOT one of sql/discovery/view"."""
    response = client.put("/api/v1/groups/Sales", body)

    assert response.status == status
    assert client.get("/api/v1/groups/Sales").status == (404 if status == 200 else 200)


@pytest.mark.rule("GROUP-DELETE-1")
def test_delete_group(client: Client) -> None:
    response = client.delete("/api/v1/groups/Sales")

    assert (response.status, response.json()) == (200, {"message": "Group removed from example-site"})


@pytest.mark.rule("AUTH-1", "USER-DELETE-1")
def test_the_host_and_the_key_of_the_page_open_a_site() -> None:
    client = page_site(host="example_site", api_key="e179017a-62b0-4996-8a38-e91aa9f1")
    assert client.site.headers == {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}

    assert client.delete("/api/v1/users", email="joey@example.com").json() == {
        "message": "User removed from example_site"
    }
