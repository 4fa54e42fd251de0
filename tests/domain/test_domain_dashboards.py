"""Dashboards: users own them, groups have access to them, and no operation of the API changes them."""

import pytest
from support.friends import exported, friends

from mockscope import Dashboard, DashboardAccess, Refusal, Refused
from mockscope.domain.rules import GroupChanges, NewUser
from mockscope.domain.site import Site

EDIT = DashboardAccess.EDIT


def board(site: Site, name: str) -> Dashboard | None:
    return site.store.dashboards.get(name)


@pytest.mark.rule("USER-DELETE-2")
def test_the_dashboards_of_a_deleted_user_stay_without_an_owner() -> None:
    site = friends()
    site.create_dashboard(Dashboard("Joey's", "joey@example.com", {}))

    site.delete_user("MONICA@example.com")

    assert board(site, "Test Dashboard") == Dashboard("Test Dashboard", None, {"Administrators": EDIT})
    assert board(site, "Example Dashboard") == Dashboard(
        "Example Dashboard", None, {"Administrators": EDIT, "Sales": EDIT}
    )
    assert board(site, "Joey's") == Dashboard("Joey's", "joey@example.com", {})


@pytest.mark.rule("USER-DELETE-2")
def test_a_user_created_again_under_the_same_email_owns_nothing() -> None:
    site = friends()
    site.delete_user("monica@example.com")
    site.create_user(NewUser("Monica", "Bing", "monica@example.com"))
    site.delete_user("monica@example.com")

    assert [dashboard.owner for dashboard in site.store.dashboards.records()] == [None, None]


@pytest.mark.rule("USER-DELETE-2")
def test_an_owner_named_in_another_case_is_the_same_owner() -> None:
    site = friends()
    site.create_dashboard(Dashboard("Revenue", "JOEY@example.com", {}))

    site.delete_user("joey@example.com")

    assert board(site, "Revenue") == Dashboard("Revenue", None, {})


@pytest.mark.rule("USER-DELETE-2")
def test_an_owner_is_spelled_as_the_user_is() -> None:
    site = friends()

    made = site.create_dashboard(Dashboard("Revenue", "JOEY@example.com", {}))

    assert made.owner == "joey@example.com"


@pytest.mark.parametrize(
    ("dashboard", "refusal", "status"),
    [
        (Dashboard("Revenue", "phoebe@example.com", {}), Refusal.OWNER_UNKNOWN, 400),
        (Dashboard("Revenue", None, {"Friends": EDIT}), Refusal.GROUPS_UNKNOWN, 400),
        (Dashboard("Test Dashboard", None, {}), Refusal.DASHBOARD_TAKEN, 409),
    ],
)
def test_a_dashboard_with_a_dangling_reference_or_a_taken_name_is_refused(
    dashboard: Dashboard, refusal: Refusal, status: int
) -> None:
    site = friends()
    before = exported(site)

    with pytest.raises(Refused) as refused:
        site.create_dashboard(dashboard)

    assert (refused.value.refusal, refused.value.status) == (refusal, status)
    assert exported(site) == before


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_renamed_group_keeps_its_access_to_a_dashboard() -> None:
    site = friends()
    site.create_dashboard(Dashboard("Revenue", None, {"Sales": DashboardAccess.VIEW, "NY Knicks": EDIT}))

    site.update_group("Sales", GroupChanges(name="Friends"))

    assert board(site, "Revenue") == Dashboard("Revenue", None, {"Friends": DashboardAccess.VIEW, "NY Knicks": EDIT})


@pytest.mark.rule("GROUP-DELETE-2")
def test_a_dashboard_survives_the_deletion_of_its_last_group() -> None:
    site = friends()
    site.create_dashboard(Dashboard("Revenue", "joey@example.com", {"Sales": EDIT}))

    site.delete_group("Sales")

    assert board(site, "Revenue") == Dashboard("Revenue", "joey@example.com", {})
