"""The contract as a document: valid, served unchanged, and equal to the table of routes and the rules."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from support.contract_cases import ALIASES, CONTRACT, OPENAPI, OPERATIONS, resolved, status_number

from mockscope import LiveServer
from mockscope.contract import document
from mockscope.seeds import yaml_io
from mockscope.web.routes import ROUTES

REGISTRY: Final[Registry[Any]] = Registry().with_resource("urn:contract", DRAFT202012.create_resource(CONTRACT))

# HTTP-6, operation by operation: what each check on the way may refuse, and what is left when none does. 405 answers
# methods that the document does not name, and 500 is a bug.
ALWAYS: Final = {200, 403, 404}
READS_A_BODY: Final = {400, 413}
STATUSES: Final = {
    "list_users": ALWAYS | {400},
    "create_user": ALWAYS | READS_A_BODY | {201, 409},
    "update_user": ALWAYS | READS_A_BODY,
    "delete_user": ALWAYS | {400},
    "list_groups": ALWAYS,
    "get_group": ALWAYS,
    "create_group": ALWAYS | READS_A_BODY | {201, 409},
    "update_group": ALWAYS | READS_A_BODY | {409},
    "delete_group": ALWAYS | {400},
}
# The schemas of the successes; each refusal is a Message.
SUCCESSES: Final = {
    "list_users": {"200": "UserPageOrUser"},
    "create_user": {"201": "User", "2XX": "Message"},
    "update_user": {"200": "UserOrMessage"},
    "delete_user": {"200": "Message"},
    "list_groups": {"200": "GroupPage"},
    "get_group": {"200": "GroupDetail"},
    "create_group": {"201": "Group", "2XX": "Message"},
    "update_group": {"200": "GroupOrMessage"},
    "delete_group": {"200": "Message"},
}


def pointer(*steps: str) -> str:
    return "urn:contract#/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)


def examples() -> Iterator[Any]:
    """Return every example of the document, with the place of its schema."""
    for place, node in nodes(CONTRACT, ()):
        if "schema" in node:
            for name, example in node.get("examples", {}).items():
                yield pytest.param(pointer(*place, "schema"), example["value"], id="/".join((*place[-4:], name)))


def nodes(node: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from nodes(value, (*place, key))


EXAMPLES: Final = list(examples())


def test_the_contract_is_valid_openapi() -> None:
    validate(CONTRACT)


@pytest.mark.parametrize(("schema", "example"), EXAMPLES)
def test_every_example_is_valid_against_its_schema(schema: str, example: Any) -> None:
    validator = Draft202012Validator({"$ref": schema}, registry=REGISTRY, format_checker=None)
    assert [error.message for error in validator.iter_errors(example)] == []


def test_every_example_is_checked() -> None:
    written = sum(len(node["examples"]) for _, node in nodes(CONTRACT, ()) if isinstance(node.get("examples"), dict))
    assert len(EXAMPLES) == written
    assert [place for place, node in nodes(CONTRACT, ()) if "example" in node] == []


def test_the_served_yaml_is_the_file_with_the_url_of_the_server(mockscope_server: LiveServer) -> None:
    response = requests.get(f"{mockscope_server.url}/openapi.yaml", timeout=300)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/yaml")
    before, servers, after = OPENAPI.read_bytes().partition(
        b'  - url: http://127.0.0.1:8765\n    description: "`mockscope serve`, on its default port"\n'
    )
    assert servers
    assert response.content == before + f'  - url: "{mockscope_server.url}"\n'.encode() + after


def test_the_served_json_is_the_file_with_the_url_of_the_server(mockscope_server: LiveServer) -> None:
    response = requests.get(f"{mockscope_server.url}/openapi.json", timeout=300)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert json.loads(response.content) == {**CONTRACT, "servers": [{"url": mockscope_server.url}]}


def test_paths_methods_and_operations_are_those_of_the_table_of_routes() -> None:
    documented = {
        (method, path): set(operation.get("x-operations", {operation["operationId"]}))
        for (method, path), operation in OPERATIONS.items()
    }
    offered: dict[tuple[str, str], set[str]] = {}
    for row in ROUTES:
        offered.setdefault((row.method, row.path), set()).add(row.operation)
    assert documented == offered


@pytest.mark.rule("HTTP-6")
def test_each_operation_documents_the_statuses_that_its_rules_can_give() -> None:
    documented = {
        operation["operationId"]: {status_number(status) for status in operation["responses"]}
        for operation in OPERATIONS.values()
    }
    assert documented == STATUSES


@pytest.mark.rule("HTTP-1", "HTTP-10")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_documented_response_is_json_with_both_headers_and_refusals_are_messages(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    for status, documented in operation["responses"].items():
        response = resolved(documented)
        assert set(response["content"]) == {"application/json"}
        assert response["headers"] == {
            name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", "X-Mockscope-Hint")
        }
        schema = SUCCESSES[operation["operationId"]].get(status, "Message")
        assert response["content"]["application/json"]["schema"] == {"$ref": f"#/components/schemas/{schema}"}


@pytest.mark.rule("HTTP-3")
def test_every_operation_has_an_alias_that_differs_in_its_names_alone() -> None:
    for (method, path), operation in OPERATIONS.items():
        alias = ALIASES[method, f"{path}/"]
        own = {"operationId", "tags", "summary", "description", "x-alias-of"}
        assert {name: alias[name] for name in alias.keys() - own} == {
            name: operation[name] for name in operation.keys() - own - {"x-operations"}
        }
        name = operation["operationId"]
        assert (alias["operationId"], alias["tags"], alias["x-alias-of"]) == (f"{name}_slash", ["aliases"], name)
    assert len(ALIASES) == len(OPERATIONS)


def test_no_operation_has_parameters_bodies_or_responses_of_its_own() -> None:
    for operation in (*OPERATIONS.values(), *ALIASES.values()):
        described = (*operation.get("parameters", ()), *operation["responses"].values())
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        assert [[*each] for each in (*described, *bodies)] == [["$ref"]] * len((*described, *bodies))


def test_generators_find_the_names_that_their_classes_carry() -> None:
    records = {"User", "UserPage", "UserCreate", "UserUpdate", "Group", "GroupDetail", "GroupPage", "GroupCreate"}
    assert records | {"GroupUpdate", "Message"} <= CONTRACT["components"]["schemas"].keys()
    assert [tag["name"] for tag in CONTRACT["tags"]] == ["Users", "Groups", "aliases"]
    assert [*CONTRACT["components"]["securitySchemes"]] == ["PartnerAuth"]
    assert CONTRACT["info"]["title"] == "Periscope Users and Groups"


def test_generators_can_read_every_schema() -> None:
    for place, node in nodes(CONTRACT["components"]["schemas"], ()):
        # Beside a union, generators drop the rest. A set would lose the order of groups.
        unions = node.keys() & {"oneOf", "anyOf"}
        assert (place, node.keys() - {*unions, "description"} if unions else set()) == (place, set())
        assert (place, "uniqueItems" in node) == (place, False)
        if node.keys() & {"const", "enum"}:
            assert (place, node.get("type")) == (place, "string")


def test_a_pyyaml_without_its_c_classes_can_read_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CSafeLoader", "CSafeDumper"):
        monkeypatch.delattr(yaml, name)
    monkeypatch.setattr(yaml_io, "SafeLoader", yaml.SafeLoader)

    assert document.parse_yaml(document.openapi_yaml()) == CONTRACT
