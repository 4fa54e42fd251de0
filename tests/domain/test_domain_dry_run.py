"""TEST-1 and TEST-4 in the library: a dry run has the refusals of the write, and changes nothing."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import KEY, exported, friends, unhurried

from mockscope import Access, Refused
from mockscope.domain.rules import GroupChanges, NewGroup, NewUser, UserChanges
from mockscope.domain.site import Site
from mockscope.seeds import format as seed_format

emails = st.sampled_from(
    ["monica@example.com", "JOEY@example.com", "rachel@example.com", "phoebe@example.com", "gunther@example.com"]
)
group_names = st.sampled_from(["Administrators", "All Users", "Sales", "NY Knicks", "Friends", "sales"])
memberships = st.lists(group_names, max_size=3, unique=True).map(tuple)
accesses = st.sampled_from(Access)

# The name of a method of Site, and its arguments.
Write = tuple[str, tuple[Any, ...]]
writes: st.SearchStrategy[Write] = st.one_of(
    st.builds(NewUser, st.just("Phoebe"), st.just("Buffay"), emails, memberships, st.none() | emails).map(
        lambda draft: ("create_user", (draft,))
    ),
    st.tuples(emails, st.builds(UserChanges, st.none() | st.just("Regina"), groups=st.none() | memberships)).map(
        lambda arguments: ("update_user", arguments)
    ),
    emails.map(lambda email: ("delete_user", (email,))),
    st.builds(NewGroup, group_names, accesses, st.none() | emails).map(lambda draft: ("create_group", (draft,))),
    st.tuples(group_names, st.builds(GroupChanges, st.none() | group_names, st.none() | accesses)).map(
        lambda arguments: ("update_group", arguments)
    ),
    group_names.map(lambda name: ("delete_group", (name,))),
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "unknown_groups": st.sampled_from(["reject", "ignore", "create"]),
        "implicit_all_users": st.booleans(),
        "creator_must_be_admin": st.booleans(),
        "protect_builtin_groups": st.booleans(),
    },
)


def outcome(site: Site, write: Write, *, dry_run: bool) -> str | None:
    """Return the refusal as a text, or None for a success."""
    name, arguments = write
    try:
        record = getattr(site, name)(*arguments, dry_run=dry_run)
    except Refused as refused:
        return str(refused)
    assert (record is None) is dry_run
    return None


@pytest.mark.rule("TEST-1", "TEST-4")
@unhurried
@given(policy=policies, history=st.lists(writes, max_size=4), write=writes)
def test_a_dry_run_has_the_outcome_of_the_write_and_changes_no_byte(
    policy: dict[str, Any], history: list[Write], write: Write
) -> None:
    site = friends(**policy)
    for earlier in history:
        outcome(site, earlier, dry_run=False)
    before = exported(site)

    dry = outcome(site, write, dry_run=True)

    assert exported(site) == before
    assert outcome(site, write, dry_run=False) == dry
    if dry is not None:
        assert exported(site) == before


@unhurried
@given(policy=policies, history=st.lists(writes, max_size=8))
def test_every_written_state_can_be_loaded_again(policy: dict[str, Any], history: list[Write]) -> None:
    site = friends(**policy)
    for write in history:
        outcome(site, write, dry_run=False)
    before = exported(site)

    seed = {"mockscope": 1, "sites": [json.loads(before)]}
    ((again, _),) = seed_format.load(msgspec.convert(seed, seed_format.Seed))

    assert exported(again) == before
    assert again.api_key == KEY
