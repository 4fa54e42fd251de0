"""The rules of groups without HTTP."""

from collections.abc import Mapping

import pytest
from support.friends import FRIENDS, friends

from mockscope import Access, DashboardAccess, Group, Refusal, Refused
from mockscope.domain.model import Grant, GroupDetail
from mockscope.domain.rules import GroupChanges, NewGroup, UserChanges, parse_group_changes, parse_new_group
from mockscope.domain.site import Site

FIELDS: Mapping[str, object] = {"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"}


@pytest.mark.rule("GROUP-4")
def test_a_bare_site_has_the_two_built_in_groups() -> None:
    site = Site("example-site", "key")

    assert site.list_groups().records == [Group("Administrators", Access.SQL), Group("All Users", Access.SQL)]


@pytest.mark.rule("GROUP-2")
@pytest.mark.parametrize("word", ["sql", "Sql", "SQL", "sQL"])
def test_an_access_is_parsed_in_any_case(word: str) -> None:
    assert parse_new_group({**FIELDS, "access": word}) == NewGroup("Friends", Access.SQL, "rachel@example.com")


@pytest.mark.rule("GROUP-2")
@pytest.mark.parametrize(("word", "access"), [("DISCOVERY", "Discovery"), ("view", "View"), ("sql", "Sql")])
def test_an_access_is_rendered_with_one_capital(word: str, access: str) -> None:
    assert parse_group_changes({"access": word}).access == access


@pytest.mark.rule("GROUP-2")
@pytest.mark.parametrize("word", ["", " ", "sql ", "Edit", "views", "\u017fql", None, 1, True, ["sql"], {"sql": 1}])
def test_any_other_access_is_refused(word: object) -> None:
    for read in (parse_new_group, parse_group_changes):
        with pytest.raises(Refused) as refused:
            read({**FIELDS, "access": word})

        assert refused.value.values == {"problems": "access must be one of sql, discovery and view"}


@pytest.mark.rule("GROUP-3")
@pytest.mark.parametrize(
    ("access", "can_edit", "can_drag_and_drop"),
    [(Access.VIEW, False, False), (Access.SQL, True, False), (Access.DISCOVERY, False, True)],
)
def test_roles_follow_the_table_of_the_page(access: Access, *, can_edit: bool, can_drag_and_drop: bool) -> None:
    group = Group("Friends", access)

    assert (group.can_edit, group.can_drag_and_drop) == (can_edit, can_drag_and_drop)


@pytest.mark.rule("GROUP-1")
def test_one_group_is_shown_with_its_dashboards_in_order_of_name() -> None:
    site = friends()

    assert site.get_group("Administrators") == GroupDetail(
        "Administrators",
        Access.SQL,
        (Grant("Example Dashboard", DashboardAccess.EDIT), Grant("Test Dashboard", DashboardAccess.EDIT)),
    )
    assert site.get_group("NY Knicks") == GroupDetail("NY Knicks", Access.DISCOVERY, ())


@pytest.mark.rule("GROUP-GET-1", "GROUP-5")
@pytest.mark.parametrize("name", ["Friends", "sales", "SALES", "Sales ", ""])
def test_a_group_of_another_name_is_not_found(name: str) -> None:
    with pytest.raises(Refused) as refused:
        friends().get_group(name)

    assert str(refused.value) == str(Refused(Refusal.GROUP_UNKNOWN, host="example-site", name=name))


@pytest.mark.rule("GROUP-CREATE-1")
def test_every_bad_field_of_a_new_group_is_named() -> None:
    with pytest.raises(Refused) as refused:
        parse_new_group({"name": " ", "access": "Edit"})

    expected = Refused(
        Refusal.FIELDS_INVALID,
        rule="GROUP-CREATE-1",
        problems="name is blank; access must be one of sql, discovery and view; created_by_email is missing",
    )
    assert str(refused.value) == str(expected)


@pytest.mark.rule("GROUP-CREATE-1")
def test_the_creator_is_parsed_from_both_field_names_and_created_by_email_wins() -> None:
    other = {"name": "Friends", "access": "Sql", "create_by_email": "mike@example.com"}

    assert parse_new_group(other).created_by_email == "mike@example.com"
    assert parse_new_group({**other, "created_by_email": "rachel@example.com"}).created_by_email == "rachel@example.com"


@pytest.mark.rule("GROUP-CREATE-1")
def test_a_bad_creator_is_named_as_it_was_sent() -> None:
    with pytest.raises(Refused) as refused:
        parse_new_group({"name": "Friends", "access": "Sql", "create_by_email": 1})

    assert refused.value.values == {"problems": "create_by_email must be a string, and is a number"}


@pytest.mark.rule("GROUP-CREATE-2")
def test_any_user_of_the_site_may_create_a_group() -> None:
    site = friends()

    created = site.create_group(NewGroup("Friends", Access.SQL, "MONICA@example.com"))

    assert created == Group("Friends", Access.SQL)
    assert site.get_group("Friends") == GroupDetail("Friends", Access.SQL, ())


@pytest.mark.rule("GROUP-CREATE-2")
def test_a_group_can_not_be_created_by_somebody_else() -> None:
    with pytest.raises(Refused) as refused:
        friends().create_group(NewGroup("Friends", Access.SQL, "gunther@example.com"))

    assert str(refused.value) == (
        str(
            Refused(Refusal.CREATOR_UNKNOWN, field="created_by_email", host="example-site", email="gunther@example.com")
        )
    )


