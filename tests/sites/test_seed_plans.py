"""The faults, timeline, strict mode and contract of a seed: planned, reset, forked, loaded, and not exported."""

from pathlib import Path
from typing import Any, Final

import pytest
import requests

from mockscope import LiveServer, Mockscope, MockSite, SeedError
from mockscope.seeds import files
from mockscope.seeds.plan import Plan

FAULT: Final = {"operation": "list_groups", "status": 503}
CHANGE: Final = {"do": "delete_user", "before": {"operation": "list_users", "call": 2}, "email": "joey@example.com"}
LIMIT: Final = {"calls": 100, "per": 60}
PLANNED: Final = [
    "fault-1: 503 for list_groups, 1 time; hit 0 of 0 calls",
    "rate-limit-2: 100 calls per 60 s for *; hit 0",
    "change-3: delete_user joey@example.com before call 2 of list_users; not made after 0 calls",
]


def seed(**plan: Any) -> dict[str, Any]:
    users = [
        {"first_name": "Rachel", "last_name": "Green", "email": "rachel@example.com", "groups": ["Administrators"]},
        {"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com"},
    ]
    return {"mockscope": 1, "sites": [{"host": "example_site", "users": users, **plan}]}


FULL: Final = seed(faults=[FAULT, LIMIT], timeline=[CHANGE], strict=True, contract=True)


def planned(site: MockSite) -> list[str]:
    return [str(each) for each in site.faults]


def get(site: MockSite, records: str) -> int:
    return requests.get(f"{site.url}/api/v1/{records}", headers=site.headers).status_code


def test_a_seed_plans_faults_and_changes_and_sets_strict_mode_and_contract() -> None:
    for site in (Mockscope(FULL).sites["example_site"], Mockscope().site(seed=FULL)):
        assert (planned(site), site.strict, site.contract) == (PLANNED, True, True)


def test_an_export_has_no_plan_and_is_equal_before_and_after_faults(mockscope_server: LiveServer) -> None:
    with mockscope_server.site(seed=FULL, strict=False, contract=False) as site:
        export = site.export()
        assert {*export["sites"][0]}.isdisjoint({"faults", "timeline", "strict", "contract"})
        assert get(site, "groups") == 503
        assert site.export() == export
        again = Mockscope().site(seed=export)
        assert (len(again.faults), again.strict, again.contract) == (0, False, False)


def test_a_reset_arms_faults_and_changes_again(mockscope_server: LiveServer) -> None:
    with mockscope_server.site(seed=FULL, strict=False, contract=False) as site:
        site.faults.add(status=500, times=None, where={"path": "/never"})
        for unused in (["fault-4"], []):
            assert [get(site, each) for each in ("groups", "groups", "users", "users")] == [503, 200, 200, 200]
            assert ([*site.users], [each.id for each in site.faults.unused()]) == (["rachel@example.com"], unused)
            site.reset()
            assert (planned(site), [*site.users]) == (PLANNED, ["joey@example.com", "rachel@example.com"])


def test_a_fork_has_the_changes_that_are_still_to_come(mockscope_server: LiveServer) -> None:
    timeline = [
        CHANGE,
        {"do": "disable", "before": {"operation": "list_groups"}},
        {"do": "enable", "at": "9999-01-01T00Z"},
    ]
    with mockscope_server.site(seed=seed(faults=[LIMIT], timeline=timeline)) as site:
        get(site, "users")
        get(site, "groups")
        site.enabled = True
        with site.fork() as fork:
            assert planned(fork) == [
                "change-1: delete_user joey@example.com before call 1 of list_users; not made after 0 calls",
                "change-2: enable at 9999-01-01T00:00:00Z; not made",
            ]
            get(fork, "users")
            assert ([*fork.users], [*site.users]) == (
                ["rachel@example.com"],
                ["joey@example.com", "rachel@example.com"],
            )
            fork.reset()
            assert len(fork.faults.unused()) == 2


def test_arguments_go_before_the_server_and_the_server_before_the_seed() -> None:
    lenient, silent = Mockscope(strict=False, contract=False), Mockscope()
    own: dict[str, Any] = {"faults": [], "timeline": [{"do": "disable", "before": {}}]}

    sites = [
        lenient.site(seed=FULL),
        lenient.site(seed=FULL, strict=True),
        silent.site(seed=FULL, strict=False, **own),
        Mockscope(strict=True).site(seed=seed(strict=False)),
    ]

    assert [(site.strict, site.contract) for site in sites] == [
        *((False, False), (True, False), (False, True)),
        (True, False),
    ]
    assert planned(sites[2]) == ["change-1: disable before call 1 of *; not made after 0 calls"]


