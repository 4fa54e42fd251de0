"""The vendor's page and mockscope say the same: contract, code, answers and rules are held against docs/page.yaml.

Both ways: nothing on the page is left out, and nothing is claimed of it that is not there.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec
import pytest
import requests
from support.page_claims import (
    OF_THE_ANSWERS,
    OF_THE_CODE,
    OF_THE_CONTRACT,
    Claims,
    Document,
    code_claims,
    contract_claims,
    differences,
    folded,
    ours_of,
    refusal_claims,
    response_claims,
    verb,
)
from support.paths import ROOT
from support.vendor_page import PAGE, Fact, Page, read_page, uncovered_lines, wrong_quotations
from support.yaml_documents import load_yaml

import mockscope
from mockscope import MockSite
from mockscope.contract.rules import Rule, read_rules

FACTS: Final = read_page()
ON_THE_PAGE: Final = FACTS.claims
OURS: Final = ours_of(FACTS)
CONTRACT: Final[Document] = load_yaml((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
RULES: Final = {rule.id: rule for rule in read_rules()}
# The tables of the code state requirements of bodies only.
FIELDS: Final = {claim.split()[2].rstrip(":") for claim in ON_THE_PAGE if verb(claim) == " reads "}
REQUIRED: Final = {claim for claim in ON_THE_PAGE if verb(claim) == " requires " and claim.split()[-1] in FIELDS}
REFUSALS_OF_THE_PAGE: Final = {
    f"{claim.split()[-1]} under {rule}"
    for claim, facts in ON_THE_PAGE.items()
    if verb(claim) == " answers "
    for fact in facts
    for rule in (*fact.states, *fact.suggests)
}


def differences_of_the_contract(document: Document) -> list[str]:
    page, ours = folded(set(ON_THE_PAGE), CONTRACT), folded(set(OURS), CONTRACT)
    return differences(page, ours, contract_claims(document), OF_THE_CONTRACT)


# -- the contract ------------------------------------------------------------------------------------------------


def test_the_contract_claims_what_the_page_claims_and_what_is_marked_as_ours() -> None:
    assert differences_of_the_contract(CONTRACT) == []


def operation(document: Document, name: str) -> Any:
    return next(each for item in document["paths"].values() for each in item.values() if each["operationId"] == name)


def without_a_parameter(document: Document) -> None:
    operation(document, "delete_user")["parameters"].pop()


def with_a_parameter(document: Document) -> None:
    limit = {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer"}}
    operation(document, "list_groups")["parameters"].append(limit)


def with_a_parameter_that_may_be_left_out(document: Document) -> None:
    document["components"]["parameters"]["UserToUpdate"]["required"] = False


def without_a_status(document: Document) -> None:
    del operation(document, "create_group")["responses"]["409"]


def with_a_status(document: Document) -> None:
    responses = operation(document, "list_users")["responses"]
    responses["429"] = responses["403"]


def without_an_operation(document: Document) -> None:
    del document["paths"]["/api/v1/groups/{group_name}"]["get"]


def with_an_operation(document: Document) -> None:
    item = document["paths"]["/api/v1/users"]
    item["patch"] = {**item["put"], "operationId": "patch_user", "parameters": [], "security": [], "responses": {}}
    del item["patch"]["requestBody"]


def without_a_field(document: Document) -> None:
    del document["components"]["schemas"]["UserUpdate"]["properties"]["groups"]


def with_a_field(document: Document) -> None:
    document["components"]["schemas"]["GroupUpdate"]["properties"]["owner"] = {"type": "string"}


def with_a_field_of_another_type(document: Document) -> None:
    document["components"]["schemas"]["UserUpdate"]["properties"]["groups"] = {"type": "string"}


def with_a_field_that_must_be_there(document: Document) -> None:
    document["components"]["schemas"]["UserUpdate"]["required"] = ["first_name"]


def with_the_spelling_of_the_table_forgotten(document: Document) -> None:
    document["components"]["schemas"]["GroupCreate"]["description"] = "A new group (GROUP-CREATE-1, stated)."


def with_keys_in_another_order(document: Document) -> None:
    properties = document["components"]["schemas"]["Group"]["properties"]
    properties["name"] = properties.pop("name")


def with_another_message(document: Document) -> None:
    media = document["components"]["responses"]["GroupDeleted"]["content"]["application/json"]
    media["examples"]["removed"]["value"]["message"] = "Removed example_site"


def with_longer_pages(document: Document) -> None:
    document["components"]["schemas"]["UserPage"]["properties"]["users"]["maxItems"] = 50


def with_another_access(document: Document) -> None:
    document["components"]["schemas"]["AccessIn"]["pattern"] = "^([Ss][Qq][Ll]|[Vv][Ii][Ee][Ww]|[Aa][Ll][Ll])$"


def without_authentication(document: Document) -> None:
    operation(document, "get_group")["security"] = []


def with_a_header_of_ours(document: Document) -> None:
    document["components"]["responses"]["GroupDetail"]["headers"]["X-Mood"] = {"schema": {"type": "string"}}


def without_an_alias(document: Document) -> None:
    del document["paths"]["/api/v1/groups/"]


PLANTED: Final[list[tuple[Callable[[Document], None], list[str]]]] = [
    (without_a_parameter, ["left out: delete_user takes test_mode in the query"]),
    (with_a_parameter, ["not on the page: list_groups takes limit in the query"]),
    (with_a_parameter_that_may_be_left_out, ["left out: update_user requires http-x-email"]),
    (without_a_status, ["left out: create_group answers 409"]),
    (with_a_status, ["not on the page: list_users answers 429"]),
    (with_an_operation, ["not on the page: patch_user is PATCH /api/v1/users"]),
    (without_a_field, ["left out: update_user reads groups: String[]"]),
    (with_a_field, ["not on the page: update_group reads owner: String"]),
    (
        with_a_field_of_another_type,
        ["left out: update_user reads groups: String[]", "not on the page: update_user reads groups: String"],
    ),
    (with_a_field_that_must_be_there, ["not on the page: update_user requires first_name"]),
    (
        with_the_spelling_of_the_table_forgotten,
        ["left out: create_group reads create_by_email: String", "left out: create_group requires create_by_email"],
    ),
    (
        with_keys_in_another_order,
        [
            "left out: create_group orders its answer: name, access",
            "left out: list_groups orders groups[]: name, access",
            "left out: update_group orders its answer: name, access",
            "not on the page: create_group orders its answer: access, name",
            "not on the page: list_groups orders groups[]: access, name",
            "not on the page: update_group orders its answer: access, name",
        ],
    ),
    (
        with_another_message,
        ["left out: delete_group says Group removed from (site)", "not on the page: delete_group says Removed (site)"],
    ),
    (with_longer_pages, ["left out: a page holds 100 users", "not on the page: a page holds 50 users"]),
    (with_another_access, ["left out: access may be discovery", "not on the page: access may be all"]),
    (
        without_authentication,
        [
            "left out: get_group requires http-x-partner-auth",
            "left out: get_group takes http-x-partner-auth in the header",
        ],
    ),
    (with_a_header_of_ours, ["not on the page: answers carry X-Mood"]),
    (without_an_alias, ["left out: /api/v1/groups/ is a path"]),
]


@pytest.mark.parametrize(("plant", "found"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_contract_that_differs_from_the_page_is_found(plant: Callable[[Document], None], found: list[str]) -> None:
    document = deepcopy(CONTRACT)
    plant(document)

    assert differences_of_the_contract(document) == found


def test_an_operation_missing_from_the_contract_is_found_with_its_claims() -> None:
    document = deepcopy(CONTRACT)
    without_an_operation(document)

    gone = {claim for claim in ON_THE_PAGE if claim.startswith("get_group ") and verb(claim) in OF_THE_CONTRACT}
    assert differences_of_the_contract(document) == sorted(f"left out: {claim}" for claim in gone)


# -- the code ----------------------------------------------------------------------------------------------------


def differences_of_the_code(claims: Claims) -> list[str]:
    return [
        *differences(set(ON_THE_PAGE), OURS, claims, OF_THE_CODE),
        *differences(REQUIRED, OURS, claims, (" requires ",)),
    ]


def test_the_tables_of_the_code_claim_what_the_page_claims_and_what_is_marked_as_ours() -> None:
    assert differences_of_the_code(code_claims()) == []


def test_the_code_refuses_with_the_statuses_and_under_the_rules_of_the_page_or_of_ours() -> None:
    assert sorted(refusal_claims() - REFUSALS_OF_THE_PAGE - set(OURS)) == []


@pytest.mark.parametrize(
    ("gone", "come", "found"),
    [
        ("create_group requires name", None, ["left out: create_group requires name"]),
        (
            "access may be sql",
            "access may be none",
            ["left out: access may be sql", "not on the page: access may be none"],
        ),
        ("get_user is GET /api/v1/users", None, ["left out: get_user is GET /api/v1/users"]),
        (None, "/api/v2/users is a path", ["not on the page: /api/v2/users is a path"]),
        (None, "other.example is a host", ["not on the page: other.example is a host"]),
    ],
)
def test_code_that_differs_from_the_page_is_found(gone: str | None, come: str | None, found: list[str]) -> None:
    claims = code_claims() - {gone} | ({come} if come else set())

    assert differences_of_the_code(claims) == found


# -- responses -------------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A request, with valid credentials by default."""

    method: str
    path: str
    email: str | None = None
    body: Mapping[str, object] | None = None


