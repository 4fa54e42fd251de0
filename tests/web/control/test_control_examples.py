"""The examples and the form of control.yaml: each example is what the demo site responds."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from support.control_client import BASE, CONTRACT, DEMO, HOST, TOKEN

from mockscope import LiveServer, MockSite, __version__, serve

COMPONENTS: Final[dict[str, Any]] = CONTRACT["components"]
KEY: Final[str] = DEMO["sites"][0]["api_key"]
FROZEN: Final = datetime(2014, 3, 1, tzinfo=UTC)
FAULT: Final = COMPONENTS["requestBodies"]["NewPlanned"]["content"]["application/json"]["examples"]["fault"]
CALL: Final = COMPONENTS["responses"]["Call"]["content"]["application/json"]["example"]
STRAY_CALL: Final = COMPONENTS["responses"]["CallWithoutSite"]["content"]["application/json"]["example"]
METHODS: Final = ("get", "post", "put", "patch", "delete")
OPERATIONS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    item[method]["operationId"]: (
        method.upper(),
        path,
        {**item[method], "parameters": item.get("parameters", []) + item[method].get("parameters", [])},
    )
    for path, item in CONTRACT["paths"].items()
    for method in METHODS
    if method in item
}
# The status of an example, where it is not the lowest: there is no snapshot before, and no state file.
STATUSES: Final = {"take_snapshot": "201", "save_state": "409"}
# What ECMAScript and RE2 read differently, if both can read it: classes such as \d, code points, and look-around.
ESCAPES: Final = re.compile(r"\\(?!x[0-9a-f]{2})[^.^$*+?()\[\]{}|/-]|\(\?[^:]")


def follow(node: dict[str, Any]) -> dict[str, Any]:
    """Return a node of the contract, or the one that it refers to."""
    while "$ref" in node:
        _, _, kind, name = node["$ref"].split("/")
        node = COMPONENTS[kind][name]
    return node


def examples(media: dict[str, Any]) -> list[Any]:
    """Return the examples of a media type, parameter or header."""
    return [media["example"]] if "example" in media else [each["value"] for each in media.get("examples", {}).values()]


def contents(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the media types of a body or a response."""
    return list(follow(node).get("content", {}).values())


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    return Draft202012Validator({**schema, "components": COMPONENTS}).is_valid(value)