def test_loading_a_seed_replaces_only_the_keys_that_it_has() -> None:
    site = Mockscope().site(seed=FULL)

    site.load(seed(timeline=[], strict=False))
    assert (planned(site), site.strict, site.contract) == (PLANNED[:2], False, True)
    site.load(seed(faults=[FAULT]))
    assert (planned(site), site.strict) == (["fault-4: 503 for list_groups, 1 time; hit 0 of 0 calls"], False)


def test_a_site_over_http_gets_a_plan_or_a_scenario(mockscope_server: LiveServer) -> None:
    sites = f"{mockscope_server.url}/_mockscope/v1/sites"
    made = [
        requests.post(sites, json={"seed": FULL, "timeline": [{"do": "disable", "before": {}}], "strict": False}),
        requests.post(sites, json={"scenario": "lost-response"}),
    ]
    refused = [
        requests.post(sites, json={"scenario": "lost-respons"}),
        requests.post(sites, json={"scenario": "lost-response", "seed": FULL}),
        requests.post(sites, json={"faults": [{"operation": "list_user", "status": 503}]}),
        requests.post(sites, json={"seed": seed(faults=[{"operation": "list_user", "status": 503}])}),
    ]

    assert [each.status_code for each in (*made, *refused)] == [201, 201, 400, 400, 400, 400]
    assert [each.json()["message"] for each in refused] == [
        "there is no scenario 'lost-respons'; did you mean lost-response?",
        "the scenario lost-response has records of its own: leave seed out",
        "there is no operation 'list_user'; did you mean list_users?",
        "seed.sites[0].faults[0]: the fault is not valid: there is no operation 'list_user'; did you mean list_users?",
    ]
    first, second = (mockscope_server.sites[each.json()["host"]] for each in made)
    assert ([each.id for each in first.faults], first.strict) == (["fault-1", "rate-limit-2", "change-3"], False)
    assert (planned(second), second.strict) == (
        ["fault-1: reset after the commit for create_user, 1 time; hit 0 of 0 calls"],
        True,
    )
    for site in (first, second):
        site.remove()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "faults: [{operation: create_users, status: 503}]",
            "there is no operation 'create_users'; did you mean create_",
        ),
        ("faults: [{operation: list_users, after_commit: true, status: 503}]", "reads and dry runs commit nothing: "),
        ("timeline: [{do: disable}]", "disable needs one of at and before"),
        ("timeline: [{do: delete_user, before: {}}]", "delete_user needs email"),
    ],
)
def test_a_fault_that_cannot_be_planned_is_refused_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(f"mockscope: 1\nsites:\n  - host: example_site\n    strict: true\n    {line}\n")
    kind = "fault" if line.startswith("faults") else "change"

    with pytest.raises(SeedError) as caught:
        files.load_seed(file)
    assert f"{caught.value}".startswith(f"{file}, line 5: the {kind} is not valid: {problem}")


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("tfa_enabled: 1", "tfa_enabled: Expected `bool`, got `int`"),
        ("emial: joey@example.com", "unknown key emial; did you mean email?"),
        ("email: joey", "joey is not a valid email address"),
        ("before: {operations: list_users}", "unknown key operations; did you mean operation?"),
        ("at: 2026-01-01", "2026-01-01 has no offset from UTC; write it like 2014-02-06T23:46:07.118Z"),
        ("before: 2", "before: Expected `object`, got `int`; write {operation: list_users, call: 2}"),
    ],
)
def test_a_wrong_key_of_a_change_is_refused_by_its_shape(tmp_path: Path, key: str, problem: str) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text(
        f"mockscope: 1\nsites:\n  - host: example_site\n    timeline:\n      - do: delete_user\n        {key}\n"
    )

    with pytest.raises(SeedError) as caught:
        files.load_seed(file)
    assert str(caught.value) == f"{file}, line 6: {problem}"


def test_a_file_without_records_has_a_plan(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults:\n  - {operation: list_groups, status: 503}\nstrict: true\n")
    assert files.load_plan(file) == Plan(faults=[FAULT], strict=True)

    for text, problem in (
        ("", "the file is empty: write one of faults, timeline, strict and contract"),
        ("mockscope: 1\nsites: []\n", "line 1: unknown key mockscope; known: faults, timeline, strict, contract"),
        (
            "- {status: 503}\n",
            "line 1: Expected `object`, got `array`; write one of faults, timeline, strict and contract",
        ),
    ):
        file.write_text(text)
        with pytest.raises(SeedError) as caught:
            files.load_plan(file)
        assert str(caught.value).removeprefix(f"{file}").lstrip(":, ") == problem
