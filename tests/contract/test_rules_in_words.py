"""Rules and hints in words, as the command explain and the control API show them."""

import pytest
from support.commands import invoke

from mockscope.contract.rules import explain, hint_as_dict, read_rules
from mockscope.instruments.hints import HintTemplate


def test_a_rule_is_explained_with_its_basis_the_words_of_the_page_and_its_switches() -> None:
    assert (
        explain("GROUP-CREATE-2")
        == """\
GROUP-CREATE-2: The creator of a group is a user of the site

The creator must be a user of the site, otherwise 400, and need not be an administrator.

Basis:
  - inferred

The vendor's page:
  - create_by_email String Required (CREATE Group; inferred)

Policy switches:
  - creator_must_be_admin: Only members of Administrators may create groups (GROUP-CREATE-2).
    Default: false."""
    )


def test_a_hint_is_explained_with_its_cause_its_remedy_and_the_rule_that_lets_it_pass() -> None:
    assert (
        explain("create-by-email")
        == """\
create-by-email: a hint

Cause: create_by_email is what the documentation's table says; its bodies say created_by_email.
Remedy: Send created_by_email.

By GROUP-CREATE-1 such a request may succeed, although the vendor's page does not promise it."""
    )


@pytest.mark.parametrize("id", ["user-create-2", "User-Create-2", " USER-CREATE-2\n"])
def test_an_id_is_found_in_any_case(id: str) -> None:
    assert explain(id) == explain("USER-CREATE-2")
    assert explain("USER-UNKNOWN") == explain("user-unknown")


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("USER-CRAETE-2", "there is no rule or hint 'USER-CRAETE-2'; did you mean USER-CREATE-2?"),
        ("GROUP-UNKNOWM", "there is no rule or hint 'GROUP-UNKNOWM'; did you mean group-unknown?"),
        ("user-unkown", "there is no rule or hint 'user-unkown'; did you mean user-unknown?"),
        ("", "there is no rule or hint ''; a rule is named like USER-CREATE-2, a hint like user-unknown"),
    ],
)
def test_an_unknown_id_is_an_error_that_names_the_nearest(id: str, message: str) -> None:
    with pytest.raises(LookupError) as caught:
        explain(id)
    assert str(caught.value) == message


def test_every_rule_and_every_hint_is_explained() -> None:
    for rule in read_rules():
        assert explain(rule.id).startswith(f"{rule.id}: {rule.summary}\n\n")
    for hint in HintTemplate:
        assert explain(hint.code).startswith(f"{hint.code}: a hint\n\nCause: ")
        shown = hint_as_dict(hint)
        assert "{" not in shown["cause"] + shown["remedy"].replace("{}", "")


def test_the_command_prints_an_explanation_or_the_nearest_id() -> None:
    found, unknown = invoke("explain", "page-3"), invoke("explain", "PAEG-3")

    assert (found.returncode, found.stdout, found.stderr) == (0, f"{explain('PAGE-3')}\n", "")
    message = "mockscope: there is no rule or hint 'PAEG-3'; did you mean PAGE-3?\n"
    assert (unknown.returncode, unknown.stdout, unknown.stderr) == (2, "", message)
