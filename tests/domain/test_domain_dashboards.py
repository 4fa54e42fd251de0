"""Dashboards: users own them, groups have access to them, and no operation of the API changes them."""

import pytest
from support.friends import exported, friends

from mockscope import Dashboard, DashboardAccess, Refusal, Refused
from mockscope.domain.dashboards import DashboardChanges, create_dashboard, delete_dashboard, update_dashboard
from mockscope.domain.rules import GroupChanges, NewUser
from mockscope.domain.site import Site

EDIT = DashboardAccess.EDIT


def board(site: Site, name: str) -> Dashboard | None:
    return site.store.dashboards.get(name)


def board_of(owner: str | None) -> Dashboard:
    return Dashboard("Test Dashboard", owner, {"Administrators": EDIT})


@pytest.mark.rule("USER-DELETE-2")
def test_the_dashboards_of_a_deleted_user_stay_without_an_owner() -> None:
    site = friends()
    create_dashboard(site, Dashboard("Joey's", "joey@example.com", {}))

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
    create_dashboard(site, Dashboard("Revenue", "JOEY@example.com", {}))

    site.delete_user("joey@example.com")

    assert board(site, "Revenue") == Dashboard("Revenue", None, {})


@pytest.mark.rule("USER-DELETE-2")
def test_an_owner_is_spelled_as_the_user_is() -> None:
    site = friends()

    made = create_dashboard(site, Dashboard("Revenue", "JOEY@example.com", {}))

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
        create_dashboard(site, dashboard)

    assert (refused.value.refusal, refused.value.status) == (refusal, status)
    assert exported(site) == before


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_renamed_group_keeps_its_access_to_a_dashboard() -> None:
    site = friends()
    create_dashboard(site, Dashboard("Revenue", None, {"Sales": DashboardAccess.VIEW, "NY Knicks": EDIT}))

    site.update_group("Sales", GroupChanges(name="Friends"))

    assert board(site, "Revenue") == Dashboard("Revenue", None, {"Friends": DashboardAccess.VIEW, "NY Knicks": EDIT})


@pytest.mark.rule("GROUP-DELETE-2")
def test_a_dashboard_survives_the_deletion_of_its_last_group() -> None:
    site = friends()
    create_dashboard(site, Dashboard("Revenue", "joey@example.com", {"Sales": EDIT}))

    site.delete_group("Sales")

    assert board(site, "Revenue") == Dashboard("Revenue", "joey@example.com", {})


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        (DashboardChanges(), Dashboard("Test Dashboard", "monica@example.com", {"Administrators": EDIT})),
        (DashboardChanges(name="Plan"), Dashboard("Plan", "monica@example.com", {"Administrators": EDIT})),
        (DashboardChanges(owner="JOEY@example.com"), board_of("joey@example.com")),
        (DashboardChanges(owner=None), board_of(None)),
        (DashboardChanges(access={"Sales": EDIT}), Dashboard("Test Dashboard", "monica@example.com", {"Sales": EDIT})),
        (DashboardChanges("Plan", None, {}), Dashboard("Plan", None, {})),
    ],
)
def test_a_changed_dashboard_is_the_only_one_that_differs(changes: DashboardChanges, changed: Dashboard) -> None:
    site = friends()
    example = Dashboard("Example Dashboard", "monica@example.com", {"Administrators": EDIT, "Sales": EDIT})

    assert update_dashboard(site, "Test Dashboard", changes) == changed

    assert site.store.dashboards.all() == {"Example Dashboard": example, changed.name: changed}


def test_a_deleted_dashboard_can_be_restored() -> None:
    site = friends()
    before = site.snapshot()

    delete_dashboard(site, "Test Dashboard")

    assert list(site.store.dashboards) == ["Example Dashboard"]
    site.restore(before)
    assert exported(site) == exported(friends())


@pytest.mark.parametrize(
    ("name", "changes", "refusal"),
    [
        ("Revenue", DashboardChanges(), Refusal.DASHBOARD_UNKNOWN),
        ("test dashboard", DashboardChanges(), Refusal.DASHBOARD_UNKNOWN),
        ("Test Dashboard", DashboardChanges("Example Dashboard"), Refusal.DASHBOARD_TAKEN),
        ("Test Dashboard", DashboardChanges(owner="phoebe@example.com"), Refusal.OWNER_UNKNOWN),
        ("Test Dashboard", DashboardChanges("Plan", None, {"Friends": EDIT}), Refusal.GROUPS_UNKNOWN),
    ],
)
def test_a_refused_change_of_a_dashboard_changes_nothing(
    name: str, changes: DashboardChanges, refusal: Refusal
) -> None:
    site = friends()
    before = exported(site)

    with pytest.raises(Refused) as refused:
        update_dashboard(site, name, changes)

    assert (refused.value.refusal, exported(site)) == (refusal, before)


def test_an_unknown_dashboard_can_not_be_deleted() -> None:
    with pytest.raises(Refused) as refused:
        delete_dashboard(friends(), "Revenue")

    assert (refused.value.refusal, refused.value.status) == (Refusal.DASHBOARD_UNKNOWN, 404)
