"""PAGE-1 to PAGE-6 over HTTP."""

from typing import Any
from urllib.parse import quote

import pytest
from support.web_client import CHANDLER, GROUPS, JOEY, MIKE, MONICA, RACHEL, USERS, Client, page_site

import mockscope


def client_with(users: int, groups: int = 0, **policy: Any) -> Client:
    """Return a client of a site with a number of users and of groups beside the built-in ones."""
    records = {
        "users": [
            {"email": f"joey+{number:03}@example.com", "first_name": "Joey", "last_name": "Tribbiani"}
            for number in range(users)
        ],
        "groups": [{"name": f"Friends & Co + {number:03}", "access": "View"} for number in range(groups)],
    }
    mock = mockscope.Mockscope()
    seed = {"mockscope": 1, "sites": [{"host": "example-site", **records}]}
    return Client(mock.site(seed=seed, **policy), mock)


def walked(client: Client, path: str, kind: str, *, encoded: bool = True) -> list[list[str]]:
    """Follow next_page_start as a client does; return the names on each page."""
    pages: list[list[str]] = []
    start: str | None = ""
    while start is not None:
        cursor = quote(start) if encoded else start
        page = client.get(f"{path}?next_page_start={cursor}" if pages else path).json()
        assert page[f"{kind}_this_page"] == len(page[kind])
        pages.append([record.get("email") or record["name"] for record in page[kind]])
        start = page["next_page_start"]
    return pages


@pytest.mark.rule("PAGE-1", "PAGE-2", "PAGE-5")
def test_a_short_list_is_one_page_in_order_of_email() -> None:
    assert page_site().get(USERS).json() == {
        "total_users": 5,
        "users_this_page": 5,
        "next_page_start": None,
        "users": [CHANDLER, JOEY, MIKE, MONICA, RACHEL],
    }


@pytest.mark.rule("PAGE-2")
def test_the_keys_of_a_page_stand_in_the_order_of_the_documentation() -> None:
    client = page_site()

    assert list(client.get(USERS).json()) == ["total_users", "users_this_page", "next_page_start", "users"]
    assert list(client.get(GROUPS).json()) == ["total_groups", "groups_this_page", "next_page_start", "groups"]
    assert '"next_page_start":null' in client.get(USERS).text


@pytest.mark.rule("PAGE-2", "PAGE-6")
@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, [0]),
        (1, [1]),
        (99, [99]),
        (100, [100]),
        (101, [100, 1]),
        (200, [100, 100]),
        (201, [100, 100, 1]),
    ],
)
def test_following_the_cursor_yields_every_user_once(count: int, sizes: list[int]) -> None:
    pages = walked(client_with(count), USERS, "users")

    assert [len(page) for page in pages] == sizes
    assert [email for page in pages for email in page] == [f"joey+{number:03}@example.com" for number in range(count)]


@pytest.mark.rule("PAGE-2", "PAGE-6")
@pytest.mark.parametrize(("count", "sizes"), [(97, [99]), (98, [100]), (99, [100, 1]), (199, [100, 100, 1])])
def test_following_the_cursor_yields_every_group_once(count: int, sizes: list[int]) -> None:
    pages = walked(client_with(0, count), GROUPS, "groups")

    assert [len(page) for page in pages] == sizes
    assert [name for page in pages for name in page] == [
        "Administrators",
        "All Users",
        *[f"Friends & Co + {number:03}" for number in range(count)],
    ]


@pytest.mark.rule("PAGE-3")
def test_a_loop_that_concatenates_the_cursor_unencoded_gets_every_user_once() -> None:
    client = client_with(25, page_size=10)

    pages = walked(client, USERS, "users", encoded=False)

    assert [email for page in pages for email in page] == [f"joey+{number:03}@example.com" for number in range(25)]


@pytest.mark.rule("PAGE-2")
def test_the_cursor_is_the_first_record_of_the_next_page() -> None:
    client = page_site(page_size=2)
    first = client.get(USERS).json()

    second = client.get(f"{USERS}?next_page_start={first['next_page_start']}").json()

    assert first["next_page_start"] == "mike@example.com"
    assert second == {
        "total_users": 5,
        "users_this_page": 2,
        "next_page_start": "rachel@example.com",
        "users": [MIKE, MONICA],
    }


@pytest.mark.rule("PAGE-3")
def test_a_cursor_whose_user_was_deleted_still_works() -> None:
    client = page_site(page_size=2)
    client.delete(USERS, email="mike@example.com")

    assert client.get(f"{USERS}?next_page_start=mike@example.com").json() == {
        "total_users": 4,
        "users_this_page": 2,
        "next_page_start": None,
        "users": [MONICA, RACHEL],
    }


@pytest.mark.rule("PAGE-4")
@pytest.mark.parametrize("path", [USERS, GROUPS])
def test_an_empty_cursor_is_the_first_page(path: str) -> None:
    client = page_site(page_size=2)

    assert client.get(f"{path}?next_page_start=").body == client.get(path).body


@pytest.mark.rule("PAGE-4")
def test_a_cursor_after_every_record_is_an_empty_page() -> None:
    client = page_site()

    users, groups = client.get(f"{USERS}?next_page_start=zzz"), client.get(f"{GROUPS}?next_page_start=zzz")

    assert (users.status, users.json()) == (
        200,
        {"total_users": 5, "users_this_page": 0, "next_page_start": None, "users": []},
    )
    assert (groups.status, groups.json()) == (
        200,
        {"total_groups": 4, "groups_this_page": 0, "next_page_start": None, "groups": []},
    )


@pytest.mark.rule("PAGE-4")
@pytest.mark.parametrize("cursor", ["%FF", "%", "%00", "a&b=c", "+", "%20", "*", "%F0%9F%98%80", "x" * 5000])
def test_every_cursor_gives_a_page(cursor: str) -> None:
    client = page_site()

    assert client.get(f"{USERS}?next_page_start={cursor}").status == 200
    assert client.get(f"{GROUPS}?next_page_start={cursor}").status == 200