PHOEBE: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["All Users", "Sales"],
    "invited_by_email": "mike@example.com",
}
FRIENDS: Final = {"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"}
# The examples of the page, on the demo site, which holds its people.
EXAMPLES: Final = {
    "list_users": Request("GET", "/api/v1/users"),
    "get_user": Request("GET", "/api/v1/users", "chandler@example.com"),
    "create_user": Request("POST", "/api/v1/users", None, PHOEBE),
    "update_user": Request("PUT", "/api/v1/users", "joey@example.com", {"groups": ["All Users", "NY Knicks"]}),
    "delete_user": Request("DELETE", "/api/v1/users", "joey@example.com"),
    "list_groups": Request("GET", "/api/v1/groups"),
    "get_group": Request("GET", "/api/v1/groups/Administrators"),
    "create_group": Request("POST", "/api/v1/groups/", None, FRIENDS),
    "update_group": Request("PUT", "/api/v1/groups/Sales", None, {"name": "Friends", "access": "Sql"}),
    "delete_group": Request("DELETE", "/api/v1/groups/Sales"),
}
# The other refusals of the page.
REFUSED: Final = {
    "get_user answers 400": Request("GET", "/api/v1/users", "gunther@example.com"),
    "create_user answers 400": Request("POST", "/api/v1/users", None, {**PHOEBE, "first_name": ""}),
    "create_user answers 409": Request("POST", "/api/v1/users", None, {**PHOEBE, "email": "joey@example.com"}),
    "update_user answers 400": Request("PUT", "/api/v1/users", "gunther@example.com", {}),
    "delete_user answers 400": Request("DELETE", "/api/v1/users", "gunther@example.com"),
    "get_group answers 404": Request("GET", "/api/v1/groups/Friends"),
    "create_group answers 400": Request("POST", "/api/v1/groups/", None, {**FRIENDS, "access": "all"}),
    "create_group answers 409": Request("POST", "/api/v1/groups/", None, {**FRIENDS, "name": "Sales"}),
    "update_group answers 400": Request("PUT", "/api/v1/groups/Sales", None, {"access": "all"}),
    "delete_group answers 404": Request("DELETE", "/api/v1/groups/Friends"),
}


