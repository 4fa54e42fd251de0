"""The changes of a site since an earlier state, and assertions on them."""

import re
from typing import Any

import pytest
from dirty_equals import IsStr
from support.site_comparison import FRIENDS, USERS, friends, send_request

from mockscope import MockSite

JOEY = "joey@example.com"
MONICA = "monica@example.com"


def renamed(name: str, *first_names: str) -> dict[str, Any]:
    return {"kind": "user", "name": name, "change": "changed", "fields": {"first_name": [*first_names]}}


# -- since what ------------------------------------------------------------------------------------------------


def test_changes_are_those_since_the_first_state_or_a_snapshot() -> None:
    mock, site = friends()
    assert send_request(mock, site, "PUT", USERS, {"first_name": "Mo"}, email=MONICA)[0] == 200
    snapshot = site.snapshot("before")
    site.update_user(MONICA, first_name="Moni")

    assert site.changes() == [renamed(MONICA, "Monica", "Moni")]
    assert site.changes(since=snapshot) == site.changes(since="before") == [renamed(MONICA, "Mo", "Moni")]
    site.restore("before")
    assert site.changes(since="before") == []
    site.reset()
    assert site.changes() == []


def test_a_loaded_seed_is_compared_with_the_earlier_records() -> None:
    _, site = friends()
    site.update_user(MONICA, first_name="Mo")

    site.load(FRIENDS)

    assert site.changes() == []


def test_a_fork_has_not_changed() -> None:
    _, site = friends()
    site.remove_user(MONICA)

    assert site.fork().changes() == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [("befor", "'befor'; did you mean before?"), ("x", "'x'; known: before"), ("", "''; known: before")],
)
def test_an_unknown_snapshot_is_named_with_the_nearest(name: str, problem: str) -> None:
    _, site = friends()
    site.snapshot("before")

    for use in (site.changes, site.assert_unchanged, site.restore):
        with pytest.raises(LookupError, match=f"^the site example_site has no snapshot {re.escape(problem)}$"):
            use(name)


@pytest.mark.parametrize("since", [7, True, b"before"])
def test_a_value_that_is_not_a_snapshot_is_refused(since: Any) -> None:
    _, site = friends()

    with pytest.raises(ValueError, match=r"^snapshot must be a snapshot of this site or the name of one, not "):
        site.changes(since)


def test_a_snapshot_of_another_site_is_refused() -> None:
    _, site = friends()
    fork = site.fork("fork")

    with pytest.raises(ValueError, match=r"^this is a snapshot of fork, not of example_site$"):
        site.changes(fork.snapshot())


# -- assertions ------------------------------------------------------------------------------------------------


def complaint(assertion: Any, *args: Any, **fields: Any) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        assertion(*args, **fields)
    return str(caught.value).splitlines()


def changed_site() -> MockSite:
    """Return a site on which Joey was added and renamed, Chandler removed, and Sales renamed."""
    _, site = friends()
    site.add_user(JOEY, first_name="Joey", last_name="Tribbiani")
    site.snapshot("with Joey")
    site.update_user(JOEY, first_name="Jo")
    site.remove_user("chandler@example.com")
    site.update_group("Sales", new_name="Vendite")
    site.update_dashboard("Example Dashboard", new_name="Dashboard")
    return site


def test_a_change_that_happened_is_asserted() -> None:
    site = changed_site()

    site.assert_changed("user", JOEY)
    site.assert_changed("user", "JOEY@example.com", change="created", first_name="Jo", groups=("All Users",))
    site.assert_changed("user", JOEY, since="with Joey", change="changed", first_name=IsStr(max_length=2))
    site.assert_changed("user", "chandler@example.com", change="removed")
    site.assert_changed("group", "Sales", name="Vendite")
    site.assert_changed("dashboard", "Test Dashboard", access={"Vendite": "View"})
    site.assert_changed("dashboard", "Example Dashboard", change="changed", name="Dashboard")


