"""Earlier states of a site: exact, and forgotten when the site has changed a lot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import friends, unhurried

from mockscope.domain.history import MAX_UNDO_RECORDS
from mockscope.domain.model import User
from mockscope.domain.past_states import PastState, copy_site_at
from mockscope.domain.site import Site
from mockscope.domain.store import Change
from mockscope.seeds.format import export_site

EMAILS = ("monica@example.com", "joey@example.com", "phoebe@example.com")


def rename(site: Site, email: str, name: str) -> None:
    site.history.write(Change(users={email: User(name, "Bing", email, ("All Users",))}))


@unhurried
@given(writes=st.lists(st.tuples(st.sampled_from(EMAILS), st.sampled_from("abc")), max_size=8))
def test_each_past_state_has_the_records_of_its_time(writes: list[tuple[str, str]]) -> None:
    site = friends()
    seen = []
    for email, name in writes:
        seen.append((PastState.now(site), export_site(site)))
        rename(site, email, name)
    seen.append((PastState.now(site), export_site(site)))

    assert [export_site(copy_site_at(state)) for state, _ in seen] == [exported for _, exported in seen]


def test_a_past_state_keeps_the_policy_and_the_enablement() -> None:
    site = friends(page_size=7)
    state = PastState.now(site)
    site.policy, site.enabled = site.policy.with_changes(page_size=3), False

    past = copy_site_at(state)
    assert (past.policy.page_size, past.enabled) == (7, True)
    assert (past.host, past.api_key) == (site.host, site.api_key)


def test_a_past_state_is_forgotten_after_too_many_changes() -> None:
    site = friends()
    first = PastState.now(site)
    rename(site, EMAILS[0], "a")
    second = PastState.now(site)
    for number in range(MAX_UNDO_RECORDS):
        rename(site, EMAILS[1], str(number))

    assert copy_site_at(second).get_user(EMAILS[0]).first_name == "a"
    with pytest.raises(ValueError, match=r"^the site has changed too much since then: over 2000 records$"):
        copy_site_at(first)