@pytest.fixture
def site() -> Iterator[MockSite]:
    """The demo site on a server of its own."""
    with mockscope.serve(json.loads((files("mockscope") / "demo.json").read_bytes())) as server:
        yield server.sites["example_site"]


def ask(site: MockSite, request: Request, *, test_mode: bool = False, key: str | None = None) -> requests.Response:
    credentials = site.headers if key is None else {"Http-X-Partner-Auth": f"{site.host}:{key}"}
    return requests.request(
        request.method,
        site.url + request.path + "?test_mode=true" * test_mode,
        headers={**credentials, **({"Http-X-Email": request.email} if request.email else {})},
        json=request.body,
        timeout=300,
    )


def claims_of(site: MockSite, operation: str, response: requests.Response) -> Claims:
    return set(response_claims(operation, response.status_code, response.content, site.host))


def test_the_responses_claim_what_the_page_claims_and_what_is_marked_as_ours(site: MockSite) -> None:
    claims: Claims = set()
    site.snapshot("before")
    for name, request in EXAMPLES.items():
        claims |= claims_of(site, name, ask(site, request, key="wrong"))
        if request.method != "GET":
            claims |= claims_of(site, name, ask(site, request, test_mode=True))
        claims |= claims_of(site, name, ask(site, request))
        site.restore("before")
    for claim, request in REFUSED.items():
        claims |= claims_of(site, claim.split()[0], ask(site, request))
    site.enabled = False
    for name, request in EXAMPLES.items():
        claims |= claims_of(site, name, ask(site, request))

    assert differences(set(ON_THE_PAGE), OURS, claims, OF_THE_ANSWERS) == []
    # A new user has no times to show, whatever the example shows (USER-CREATE-5).
    assert sorted({claim for claim in claims if verb(claim) == " shows "} - set(ON_THE_PAGE) - set(OURS)) == []


