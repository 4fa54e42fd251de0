"""The validation of recorded calls against openapi.yaml."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from mockscope import codec
from mockscope._support.text import clip, escape_control
from mockscope.contract import document as contract_document
from mockscope.domain.refusals import Refused
from mockscope.instruments.call import MAX_BODY_BYTES, Call
from mockscope.instruments.findings import Finding

if TYPE_CHECKING:
    from jsonschema_rs import Registry, ValidationError

EXTRA: Final = "pip install 'mockscope[contract]'"
# The URI of the document in the registry of the validator.
DOCUMENT: Final = "urn:mockscope:openapi"
MAX_VIOLATIONS_OF_CALL: Final = 20
MAX_VIOLATIONS: Final = 1000
# A longer problem is truncated, because the validator repeats the sent value.
MAX_PROBLEM_CHARACTERS: Final = 300
METHODS: Final = ("get", "put", "post", "delete")
RULE: Final = re.compile(r"\b[A-Z]+(?:-[A-Z]+)*-\d+\b")
PATH_PARAMETER: Final = re.compile(r"\{\w+\}")


class ExtraMissing(ImportError):
    """The extra ``contract`` is not installed."""


class Violation(NamedTuple):
    """A violation of the document by a request.

    Args:
        where: The place in the request: ``body /groups/0``, ``header Http-X-Email``, ``query test_mode``.
        problem: The problem, which may repeat the sent value.
        rule: The rule that the document names there, if it names one.
        source: A text to follow the problem, which does not repeat the sent value.
    """

    where: str
    problem: str
    rule: str | None = None
    source: str = ""


def violations(calls: Iterable[Call]) -> list[Finding]:
    """Return the violations of openapi.yaml by calls, in the order of the calls.

    Raises:
        ExtraMissing: If the validator is not installed.
    """
    document = contract()
    found = ((call, violation) for call in calls for violation in document.violations(call))
    return [
        Finding(_redact_and_clip(call, problem) + source, rule, call, _redact_and_clip(call, where))
        for call, (where, problem, rule, source) in islice(found, MAX_VIOLATIONS)
    ]


def _redact_and_clip(call: Call, text: str) -> str:
    # Redacted first, because half a key would not be recognised.
    return clip(escape_control(call.redactor(text)), MAX_PROBLEM_CHARACTERS)


@cache
def contract() -> "Contract":
    """Return openapi.yaml with its compiled schemas.

    Raises:
        ExtraMissing: If the validator is not installed.
    """
    return Contract(json.loads(contract_document.to_json(contract_document.openapi_yaml())))


class Contract:
    """An OpenAPI 3.1 document that validates requests.

    Args:
        document: The document. All its references are internal.

    Raises:
        ExtraMissing: If the validator is not installed.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        try:
            from jsonschema_rs import Registry  # imported late: few sites need it
        except ModuleNotFoundError as error:
            raise ExtraMissing(f"contract=True needs jsonschema-rs: {EXTRA}", name=error.name) from error
        registry = Registry([(DOCUMENT, document)])
        self._paths = [_Path(path, item, document, registry) for path, item in document["paths"].items()]

    def violations(self, call: Call) -> list[Violation]:
        """Return the violations by one request, at most MAX_VIOLATIONS_OF_CALL."""
        return list(islice(self._violations(call), MAX_VIOLATIONS_OF_CALL))

    def _violations(self, call: Call) -> Iterator[Violation]:
        for path in self._paths:
            if (inside := path.match(call.path)) is None:
                continue
            # Every path with GET has HEAD too.
            method = "GET" if call.method == "HEAD" else call.method
            if (operation := path.operations.get(method)) is None:
                yield Violation("method", f"{call.method} is not among {', '.join(path.operations)} of {path.template}")
            else:
                yield from operation.violations(call, inside)
            return
        yield Violation("path", f"{call.path} is not in openapi.yaml")


