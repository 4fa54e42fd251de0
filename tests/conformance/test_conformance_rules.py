"""The rules as the command check tests them, against the mock: each check passes at each of its levels."""

import re
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from support.conformance_runs import NEVER, PAGE_SIZE, SEED, WithoutSocket, checked
from support.yaml_documents import load_yaml

from mockscope import Mockscope, Policy
from mockscope.conformance.check import CHECKS, Report, check
from mockscope.conformance.check_factories import NOT_VISIBLE, Check
from mockscope.conformance.outcome import HOLDS, Level, Outcome, OutcomeException
from mockscope.conformance.policy import RULES, SENTENCES, PolicyObserver, describe_switch
from mockscope.remote.client import SiteClient

DOCUMENT: Final = Path(__file__).parents[2] / "docs/rules.yaml"
FAMILIES_OF_RULES: Final[dict[str, list[dict[str, Any]]]] = load_yaml(DOCUMENT.read_text(encoding="utf-8"))
RULE_OF: Final = {
    switch: rule["id"] for rules in FAMILIES_OF_RULES.values() for rule in rules for switch in rule.get("policy", ())
}
SEEN: Final = tuple(dict.fromkeys(each.rule for each in CHECKS if each.title != NOT_VISIBLE))
DEFAULTS: Final = msgspec.structs.asdict(Policy())
RIVALS: Final = [
    ("page_size", 7),
    *((switch, value) for switch, sentences in SENTENCES.items() for value in sentences if value != DEFAULTS[switch]),
]
# Not spelled pytest.mark.rule: tests/support/rule_tests.py accepts only literal ids in markers, and knows this test.
RULE: Final = pytest.mark.rule


def large() -> dict[str, Any]:
    """A site with pages of the default size, and several pages of each list."""
    [site] = SEED["sites"]
    users = [{"first_name": "Joey", "last_name": "Tribbiani", "email": f"joey{n}@example.com"} for n in range(100, 300)]
    groups = [{"name": f"Team {number}", "access": "Sql"} for number in range(100, 200)]
    bigger = {**site, "policy": {}, "users": site["users"] + users, "groups": site["groups"] + groups}
    return {"mockscope": 1, "sites": [bigger]}


@pytest.fixture(scope="module")
def large_site() -> WithoutSocket:
    return WithoutSocket(Mockscope(large()))


@pytest.fixture(scope="module", params=list(Level), ids=lambda level: level.label)
def report(request: pytest.FixtureRequest, large_site: WithoutSocket) -> Report:
    return check(large_site, request.param)


def expected(each: Check, level: Level) -> Outcome:
    if each.level > level:
        return Outcome("not-seen", f"it needs --{each.level.label}")
    return Outcome("not-seen", NEVER[each.rule]) if each.rule in NEVER else HOLDS


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: f"{each.rule}: {each.title}")
def test_the_mock_follows_the_rule(each: Check, report: Report) -> None:
    [outcome] = [finding.outcome for finding in report.results if finding.check == each]

    assert outcome == expected(each, report.level)


def test_the_report_on_a_default_mock_has_no_policy_and_no_leftovers(report: Report) -> None:
    assert (report.policy, report.left, report.leftovers, report.differs) == ({}, (), (), False)


def test_every_rule_has_a_check_or_a_reason_why_it_cannot_be_seen() -> None:
    ids = [rule["id"] for rules in FAMILIES_OF_RULES.values() for rule in rules]

    assert [rule for rule, _ in groupby(CHECKS, lambda each: each.rule)] == ids


def test_every_rule_has_a_short_unique_sentence_in_the_order_of_the_rules() -> None:
    assert list(RULES) == [rule["id"] for rules in FAMILIES_OF_RULES.values() for rule in rules]
    assert [words for words in RULES.values() if not re.fullmatch(r"[A-Z].{10,70}[^.]", words)] == []
    assert len({*RULES.values()}) == len(RULES)


def test_the_document_lists_the_rules_that_no_check_can_see() -> None:
    text = (DOCUMENT.parent / "check.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| ([A-Z]+(?:-[A-Z]+)*-\d+) \| (.*) \|$", text, flags=re.MULTILINE)

    assert dict(shown) == {rule: reason for rule, reason in NEVER.items() if rule != "GROUP-4"}


def test_the_names_of_checks_are_unique() -> None:
    names = [(each.rule, each.title) for each in CHECKS]

    assert [name for name in names if names.count(name) > 1] == []


