"""The facts that the contracts, the seed schema and the code share: each is compared with its home in the code."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest
from support.yaml_documents import load_yaml

from mockscope._vendor import (
    API_PATH,
    AUTH_HEADER,
    EMAIL_HEADER,
    GROUP_FIELDS,
    GROUP_PATH,
    GROUPS_PATH,
    NEXT_PAGE_START,
    OPERATIONS,
    PAGE_SIZE,
    REMOVED_MESSAGE,
    TEST_MODE,
    TEST_MODE_MESSAGE,
    USER_FIELDS,
    USERS_PATH,
)
from mockscope.contract.document import control_yaml, openapi_yaml
from mockscope.domain.model import Access
from mockscope.domain.policy import Policy
from mockscope.domain.rules import CREATOR, EMAIL, FieldTable
from mockscope.instruments.fault import TRANSPORTS
from mockscope.seeds import files
from mockscope.web.control.endpoints import CONTROL_OPERATIONS, ControlOperation
from mockscope.web.refusal_hints import BODY_TABLES
from mockscope.web.routes import ROUTES

VENDOR: Final[dict[str, Any]] = load_yaml(openapi_yaml())
CONTROL: Final[dict[str, Any]] = load_yaml(control_yaml())
VENDOR_SCHEMAS: Final = VENDOR["components"]["schemas"]
CONTROL_SCHEMAS: Final = CONTROL["components"]["schemas"]
METHODS: Final = ("get", "post", "put", "patch", "delete")


def follow(document: dict[str, Any], node: Any) -> Any:
    """Return a node of a document, or the one that it refers to."""
    while "$ref" in node:
        target = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the operations of a document, by method and path."""
    return {
        (method.upper(), path): item[method]
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


# -- the vendor's API ------------------------------------------------------------------------------------------


def test_the_operations_are_the_same_everywhere() -> None:
    documented = {
        name
        for operation in operations(VENDOR).values()
        if "x-alias-of" not in operation
        for name in operation.get("x-operations", (operation["operationId"],))
    }
    assert documented == {*OPERATIONS}
    assert [route.operation for route in ROUTES] == CONTROL_SCHEMAS["Operation"]["enum"] == [*OPERATIONS]
    paths = [USERS_PATH, GROUPS_PATH, GROUP_PATH]
    assert [*VENDOR["paths"]] == [*(f"{path}/" for path in paths), *paths]
    assert all(path.startswith(f"{API_PATH}/") for path in VENDOR["paths"])


def test_the_headers_and_parameters_are_the_same_everywhere() -> None:
    documented = {
        follow(VENDOR, parameter)["name"]
        for operation in operations(VENDOR).values()
        for parameter in operation.get("parameters", ())
    }
    assert documented == {EMAIL_HEADER, NEXT_PAGE_START, TEST_MODE, "group_name"}
    assert VENDOR["components"]["securitySchemes"]["PartnerAuth"]["name"] == AUTH_HEADER


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        (VENDOR_SCHEMAS["User"], USER_FIELDS),
        (CONTROL_SCHEMAS["User"], USER_FIELDS),
        (VENDOR_SCHEMAS["Group"], GROUP_FIELDS),
    ],
    ids=["user", "user of the control API", "group"],
)
def test_a_record_has_the_same_fields_in_the_same_order_everywhere(
    schema: Mapping[str, Any], fields: tuple[str, ...]
) -> None:
    assert (tuple(schema["properties"]), tuple(schema["required"])) == (fields, fields)


@pytest.mark.parametrize(("schema", "fields"), [("SeedUser", USER_FIELDS), ("SeedGroup", GROUP_FIELDS)])
def test_a_record_of_a_seed_has_the_fields_of_the_api(schema: str, fields: tuple[str, ...]) -> None:
    assert {*files.schema()["$defs"][schema]["properties"]} == {*fields}


@pytest.mark.parametrize(
    ("schema", "operation"),
    [
        ("UserCreate", "create_user"),
        ("UserUpdate", "update_user"),
        ("GroupCreate", "create_group"),
        ("GroupUpdate", "update_group"),
    ],
)
def test_a_body_has_the_fields_of_its_table(schema: str, operation: str) -> None:
    documented, table = VENDOR_SCHEMAS[schema], BODY_TABLES[operation]
    # The document tells the other spelling in a description: with two, generators drop the fields that they share.
    untyped = {CREATOR.other_name} & table.names

    assert {*documented["properties"]} == table.names - untyped
    assert {*documented.get("required", ())} == required_names(table)
    assert [name in documented["description"] for name in untyped] == [True] * len(untyped)
    # HTTP-7: unknown fields are accepted. The keyword would let misspelt ones compile in a typed client.
    assert "additionalProperties" not in documented


def required_names(table: FieldTable) -> set[str]:
    return {field.name for field in table.fields if field.required}


