"""The export and seed format as plain data."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import friends, unhurried

from mockscope import SeedError
from mockscope.domain.site import Site
from mockscope.domain.store import Page
from mockscope.seeds import format as seed_format
from mockscope.seeds.format import Seed


def load(data: object) -> list[Site]:
    return [each.site for each in seed_format.load(msgspec.convert(data, Seed))]


def one_site(**fields: Any) -> dict[str, Any]:
    return {"mockscope": 1, "sites": [{"host": "example-site", **fields}]}


MONICA = {"first_name": "Monica", "last_name": "Geller", "email": "Monica@example.com"}

texts = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=5).filter(lambda text: text.strip())
group_names = st.one_of(st.sampled_from(["Administrators", "All Users", "Sales"]), texts)
times = st.sampled_from([None, "2014-02-06T23:46:07.118Z", "2014-02-07T01:46:07+02:00"])
any_case = st.sampled_from([str.upper, str.lower, str.title])


@st.composite
def seeds(draw: st.DrawFn) -> dict[str, Any]:
    """A strategy of seeds with one site and only valid references."""
    names = draw(st.lists(group_names, unique=True, max_size=4))
    known = st.sampled_from(sorted({"Administrators", "All Users", *names}))
    words = st.builds(lambda word, case: case(word), st.sampled_from(["Sql", "Discovery", "View"]), any_case)
    users: list[dict[str, Any]] = [
        {
            "first_name": draw(texts),
            "last_name": draw(texts),
            "email": f"{draw(st.sampled_from(['Joey', 'joey+', 'JOEY.']))}{number}@example.com",
            "last_login_at": draw(times),
            "password_updated_at": draw(times),
            "tfa_enabled": draw(st.booleans()),
        }
        | draw(st.fixed_dictionaries({}, optional={"groups": st.lists(known, max_size=3)}))
        for number in range(draw(st.integers(0, 3)))
    ]
    owners = st.sampled_from([None, *[case(user["email"]) for user in users for case in (str.upper, str.lower)]])
    boards = [
        {
            "name": name,
            "owner": draw(owners),
            "access": draw(st.dictionaries(known, st.sampled_from(["Edit", "VIEW", "view"]), max_size=2)),
        }
        for name in draw(st.lists(texts, unique=True, max_size=2))
    ]
    return one_site(
        api_key="key",
        enabled=draw(st.booleans()),
        policy={"page_size": draw(st.integers(1, 1000))},
        groups=[{"name": name, "access": draw(words)} for name in names],
        users=users,
        dashboards=boards,
    )


@unhurried
@given(seed=seeds())
def test_loading_an_export_and_exporting_it_again_is_the_identity(seed: dict[str, Any]) -> None:
    exported = seed_format.export(load(seed))

    assert seed_format.export(load(exported)) == exported
    assert [user["email"].lower() for user in exported["sites"][0]["users"]] == sorted(
        user["email"].lower() for user in seed["sites"][0]["users"]
    )


def test_a_site_of_the_library_survives_export_and_load() -> None:
    exported = seed_format.export([friends(page_size=7)])

    assert seed_format.export(load(exported)) == exported


def test_the_smallest_seed_is_a_site_with_built_in_groups_and_a_generated_key() -> None:
    (site,) = load(one_site(users=[MONICA]))

    assert seed_format.export([site]) == {
        "mockscope": 1,
        "sites": [
            {
                "host": "example-site",
                "api_key": site.api_key,
                "enabled": True,
                "policy": {
                    "page_size": 100,
                    "test_mode_create_status": 200,
                    "unknown_groups": "reject",
                    "implicit_all_users": False,
                    "creator_must_be_admin": False,
                    "protect_builtin_groups": True,
                    "require_json_content_type": False,
                },
                "groups": [{"name": "Administrators", "access": "Sql"}, {"name": "All Users", "access": "Sql"}],
                "users": [
                    {
                        **MONICA,
                        "groups": ["All Users"],
                        "last_login_at": None,
                        "password_updated_at": None,
                        "tfa_enabled": False,
                    }
                ],
                "dashboards": [],
            }
        ],
    }
    assert len(site.api_key) == len("e179017a-62b0-4996-8a38-e91aa9f1")


def test_deleted_built_in_groups_stay_deleted() -> None:
    site = friends(protect_builtin_groups=False)
    site.delete_group("All Users")
    exported = seed_format.export([site])

    assert exported["sites"][0]["removed_groups"] == ["All Users"]
    assert seed_format.export(load(exported)) == exported


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (
            {"groups": [{"name": "Sales", "access": "Edit"}]},
            "seed.sites[0].groups[0].access: access: Edit is not one of Sql, Discovery, View",
        ),
        (
            {"groups": [{"name": "Sales", "access": "View"}] * 2},
            "seed.sites[0].groups[1].name: there is a group Sales already",
        ),
        ({"users": [MONICA, MONICA]}, "seed.sites[0].users[1].email: there is a user Monica@example.com already"),
        (
            {"users": [MONICA, {**MONICA, "email": "MONICA@EXAMPLE.COM"}]},
            "seed.sites[0].users[1].email: there is a user MONICA@EXAMPLE.COM already",
        ),
        (
            {"users": [{**MONICA, "email": "monica"}]},
            "seed.sites[0].users[0].email: monica is not a valid email address",
        ),
        (
            {"users": [{**MONICA, "groups": ["all users"]}]},
            "seed.sites[0].users[0].groups: the site has no group all users; did you mean All Users?",
        ),
        (
            {"users": [{**MONICA, "last_login_at": "2014-02-06"}]},
            "seed.sites[0].users[0].last_login_at: 2014-02-06 has no offset from UTC; "
            "write it like 2014-02-06T23:46:07.118Z",
        ),
        (
            {"users": [{**MONICA, "password_updated_at": ""}]},
            "seed.sites[0].users[0].password_updated_at: '' is not a time; write it like 2014-02-06T23:46:07.118Z",
        ),
        (
            {"users": [MONICA], "dashboards": [{"name": "Revenue", "owner": "monika@example.com"}]},
            "seed.sites[0].dashboards[0].owner: the site has no user monika@example.com; "
            "did you mean monica@example.com?",
        ),
        (
            {"dashboards": [{"name": "Revenue", "access": {"Sales": "Edit"}}]},
            "seed.sites[0].dashboards[0].access.Sales: the site has no group Sales",
        ),
        (
            {"dashboards": [{"name": "Revenue", "access": {"All Users": "Sql"}}]},
            "seed.sites[0].dashboards[0].access.All Users: access: Sql is not one of Edit, View",
        ),
        ({"dashboards": [{"name": "R"}] * 2}, "seed.sites[0].dashboards[1].name: there is a dashboard R already"),
        ({"removed_groups": ["Sales"]}, "seed.sites[0].removed_groups[0]: Sales is not a built-in group"),
    ],
)
def test_a_seed_that_contradicts_itself_is_refused_with_the_place(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(SeedError) as refused:
        load(one_site(**fields))

    assert str(refused.value) == error


@pytest.mark.parametrize("fields", [{"host": "example-site\n"}, {"api_key": "key\n"}])
def test_a_host_or_key_with_a_line_end_is_refused_as_a_seed(fields: dict[str, Any]) -> None:
    with pytest.raises((SeedError, msgspec.ValidationError)) as refused:
        load(one_site(**fields))

    assert "sites[0]" in str(refused.value)


def test_a_host_can_not_be_added_twice() -> None:
    with pytest.raises(SeedError) as refused:
        load({"mockscope": 1, "sites": [{"host": "example-site"}, {"host": "example-site"}]})

    assert str(refused.value) == "seed.sites[1].host: there is a site example-site already"


def test_no_user_is_added_to_a_seed() -> None:
    (site,) = load(one_site())

    assert site.list_users() == Page([], 0, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"users": [{**MONICA, "first_name": "\ud800"}]},
        {"groups": [{"name": "\ud800", "access": "View"}]},
        {"dashboards": [{"name": "\ud800"}]},
    ],
)
def test_text_that_can_not_be_sent_as_utf_8_is_refused(fields: dict[str, Any]) -> None:
    """JSON can encode such a text, and one such record would crash every list with it."""
    with pytest.raises((SeedError, msgspec.ValidationError)):
        load(one_site(**fields))