def schemas(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each schema below a schema, with its path."""
    yield path, node
    for key in ("properties", "items", "additionalProperties", "anyOf", "oneOf"):
        below = node.get(key)
        named = below.items() if key == "properties" and below else enumerate(below) if isinstance(below, list) else ()
        for name, each in named or ([("", below)] if isinstance(below, dict) else []):
            yield from schemas(each, f"{path}/{key}/{name}")


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with serve(control_token=TOKEN) as server:
        yield server


def send(
    server: LiveServer, method: str, path: str, headers: list[list[str]], body: str | None = None
) -> tuple[int, str]:
    """Send exactly these headers, and return status and body."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=300)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders(None if body is None else body.encode())
    response = connection.getresponse()
    # A stream does not end.
    is_stream = response.getheader("Content-Type", "").startswith("text/event-stream")
    text = b"".join(iter(response.readline, b"\n")) + b"\n" if is_stream else response.read()
    connection.close()
    return response.status, text.decode()


def control(server: LiveServer, method: str, path: str, body: Any = None, *more: list[str]) -> tuple[int, str]:
    """Send a request to the control API."""
    text = None if body is None else json.dumps(body)
    length = [] if text is None else [["Content-Length", str(len(text.encode()))]]
    headers = [["Host", server.url.removeprefix("http://")], *length, *more]
    if not any(name == "Authorization" for name, _ in more):
        headers.append(["Authorization", f"Bearer {TOKEN}"])
    return send(server, method, path, headers, text)


def prepare(server: LiveServer, operation: str) -> MockSite:
    """Make the demo site, frozen in time, with what the example of an operation is about."""
    for each in server.sites.values():
        each.remove()
    server.calls.clear()
    server.clock.reset()
    site = server.site(HOST, KEY, seed=DEMO)
    (site if operation.endswith("_of_site") else server).clock.freeze(FROZEN)
    if "snapshot" in operation and operation != "take_snapshot":
        site.snapshot("before-delete")
    if operation in ("list_faults", "get_fault", "remove_fault", "list_findings", "clear_faults"):
        site.faults.add_plain(FAULT["value"])
        if operation == "list_faults":
            site.faults.rate_limit(100, per=60)
    if operation == "list_changes":
        site.update_user("joey@example.com", first_name="Jo")
    if "call" in operation and "stream" not in operation:
        call = CALL if operation.endswith("_of_site") else STRAY_CALL
        headers = [[name, value.partition(":…")[0] + f":{KEY}" * (":…" in value)] for name, value in call["headers"]]
        send(server, call["method"], call["path"], headers)
    return site


# -- the responses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_examples_of_an_operation_are_what_the_demo_site_responds(server: LiveServer, operation: str) -> None:
    method, path, node = OPERATIONS[operation]
    bodies = [example for media in contents(node.get("requestBody", {})) for example in examples(media)]
    for number, body in enumerate(bodies or [None]):
        site = prepare(server, operation)
        ids = [call.id for call in [*site.calls, *server.calls]]
        asked = path
        for parameter in map(follow, node["parameters"]):
            if parameter["in"] == "path":
                value = ids[0] if parameter["name"] == "call" else parameter["example"]
                asked = asked.replace(f"{{{parameter['name']}}}", quote(value))
        status, text = control(server, method, asked, body)
        expected = STATUSES.get(operation) or min(node["responses"])
        assert (number, str(status)) == (number, expected), text
        documented = [example for media in contents(node["responses"][expected]) for example in examples(media)]
        # Only the first body is that of the example of the response.
        if documented and number == 0:
            for place, id in enumerate(call.id for call in [*site.calls, *server.calls]):
                text = text.replace(id, CALL["id"].replace("-1", f"-{place + 1}"))
            assert response_of(operation, text) == documented[0]


def response_of(operation: str, text: str) -> Any:
    """Return a response as its example shows it. Some examples are excerpts."""
    if operation.startswith("stream_"):
        return re.sub("id: [0-9a-f]+-[0-9]+", "id: 5f0c2d8e7a41b936-0", text)
    response = json.loads(text)
    if operation in ("list_rules", "list_hints"):
        return {name: listed[:1] for name, listed in response.items()}
    if operation == "get_openapi_json":
        return {"openapi": response["openapi"], "info": {name: response["info"][name] for name in ("title", "version")}}
    if operation.startswith(("resume_clock", "reset_clock")):
        response["now"] = COMPONENTS["responses"]["RunningClock"]["content"]["application/json"]["example"]["now"]
    return response


def test_a_snapshot_that_is_there_is_replaced_as_in_the_example(server: LiveServer) -> None:
    prepare(server, "restore_snapshot")
    status, text = control(server, "PUT", f"{BASE}/sites/{HOST}/snapshots/before-delete")
    [media] = contents(COMPONENTS["responses"]["ReplacedSnapshot"])
    assert (status, json.loads(text)) == (200, media["example"])


@pytest.mark.parametrize(
    ("name", "status", "method", "path", "body", "headers"),
    [
        ("BadRequest", 400, "POST", "/sites", {"polciy": {}}, []),
        ("Unauthorized", 401, "GET", "/sites", None, [["Authorization", "Bearer wrong"]]),
        ("Forbidden", 403, "GET", "/sites", None, [["Origin", "http://example.com"]]),
        ("NotFound", 404, "GET", "/sites/exmple_site", None, []),
        ("Conflict", 409, "POST", "/save", None, []),
        ("TooLarge", 413, "POST", "/sites", None, [["Content-Length", str(2**30)]]),
    ],
)
def test_the_example_of_a_refusal_is_what_the_server_responds(
    server: LiveServer, name: str, status: int, method: str, path: str, body: Any, headers: list[list[str]]
) -> None:
    prepare(server, "get_site")
    [media] = contents(COMPONENTS["responses"][name])
    sent, text = control(server, method, f"{BASE}{path}", body, *headers)
    assert (sent, json.loads(text)) == (status, media["example"])


# -- the form --------------------------------------------------------------------------------------------------


def test_every_body_response_and_parameter_of_a_path_has_valid_examples() -> None:
    shown = [
        (name, media)
        for kind in ("requestBodies", "responses")
        for name, node in COMPONENTS[kind].items()
        for media in contents(node)
    ]
    shown += [(name, node) for name, node in COMPONENTS["parameters"].items() if node.get("required")]
    without = [name for name, media in shown if not examples(media)]
    invalid = [
        (name, example)
        for name, media in shown
        for example in examples(media)
        if not is_valid(example, media["schema"])
    ]
    assert (without, invalid) == ([], [])
    optional = [name for name, node in COMPONENTS["parameters"].items() if not node.get("required") and examples(node)]
    assert optional == []


def test_the_version_of_the_package_is_that_of_the_examples() -> None:
    assert COMPONENTS["responses"]["Version"]["content"]["application/json"]["example"] == {"version": __version__}


def test_every_operation_has_a_description_and_a_declared_tag() -> None:
    tags = {tag["name"] for tag in CONTRACT["tags"]}
    incomplete = [
        operation
        for operation, (_, _, node) in OPERATIONS.items()
        if not ({"summary", "description"} <= {*node} and len(node["tags"]) == 1 and {*node["tags"]} <= tags)
    ]
    assert (incomplete, len(CONTRACT["info"]["title"]) < 20) == ([], True)


def test_generators_can_read_every_schema() -> None:
    found = [each for name, schema in COMPONENTS["schemas"].items() for each in schemas(schema, name)]
    for path, schema in found:
        if "enum" in schema or "const" in schema:
            kind = {"string": str, "integer": int}[schema["type"]]
            assert (path, [type(value) for value in schema.get("enum", [])]) == (
                path,
                [kind] * len(schema.get("enum", [])),
            )
        # An object of its own has a name of its own.
        assert (path, "properties" in schema) == (path, "properties" in schema and "/" not in path)
        for key in ("anyOf", "oneOf"):
            assert (path, {*schema} - {key, "description", "default"} if key in schema else set()) == (path, set())


def test_patterns_are_common_to_ecmascript_and_re2() -> None:
    patterns = {
        schema["pattern"]
        for name, top in COMPONENTS["schemas"].items()
        for _, schema in schemas(top, name)
        if "pattern" in schema
    }
    assert [pattern for pattern in patterns if ESCAPES.search(pattern)] == []


def test_every_component_is_referred_to() -> None:
    named = {f"#/components/{kind}/{name}" for kind, nodes in COMPONENTS.items() for name in nodes}
    used = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(CONTRACT)))
    # The security scheme is named by its key.
    assert named - {"#/components/securitySchemes/Token"} == used