@pytest.mark.parametrize("claim", REFUSED)
def test_every_refusal_of_the_page_is_made_under_its_rule(claim: str, site: MockSite) -> None:
    response = ask(site, REFUSED[claim])

    rules = {rule for fact in ON_THE_PAGE[claim] for rule in fact.states}
    assert f"{claim.split()[0]} answers {response.status_code}" == claim
    assert site.calls.last.rule in rules


def test_an_extra_key_of_a_response_is_found() -> None:
    claims = set(
        response_claims("get_group", 200, b'{"name":"Sales","access":"Sql","dashboards":[],"id":7}', "example_site")
    )

    page = {claim for claim in ON_THE_PAGE if claim.startswith("get_group ")}
    assert differences(page, OURS, claims, (" orders ", " shows "))[-2:] == [
        "not on the page: get_group orders its answer: name, access, dashboards, id",
        "not on the page: get_group shows id: number",
    ]


# -- claims of our own -------------------------------------------------------------------------------------------


def test_every_mark_of_ours_is_needed_and_has_a_rule_that_the_page_does_not_state_alone() -> None:
    found = contract_claims(CONTRACT) | code_claims() | refusal_claims()
    kept = folded(set(OURS), CONTRACT) & found | set(OURS) & found
    assert {claim for claim in OURS if not folded({claim}, CONTRACT) & kept} == set()
    assert sorted(set(OURS) & set(ON_THE_PAGE)) == []
    assert {rule for rule in OURS.values() if list(RULES[rule].basis) == ["stated"]} == set()


# -- the rules ---------------------------------------------------------------------------------------------------


def wrong_about_rules(page: Page, rules: Mapping[str, Rule]) -> list[str]:
    """Return the conflicts between the rules and their facts."""
    stated = {rule for fact in page.facts for rule in fact.states}
    named = {fact.id for fact in page.facts}
    return [
        *(f"{fact.id} is the evidence of no rule" for fact in page.facts if not fact.states + fact.suggests),
        *(
            f"{fact.id} can't be evidence of {rule}, which is not {basis}"
            for fact in page.facts
            for basis, wanted in (("stated", fact.states), ("inferred", fact.suggests))
            for rule in wanted
            if rule not in rules or basis not in rules[rule].basis
        ),
        *(f"{rule} is stated nowhere" for rule in rules if "stated" in rules[rule].basis and rule not in stated),
        *(f"{each.id} names an unknown rule" for each in page.decisions if each.rule not in rules),
        *(
            f"{each.id} names an unknown fact {fact}"
            for each in page.decisions
            for fact in each.between
            if fact not in named
        ),
    ]


def test_every_fact_is_the_evidence_of_a_rule_and_every_stated_rule_has_one() -> None:
    assert wrong_about_rules(FACTS, RULES) == []


def with_facts(change: Callable[[Fact], Fact]) -> Page:
    sections = tuple(
        msgspec.structs.replace(section, facts=tuple(change(fact) for fact in section.facts))
        for section in FACTS.sections
    )
    return msgspec.structs.replace(FACTS, sections=sections)


def test_a_rule_wrongly_called_stated_is_found() -> None:
    rules = {**RULES, "HTTP-9": RULES["HTTP-9"]._replace(basis={"stated": ""})}

    assert wrong_about_rules(FACTS, rules) == ["HTTP-9 is stated nowhere"]


