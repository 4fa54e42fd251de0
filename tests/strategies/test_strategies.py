"""mockscope.strategies: drawn records load as a seed, and a site accepts them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from support.bounds import WAIT_SECONDS
from support.examples import examples

import mockscope
from mockscope import Mockscope, strategies
from mockscope.domain import rules

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "strategies.md"
# No deadline: the time of one example depends on the machine.
SOME: Final = settings(deadline=None, max_examples=examples(100))
# The first example that fits is enough, and need not be the simplest.
LOOKED_FOR: Final = settings(deadline=None, max_examples=3000, database=None, phases=[Phase.generate])


def found(strategy: st.SearchStrategy[Any], condition: Any) -> Any:
    return find(strategy, condition, settings=LOOKED_FOR)


def printed_by(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=WAIT_SECONDS, check=True
    )
    return done.stdout.strip()


# -- records ---------------------------------------------------------------------------------------------------


@SOME
@given(st.lists(strategies.sites(strategies.policies()), max_size=2, unique_by=lambda site: str(site["host"])))
def test_drawn_sites_load_and_export_the_same_sites(seeds: list[dict[str, Any]]) -> None:
    mock = Mockscope({"mockscope": 1, "sites": seeds})

    assert list(mock.sites) == [seed["host"] for seed in seeds]
    for seed in seeds:
        site = mock.sites[seed["host"]]
        assert "Administrators" in site.admin.groups
        assert sorted(site.users) == sorted(user["email"] for user in seed["users"])
        assert set(site.groups) == {"Administrators", "All Users", *(group["name"] for group in seed["groups"])}
        assert set(site.dashboards) == {board["name"] for board in seed["dashboards"]}
        assert site.api_key == seed["api_key"]
    export = mock.export()
    assert Mockscope(json.loads(json.dumps(export))).export() == export


@SOME
@given(seed=strategies.sites())
def test_a_site_without_a_policy_has_the_policy_of_the_contract(seed: dict[str, Any]) -> None:
    site = Mockscope().site(seed={"mockscope": 1, "sites": [seed]})
    assert site.policy == mockscope.Policy()


@SOME
@given(user=strategies.users(), group=strategies.groups(), data=st.data())
def test_a_site_accepts_drawn_records(user: dict[str, Any], group: dict[str, Any], data: st.DataObject) -> None:
    site = Mockscope().site()
    made = site.add_group(**group)
    added = site.add_user(**user)
    owners, names = [added.email], [made.name]
    board = site.add_dashboard(**data.draw(strategies.dashboards(owners, names)))

    assert (made.name, made.access.lower()) == (group["name"], group["access"].lower())
    assert (added.first_name, added.last_name, added.email) == (user["first_name"], user["last_name"], user["email"])
    assert added.groups == tuple(user.get("groups") or ["All Users"])
    assert board.owner in (None, added.email)
    assert set(board.access) <= {made.name}


@given(strategies.users(groups=["Sales", "R&D/Ops"]))
def test_users_are_in_the_groups_that_are_given_and_in_no_other(user: dict[str, Any]) -> None:
    # Left out, groups would be All Users, and that one was not given.
    assert set(user["groups"]) <= {"Sales", "R&D/Ops"}


@given(strategies.users(groups=[]), strategies.dashboards(groups=[]))
def test_drawn_records_name_no_groups_when_there_are_none(user: dict[str, Any], board: dict[str, Any]) -> None:
    assert user["groups"] == []
    assert board.get("access", {}) == {}
    assert board.get("owner") is None


@pytest.mark.rule("USER-2")
@given(strategies.emails())
def test_drawn_emails_are_valid_and_unused(email: str) -> None:
    assert rules.EMAIL.fullmatch(email)
    domain = email.rpartition("@")[2].lower()
    assert re.fullmatch(r"(.*\.)?(example|test|invalid|localhost|example\.com|example\.org)", domain)


@given(strategies.names(), strategies.group_names())
def test_names_are_not_blank_and_can_be_shown_in_utf_8(name: str, group: str) -> None:
    for text in (name, group):
        assert rules.parse_text(text.encode().decode()) == text
    assert group not in (".", "..", "Administrators", "All Users")


@pytest.mark.parametrize(
    ("strategy", "edge"),
    [
        (strategies.emails(), r"\+.*@"),
        (strategies.emails(), r"[a-z].*[A-Z]"),
        (strategies.emails(), r"@(?!localhost)[^.]{63}"),
        (strategies.emails(), r"@[^.]+$"),
        (strategies.names(), r"^\s|\s$"),
        (strategies.names(), r"[^\x00-\xff]"),
        (strategies.names(), r"[\U00010000-\U0010ffff]"),
        (strategies.names(), r"^.{300}"),
        (strategies.names(), r"[\x00-\x1f]"),
        (strategies.group_names(), r"/"),
        (strategies.group_names(), r"\+"),
        (strategies.group_names(), r"%"),
        (strategies.group_names(), r"\S \S"),
        (strategies.group_names(), r"[^\x00-\xff]"),
        (strategies.group_names(), r"^.{300}"),
    ],
)
def test_the_edges_are_reached(strategy: st.SearchStrategy[str], edge: str) -> None:
    assert re.search(edge, found(strategy, lambda text: re.search(edge, text)))


def test_policies_turn_every_switch_to_every_value() -> None:
    switches: dict[str, set[Any]] = {name: set() for name in mockscope.Policy.__struct_fields__}

    @settings(max_examples=500, deadline=None, database=None)
    @given(strategies.policies())
    def collect(policy: dict[str, Any]) -> None:
        for name, value in policy.items():
            switches[name].add(value)
        mockscope.Policy().with_changes(**policy)

    collect()
    assert {1, 2, 3} < switches.pop("page_size") <= set(range(1, 1001))
    assert switches == {
        "test_mode_create_status": {200, 201},
        "unknown_groups": {"reject", "ignore", "create"},
        "implicit_all_users": {True, False},
        "creator_must_be_admin": {True, False},
        "protect_builtin_groups": {True, False},
        "require_json_content_type": {True, False},
    }


# -- the module ------------------------------------------------------------------------------------------------


def test_nothing_but_the_strategies_imports_hypothesis() -> None:
    modules = "mockscope, mockscope.server.live, mockscope.cli.root, pytest_mockscope"
    script = f"import sys, {modules}; print(sorted(n for n in sys.modules if 'hypothesis' in n or 'strategies' in n))"
    assert printed_by(script) == "[]"


WITHOUT_HYPOTHESIS: Final = """
import sys
sys.modules["hypothesis"] = None
try:
    {statement}
except ImportError as error:
    print(f"{{type(error).__name__}}: {{error}} ({{error.name}})")
"""


@pytest.mark.parametrize("statement", ["import mockscope.strategies", "from mockscope import strategies"])
def test_without_hypothesis_the_import_says_what_to_install(statement: str) -> None:
    assert printed_by(WITHOUT_HYPOTHESIS.format(statement=statement)) == (
        "ImportError: mockscope.strategies needs Hypothesis: pip install hypothesis (hypothesis)"
    )


def test_the_table_of_the_document_names_every_strategy() -> None:
    table = DOCUMENT.read_text(encoding="utf-8").partition("## The strategies\n")[2].partition("\n## ")[0]

    assert sorted(re.findall(r"^\| `(\w+)", table, flags=re.MULTILINE)) == sorted(strategies.__all__)
