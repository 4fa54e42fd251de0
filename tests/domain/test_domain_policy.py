"""The seven switches of a policy, each with every value. tests/web has their effect over HTTP."""

import re

import pytest
from support.friends import FRIENDS, exported, friends

from mockscope import Access, Group, Policy, Refusal, Refused
from mockscope.domain.rules import GroupChanges, NewGroup, NewUser, UserChanges
from mockscope.domain.site import Site


def phoebe(*groups: str) -> NewUser:
    return NewUser("Phoebe", "Buffay", "phoebe@example.com", groups)


def groups_of(site: Site, email: str = "phoebe@example.com") -> tuple[str, ...]:
    return site.get_user(email).groups


def test_the_defaults_are_those_of_the_contract() -> None:
    assert Policy() == Policy(
        page_size=100,
        test_mode_create_status=200,
        unknown_groups="reject",
        implicit_all_users=False,
        creator_must_be_admin=False,
        protect_builtin_groups=True,
        require_json_content_type=False,
    )


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("page_size", 1),
        ("page_size", 1000),
        ("test_mode_create_status", 201),
        ("unknown_groups", "ignore"),
        ("unknown_groups", "create"),
        ("implicit_all_users", True),
        ("creator_must_be_admin", True),
        ("protect_builtin_groups", False),
        ("require_json_content_type", True),
    ],
)
def test_a_switch_can_be_changed_alone(switch: str, value: object) -> None:
    turned = Policy().with_changes(**{switch: value})

    differing = [name for name in Policy.__struct_fields__ if getattr(turned, name) != getattr(Policy(), name)]
    assert differing == [switch]
    assert getattr(turned, switch) == value


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("page_size", 0),
        ("page_size", 1001),
        ("page_size", "100"),
        ("page_size", True),
        ("page_size", None),
        ("test_mode_create_status", 204),
        ("test_mode_create_status", "201"),
        ("unknown_groups", "refuse"),
        ("unknown_groups", None),
        ("implicit_all_users", "yes"),
        ("implicit_all_users", 1),
        ("creator_must_be_admin", None),
        ("protect_builtin_groups", 0),
        ("require_json_content_type", "true"),
    ],
)
def test_an_unknown_value_is_refused_and_the_switch_is_named(switch: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^policy\.{switch} must be [^`]+, not {re.escape(repr(value))}$"):
        Policy().with_changes(**{switch: value})


@pytest.mark.parametrize(
    ("switch", "value", "problem"),
    [
        ("unknown_groups", "rejct", "create or ignore or reject, not 'rejct'"),
        ("test_mode_create_status", 204, "200 or 201, not 204"),
    ],
)
def test_a_value_that_is_not_a_choice_is_refused_with_the_choices(switch: str, value: object, problem: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the whole message is compared)
        Policy().with_changes(**{switch: value})
    assert str(caught.value) == f"policy.{switch} must be {problem}"


@pytest.mark.parametrize(
    ("switch", "hint"),
    [
        ("page_siz", "did you mean page_size?"),
        ("creator_must_be_administrator", "did you mean creator_must_be_admin?"),
        ("mood", f"known: {', '.join(Policy.__struct_fields__)}"),
    ],
)
def test_an_unknown_switch_is_refused_and_the_nearest_is_named(switch: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'policy: there is no field {switch} here; {hint}')}$"):
        Policy().with_changes(**{"page_size": 7, switch: 1})


@pytest.mark.rule("PAGE-2")
@pytest.mark.parametrize(("size", "pages"), [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (5, [5]), (1000, [5])])
def test_page_size_is_the_maximum_of_a_page(size: int, pages: list[int]) -> None:
    site = friends(page_size=size)
    found = []
    start: str | None = ""
    while start is not None:
        page = site.list_users(start)
        found.append(len(page.records))
        start = page.next_start

    assert found == pages


@pytest.mark.rule("USER-CREATE-2")
def test_unknown_groups_reject() -> None:
    site = friends(unknown_groups="reject")
    before = exported(site)

    with pytest.raises(Refused) as refused:
        site.create_user(phoebe("Sales", "Friends", "Zoo"))

    assert refused.value.values == {"host": "example-site", "names": "Friends, Zoo", "name": "Friends"}
    assert exported(site) == before


@pytest.mark.rule("USER-CREATE-2")
def test_unknown_groups_ignore() -> None:
    site = friends(unknown_groups="ignore")

    site.create_user(phoebe("Friends", "Sales", "", "Zoo"))
    site.update_user("joey@example.com", UserChanges(groups=("Friends",)))

    assert groups_of(site) == ("Sales",)
    assert groups_of(site, "joey@example.com") == ("All Users",)
    assert len(site.store.groups) == 4


@pytest.mark.rule("USER-CREATE-2")
def test_unknown_groups_create() -> None:
    site = friends(unknown_groups="create")

    site.create_user(phoebe("Friends", "Sales"))
    site.update_user("joey@example.com", UserChanges(groups=("Zoo",)))

    assert groups_of(site) == ("Friends", "Sales")
    assert groups_of(site, "joey@example.com") == ("Zoo",)
    assert [site.store.groups.get(name) for name in ("Friends", "Zoo")] == [
        Group("Friends", Access.VIEW),
        Group("Zoo", Access.VIEW),
    ]


@pytest.mark.rule("USER-CREATE-2", "TEST-4")
def test_unknown_groups_create_nothing_when_the_user_is_refused_or_the_run_is_dry() -> None:
    site = friends(unknown_groups="create")
    before = exported(site)

    with pytest.raises(Refused):
        site.create_user(NewUser("Monica", "Geller", "monica@example.com", ("Friends",)))
    assert site.create_user(phoebe("Friends"), dry_run=True) is None
    with pytest.raises(Refused) as blank:
        site.create_user(phoebe("Friends", " "))

    assert blank.value.refusal is Refusal.GROUPS_UNKNOWN
    assert exported(site) == before


@pytest.mark.rule("USER-CREATE-2")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ((), ("All Users",)),
        (("Sales",), ("All Users", "Sales")),
        (("Sales", "All Users"), ("All Users", "Sales")),
    ],
)
def test_implicit_all_users_is_always_present_and_first(sent: tuple[str, ...], kept: tuple[str, ...]) -> None:
    site = friends(implicit_all_users=True)

    site.create_user(phoebe(*sent))
    site.update_user("joey@example.com", UserChanges(groups=sent))

    assert groups_of(site) == kept
    assert groups_of(site, "joey@example.com") == kept


@pytest.mark.rule("GROUP-CREATE-2")
def test_creator_must_be_admin() -> None:
    site = friends(creator_must_be_admin=True)

    with pytest.raises(Refused) as refused:
        site.create_group(NewGroup("Friends", Access.SQL, "monica@example.com"))
    assert site.create_group(FRIENDS) == Group("Friends", Access.SQL)

    assert str(refused.value) == str(Refused(Refusal.CREATOR_NOT_ADMINISTRATOR, email="monica@example.com"))


@pytest.mark.rule("GROUP-BUILTIN-1")
def test_unprotected_built_in_groups_can_be_deleted_and_renamed() -> None:
    site = friends(protect_builtin_groups=False)

    site.delete_group("All Users")
    site.update_group("Administrators", GroupChanges(name="Friends"))

    assert [group.name for group in site.list_groups().records] == ["Friends", "NY Knicks", "Sales"]
    assert groups_of(site, "monica@example.com") == ()
    assert groups_of(site, "rachel@example.com") == ("Friends",)
    assert site.administrators() == []
    site.create_user(phoebe())
    assert groups_of(site) == ()


@pytest.mark.rule("GROUP-DELETE-2")
def test_a_user_without_a_group_gets_no_deleted_group() -> None:
    site = friends(protect_builtin_groups=False)
    site.update_user("monica@example.com", UserChanges(groups=("Sales",)))
    site.delete_group("All Users")
    site.delete_group("Sales")

    assert groups_of(site, "monica@example.com") == ()
