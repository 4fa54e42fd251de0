"""The claims of mockscope about the API: from openapi.yaml, from the tables of the code, and from responses.

A claim is a sentence with one verb, as in docs/page.yaml: "create_user answers 409". Nothing is compared but claims.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec

from mockscope import Access, Policy, Refusal
from mockscope._vendor import GROUP_PATH, VENDOR_HOSTS
from mockscope.domain import rules
from mockscope.domain.model import ROLES
from mockscope.web.routes import COLLECTION_ROUTES, ROUTES
from support.vendor_page import Page, per_operation, shape_claims

Claims = set[str]
Document = dict[str, Any]

# The verbs; of two that fit a claim the first counts.
VERBS: Final = (
    *(" is a path", " is a host", " is a sample", " is shown as ", " may be ", " has can_edit ", " holds "),
    *(" takes ", " requires ", " reads ", " answers ", " carry ", " orders ", " shows ", " says ", " under ", " is "),
)
# What each source speaks of; of the rest its silence means nothing.
OF_THE_CONTRACT: Final = (
    *(" is ", " takes ", " requires ", " reads ", " answers ", " carry ", " orders ", " shows ", " says "),
    *(" may be ", " is shown as ", " holds ", " is a path"),
)
OF_THE_CODE: Final = (
    *(" is ", " is a path", " is a host", " is a sample", " reads ", " may be ", " is shown as ", " has can_edit "),
    " holds ",
)
OF_THE_ANSWERS: Final = (" answers ", " orders ", " says ")
# The contract tells another spelling of a field in the description of the body alone.
OTHER_SPELLING: Final = re.compile(r"`(\w+)` in its body\s+and\s+`(\w+)` in its table")
# TEST-2: the status that the contract writes so, that generators take the type of a create from 201.
TEST_MODE_STATUS: Final = {"2XX": "200"}


def verb(claim: str) -> str:
    """The subject of a claim.

    Raises:
        ValueError: it has no verb that any source knows, so that nothing would ever be held against it.
    """
    for known in VERBS:
        if known in claim or claim.endswith(known):
            return known
    raise ValueError(f"no source speaks of this: {claim}")


def differences(page: Claims, ours: Collection[str], found: Claims, verbs: Collection[str]) -> list[str]:
    """Return the differences between the page and one source, without those that are marked as ours."""
    claimed = {claim for claim in page if verb(claim) in verbs}
    missing = sorted(claimed - found)
    added = sorted({claim for claim in found if verb(claim) in verbs} - claimed - set(ours))
    return [f"left out: {claim}" for claim in missing] + [f"not on the page: {claim}" for claim in added]


def ours_of(page: Page) -> dict[str, str]:
    """Return the claims that are marked as ours, each with its rule."""
    return {each: rule for claim, rule in page.ours.items() for each in per_operation(claim, page.operations)}


# -- openapi.yaml ------------------------------------------------------------------------------------------------


def contract_claims(document: Document) -> Claims:
    """Return the claims of the contract."""
    return {
        claim
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "x-alias-of" not in operation
        for claim in _operation_claims(document, f"{method.upper()} {path}", operation)
    } | {*_component_claims(document["components"]["schemas"]), *(f"{path} is a path" for path in document["paths"])}


def folded(page: Claims, document: Document) -> Claims:
    """Return the page's claims in the contract's form: OpenAPI has one operation for a path and a method.

    A field that only one of two operations requires is not required.
    """
    found = set(page)
    for item in document["paths"].values():
        for operation in item.values():
            names = operation.get("x-operations", ())
            for claim in [claim for claim in found if claim.split()[0] in names]:
                rest = claim.partition(" ")[2]
                found.discard(claim)
                if verb(claim) != " requires " or all(f"{each} {rest}" in page for each in names):
                    found.add(f"{operation['operationId']} {rest}")
    return found


def _operation_claims(document: Document, line: str, operation: Document) -> Iterator[str]:
    name = operation["operationId"]
    yield f"{name} is {line}"
    for parameter in (resolved(document, each) for each in operation.get("parameters", ())):
        yield from _taken(name, parameter["name"], parameter["in"], is_required=parameter["required"])
    for need in (operation if "security" in operation else document)["security"]:
        for scheme in need:
            header = document["components"]["securitySchemes"][scheme]
            yield from _taken(name, header["name"], header["in"], is_required=True)
    for media in resolved(document, operation.get("requestBody", {})).get("content", {}).values():
        yield from _read(document, name, resolved(document, media["schema"]))
    for status, documented in operation["responses"].items():
        number = TEST_MODE_STATUS.get(status, status)
        yield f"{name} answers {number}"
        response = resolved(document, documented)
        yield from (f"answers carry {header}" for header in response["headers"])
        if int(number) < 400:
            yield from _shown(document, name, response["content"]["application/json"])


def _taken(operation: str, name: str, place: str, *, is_required: bool) -> Iterator[str]:
    # The names of headers are the same in any case.
    name = name.lower() if place == "header" else name
    yield f"{operation} takes {name} in the {place}"
    if is_required:
        yield f"{operation} requires {name}"


def _read(document: Document, operation: str, schema: Document) -> Iterator[str]:
    other = dict(OTHER_SPELLING.findall(schema["description"]))
    for name, value in schema.get("properties", {}).items():
        for spelling in filter(None, (name, other.get(name))):
            yield from (f"{operation} reads {spelling}: {kind}" for kind in _kinds(resolved(document, value)))
            if name in schema.get("required", ()):
                yield f"{operation} requires {spelling}"


def _kinds(schema: Document) -> list[str]:
    kinds: list[str] = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    page = {"string": "String", "array": f"{schema.get('items', {}).get('type', '').capitalize()}[]"}
    return [page.get(kind, kind) for kind in kinds]


def _shown(document: Document, operation: str, media: Document) -> Iterator[str]:
    schema = resolved(document, media["schema"])
    for either in schema.get("oneOf", [schema]):
        shape = _shape(document, either)
        if list(shape) == ["message"]:
            messages = (example["value"].get("message") for example in media["examples"].values())
            yield from (f"{operation} says {text.replace('example_site', '(site)')}" for text in messages if text)
        else:
            yield from shape_claims(operation, shape)


def _shape(document: Document, schema: Document) -> Any:
    schema = resolved(document, schema)
    if "anyOf" in schema:
        return tuple(_shape(document, either) for either in schema["anyOf"])
    kinds = schema.get("type", "string")
    if isinstance(kinds, list):
        return tuple(kinds)
    if kinds == "object":
        return {name: _shape(document, value) for name, value in schema["properties"].items()}
    if kinds == "array":
        return [_shape(document, schema["items"])]
    return "number" if kinds == "integer" else kinds


def _component_claims(schemas: Document) -> Iterator[str]:
    # '^([Ss][Qq][Ll]|…)$' is sql in any case.
    words = re.sub(r"\[\w(\w)\]", r"\1", schemas["AccessIn"]["pattern"]).strip("^()$")
    yield from (f"access may be {word}" for word in words.split("|"))
    yield from (f"access is shown as {word}" for word in schemas["AccessOut"]["enum"])
    yield from (
        f"a page holds {schemas[page]['properties'][records]['maxItems']} {records}"
        for page, records in (("UserPage", "users"), ("GroupPage", "groups"))
    )


def resolved(document: Document, node: Document) -> Document:
    """Return the target of a reference, merged with its siblings."""
    while "$ref" in node:
        _, of, kind, key = node["$ref"].split("/")
        node = {**document[of][kind][key], **{name: value for name, value in node.items() if name != "$ref"}}
    return node


# -- the code ----------------------------------------------------------------------------------------------------

BODIES: Final[Mapping[str, rules.FieldTable]] = {
    "create_user": rules.NEW_USER,
    "update_user": rules.USER_CHANGES,
    "create_group": rules.NEW_GROUP,
    "update_group": rules.GROUP_CHANGES,
}
KINDS: Final[Mapping[Callable[[object], object], str]] = {
    rules.parse_text: "String",
    rules.parse_email: "String",
    rules.parse_access: "String",
    rules.parse_group_names: "String[]",
}


def code_claims() -> Claims:
    """Return the claims of the tables in the code."""
    return {*_route_claims(), *_body_claims(), *_word_claims(), *_demo_claims()}


def refusal_claims() -> Claims:
    """Return the status of each rule's refusals."""
    return {f"{refusal.status} under {refusal.rule}" for refusal in Refusal}


