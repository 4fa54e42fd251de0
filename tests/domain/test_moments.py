"""Earlier states of a site: exact, and forgotten when the site has changed a lot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import friends, unhurried

from mockscope.domain.history import MAX_UNDO_RECORDS
from mockscope.domain.model import User
from mockscope.domain.moments import Moment, site_at
from mockscope.domain.site import Site
from mockscope.domain.store import Change
from mockscope.seeds.format import export_site

EMAILS = ("monica@example.com", "joey@example.com", "phoebe@example.com")


def rename(site: Site, email: str, name: str) -> None:
    site.history.write(Change(users={email: User(name, "Bing", email, ("All Users",))}))


@unhurried
@given(writes=st.lists(st.tuples(st.sampled_from(EMAILS), st.sampled_from("abc")), max_size=8))
def test_each_moment_has_the_records_of_its_time(writes: list[tuple[str, str]]) -> None:
    site = friends()
    seen = []
    for email, name in writes:
        seen.append((Moment.now(site), export_site(site)))
        rename(site, email, name)
    seen.append((Moment.now(site), export_site(site)))

    assert [export_site(site_at(moment)) for moment, _ in seen] == [exported for _, exported in seen]


def test_a_moment_keeps_the_policy_and_the_enablement() -> None:
    site = friends(page_size=7)
    moment = Moment.now(site)
    site.policy, site.enabled = site.policy.with_changes(page_size=3), False

    past = site_at(moment)
    assert (past.policy.page_size, past.enabled) == (7, True)
    assert (past.host, past.api_key) == (site.host, site.api_key)


def test_a_moment_is_forgotten_after_too_many_changes() -> None:
    site = friends()
    first = Moment.now(site)
    rename(site, EMAILS[0], "a")
    second = Moment.now(site)
    for number in range(MAX_UNDO_RECORDS):
        rename(site, EMAILS[1], str(number))

    assert site_at(second).get_user(EMAILS[0]).first_name == "a"
    with pytest.raises(ValueError, match=r"^the site has changed too much since then: over 2000 records$"):
        site_at(first)
