"""Each rule has a basis and a test, each cited rule exists, and the generated documents are up to date."""

import re
from pathlib import Path

import msgspec
import pytest
import pytest_mockscope
from generate_docs import (
    FIDELITY,
    RULE_TESTS,
    SENTENCES,
    generated_files,
    render_rule_tests,
    render_rules,
    render_summary,
)
from support.doc_blocks import DOCUMENTS, read
from support.observations import Observation
from support.paths import package_folder
from support.rule_tests import CHECKED_RULES, TEST_OF_CHECKS, RuleTest, read_rule_tests, rule_tests_in
from support.rules import BASES
from support.yaml_documents import load_yaml

import mockscope
from mockscope import Policy, Refusal
from mockscope.contract.rules import Rule, read_rules

RULES = read_rules()
IDS = [rule.id for rule in RULES]
RULE_ID = re.compile(r"\b(?:HTTP|AUTH|PAGE|USER|GROUP|TEST)(?:-[A-Z]+)*-\d+\b")
# "(USER-CREATE-3, stated and inferred)": what openapi.yaml cites, and how it is known.
CITED = re.compile(
    rf"(({RULE_ID.pattern})(?:(?:, | and ){RULE_ID.pattern})*), ((?:{'|'.join(BASES)})(?: and (?:{'|'.join(BASES)}))*)"
)


def unknown(ids: list[str]) -> list[str]:
    return [rule for rule in ids if rule not in IDS]