class _Path:
    """A path of the document, with its operations."""

    def __init__(self, template: str, item: dict[str, Any], document: dict[str, Any], registry: "Registry") -> None:
        self.template = template
        self._names = [name[1:-1] for name in PATH_PARAMETER.findall(template)]
        self._pattern = re.compile("([^/]+)".join(map(re.escape, PATH_PARAMETER.split(template))))
        self.operations = {
            method.upper(): _Operation(("paths", template, method), document, registry)
            for method in METHODS
            if method in item
        }

    def match(self, path: str) -> dict[str, str] | None:
        """Return the decoded parameters in a path, or None if it does not match the template."""
        # Decoded after the match, because the name of a group may contain a slash, as %2F.
        found = self._pattern.fullmatch(path if self._names else unquote(path))
        return None if found is None else dict(zip(self._names, map(unquote, found.groups()), strict=True))


class _Parameter(NamedTuple):
    """A parameter of an operation."""

    name: str
    kind: str
    required: bool
    rule: str | None
    schema: "_Schema"


class _Operation:
    """The parameters and bodies of one operation."""

    def __init__(self, place: Sequence[str], document: dict[str, Any], registry: "Registry") -> None:
        described = _node_at(document, place)
        self._rules = frozenset(described["x-rules"])
        self._parameters: list[_Parameter] = []
        for number, parameter in enumerate(described.get("parameters", ())):
            where, parameter = _follow(document, (*place, "parameters", str(number)), parameter)
            schema = _Schema((*where, "schema"), document, registry, self._rules)
            rule = _find_rule(parameter, self._rules)
            self._parameters.append(_Parameter(parameter["name"], parameter["in"], parameter["required"], rule, schema))
        where, body = _follow(document, (*place, "requestBody"), described.get("requestBody", {"content": {}}))
        self._bodies = {
            media_type: _Schema((*where, "content", media_type, "schema"), document, registry, self._rules)
            for media_type in body["content"]
        }

    def violations(self, call: Call, inside: Mapping[str, str]) -> Iterator[Violation]:
        """Yield the violations by a request for this operation.

        Args:
            call: The request.
            inside: The parameters in its path.
        """
        query = parse_qsl(call.query, keep_blank_values=True)
        headers = dict(reversed(call.headers))
        for parameter in self._parameters:
            match parameter.kind:
                case "path":
                    values = [inside[parameter.name]]
                case "query":
                    values = [value for name, value in query if name == parameter.name]
                case _:
                    sent = headers.get(parameter.name.lower())
                    values = [] if sent is None else [sent]
            yield from _parameter_violations(parameter, values)
        yield from self._unknown_parameter_violations(dict(query))
        yield from self._check_body(call, headers)

    def _unknown_parameter_violations(self, query: Mapping[str, str]) -> Iterator[Violation]:
        known = [parameter.name for parameter in self._parameters if parameter.kind == "query"]
        for name in query:
            if name not in known:
                # TEST-3: only writes have a test mode.
                rule = "TEST-3" if name == "test_mode" else "HTTP-7"
                yield Violation(f"query {name}", f"this operation takes {' and '.join(known) or 'none'}", rule)

    def _check_body(self, call: Call, headers: Mapping[str, str]) -> Iterator[Violation]:
        announced = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        if not self._bodies:
            if announced:
                yield Violation("body", "this operation takes none", "HTTP-5")
            return
        if not announced and not call.body:
            yield Violation("body", "there is none, and this operation needs one", "HTTP-5")
            return
        sent = headers.get("content-type", "").partition(";")[0].strip().lower()
        if sent not in self._bodies:
            known = " or ".join(self._bodies)
            yield Violation("header Content-Type", sent or "missing", "HTTP-4", f", where {known} is asked for")
        schema = self._bodies.get(sent) or next(iter(self._bodies.values()))
        if call.body is not None and _is_whole(call.body, headers):
            yield from _body_violations(call.body, schema)