@pytest.mark.parametrize(("value", "switch"), [(0, {}), (1, {"page_size": 1}), (1000, {"page_size": 1000}), (1001, {})])
def test_only_a_valid_value_of_a_switch_is_reported_as_policy(value: int, switch: dict[str, int]) -> None:
    policy = PolicyObserver({"page_size": 7})
    with pytest.raises(OutcomeException) as caught:
        policy.observe("page_size", value)

    assert (caught.value.outcome.switch, policy.differences) == (switch, switch)
    assert caught.value.outcome.reason == "a page that is not the last holds 7 records"


def test_a_switch_with_contradictory_observations_is_not_reported() -> None:
    policy = PolicyObserver({})
    policy.observe("unknown_groups", "reject")
    with pytest.raises(OutcomeException):
        policy.observe("unknown_groups", "ignore")

    assert policy.differences == {}


def test_a_switch_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="page_sise"):
        PolicyObserver({"page_sise": 5})


@pytest.mark.parametrize(("switch", "value"), RIVALS)
def test_a_rival_reading_fails_its_rule_and_names_its_switch(switch: str, value: Any) -> None:
    client = WithoutSocket(Mockscope(SEED))
    client.site.set_policy(**{switch: value})

    report = checked(client, Level.FULL)

    switches = [(finding.check.rule, finding.outcome.switch) for finding in report.results if finding.outcome.switch]
    assert {rule.rule for rule in report.rules if rule.verdict == "differs"} == {RULE_OF[switch]}
    assert [each for each in switches if each != (RULE_OF[switch], {switch: value})] == []
    assert switches != []
    assert report.policy == {"page_size": PAGE_SIZE} | {switch: value}
    assert client.site.policy == Policy().with_changes(**report.policy)


def test_every_switch_has_a_tested_rival_reading() -> None:
    assert {switch for switch, _ in RIVALS} == {*DEFAULTS}


def test_every_reading_of_a_switch_is_a_sentence_and_a_policy() -> None:
    for switch, sentences in SENTENCES.items():
        for value in sentences:
            assert getattr(Policy().with_changes(**{switch: value}), switch) == value
    assert sorted([*SENTENCES, "page_size"]) == sorted(DEFAULTS)
    assert describe_switch("page_size", 7) == "a page that is not the last holds 7 records"


def fresh(**spoiled: Any) -> WithoutSocket:
    rachel = {"first_name": "Rachel", "last_name": "Green", "email": "rachel@example.com"}
    users = [{**rachel, "groups": ["Administrators", "All Users"]}]
    return WithoutSocket(Mockscope({"mockscope": 1, "sites": [{"host": "central_perk", "users": users} | spoiled]}))


def test_a_fresh_site_shows_the_initial_records() -> None:
    report = checked(fresh(), Level.READ_ONLY, rules=["GROUP-4"])

    assert [finding.outcome for finding in report.results] == [HOLDS]


@pytest.mark.parametrize(
    "spoil",
    [
        {"groups": [{"name": "Administrators", "access": "View"}]},
        {"users": [{"first_name": "Rachel", "last_name": "Green", "email": "rachel@example.com"}]},
    ],
    ids=["another access", "no administrator"],
)
def test_a_fresh_site_with_other_records_differs(spoil: dict[str, Any]) -> None:
    report = checked(fresh(**spoil), Level.READ_ONLY, rules=["GROUP-4"])

    assert [finding.outcome.verdict for finding in report.results] == ["differs"]


def test_only_the_named_rules_are_checked() -> None:
    report = checked(fresh(), Level.READ_ONLY, rules=["PAGE-1", "AUTH-2"])

    assert [rule.rule for rule in report.rules] == ["AUTH-2", "PAGE-1"]


def alone(client: SiteClient, rule: str) -> list[tuple[str, Outcome]]:
    """Return the outcome of each check of a rule, when no other rule is checked."""
    return [(finding.check.title, finding.outcome) for finding in check(client, Level.FULL, rules=[rule]).results]


@pytest.mark.parametrize("rule", [pytest.param(rule, marks=RULE(rule)) for rule in SEEN])
def test_the_mock_passes_the_checks_of_a_rule(rule: str, large_site: WithoutSocket) -> None:
    # Only a fresh site shows the initial records.
    client = fresh() if rule == "GROUP-4" else large_site

    assert alone(client, rule) == [(each.title, HOLDS) for each in CHECKS if each.rule == rule]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in SEEN])
def test_a_rule_that_cannot_be_seen_has_its_reason_when_checked_alone(rule: str, large_site: WithoutSocket) -> None:
    assert alone(large_site, rule) == [("It cannot be seen from outside", Outcome("not-seen", NEVER[rule]))]


def test_every_rule_without_a_reason_can_be_seen() -> None:
    assert [rule for rule in RULES if rule not in SEEN] == [rule for rule in NEVER if rule != "GROUP-4"]