def _route_claims() -> Iterator[str]:
    yield from (f"{row.operation} is {row.method} {row.path}" for row in ROUTES)
    yield from (f"{path} is a path" for path in (*COLLECTION_ROUTES, GROUP_PATH, f"{GROUP_PATH}/"))
    yield from (f"{host} is a host" for host in VENDOR_HOSTS)


def _body_claims() -> Iterator[str]:
    for operation, body in BODIES.items():
        for field in body.fields:
            for name in filter(None, (field.name, field.other_name)):
                yield f"{operation} reads {name}: {KINDS[field.parse]}"
                if field.required:
                    yield f"{operation} requires {name}"


def _word_claims() -> Iterator[str]:
    yield from (f"access may be {word}" for word in rules.ACCESS_WORDS)
    yield from (f"access is shown as {access}" for access in Access)
    for access, role in ROLES.items():
        edit, drag = (str(column).lower() for column in role)
        yield f"{access.lower()} has can_edit {edit} and can_drag_and_drop {drag}"
    yield from (f"a page holds {Policy().page_size} {records}" for records in ("users", "groups"))


def _demo_claims() -> Iterator[str]:
    [site] = json.loads((files("mockscope") / "demo.json").read_bytes())["sites"]
    yield from (f"{site[name]} is a sample" for name in ("host", "api_key"))


# -- responses -------------------------------------------------------------------------------------------------


def response_claims(operation: str, status: int, body: bytes, host: str) -> Iterator[str]:
    """Return the claims of one response."""
    yield f"{operation} answers {status}"
    if status < 400:
        content = msgspec.json.decode(body)
        if list(content) == ["message"]:
            yield f"{operation} says {content['message'].replace(host, '(site)')}"
        else:
            yield from shape_claims(operation, _seen(content))


def _seen(value: object) -> Any:
    match value:
        case dict():
            return {name: _seen(each) for name, each in value.items()}
        case list():
            return [_seen(value[0])] if value else []
        case bool():
            return "boolean"
        case int():
            return "number"
        case None:
            return "null"
    return "string"
