"""Each deviation of a server is found by the checks of the rules that it breaks, and by no other check."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import pytest
from support.conformance_runs import NEVER, PAGE_SIZE, checked, deviating_client, differing, marked_on
from support.deviations import DEVIATIONS
from support.observations import read_observations

from mockscope.conformance.check import Report
from mockscope.conformance.outcome import Level
from mockscope.conformance.policy import RULES
from mockscope.conformance.report import to_json, without_exchanges

# The check of its rule reads responses to the requests of other checks, so it cannot run alone.
NOT_CHECKED_ALONE: Final = "a_key_is_missing_in_the_response_to_a_create"


@pytest.fixture(autouse=True)
def no_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    # Guessing a hint takes longer than most responses, and no test here reads hints.
    monkeypatch.setattr("mockscope._support.suggestions.get_close_matches", lambda *sought, **options: [])


def checked_site(name: str, rules: Collection[str] = ()) -> Report:
    """Check a site with one deviation. Assert that exactly its rules differ, and that no record of a check is left."""
    case = DEVIATIONS[name]
    client = deviating_client(case.deviate())
    report = checked(client, case.level, rules=rules)

    assert case.level is not Level.FULL or (report.left, marked_on(client.site)) == ((), [])
    assert differing(report) == case.rules
    return report


@pytest.mark.parametrize("name", [name for name in DEVIATIONS if name != NOT_CHECKED_ALONE])
def test_a_deviation_is_found_by_the_checks_of_its_rule(name: str) -> None:
    report = checked_site(name, DEVIATIONS[name].rules)

    # Another rule observes the page size.
    assert {"page_size": PAGE_SIZE, **report.policy} == {"page_size": PAGE_SIZE, **DEVIATIONS[name].switches}


# Each run checks all rules, so all but a sample are slow.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number % 6 and name != NOT_CHECKED_ALONE else [])
        for number, name in enumerate(DEVIATIONS)
    ],
)
def test_a_deviation_is_found_by_no_other_check(name: str) -> None:
    assert checked_site(name).policy == {"page_size": PAGE_SIZE} | DEVIATIONS[name].switches


def test_a_difference_has_its_exchange() -> None:
    client = deviating_client(DEVIATIONS["an_unknown_user_is_404"].deviate())
    report = checked(client, Level.READ_ONLY)
    [finding] = [finding for finding in report.results if finding.outcome.verdict == "differs"]
    [exchange] = finding.outcome.exchanges

    assert (finding.check.rule, finding.check.title) == ("USER-GET-1", "An unknown email is 400")
    assert finding.outcome.reason == "the status is 400"
    assert (exchange.method, exchange.path, exchange.status) == ("GET", "/api/v1/users", 404)
    assert client.api_key not in f"{exchange}{exchange.curl}"


@pytest.mark.parametrize("as_it_is", [lambda report: report, without_exchanges], ids=["with exchanges", "without"])
@pytest.mark.parametrize("name", ["every_refusal_of_a_key_is_401", "users_have_an_id", "pages_are_half_as_large"])
def test_a_report_counts_as_an_observation_once_it_is_about_the_real_service(
    name: str, as_it_is: Callable[[Report], Report], tmp_path: Path
) -> None:
    report = checked(deviating_client(DEVIATIONS[name].deviate()), Level.FULL)
    plain = json.loads(to_json(as_it_is(report))) | {"url": "https://app.periscopedata.com"}
    (tmp_path / "a.json").write_text(json.dumps(plain))

    seen = read_observations(frozenset(RULES), tmp_path)

    assert {(each.rule, each.differs) for each in seen} == {
        (rule.rule, rule.verdict == "differs") for rule in report.rules if rule.verdict != "not-seen"
    }
    assert {each.rule for each in seen if each.differs} == DEVIATIONS[name].rules


def test_every_visible_rule_has_a_deviation() -> None:
    assert {rule for case in DEVIATIONS.values() for rule in case.rules} == {*RULES} - NEVER.keys()