class _Schema:
    """A compiled schema of the document."""

    def __init__(
        self, place: Sequence[str], document: dict[str, Any], registry: "Registry", rules: frozenset[str]
    ) -> None:
        from jsonschema_rs import Draft202012Validator

        self._document = document
        self._place = place
        self._rules = rules
        reference = f"{DOCUMENT}#/{'/'.join(quote(_escape_step(step), safe='~') for step in place)}"
        self._validator = Draft202012Validator({"$ref": reference}, registry=registry)

    def violations(self, value: object, where: str) -> Iterator[Violation]:
        """Yield the violations by a value.

        Args:
            value: The value.
            where: The place of the value in the request.
        """
        try:
            errors = [nearest for error in self._validator.iter_errors(value) for nearest in _nearest(error)]
        except ValueError:
            errors = []
            yield Violation(where, "it is nested too deeply to be checked")
        for error in errors:
            pointer = "".join(f"/{_escape_step(str(step))}" for step in error.instance_path)
            home = "/".join(str(step) for step in error.schema_path if step not in ("components", "schemas"))
            at = f"{where} {pointer}" if pointer else where
            yield Violation(at, error.message, self._rule_of(error), f" ({home})")

    def _rule_of(self, error: "ValidationError") -> str | None:
        """Return the rule that is named nearest to the failed keyword."""
        node: Any = _node_at(self._document, self._place)
        passed = [node]
        # The first step is the compiled reference to the schema itself.
        for step in error.evaluation_path[1:]:
            node = _node_at(self._document, node["$ref"].split("/")[1:]) if step == "$ref" else _child(node, step)
            passed.append(node)
        named = (_find_rule(node, self._rules) for node in reversed(passed) if isinstance(node, Mapping))
        return next((rule for rule in named if rule is not None), None)


def _parameter_violations(parameter: _Parameter, values: Sequence[str]) -> Iterator[Violation]:
    where = f"{parameter.kind} {parameter.name}"
    if not values and parameter.required:
        yield Violation(where, "it is missing", parameter.rule)
    if len(values) > 1:
        yield Violation(where, "it is there more than once", parameter.rule)
    for value in values:
        yield from parameter.schema.violations(value, where)


def _body_violations(body: bytes, schema: _Schema) -> Iterator[Violation]:
    try:
        value = codec.decode_object(body)
    except Refused as refused:
        yield Violation("body", refused.message, refused.rule)
    else:
        yield from schema.violations(value, "body")


def _is_whole(body: bytes, headers: Mapping[str, str]) -> bool:
    """Return whether the recorded body is the sent one: not truncated, and without a redacted key."""
    length = headers.get("content-length", "")
    return len(body) == int(length) if length.isdigit() else len(body) < MAX_BODY_BYTES


def _nearest(error: "ValidationError") -> list["ValidationError"]:
    """Return the errors of the nearest alternative, or the error itself if it has no alternatives."""
    alternatives: list[list[ValidationError]] | None = getattr(error.kind, "context", None)
    if not alternatives:
        return [error]
    # The errors of the nearest alternative lie deepest in the value.
    return max(alternatives, key=lambda errors: max((len(each.instance_path) for each in errors), default=0))


def _find_rule(node: Mapping[str, Any], rules: frozenset[str]) -> str | None:
    """Return the first rule in a description, if it is one of the operation."""
    first = RULE.search(node.get("description", ""))
    return first[0] if first and first[0] in rules else None


def _follow(document: dict[str, Any], place: Sequence[str], node: Any) -> tuple[Sequence[str], Any]:
    if "$ref" not in node:
        return place, node
    place = node["$ref"].split("/")[1:]
    return place, _node_at(document, place)


def _node_at(document: Any, place: Iterable[str]) -> Any:
    node = document
    for step in place:
        node = _child(node, step)
    return node


def _child(node: Any, step: str | int) -> Any:
    return node[int(step)] if isinstance(node, list) else node[step]


def _escape_step(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
