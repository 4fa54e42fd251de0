"""Every response of a Hypothesis run follows the contract: a documented status, valid headers, a valid body."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, Registry
from support import grammar
from support.contract_cases import CONTRACT, resolved, status_number
from support.examples import examples

from mockscope import Call, Mockscope, strategies
from mockscope.web.routes import ROUTES

REGISTRY: Final = Registry([("urn:contract", CONTRACT)])
PLACES: Final = {row.operation: (row.path, row.method.lower()) for row in ROUTES}
# What a path or a method that the document does not name is refused with (HTTP-1).
REFUSED: Final[dict[str, Any]] = CONTRACT["components"]["responses"]["Forbidden"]
# The document describes the defaults, and says that responses differ under these two switches.
DEFAULTS: Final = ("page_size", "test_mode_create_status")
POLICIES: Final = strategies.policies().map(
    lambda policy: {name: value for name, value in policy.items() if name not in DEFAULTS}
)


class Response(NamedTuple):
    """The response to a request, with its operation if the contract has one."""

    operation: str | None
    status: int | None
    headers: Mapping[str, str]
    body: Any

    @classmethod
    def to(cls, call: Call) -> "Response":
        # What a method is refused with that the path has not, no operation describes.
        operation = None if call.status == 405 else call.operation
        return cls(operation, call.status, dict(call.response_headers), call.response_json)


def problems(response: Response) -> list[str]:
    """Return the differences between a response and the document."""
    described: Mapping[str, Any] = REFUSED
    if response.operation is not None:
        path, method = PLACES[response.operation]
        documented = CONTRACT["paths"][path][method]["responses"]
        responses = {status_number(status): described for status, described in documented.items()}
        if response.status not in responses:
            return [f"{response.status} is not documented"]
        described = resolved(responses[response.status])
    body = described["content"]["application/json"]["schema"]
    return [*header_problems(response.headers, described), *invalid(body, response.body)]


def header_problems(sent: Mapping[str, str], described: Mapping[str, Any]) -> Iterator[str]:
    for name, reference in described["headers"].items():
        header = resolved(reference)
        if (value := sent.get(name.lower())) is None:
            yield from [f"{name} is missing"] * header["required"]
        else:
            yield from invalid(header["schema"], value)
    if sent["content-type"].partition(";")[0] not in described["content"]:
        yield f"{sent['content-type']} is not documented"


def invalid(schema: Mapping[str, Any], value: object) -> Iterator[str]:
    """Return the errors of a value against a schema of the document."""
    # A schema is used alone here, so its references are resolved in the document.
    text: dict[str, Any] = {key: f"urn:contract{part}" if key == "$ref" else part for key, part in schema.items()}
    validator = Draft202012Validator(text, registry=REGISTRY, validate_formats=True)
    yield from (error.message for error in validator.iter_errors(value))


class Stage:
    """A mock, and a client that calls it without a socket."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.mock = Mockscope()
        self._runner = runner
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(self.mock.app), trust_env=False)

    def ask(self, request: grammar.Request) -> None:
        url = request.url(self.mock.url)
        asked = self._client.request(request.method, url, headers=request.headers, content=request.content)
        self._runner.run(asked)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        yield Stage(runner)


@pytest.mark.rule("HTTP-1", "HTTP-10", "USER-1", "GROUP-1")
@settings(
    deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data(), seed=strategies.sites(POLICIES))
def test_every_response_of_a_run_follows_the_contract(stage: Stage, data: st.DataObject, seed: dict[str, Any]) -> None:
    stage.mock.calls.clear()
    with stage.mock.site(seed={"mockscope": 1, "sites": [seed]}) as site:
        asked = data.draw(st.integers(1, 6))
        for _ in range(asked):
            stage.ask(data.draw(grammar.requests(site)))
        calls = stage.mock.all_calls()

    assert len(calls) == asked
    assert [(str(call), problem) for call in calls for problem in problems(Response.to(call))] == []


PAGE: Final[dict[str, Any]] = {"total_groups": 0, "groups_this_page": 0, "next_page_start": None, "groups": []}
LISTED: Final = Response("list_groups", 200, {"content-type": "application/json", "x-request-id": "1"}, PAGE)


@pytest.mark.parametrize(
    ("response", "found"),
    [
        (LISTED, []),
        (LISTED._replace(status=202), ["202 is not documented"]),
        (LISTED._replace(headers={"content-type": "application/json"}), ["X-Request-Id is missing"]),
        (
            LISTED._replace(headers={"content-type": "text/html", "x-request-id": ""}),
            ['"" is shorter than 1 character', "text/html is not documented"],
        ),
        (LISTED._replace(body=PAGE | {"total_groups": -1}), ["-1 is less than the minimum of 0"]),
        (LISTED._replace(status=403, body={"message": ""}), ['"" is shorter than 1 character']),
        (LISTED._replace(operation=None, status=404, body={}), ['"message" is a required property']),
    ],
)
def test_a_response_that_breaks_the_contract_is_found(response: Response, found: list[str]) -> None:
    assert problems(response) == found