def test_patterns_and_words_are_those_of_the_rules() -> None:
    one_user = VENDOR["components"]["parameters"]["EmailOfOneUser"]["schema"]
    assert one_user["pattern"] == VENDOR_SCHEMAS["Email"]["pattern"] == f"^{EMAIL.pattern}$"
    assert VENDOR_SCHEMAS["PersonName"]["pattern"] == VENDOR_SCHEMAS["GroupName"]["pattern"]
    assert VENDOR_SCHEMAS["AccessOut"]["enum"] == [access.value for access in Access]


def test_importers_find_no_example_of_the_header_with_which_no_users_are_listed() -> None:
    one_user = VENDOR["components"]["parameters"]["EmailOfOneUser"]
    assert {"example", "examples"} & (one_user.keys() | one_user["schema"].keys()) == set()
    assert one_user["schema"]["allOf"] == [{"type": "string", "examples": ["chandler@example.com"]}]


@pytest.mark.parametrize("kind", ["users", "groups"])
def test_a_page_has_the_size_of_the_default_policy(kind: str) -> None:
    page = VENDOR_SCHEMAS[f"{kind.removesuffix('s').title()}Page"]["properties"]

    assert [*page] == [f"total_{kind}", f"{kind}_this_page", NEXT_PAGE_START, kind]
    assert page[kind]["maxItems"] == page[f"{kind}_this_page"]["maximum"] == PAGE_SIZE == Policy().page_size


def test_messages_are_those_of_the_responses() -> None:
    documented = {
        example["value"]["message"]
        for (method, _), operation in operations(VENDOR).items()
        for status, response in operation["responses"].items()
        if status.startswith("2") and method != "GET"
        for example in follow(VENDOR, response)["content"]["application/json"]["examples"].values()
        if "message" in example["value"]
    }
    removed = {REMOVED_MESSAGE.format(kind=kind, host="example_site") for kind in ("User", "Group")}
    assert documented == {TEST_MODE_MESSAGE, *removed}


# -- the control API -------------------------------------------------------------------------------------------


def test_the_policy_switches_are_the_same_everywhere() -> None:
    seed = files.schema()["$defs"]["Policy"]["properties"]

    assert [*seed] == [*CONTROL_SCHEMAS["Policy"]["properties"]] == [*Policy.__struct_fields__]
    assert {name: described["default"] for name, described in seed.items()} == msgspec.structs.asdict(Policy())


@pytest.mark.parametrize("operation", CONTROL_OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_an_operation_of_the_control_api_takes_what_its_contract_lists(operation: ControlOperation) -> None:
    documented = operations(CONTROL)[operation.method, operation.path]
    parameters = [parameter["name"] for parameter in query_parameters(documented)]
    described = follow(CONTROL, documented.get("requestBody", {}))
    content = described.get("content", {"application/json": {"schema": {}}})
    body = content["application/json"]["schema"]

    assert parameters == [field.encode_name for field in msgspec.structs.fields(operation.query)]
    # A seed and a fault have readers of their own.
    if body and isinstance(operation.body, type):
        schema = follow(CONTROL, body)
        assert body["$ref"].rpartition("/")[2] == operation.body.__name__
        assert {*schema.get("properties", ())} == {*names(operation.body)}
        assert schema.get("required", []) == names(operation.body, required=True)


@pytest.mark.parametrize("operation", CONTROL_OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_a_field_of_the_control_api_has_the_type_that_its_contract_lists(operation: ControlOperation) -> None:
    documented = operations(CONTROL)[operation.method, operation.path]
    described = {parameter["name"]: parameter["schema"] for parameter in query_parameters(documented)}
    assert limits(CONTROL, described) == limits_of(operation.query)
    if "requestBody" in documented and isinstance(operation.body, type):
        body = follow(CONTROL, documented["requestBody"])["content"]["application/json"]["schema"]
        assert limits(CONTROL, follow(CONTROL, body)["properties"]) == limits_of(operation.body)


def query_parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = [follow(CONTROL, parameter) for parameter in operation.get("parameters", ())]
    return [parameter for parameter in parameters if parameter["in"] == "query"]


def limits(document: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the types, the minimum and the maximum of each property."""
    return {
        name: (kinds(document, schema), schema.get("minimum"), schema.get("maximum"))
        for name, schema in properties.items()
    }


def limits_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    described = msgspec.json.schema(struct)
    return limits(described, described["$defs"][struct.__name__]["properties"])


def kinds(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """Return the types of JSON that a schema accepts."""
    schema = follow(document, schema)
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices:
        return {kind for choice in choices for kind in kinds(document, choice)}
    if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
        # msgspec leaves the type out.
        return {"string"}
    return {schema["type"]} if isinstance(schema["type"], str) else {*schema["type"]}


def names(body: type[msgspec.Struct], *, required: bool = False) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(body) if field.required or not required]


def test_the_transport_faults_are_those_of_the_contract() -> None:
    assert CONTROL_SCHEMAS["Transport"]["enum"] == [*TRANSPORTS]
