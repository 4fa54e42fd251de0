"""The contract of the control API: valid, served unchanged, and equal to the table of rows and the responses."""

import json
from typing import Any, Final

import pytest
import requests
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis import Case
from schemathesis.core.failures import FailureGroup
from starlette.types import Message, Receive, Scope, Send
from support.control_client import BASE, CONTRACT, TOKEN, chains, control_contract, restore, small

from mockscope import LiveServer, Mockscope, Policy
from mockscope._vendor import OPERATIONS
from mockscope.contract import document
from mockscope.seeds import files
from mockscope.web.control.endpoints import CONTROL_OPERATIONS

METHODS: Final = ("get", "put", "post", "patch", "delete")

mock = Mockscope(control_token=TOKEN)
# Every operation once, and at length.
schema, thorough = (control_contract(app=mock.app, max_examples=number) for number in (1, 20))


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): item[method]
        for path, item in CONTRACT["paths"].items()
        for method in METHODS
        if method in item
    }


def test_the_contract_is_valid_openapi() -> None:
    validate(CONTRACT)


def test_paths_and_methods_are_those_of_the_table_of_rows() -> None:
    assert sorted(operations()) == sorted((row.method, row.path) for row in CONTROL_OPERATIONS)


def test_every_operation_lists_the_refusals_of_its_path() -> None:
    for (method, path), operation in operations().items():
        reads = method in ("POST", "PUT", "PATCH")
        query_names_something = method == "GET" and path.endswith(("/calls", "/calls/har", "/events"))
        expected = (
            {"400", "401", "403"}
            | ({"413"} if reads else set())
            | ({"404"} if "{" in path or query_names_something else set())
        )
        conflicts = ("/sites", "/fork", "/replay", f"{BASE}/import", "/save", "/users", "/groups", "/dashboards")
        is_renamed = method == "PATCH" and path.endswith(("/groups/{name}", "/dashboards/{name}"))
        is_copy = path.endswith("/copy")
        expected |= {"409"} if (path.endswith(conflicts) and reads) or is_renamed or is_copy else set()
        refusals = {status for status in operation["responses"] if status >= "400"}
        assert (operation["operationId"], refusals) == (operation["operationId"], expected)


def test_the_served_yaml_is_the_file_with_the_url_of_the_server(mockscope_server: LiveServer) -> None:
    response = requests.get(f"{mockscope_server.url}{BASE}/openapi.yaml", timeout=300)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/yaml")
    assert response.content == document.with_server(document.control_yaml(), mockscope_server.url)


def test_the_served_json_is_the_file_with_the_url_of_the_server(mockscope_server: LiveServer) -> None:
    response = requests.get(f"{mockscope_server.url}{BASE}/openapi.json", timeout=300)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert json.loads(response.content) == {**CONTRACT, "servers": [{"url": mockscope_server.url}]}


def test_seeds_are_described_as_the_printed_schema_describes_them() -> None:
    def for_generators(node: Any) -> Any:
        if isinstance(node, dict):
            # A word in any case: generators drop the type, or the choices beside it.
            is_word = node.get("type") == "string" and "anyOf" in node
            left_out = {"title", "examples", "propertyNames", "patternErrorMessage"} | ({"anyOf"} if is_word else set())
            return {key: for_generators(value) for key, value in node.items() if key not in left_out}
        return [for_generators(part) for part in node] if isinstance(node, list) else node

    printed = json.loads(json.dumps(files.schema()).replace("#/$defs/", "#/components/schemas/"))
    described = CONTRACT["components"]["schemas"]
    assert {name: described[name] for name in printed["$defs"]} == for_generators(printed["$defs"])
    assert set(described["Policy"]["properties"]) == set(Policy.__struct_fields__)


def test_the_operations_of_the_contract_are_those_of_the_criteria() -> None:
    described = CONTRACT["components"]["schemas"]
    assert described["Operation"]["enum"] == list(OPERATIONS)
    assert described["AnyOperation"]["enum"] == ["*", *OPERATIONS]


@schema.parametrize()
def test_a_response_of_each_operation_fits_the_contract(case: Case[Any]) -> None:
    restore(mock)
    small(case.body)
    case.call_and_validate()


@pytest.mark.slow
@thorough.parametrize()
def test_every_response_of_the_control_api_fits_its_contract(case: Case[Any]) -> None:
    restore(mock)
    small(case.body)
    case.call_and_validate()


@pytest.mark.parametrize("number", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_every_chain_of_requests_fits_the_contract(number: int) -> None:
    chains(schema, mock).run(
        settings=settings(
            max_examples=number,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
    )


def test_an_application_that_breaks_the_contract_fails() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        async def say_gone(message: Message) -> None:
            await send({**message, "status": 410} if message.get("status") == 404 else message)

        await mock.app(scope, receive, say_gone)

    case = control_contract(app=broken, max_examples=1)[f"{BASE}/sites/{{host}}"]["GET"].Case(
        path_parameters={"host": "nowhere"}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with pytest.raises(FailureGroup) as caught:
        case.call_and_validate()
    assert "UndefinedStatusCode" in [type(failure).__name__ for failure in caught.value.exceptions]
