"""The search for a text in the records of a site, page by page."""

from itertools import product

import pytest
from support.friends import friends

from mockscope.domain.model import Access
from mockscope.domain.rules import NewGroup, NewUser, UserChanges
from mockscope.domain.search import search_dashboards, search_groups, search_users

TEXTS = ("", "geller", "Joey", "SALES", "l", "a b", "@", "administrators", "ß", "STRASSE", "nobody")
STARTS = ("", "a", "JOEY@example.com", "n o", "Sales", "zz")


@pytest.mark.rule("PAGE-2", "PAGE-3", "PAGE-4")
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_page_is_the_one_that_comparing_each_user_gives(size: int) -> None:
    site = friends()
    site.create_group(NewGroup("Straße", Access.VIEW))
    site.create_user(NewUser("Ross", "Geller", "no+one@example.com", ("Straße",)))
    site.create_user(NewUser("Ünal", "Weiß", "a@example.com"))

    for text, start in product(TEXTS, STARTS):
        found = [
            user
            for user in site.store.users.records()
            if any(
                text.casefold() in value.casefold()
                for value in (user.email, f"{user.first_name} {user.last_name}", *user.groups)
            )
        ]
        later = [user for user in found if user.email >= start.lower().replace(" ", "+")]

        page = search_users(site, text, start, size)

        assert (page.total, page.records) == (len(found), later[:size]), (text, start)
        assert page.next_start == (later[size].email if len(later) > size else None), (text, start)


@pytest.mark.rule("PAGE-3")
def test_groups_and_dashboards_are_found_by_name_alone() -> None:
    site = friends()

    groups, dashboards = search_groups(site, "S", "", 2), search_dashboards(site, "dash", "F", 1)

    assert ([group.name for group in groups.records], groups.total, groups.next_start) == (
        ["Administrators", "All Users"],
        4,
        "NY Knicks",
    )
    assert [board.name for board in dashboards.records] == ["Test Dashboard"]
    assert (dashboards.total, dashboards.next_start) == (2, None)


def test_a_page_keeps_the_records_of_the_moment_of_the_search() -> None:
    site = friends()
    page = search_users(site, "joey", "", 1)

    site.update_user("joey@example.com", UserChanges(first_name="Ken"))

    assert [user.first_name for user in page.records] == ["Joey"]
    assert search_users(site, "ken", "", 1).total == 1
