"""Records that a test changes and removes through the handle of a site, as if another client did it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.site_comparison import assert_like_fresh, friends

from mockscope import Access, Dashboard, DashboardAccess, Group, MockSite, Refused, User

MONICA = User("Monica", "Geller", "monica@example.com", ("All Users",))
EDIT, VIEW = DashboardAccess.EDIT, DashboardAccess.VIEW


@pytest.fixture
def site() -> Iterator[MockSite]:
    mock, site = friends()
    yield site
    assert list(site.calls) == []
    assert_like_fresh(mock, site)


@pytest.mark.rule("USER-UPDATE-2")
@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({}, MONICA),
        ({"first_name": "Mon"}, User("Mon", "Geller", "monica@example.com", ("All Users",))),
        ({"last_name": "Bing"}, User("Monica", "Bing", "monica@example.com", ("All Users",))),
        ({"groups": ["Sales", "Sales"]}, User("Monica", "Geller", "monica@example.com", ("Sales",))),
        ({"groups": iter(["Sales"])}, User("Monica", "Geller", "monica@example.com", ("Sales",))),
        ({"groups": []}, MONICA),
        ({"tfa_enabled": True}, User("Monica", "Geller", "monica@example.com", ("All Users",), tfa_enabled=True)),
    ],
)
def test_only_the_given_fields_of_a_user_change(site: MockSite, changes: dict[str, Any], changed: User) -> None:
    others = {email: user for email, user in site.users.items() if email != "monica@example.com"}

    assert site.update_user("MONICA@example.com", **changes) == changed

    assert dict(site.users) == {**others, "monica@example.com": changed}


def test_two_factor_authentication_is_switched_off_and_times_stay(site: MockSite) -> None:
    at = "2014-02-06T23:46:07.118Z"
    joey = site.add_user("joey@example.com", last_login_at=at, password_updated_at=at, tfa_enabled=True)

    assert joey.tfa_enabled
    assert site.update_user("joey@example.com", tfa_enabled=False) == User(
        "Test", "User", "joey@example.com", ("All Users",), at, at, tfa_enabled=False
    )


@pytest.mark.rule("USER-DELETE-2")
def test_a_removed_user_leaves_dashboards_without_an_owner(site: MockSite) -> None:
    site.remove_user("MONICA@example.com")

    assert list(site.users) == ["Chandler@example.com", "rachel@example.com"]
    assert site.dashboards["Example Dashboard"] == Dashboard("Example Dashboard", None, {"Administrators": EDIT})


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_renamed_group_keeps_its_members_and_dashboards(site: MockSite) -> None:
    assert site.update_group("Sales", new_name="Support", access="sql") == Group("Support", Access.SQL)

    assert list(site.groups) == ["Administrators", "All Users", "NY Knicks", "Support"]
    assert site.users["chandler@example.com"].groups == ("Support",)
    assert site.dashboards["Test Dashboard"].access == {"Support": VIEW}
    assert site.update_group("Administrators", access="View") == Group("Administrators", Access.VIEW)


@pytest.mark.rule("GROUP-DELETE-2")
def test_members_of_a_removed_group_stay_users(site: MockSite) -> None:
    site.remove_group("Sales")

    assert list(site.groups) == ["Administrators", "All Users", "NY Knicks"]
    assert site.users["chandler@example.com"].groups == ("All Users",)
    assert site.dashboards["Test Dashboard"].access == {}


@pytest.mark.rule("GROUP-BUILTIN-1")
def test_without_protection_a_built_in_group_is_renamed_and_removed(site: MockSite) -> None:
    site.set_policy(protect_builtin_groups=False)

    site.update_group("Administrators", new_name="Owners")
    site.remove_group("All Users")

    assert list(site.groups) == ["NY Knicks", "Owners", "Sales"]
    assert site.users["rachel@example.com"].groups == ("Owners",)


def test_a_dashboard_is_changed_and_removed(site: MockSite) -> None:
    changed = site.update_dashboard("Test Dashboard", new_name="Revenue", owner="CHANDLER@example.com")
    assert changed == Dashboard("Revenue", "Chandler@example.com", {"Sales": VIEW})
    assert site.update_dashboard("Revenue", access={"NY Knicks": "edit"}).access == {"NY Knicks": EDIT}
    assert site.update_dashboard("Revenue", owner=None) == Dashboard("Revenue", None, {"NY Knicks": EDIT})
    assert site.update_dashboard("Revenue", access={}) == Dashboard("Revenue", None, {})
    assert list(site.dashboards) == ["Example Dashboard", "Revenue"]

    site.remove_dashboard("Revenue")
    assert list(site.dashboards) == ["Example Dashboard"]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda site: site.update_user("joey@example.com"), "400 No user of the site example_site has the email joey@"),
        (lambda site: site.update_user("monica@example.com", first_name=" "), "400 .* first_name is blank"),
        (lambda site: site.update_user("monica@example.com", groups="Sales"), "400 .* groups must be a list"),
        (lambda site: site.update_user("monica@example.com", groups=["Zoo"]), "400 The site example_site has no group"),
        (lambda site: site.update_user("monica@example.com", tfa_enabled=1), "400 .* tfa_enabled must be true or"),
        (lambda site: site.remove_user("joey@example.com"), r"400 No user of .* \[USER-DELETE-1\]"),
        (lambda site: site.update_group("Zoo"), r"404 The site example_site has no group Zoo\. \[GROUP-UPDATE-2\]"),
        (lambda site: site.update_group("Sales", new_name="NY Knicks"), "409 A group with the name NY Knicks exists"),
        (lambda site: site.update_group("All Users", new_name="All"), "400 The group All Users is built in"),
        (lambda site: site.update_group("Sales", new_name=""), "400 .* name is blank"),
        (
            lambda site: site.update_group("Sales", access="Edit"),
            "400 .* access must be one of sql",
        ),
        (lambda site: site.remove_group("sales"), r"404 The site example_site has no group sales\. \[GROUP-DELETE-1\]"),
        (lambda site: site.remove_group("All Users"), "400 The group All Users is built in and can't be deleted"),
        (lambda site: site.update_dashboard("Zoo"), "404 The site example_site has no dashboard Zoo"),
        (lambda site: site.update_dashboard("Test Dashboard", new_name=" "), "400 .* name is blank"),
        (lambda site: site.update_dashboard("Test Dashboard", owner="joey@example.com"), "400 The owner is not a user"),
        (lambda site: site.update_dashboard("Test Dashboard", access={"Sales": "Own"}), "400 .* must be Edit or View"),
        (lambda site: site.update_dashboard("Test Dashboard", new_name="Example Dashboard"), "409 A dashboard with"),
        (lambda site: site.remove_dashboard("Zoo"), "404 The site example_site has no dashboard Zoo"),
    ],
)
def test_a_refused_change_leaves_the_site_as_it_was(
    site: MockSite, change: Callable[[MockSite], object], refusal: str
) -> None:
    before = site.export()

    with pytest.raises(Refused, match=refusal):
        change(site)

    assert site.export() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda site: site.update_user(None), "email must be text, not None"),
        (lambda site: site.remove_user([]), r"email must be text, not \[\]"),
        (lambda site: site.update_group(1), "name must be text, not 1"),
        (lambda site: site.remove_group(None), "name must be text, not None"),
        (lambda site: site.update_dashboard({}), "name must be text, not {}"),
        (lambda site: site.remove_dashboard(None), "name must be text, not None"),
        (lambda site: site.update_dashboard("Test Dashboard", access=["Sales"]), r"access must be an object .*Sales"),
    ],
)
def test_an_argument_of_another_type_is_an_error_that_names_it(
    site: MockSite, change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        change(site)
