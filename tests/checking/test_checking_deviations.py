"""What is wrong with a server is found, and laid at the door of the rule that it breaks and of no other."""

import pytest
from checking_harness import NEVER, PAGE_SIZE, checked, differing, marked_on, standing_in
from deviations import PLANTED

from mockscope.checking.outcome import Level
from mockscope.checking.rows import RULES


@pytest.fixture(autouse=True)
def no_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a hint guesses takes longer than most answers, and nobody looks at it here.
    monkeypatch.setattr("mockscope.nearness.get_close_matches", lambda *sought, **options: [])


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found_and_named_by_its_rule(name: str) -> None:
    planted = PLANTED[name]
    with standing_in(planted.deviate()) as (server, site):
        report = checked(server, site, planted.level)

        assert planted.level is not Level.FULL or (report.left, marked_on(site)) == ((), [])
    assert differing(report) == planted.rules
    assert report.policy == {"page_size": PAGE_SIZE} | planted.switches


def test_a_difference_shows_the_exchange_that_it_was_seen_in() -> None:
    with standing_in(PLANTED["an_unknown_user_is_404"].deviate()) as (server, site):
        report = checked(server, site, Level.READ_ONLY)
        [finding] = [finding for finding in report.findings if finding.outcome.word == "differs"]
        [exchange] = finding.outcome.exchanges

    assert (finding.row.rule, finding.row.title) == ("USER-GET-1", "An unknown email is 400")
    assert finding.outcome.reason == "the status is 400"
    assert (exchange.method, exchange.path, exchange.status) == ("GET", "/api/v1/users", 404)
    assert site.api_key not in f"{exchange}{exchange.curl()}"


def test_there_is_something_planted_for_every_rule_that_can_be_seen() -> None:
    assert {rule for planted in PLANTED.values() for rule in planted.rules} == {*RULES} - NEVER.keys()