def test_a_record_that_differs_otherwise_is_shown() -> None:
    site = changed_site()

    assert complaint(
        site.assert_changed, "user", JOEY, since="with Joey", change="removed", first_name="Joe", last_name="Tribbiani"
    ) == [
        "expected the removal of the user joey@example.com with first_name='Joe', last_name='Tribbiani' "
        "on the site example_site since the snapshot 'with Joey', and it differs",
        "  user joey@example.com changed: first_name 'Joey' → 'Jo'",
        "      change: 'changed', and expected 'removed'",
        "      first_name: 'Jo', and expected 'Joe'",
        "      last_name: nothing, and expected 'Tribbiani'",
    ]


def test_a_record_that_did_not_change_is_shown_with_the_nearest_that_did() -> None:
    site = changed_site()
    site.add_user("ross@example.com", first_name="Ross", last_name="Geller")

    assert complaint(site.assert_changed, "user", "joe@example.com", since="with Joey", first_name="Jo") == [
        "expected a change of the user joe@example.com with first_name='Jo' on the site example_site "
        "since the snapshot 'with Joey', and it did not change",
        "the nearest records that did change:",
        "  user joey@example.com changed: first_name 'Joey' → 'Jo'",
        "  user ross@example.com created: first_name 'Ross', last_name 'Geller', groups ['All Users'], "
        "tfa_enabled False",
        "  user Chandler@example.com removed",
    ]


def test_a_group_is_asserted_by_its_earlier_name() -> None:
    site = changed_site()

    first, _, nearest, *_ = complaint(site.assert_changed, "group", "Vendite", since=site.snapshots["with Joey"])

    assert first.endswith("and it did not change")
    assert nearest == "  group Sales changed: name 'Sales' → 'Vendite'"


def test_a_site_without_changes_says_so() -> None:
    _, site = friends()

    assert complaint(site.assert_changed, "user", MONICA, since=site.snapshot()) == [
        "expected a change of the user monica@example.com on the site example_site since a snapshot, "
        "and it did not change",
        "no record changed",
    ]


def test_an_unchanged_site_is_asserted() -> None:
    site = changed_site()

    site.assert_unchanged(since=site.snapshot())
    assert complaint(site.assert_unchanged) == [
        "expected no changes on the site example_site since its first state, and 5 records changed:",
        "  group Sales changed: name 'Sales' → 'Vendite'",
        "  user Chandler@example.com removed",
        "  user joey@example.com created: first_name 'Jo', last_name 'Tribbiani', groups ['All Users'], "
        "tfa_enabled False",
        "  dashboard Example Dashboard changed: name 'Example Dashboard' → 'Dashboard'",
        "  dashboard Test Dashboard changed: access {'Sales': 'View'} → {'Vendite': 'View'}",
    ]


def test_a_message_shows_twenty_changes() -> None:
    _, site = friends()
    for number in range(21):
        site.add_user(f"joey{number:02}@example.com")

    lines = complaint(site.assert_unchanged)

    assert (len(lines), lines[-1]) == (22, "  ... and 1 more")


def test_keys_are_redacted_in_messages() -> None:
    _, site = friends()
    site.add_user(JOEY, first_name=site.api_key)

    for lines in (complaint(site.assert_unchanged), complaint(site.assert_changed, "user", JOEY, first_name="e179017")):
        assert site.api_key not in "\n".join(lines)
        assert "…a9f1" in lines[1]


@pytest.mark.parametrize(
    ("args", "fields", "problem"),
    [
        (("usr", JOEY), {}, "there is no kind of record 'usr'; did you mean user?"),
        (("user", JOEY), {"frist_name": "Jo"}, "there is no field of a user 'frist_name'; did you mean first_name?"),
        (("group", "Sales"), {"email": JOEY}, "there is no field of a group 'email'; known: name, access"),
        (("user", JOEY), {"change": "deleted"}, "there is no change 'deleted'; known: created, changed, removed"),
        (("user", None), {}, "name must be text, not None"),
    ],
)
def test_a_wrong_expectation_is_refused(args: tuple[Any, ...], fields: dict[str, Any], problem: str) -> None:
    _, site = friends()

    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        site.assert_changed(*args, **fields)