@pytest.mark.rule("GROUP-CREATE-1", "GROUP-CREATE-2")
@pytest.mark.parametrize("spelling", ["created_by_email", "create_by_email"])
def test_an_unknown_creator_is_named_with_the_field_that_was_sent(spelling: str) -> None:
    draft = parse_new_group({"name": "Friends", "access": "Sql", spelling: "gunther@example.com"})

    with pytest.raises(Refused) as refused:
        friends().create_group(draft)

    expected = Refused(Refusal.CREATOR_UNKNOWN, field=spelling, host="example-site", email="gunther@example.com")
    assert str(refused.value) == str(expected)


@pytest.mark.rule("GROUP-CREATE-3", "GROUP-5")
def test_a_name_is_taken_in_its_own_case_only() -> None:
    site = friends()
    site.create_group(FRIENDS)
    site.create_group(NewGroup("friends", Access.VIEW))

    with pytest.raises(Refused) as refused:
        site.create_group(FRIENDS)

    assert str(refused.value) == str(Refused(Refusal.GROUP_TAKEN, name="Friends"))


@pytest.mark.rule("GROUP-UPDATE-1")
@pytest.mark.parametrize(
    ("body", "group"),
    [
        ({}, Group("Sales", Access.VIEW)),
        ({"access": "sql"}, Group("Sales", Access.SQL)),
        ({"name": "Friends"}, Group("Friends", Access.VIEW)),
        ({"name": "Friends", "access": "Discovery"}, Group("Friends", Access.DISCOVERY)),
        ({"name": "Sales", "access": "Discovery"}, Group("Sales", Access.DISCOVERY)),
        ({"name": "sales"}, Group("sales", Access.VIEW)),
    ],
)
def test_an_update_of_a_group_changes_what_was_sent(body: Mapping[str, object], group: Group) -> None:
    site = friends()

    assert site.update_group("Sales", parse_group_changes(body)) == group
    assert site.store.groups.get(group.name) == group
    assert len(site.store.groups) == 4


@pytest.mark.rule("GROUP-UPDATE-2")
def test_an_unknown_group_or_a_name_of_another_group_is_refused() -> None:
    site = friends()

    with pytest.raises(Refused) as unknown:
        site.update_group("Friends", GroupChanges())
    with pytest.raises(Refused) as taken:
        site.update_group("Sales", GroupChanges(name="NY Knicks"))

    assert (unknown.value.status, unknown.value.rule) == (404, "GROUP-UPDATE-2")
    assert (taken.value.status, taken.value.rule) == (409, "GROUP-UPDATE-2")


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_rename_keeps_members_and_dashboards() -> None:
    site = friends()

    site.update_group("Sales", GroupChanges(name="Friends"))

    assert site.get_user("joey@example.com").groups == ("All Users", "Friends")
    grants = (Grant("Example Dashboard", DashboardAccess.EDIT),)
    assert site.get_group("Friends") == GroupDetail("Friends", Access.VIEW, grants)
    assert site.store.groups.get("Sales") is None
    assert site.store.dashboards.get("Example Dashboard") is not None
    # The indexes follow: a second rename and a deletion find the same members and dashboards.
    site.update_group("Friends", GroupChanges(name="Sales"))
    site.delete_group("Sales")
    assert site.get_user("joey@example.com").groups == ("All Users",)


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_rename_keeps_the_place_of_the_group_among_those_of_a_member() -> None:
    site = friends()
    site.update_user("joey@example.com", UserChanges(groups=("Sales", "NY Knicks", "All Users")))

    site.update_group("NY Knicks", GroupChanges(name="Zoo"))

    assert site.get_user("joey@example.com").groups == ("Sales", "Zoo", "All Users")


@pytest.mark.rule("GROUP-DELETE-2")
def test_members_of_a_deleted_group_stay_users_and_keep_a_group() -> None:
    site = friends()
    site.update_user("monica@example.com", UserChanges(groups=("Sales",)))

    assert site.delete_group("Sales") == Group("Sales", Access.VIEW)

    assert site.get_user("joey@example.com").groups == ("All Users",)
    assert site.get_user("monica@example.com").groups == ("All Users",)
    board = site.store.dashboards.get("Example Dashboard")
    assert board is not None
    assert board.access == {"Administrators": DashboardAccess.EDIT}


@pytest.mark.rule("GROUP-DELETE-1")
def test_deleting_an_unknown_group_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        friends().delete_group("Friends")

    assert (refused.value.status, refused.value.rule) == (404, "GROUP-DELETE-1")


@pytest.mark.rule("GROUP-DELETE-2")
def test_a_group_that_is_created_again_has_no_members() -> None:
    site = friends()
    site.delete_group("Sales")
    site.create_group(NewGroup("Sales", Access.VIEW))

    assert site.get_user("joey@example.com").groups == ("All Users",)
    assert site.get_group("Sales") == GroupDetail("Sales", Access.VIEW, ())


@pytest.mark.rule("GROUP-BUILTIN-1")
@pytest.mark.parametrize("name", ["Administrators", "All Users"])
def test_a_built_in_group_can_only_change_its_access(name: str) -> None:
    site = friends()

    with pytest.raises(Refused) as deleted:
        site.delete_group(name)
    with pytest.raises(Refused) as renamed:
        site.update_group(name, GroupChanges(name="Friends"))
    with pytest.raises(Refused) as taken:
        site.update_group(name, GroupChanges(name="Sales"))

    assert (deleted.value.refusal, deleted.value.status) == (Refusal.BUILTIN_DELETED, 400)
    assert (renamed.value.refusal, renamed.value.status) == (Refusal.BUILTIN_RENAMED, 400)
    assert taken.value.refusal is Refusal.BUILTIN_RENAMED
    changes = GroupChanges(name=name, access=Access.VIEW)
    assert site.update_group(name, changes) == Group(name, Access.VIEW)
