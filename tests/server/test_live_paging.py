"""Paging loops as public scripts write them: every record exactly once."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
from support.bounds import WAIT_SECONDS
from support.wire import ask_urllib

from mockscope import MockSite

# A loop that goes in circles must end, and its test fail.
MOST_PAGES = 400

Loop = Callable[[MockSite], Iterator[dict[str, Any]]]


def cursor_in_params(site: MockSite) -> Iterator[dict[str, Any]]:
    """Pass the cursor as a parameter, which the client encodes."""
    params: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        response = requests.get(f"{site.url}/api/v1/users", params=params, headers=site.headers, timeout=WAIT_SECONDS)
        page = response.json()
        yield page
        if page["next_page_start"] is None:
            return
        params = {"next_page_start": page["next_page_start"]}


def cursor_in_params_of_one_client(site: MockSite) -> Iterator[dict[str, Any]]:
    """Pass the cursor as a parameter, on one connection of httpx."""
    with httpx.Client(base_url=site.url, headers=site.headers, timeout=WAIT_SECONDS, verify=False) as client:
        page = client.get("/api/v1/users").json()
        for _ in range(MOST_PAGES):
            yield page
            if page["next_page_start"] is None:
                return
            page = client.get("/api/v1/users", params={"next_page_start": page["next_page_start"]}).json()


def cursor_appended(site: MockSite) -> Iterator[dict[str, Any]]:
    """Append the cursor to the URL without encoding: a plus arrives as a blank."""
    base = url = f"{site.url}/api/v1/users"
    for _ in range(MOST_PAGES):
        page = requests.get(url, headers=site.headers, timeout=WAIT_SECONDS).json()
        yield page
        if page["next_page_start"] is None:
            return
        url = base + "?next_page_start=" + page["next_page_start"]


def cursor_appended_with_the_standard_library(site: MockSite) -> Iterator[dict[str, Any]]:
    """Append the cursor to the URL with a client that encodes nothing."""
    base = url = f"{site.url}/api/v1/users"
    for _ in range(MOST_PAGES):
        page = ask_urllib("GET", url, site.headers, None).json()
        yield page
        if page["next_page_start"] is None:
            return
        url = base + "?next_page_start=" + page["next_page_start"]


def empty_cursor_first(site: MockSite) -> Iterator[dict[str, Any]]:
    """Use one URL for every page, with an empty cursor for the first."""
    cursor: str | None = ""
    for _ in range(MOST_PAGES):
        page = requests.get(
            f"{site.url}/api/v1/users?next_page_start={cursor}", headers=site.headers, timeout=WAIT_SECONDS
        ).json()
        yield page
        cursor = page["next_page_start"]
        if cursor is None:
            return


every_loop = pytest.mark.parametrize(
    "loop",
    [
        cursor_in_params,
        cursor_in_params_of_one_client,
        cursor_appended,
        cursor_appended_with_the_standard_library,
        empty_cursor_first,
    ],
)

# Neighbours of a plus in the order of characters: between a blank, as which it may arrive, and itself, and after it.
TRICKY = [
    "joey!1@example.com",
    "joey'1@example.com",
    "joey*1@example.com",
    "joey+1@example.com",
    "Joey+2@Example.com",
    "joey+2+3@example.com",
    "JOEY-1@example.com",
    "joey.tribbiani@example.com",
    "joey@example.com",
    "Monica+NY@Example.Com",
    "rachel_green@example.com",
]


def emails(pages: Iterator[dict[str, Any]]) -> list[str]:
    return [user["email"] for page in pages for user in page["users"]]


def add_users(site: MockSite, addresses: list[str]) -> list[str]:
    """Add users; return the emails of all users of the site, in order."""
    for address in addresses:
        site.add_user(address)
    return sorted([*addresses, "admin@example.com"], key=str.lower)


@pytest.mark.rule("PAGE-1", "PAGE-3", "PAGE-4", "PAGE-6", "USER-2")
@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 11, 12, 13])
@every_loop
def test_a_loop_sees_every_user_once_with_a_plus_at_every_edge(loop: Loop, page_size: int, mockscope: MockSite) -> None:
    mockscope.set_policy(page_size=page_size)
    expected = add_users(mockscope, TRICKY)
    assert emails(loop(mockscope)) == expected


@pytest.mark.rule("PAGE-2", "PAGE-3", "PAGE-5", "PAGE-6")
@every_loop
def test_a_loop_sees_250_users_once_in_three_pages(loop: Loop, mockscope: MockSite) -> None:
    # The administrator is the first, so that records 101 and 201 are joey+100 and joey+200.
    expected = add_users(mockscope, [f"joey+{number:03}@example.com" for number in range(1, 250)])
    pages = list(loop(mockscope))
    assert [(page["total_users"], page["users_this_page"], page["next_page_start"]) for page in pages] == [
        (250, 100, "joey+100@example.com"),
        (250, 100, "joey+200@example.com"),
        (250, 50, None),
    ]
    assert emails(iter(pages)) == expected


@pytest.mark.rule("PAGE-6")
@pytest.mark.parametrize("count", [1, 99, 100, 101, 200, 201])
def test_the_last_page_is_never_empty(count: int, mockscope: MockSite) -> None:
    expected = add_users(mockscope, [f"Monica+{number:03}@Example.com" for number in range(1, count)])
    pages = list(cursor_appended(mockscope))
    assert emails(iter(pages)) == expected
    assert len(pages) == -(-count // 100)


@pytest.mark.rule("PAGE-3")
@pytest.mark.parametrize("page_size", [1, 2, 3, 5])
@every_loop
def test_a_cursor_whose_user_was_deleted_between_two_pages_still_works(
    loop: Loop, page_size: int, mockscope: MockSite
) -> None:
    mockscope.set_policy(page_size=page_size)
    expected = add_users(mockscope, TRICKY)
    seen: list[str] = []
    deleted: list[str] = []
    for page in loop(mockscope):
        seen += [user["email"] for user in page["users"]]
        if cursor := page["next_page_start"]:
            headers = {**mockscope.headers, "Http-X-Email": cursor}
            response = requests.delete(f"{mockscope.url}/api/v1/users", headers=headers, timeout=WAIT_SECONDS)
            assert response.status_code == 200
            deleted.append(cursor)
    assert len(deleted) > 1
    assert seen == [email for email in expected if email not in deleted]


@pytest.mark.rule("PAGE-3")
def test_a_cursor_at_100_whose_user_was_deleted_still_works(mockscope: MockSite) -> None:
    expected = add_users(mockscope, [f"joey+{number:03}@example.com" for number in range(1, 250)])
    pages = cursor_appended(mockscope)
    first = next(pages)
    headers = {**mockscope.headers, "Http-X-Email": "joey+100@example.com"}
    assert requests.delete(f"{mockscope.url}/api/v1/users", headers=headers, timeout=WAIT_SECONDS).status_code == 200
    expected.remove("joey+100@example.com")
    assert emails(iter([first])) + emails(pages) == expected


@pytest.mark.rule("PAGE-1", "PAGE-3")
@pytest.mark.mockscope(page_size=2)
def test_a_cursor_in_another_spelling_of_the_same_email_is_the_same(mockscope: MockSite) -> None:
    add_users(mockscope, TRICKY)
    url = f"{mockscope.url}/api/v1/users"
    pages = [
        requests.get(f"{url}?next_page_start={cursor}", headers=mockscope.headers, timeout=WAIT_SECONDS).json()
        for cursor in ("Joey+2@Example.com", "joey+2@example.com", "JOEY%2B2@EXAMPLE.COM", "joey 2@example.com")
    ]
    expected = ["Joey+2@Example.com", "JOEY-1@example.com"]
    assert [[user["email"] for user in page["users"]] for page in pages] == [expected] * 4


@pytest.mark.rule("PAGE-3")
@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_a_loop_that_sends_a_plus_unencoded_sees_every_group_once(page_size: int, mockscope: MockSite) -> None:
    mockscope.set_policy(page_size=page_size)
    names = ["A!x", "A#x", "A+x", "R D", "R+D+", "+", "++", " B"]
    for name in names:
        mockscope.add_group(name)
    seen: list[str] = []
    cursor: str | None = ""
    for _ in range(MOST_PAGES):
        url = f"{mockscope.url}/api/v1/groups?next_page_start={(cursor or '').replace('#', '%23')}"
        page = requests.get(url, headers=mockscope.headers, timeout=WAIT_SECONDS).json()
        seen += [group["name"] for group in page["groups"]]
        cursor = page["next_page_start"]
        if cursor is None:
            break
    assert seen == sorted([*names, "Administrators", "All Users"])


@pytest.mark.rule("PAGE-1", "PAGE-2", "PAGE-6")
@pytest.mark.parametrize("page_size", [1, 2, 3, 7])
def test_a_loop_sees_every_group_once_whatever_the_names_hold(page_size: int, mockscope: MockSite) -> None:
    mockscope.set_policy(page_size=page_size)
    names = ["NY Knicks", "R D", "R+D", "R&D", "Sales/EMEA", "sales", "Café", "東京", "100%", "a=b#c"]
    for name in names:
        mockscope.add_group(name)
    seen: list[str] = []
    cursor: str | None = ""
    for _ in range(MOST_PAGES):
        page = requests.get(
            f"{mockscope.url}/api/v1/groups",
            params={"next_page_start": cursor},
            headers=mockscope.headers,
            timeout=WAIT_SECONDS,
        ).json()
        seen += [group["name"] for group in page["groups"]]
        cursor = page["next_page_start"]
        if cursor is None:
            break
    assert seen == sorted([*names, "Administrators", "All Users"])
