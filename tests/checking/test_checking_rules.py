"""The rules as the command check asks for them, asked of the mock: each check holds, at every level that it needs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml
from checking_harness import NEVER, PAGE_SIZE, SEED, checked

import mockscope
from mockscope import LiveServer, MockSite, Policy
from mockscope.checking.outcome import HOLDS, Level, NotSeen, Outcome, Row
from mockscope.checking.policy import DEFAULTS, PAGE_SIZES, SENTENCES, is_reading, sentence
from mockscope.checking.rows import FAMILIES, ROWS, RULES, SEEN
from mockscope.checking.run import Report, check
from mockscope.target import Target

DOCUMENT: Final = Path(__file__).parents[2] / "docs/rules.yaml"
FAMILIES_OF_RULES: Final[dict[str, list[dict[str, Any]]]] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
RULE_OF: Final = {
    switch: rule["id"] for rules in FAMILIES_OF_RULES.values() for rule in rules for switch in rule.get("policy", ())
}
RIVALS: Final = [
    ("page_size", 7),
    *((switch, value) for switch, sentences in SENTENCES.items() for value in sentences if value != DEFAULTS[switch]),
]
# Which rule each case proves, the ledger reads from the rows.
PROVES: Final = pytest.mark.rule


def large() -> dict[str, Any]:
    """A site with pages of the usual size, and several of each list."""
    [site] = SEED["sites"]
    users = [{"first_name": "Joey", "last_name": "Tribbiani", "email": f"joey{n}@example.com"} for n in range(100, 300)]
    groups = [{"name": f"Team {number}", "access": "Sql"} for number in range(100, 200)]
    bigger = {**site, "policy": {}, "users": site["users"] + users, "groups": site["groups"] + groups}
    return {"mockscope": 1, "sites": [bigger]}


@pytest.fixture(scope="module")
def large_server() -> Iterator[LiveServer]:
    with mockscope.serve(large()) as server:
        yield server


@pytest.fixture(scope="module", params=list(Level), ids=lambda level: level.word)
def report(request: pytest.FixtureRequest, large_server: LiveServer) -> Report:
    [site] = large_server.sites.values()
    with Target(large_server.url, site.host, site.api_key) as target:
        return check(target, site.api_key, request.param)


def expected(row: Row, level: Level) -> Outcome:
    if row.level > level:
        return NotSeen(f"it takes --{row.level.word}")
    return NotSeen(NEVER[row.rule]) if row.rule in NEVER else HOLDS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.rule}: {row.title}")
def test_the_mock_answers_as_the_rule_says(row: Row, report: Report) -> None:
    [outcome] = [finding.outcome for finding in report.findings if finding.row == row]

    assert outcome == expected(row, report.level)


def test_nothing_is_to_be_turned_for_a_mock_that_nobody_has_turned(report: Report) -> None:
    assert (report.policy, report.left, report.differs) == ({}, (), False)


def test_every_rule_has_a_check_or_says_why_it_can_t_be_seen() -> None:
    assert list(RULES) == [rule["id"] for rules in FAMILIES_OF_RULES.values() for rule in rules]
    assert list(FAMILIES) == list(FAMILIES_OF_RULES)


def test_the_document_lists_the_rules_that_no_check_can_see() -> None:
    text = (DOCUMENT.parent / "check.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| ([A-Z]+(?:-[A-Z]+)*-\d+) \| (.*) \|$", text, flags=re.MULTILINE)

    assert dict(shown) == {rule: reason for rule, reason in NEVER.items() if rule != "GROUP-4"}


def test_no_two_checks_are_called_alike() -> None:
    names = [(row.rule, row.title) for row in ROWS]

    assert [name for name in names if names.count(name) > 1] == []


def test_the_switches_are_those_of_a_policy_with_its_defaults() -> None:
    assert msgspec.structs.asdict(Policy()) == DEFAULTS


def test_the_sizes_that_a_page_may_have_are_those_of_a_policy() -> None:
    size = msgspec.json.schema(Policy)["$defs"]["Policy"]["properties"]["page_size"]

    assert (size["minimum"], size["maximum"]) == (PAGE_SIZES[0], PAGE_SIZES[-1])
    assert [is_reading("page_size", value) for value in (0, 1, 1000, 1001, None)] == [False, True, True, False, False]


@pytest.mark.parametrize(("switch", "value"), RIVALS)
def test_a_rival_reading_is_laid_at_the_door_of_its_rule_and_names_its_switch(
    switch: str, value: Any, server: LiveServer
) -> None:
    [seeded] = SEED["sites"]
    site = server.site(host=seeded["host"], seed=SEED, **{switch: value})

    report = checked(server, site, Level.FULL)

    told = [(finding.row.rule, finding.outcome.switch) for finding in report.findings if finding.outcome.switch]
    assert {rule.rule for rule in report.rules if rule.word == "differs"} == {RULE_OF[switch]}
    assert [each for each in told if each != (RULE_OF[switch], {switch: value})] == []
    assert told != []
    assert report.policy == {"page_size": PAGE_SIZE} | {switch: value}
    assert site.policy == Policy().with_changes(**report.policy)


def test_every_switch_has_a_rival_reading_that_is_tried() -> None:
    assert {switch for switch, _ in RIVALS} == {*DEFAULTS}


def test_every_reading_of_a_switch_is_a_sentence_and_a_policy() -> None:
    for switch, sentences in SENTENCES.items():
        for value in sentences:
            assert getattr(Policy().with_changes(**{switch: value}), switch) == value
    assert sorted([*SENTENCES, "page_size"]) == sorted(DEFAULTS)
    assert sentence("page_size", 7) == "a page that is not the last holds 7 records"


def test_a_fresh_site_shows_what_a_site_begins_with(server: LiveServer) -> None:
    report = checked(server, server.site(), Level.READ_ONLY, rules=["GROUP-4"])

    assert [finding.outcome for finding in report.findings] == [HOLDS]


@pytest.mark.parametrize(
    "spoil",
    [
        {"groups": [{"name": "Administrators", "access": "View"}]},
        {"users": [{"first_name": "Rachel", "last_name": "Green", "email": "rachel@example.com"}]},
    ],
    ids=["another access", "no administrator"],
)
def test_a_fresh_site_that_begins_otherwise_differs(server: LiveServer, spoil: dict[str, Any]) -> None:
    rachel = {"first_name": "Rachel", "last_name": "Green", "email": "rachel@example.com"}
    users = [{**rachel, "groups": ["Administrators", "All Users"]}]
    site = server.site(seed={"mockscope": 1, "sites": [{"host": "central_perk", "users": users} | spoil]})

    report = checked(server, site, Level.READ_ONLY, rules=["GROUP-4"])

    assert [finding.outcome.word for finding in report.findings] == ["differs"]


def test_rules_that_are_named_are_checked_and_no_others(server: LiveServer) -> None:
    report = checked(server, server.site(), Level.READ_ONLY, rules=["PAGE-1", "AUTH-2"])

    assert [rule.rule for rule in report.rules] == ["AUTH-2", "PAGE-1"]


def alone(rule: str, server: LiveServer, site: MockSite) -> list[tuple[str, Outcome]]:
    """What comes of each check of a rule, where no other is checked."""
    with Target(server.url, site.host, site.api_key) as target:
        report = check(target, site.api_key, Level.FULL, rules=[rule])
    return [(finding.row.title, finding.outcome) for finding in report.findings]


@pytest.mark.parametrize("rule", [pytest.param(rule, marks=PROVES(rule)) for rule in SEEN])
def test_the_mock_keeps_a_rule_as_check_asks_for_it(rule: str, large_server: LiveServer, server: LiveServer) -> None:
    [large_site] = large_server.sites.values()
    # Only a fresh site can tell what a site begins with.
    place = (server, server.site()) if rule == "GROUP-4" else (large_server, large_site)

    assert alone(rule, *place) == [(row.title, HOLDS) for row in ROWS if row.rule == rule]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in SEEN])
def test_a_rule_that_can_t_be_seen_says_why_when_it_is_checked_alone(rule: str, large_server: LiveServer) -> None:
    [site] = large_server.sites.values()

    assert alone(rule, large_server, site) == [("It can't be seen from outside", NotSeen(NEVER[rule]))]


def test_what_can_be_seen_is_all_but_what_says_why_not() -> None:
    assert [rule for rule in RULES if rule not in SEEN] == [rule for rule in NEVER if rule != "GROUP-4"]
