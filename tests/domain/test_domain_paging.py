"""PAGE-1 to PAGE-6 without HTTP: pages of a table, and following the cursor through a site."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import friends, unhurried

from mockscope import Access, Group, Policy
from mockscope.domain.rules import NewGroup, NewUser
from mockscope.domain.site import Site
from mockscope.domain.store import Page, Store, Table

COUNTS = (0, 1, 99, 100, 101, 200, 201)
# One site for each count: reading changes nothing, and filling takes longer than paging.
SITES: dict[int, Site] = {}


def site_of(count: int) -> Site:
    if count not in SITES:
        site = SITES[count] = Site("example-site", "key")
        for number in range(count):
            site.create_user(NewUser("Joey", "Tribbiani", f"Joey{number * 7919 % 10007}@example.com"))
            site.create_group(NewGroup(f"Group {number * 7919 % 10007}", Access.VIEW))
    return SITES[count]


def pages_of_users(site: Site) -> list[list[str]]:
    pages = []
    start: str | None = ""
    while start is not None:
        page = site.list_users(start)
        pages.append([user.email for user in page.records])
        start = page.next_start
    return pages


def pages_of_groups(site: Site) -> list[list[str]]:
    pages = []
    start: str | None = ""
    while start is not None:
        page = site.list_groups(start)
        pages.append([group.name for group in page.records])
        start = page.next_start
    return pages


def table_of(names: Iterable[str]) -> Table[Group]:
    table = Store().groups
    table.put({name: Group(name, Access.VIEW) for name in names})
    return table


@pytest.mark.rule("PAGE-2")
@pytest.mark.parametrize(
    ("names", "page", "following"),
    [("abc", ["a", "b"], "c"), ("ab", ["a", "b"], None), ("a", ["a"], None), ("", [], None)],
)
def test_a_full_page_names_the_first_record_of_the_next(names: str, page: list[str], following: str | None) -> None:
    found = table_of(names).page("", 2)

    assert ([group.name for group in found.records], found.next_start) == (page, following)


@pytest.mark.rule("PAGE-6")
@unhurried
@given(names=st.lists(st.text(), unique=True), size=st.integers(1, 20))
def test_consecutive_pages_lose_and_repeat_nothing(names: list[str], size: int) -> None:
    table, found = table_of(names), []
    start: str | None = ""
    while start is not None:
        page = table.page(start, size)
        assert len(page.rows) <= size
        found += [group.name for group in page.records]
        start = page.next_start

    assert found == sorted(names)


@pytest.mark.rule("PAGE-6")
@pytest.mark.parametrize("count", COUNTS)
@unhurried
@given(size=st.one_of(st.integers(1, 210), st.integers(1, 1000)))
def test_following_the_cursor_yields_every_record_once(count: int, size: int) -> None:
    site = site_of(count)
    site.policy = Policy(page_size=size)

    users, groups = pages_of_users(site), pages_of_groups(site)

    assert [email for page in users for email in page] == [user.email for user in site.store.users.records()]
    assert [name for page in groups for name in page] == [group.name for group in site.store.groups.records()]
    assert len(site.store.users) == count
    assert len(site.store.groups) == count + 2
    assert [len(page) for page in users[:-1]] == [size] * (len(users) - 1)
    assert [len(page) for page in groups[:-1]] == [size] * (len(groups) - 1)


@pytest.mark.rule("PAGE-6")
@unhurried
@given(names=st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=30), size=st.integers(1, 7))
def test_groups_with_any_names_are_paged_in_order_of_code_points(names: list[str], size: int) -> None:
    site = Site("example-site", "key", policy=Policy(page_size=size))
    for name in names:
        site.create_group(NewGroup(name, Access.VIEW))

    assert [name for page in pages_of_groups(site) for name in page] == sorted([*names, "Administrators", "All Users"])


@pytest.mark.rule("PAGE-1")
def test_users_are_ordered_by_email_in_lower_case() -> None:
    site = Site("example-site", "key")
    for email in ("Zoe@example.com", "b@example.com", "A@example.com", "C@example.com"):
        site.create_user(NewUser("Joey", "Tribbiani", email))

    emails = [user.email for user in site.list_users().records]

    assert emails == ["A@example.com", "b@example.com", "C@example.com", "Zoe@example.com"]


@pytest.mark.rule("PAGE-1")
def test_groups_are_ordered_by_code_point() -> None:
    site = friends()
    for name in ("sales", "Éclair", "Zoo"):
        site.create_group(NewGroup(name, Access.VIEW))

    names = [group.name for group in site.list_groups().records]

    assert names == ["Administrators", "All Users", "NY Knicks", "Sales", "Zoo", "sales", "Éclair"]


@pytest.mark.rule("PAGE-3")
def test_a_cursor_whose_user_was_deleted_still_works() -> None:
    site = friends(page_size=2)
    cursor = site.list_users().next_start
    assert cursor == "mike@example.com"
    site.delete_user(cursor)

    assert [user.email for user in site.list_users(cursor).records] == ["monica@example.com", "rachel@example.com"]


@pytest.mark.rule("PAGE-3")
def test_a_cursor_in_another_case_is_the_same_cursor() -> None:
    site = friends()

    assert site.list_users("MIKE@example.com") == site.list_users("mike@example.com")


@pytest.mark.rule("PAGE-3")
def test_a_cursor_whose_plus_was_decoded_as_a_space_starts_at_its_user() -> None:
    site = friends()
    site.create_user(NewUser("Joey", "Tribbiani", "joey+1@example.com"))
    # Between "joey " and "joey+" in the order of code points: would come twice if the blank were compared.
    site.create_user(NewUser("Joey", "Tribbiani", "joey!@example.com"))

    emails = [user.email for user in site.list_users("joey 1@example.com").records]

    assert emails == ["joey+1@example.com", *[f"{name}@example.com" for name in ("joey", "mike", "monica", "rachel")]]


@pytest.mark.rule("PAGE-4", "PAGE-5")
def test_a_cursor_after_every_record_is_an_empty_last_page() -> None:
    site = friends()

    assert site.list_users("zzz") == Page([], 5, None)
    assert site.list_groups("zzz") == Page([], 4, None)