@pytest.mark.parametrize("path", [FIDELITY, RULE_TESTS, SENTENCES], ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generated_files()[path], "stale: run python tests/generate_docs.py"


def test_the_page_of_rules_begins_with_the_known_unknowns() -> None:
    headings = re.findall(r"^## (.*)$", read("docs/fidelity.md"), flags=re.MULTILINE)
    generated = ["Where the page contradicts itself", "Where an example of the page is not followed"]
    families = dict.fromkeys(rule.family for rule in RULES)
    assert headings == ["Known unknowns", "How we know", *generated, *families]


def test_an_id_names_one_rule() -> None:
    assert [rule for rule in IDS if IDS.count(rule) > 1] == []
    assert [rule for rule in IDS if not RULE_ID.fullmatch(rule)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_a_sentence_with_a_basis(rule: Rule) -> None:
    assert rule.sentence.endswith(".")
    assert re.fullmatch(r"[A-Z].{10,70}[^.]", rule.summary)
    assert [word for word in rule.basis if word not in BASES] == []
    # One of several words names its part of the rule.
    assert rule.basis
    assert len(rule.basis) == 1 or all(rule.basis.values())


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_has_a_test(rule: str) -> None:
    assert [test for test in read_rule_tests() if test.rule == rule] != []


def test_every_marked_test_names_rules_that_exist() -> None:
    assert [test for test in read_rule_tests() if test.rule not in IDS] == []


def test_every_refusal_names_a_rule_that_exists() -> None:
    assert [refusal.name for refusal in Refusal if refusal.rule not in IDS] == []


def test_every_rule_that_the_code_cites_exists() -> None:
    sources = [path for package in (mockscope, pytest_mockscope) for path in package_folder(package).rglob("*.py")]
    assert sources
    assert {path.name: wrong for path in sources if (wrong := unknown(RULE_ID.findall(path.read_text("utf-8"))))} == {}


def test_every_rule_that_the_contract_cites_exists() -> None:
    assert unknown(RULE_ID.findall(read("openapi.yaml"))) == []


def test_the_basis_of_a_rule_in_the_contract_is_that_of_its_row() -> None:
    known = {rule.id: rule.basis for rule in RULES}
    cited = [
        (rule, word)
        for match in CITED.finditer(re.sub(r"\s+", " ", read("openapi.yaml")))
        for rule in RULE_ID.findall(match[1])
        for word in match[3].split(" and ")
    ]
    assert len(cited) > 100
    assert [f"{rule}, {word}" for rule, word in cited if word not in known[rule]] == []


def test_every_rule_that_an_operation_of_the_contract_lists_exists() -> None:
    paths = load_yaml(read("openapi.yaml"))["paths"]
    listed = [rule for path in paths.values() for operation in path.values() for rule in operation["x-rules"]]
    assert unknown(listed) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_rule_that_a_document_cites_exists(document: str) -> None:
    assert unknown(RULE_ID.findall(read(document))) == []


def test_every_policy_switch_belongs_to_a_rule() -> None:
    named = [switch for rule in RULES for switch in rule.policy]
    assert sorted(named) == sorted(Policy.__struct_fields__)


def test_the_rule_of_a_policy_switch_is_the_one_that_its_description_names() -> None:
    named = {switch: rule.id for rule in RULES for switch in rule.policy}
    schema = msgspec.json.schema(Policy)["$defs"]["Policy"]["properties"]
    assert {name: RULE_ID.findall(row["description"]) for name, row in schema.items()} == {
        name: [named[name]] for name in Policy.__struct_fields__
    }


# -- how marked tests are found --------------------------------------------------------------------------------------


def test_markers_are_found_on_functions_classes_modules_and_parameters() -> None:
    source = """
pytestmark = pytest.mark.rule("PAGE-1")
CASES = [pytest.param(1, marks=pytest.mark.rule("PAGE-2"))]

@pytest.mark.rule("PAGE-3", "PAGE-4")
def test_one(): ...

@pytest.mark.rule("USER-1")
class TestUsers:
    @pytest.mark.rule("USER-2")
    async def test_two(self): ...

@pytest.mark.parametrize("case", CASES)
def test_three(case): ...

TestMachine = Machine.TestCase
TestMachine.pytestmark = [pytest.mark.rule("TEST-4")]
"""
    assert rule_tests_in(source, "tests/test_it.py") == [
        RuleTest("PAGE-1", "tests/test_it.py"),
        RuleTest("PAGE-3", "tests/test_it.py::test_one"),
        RuleTest("PAGE-4", "tests/test_it.py::test_one"),
        RuleTest("USER-1", "tests/test_it.py::TestUsers"),
        RuleTest("USER-2", "tests/test_it.py::TestUsers::test_two"),
        RuleTest("PAGE-2", "tests/test_it.py::test_three"),
        RuleTest("TEST-4", "tests/test_it.py::TestMachine"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        '@pytest.mark.rule("PAGE-1")\ndef helper(): ...\n',
        "@pytest.mark.rule()\ndef test_one(): ...\n",
        "@pytest.mark.rule(PAGE)\ndef test_one(): ...\n",
        'unused = pytest.mark.rule("PAGE-1")\n',
    ],
)
def test_a_marker_that_is_not_on_a_test_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"line 1|malformed node"):
        rule_tests_in(source, "tests/test_it.py")


def test_a_rule_is_shown_with_its_sentence_basis_switches_and_observations() -> None:
    rule = Rule(
        "Users",
        "USER-CREATE-4",
        "Emails are unique",
        "An email is unique.",
        {"stated": "409", "chosen": "case"},
        ("page_size",),
    )
    observed = [
        Observation("USER-CREATE-4", differs=False, date="2026-01-31", file="a.json"),
        Observation("USER-CREATE-4", differs=True, date="2026-02-28", file="b.json"),
        Observation("USER-1", differs=True, date="2026-02-28", file="b.json"),
    ]
    assert render_rules([rule], observed) == (
        "## Users\n\n### USER-CREATE-4\n\nAn email is unique.\n\n"
        "- stated: 409\n- chosen: case\n"
        "- policy: `page_size`\n"
        "- observed on the real service: on 2026-01-31 ([report](observations/a.json)), "
        "differs on 2026-02-28 ([report](observations/b.json))"
    )


def test_a_rule_that_was_never_observed_does_not_mention_the_real_service() -> None:
    rule = Rule("Users", "USER-1", "Users have names", "A user has a name.", {"stated": ""}, ())
    assert render_rules([rule], []) == "## Users\n\n### USER-1\n\nA user has a name.\n\n- stated"


def test_the_tests_of_the_rules_are_listed_in_order_each_once() -> None:
    tests = [
        RuleTest("USER-1", "tests/test_it.py::test_two"),
        RuleTest("USER-1", "tests/test_it.py::test_one"),
        RuleTest("PAGE-1", "tests/test_it.py::test_two"),
        RuleTest("USER-1", "tests/test_it.py::test_one", is_slow=True),
    ]

    assert render_rule_tests(tests) == (
        "PAGE-1\ttests/test_it.py::test_two\nUSER-1\ttests/test_it.py::test_one\nUSER-1\ttests/test_it.py::test_two\n"
    )


def test_the_checks_of_a_rule_are_its_first_test() -> None:
    file, _, function = TEST_OF_CHECKS.partition("::")

    first = {rule: next(test.node_id for test in read_rule_tests() if test.rule == rule) for rule in CHECKED_RULES}
    assert first == {rule: f"{TEST_OF_CHECKS}[{rule}]" for rule in CHECKED_RULES}
    assert f"for rule in SEEN])\ndef {function}(" in read(file)


def test_without_the_test_of_the_checks_there_are_no_tests_of_rules(tmp_path: Path) -> None:
    assert read_rule_tests(tmp_path) == []


def test_the_summary_counts_rules_by_basis_and_observation() -> None:
    whole = Rule("Users", "USER-1", "Users have names", "A user has a name.", {"stated": ""}, ())
    parts = whole._replace(id="USER-2", basis={"stated": "the name", "chosen": "its form"})
    observed = [Observation("USER-2", differs=True, date="2026-02-28", file="b.json")]
    counts = "There are 2 rules: 1 stated, and 1 whose parts have different bases."

    assert render_summary([whole, parts], []) == f"{counts} None of them was observed on the real service."
    assert render_summary([whole, parts], observed).replace("\n", " ") == (
        f"{counts} Observed on the real service: 1, of which 1 differ."
    )