def test_a_fact_without_a_rule_is_found() -> None:
    page = with_facts(
        lambda fact: msgspec.structs.replace(fact, states=()) if fact.id == "delete-user.ownership" else fact
    )

    assert wrong_about_rules(page, RULES) == [
        "delete-user.ownership is the evidence of no rule",
        "USER-DELETE-2 is stated nowhere",
    ]


def test_a_fact_named_with_a_stronger_basis_is_found() -> None:
    page = with_facts(
        lambda fact: msgspec.structs.replace(fact, states=("GROUP-5",)) if fact.id == "get-group.200" else fact
    )

    assert wrong_about_rules(page, RULES) == ["get-group.200 can't be evidence of GROUP-5, which is not stated"]


def test_a_needless_dispute_is_found() -> None:
    [dispute, *_] = FACTS.contradictions
    page = msgspec.structs.replace(
        FACTS, contradictions=(msgspec.structs.replace(dispute, between=("nowhere",), rule="GROUP-9"),)
    )

    assert wrong_about_rules(page, RULES) == [
        "contradiction.creator names an unknown rule",
        "contradiction.creator names an unknown fact nowhere",
    ]


# -- the file itself ---------------------------------------------------------------------------------------------


def test_an_id_names_one_fact() -> None:
    ids = [fact.id for fact in FACTS.facts] + [decision.id for decision in FACTS.decisions]
    assert [name for name in ids if ids.count(name) > 1] == []


def test_every_fact_is_in_its_section() -> None:
    starts = [section.line for section in FACTS.sections] + [10**6]
    outside = [
        fact.id
        for number, section in enumerate(FACTS.sections)
        for fact in section.facts
        if not starts[number] <= fact.lines.start <= fact.lines[-1] < starts[number + 1]
    ]
    assert outside == []


def test_every_claim_has_a_verb_of_a_source() -> None:
    heard = {*OF_THE_CONTRACT, *OF_THE_CODE, *OF_THE_ANSWERS}
    assert [claim for claim in ON_THE_PAGE if verb(claim) not in heard] == []
    with pytest.raises(ValueError, match="no source speaks of this: create_user sings"):
        verb("create_user sings")


def test_quotations_are_short() -> None:
    assert [fact.id for fact in FACTS.facts if len(fact.quote) > 125] == []


def test_the_whole_page_is_not_in_the_file() -> None:
    assert sum(len(quote) for quote in {fact.quote for fact in FACTS.facts}) < PAGE.stat().st_size / 5


# -- a copy of the page, where somebody has one --------------------------------------------------------------------

COPY: Final = """GET Users

<td>/api/v1/users</td>
<td>200 if <b>user</b> records &lt;all&gt;<br>
are returned</td>
<td>500 on Mondays</td>
<a href="#top">Back to top</a>
"""


def page_of(**changes: Any) -> Page:
    fact = {"id": "get-users.200", "line": [4, 5], "quote": "200 if user records <all> are returned"} | changes
    sections = [
        {"heading": "GET Users", "line": 1, "facts": [{"id": "get-users", "line": 3, "quote": "/api/v1/users"}, fact]}
    ]
    return msgspec.convert(
        {
            "shapes": {},
            "sections": sections,
            "contradictions": [],
            "departures": [],
            "ours": {},
            "remarks": ["500 on"],
            "layout": ["Back to top"],
        },
        Page,
    )


def test_facts_in_their_named_place_pass() -> None:
    assert wrong_quotations(page_of(), COPY) == []
    assert uncovered_lines(page_of(), COPY) == []


@pytest.mark.parametrize("changes", [{"quote": "200 if a user is returned"}, {"line": [5, 6]}, {"line": [40, 41]}])
def test_a_quotation_outside_its_named_place_is_found(changes: dict[str, Any]) -> None:
    place = changes.get("line", [4, 5])
    assert wrong_quotations(page_of(**changes), COPY) == [f"get-users.200 is not at lines {place[0]} to {place[1]}"]


def test_a_line_without_a_fact_is_found() -> None:
    more = COPY + "<p>Call us</p>\n"
    assert uncovered_lines(page_of(line=4), more) == ["line 5: are returned", "line 8: <p>Call us</p>"]
