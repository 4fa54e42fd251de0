"""The registry of deviations, and functions that make deviations of several families."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mockscope import MockSite
from mockscope.conformance.outcome import Level
from support.conformance_runs import Deviation, Forward, Request, Response, refusal

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
PASSED: Final = {"message": "Action would have completed successfully"}


class Case(NamedTuple):
    """A deviation: the rules that it breaks, the level that shows it, and the policy switches that allow it."""

    deviate: Callable[[], Deviation]
    rules: frozenset[str]
    level: Level
    switches: dict[str, object]


DEVIATIONS: Final[dict[str, Case]] = {}


def full(
    *rules: str, level: Level = Level.FULL, **switches: object
) -> Callable[[Callable[[], Deviation]], Callable[[], Deviation]]:
    """Register a function that makes a deviation. Each test makes its own, because deviations may have state."""

    def keep(make: Callable[[], Deviation]) -> Callable[[], Deviation]:
        DEVIATIONS[make.__name__] = Case(make, frozenset(rules), level, switches)
        return make

    return keep


def read_only(*rules: str, **switches: object) -> Callable[[Callable[[], Deviation]], Callable[[], Deviation]]:
    """Register a deviation that GET requests show."""
    return full(*rules, level=Level.READ_ONLY, **switches)


def dry_run(*rules: str, **switches: object) -> Callable[[Callable[[], Deviation]], Callable[[], Deviation]]:
    """Register a deviation that requests in test mode show."""
    return full(*rules, level=Level.DRY_RUN, **switches)


def change_new_record(path: str, change: Callable[[dict[str, Any], MockSite], dict[str, Any]]) -> Deviation:
    """Change the body of a request that creates a record."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if request.method == "POST" and request.bare == path and request.fields:
            return await forward(request.with_json(change(request.fields, site)))
        return await forward(request)

    return deviate


def change_response(method: str, path: str, before: int, response: Callable[[Response], Response]) -> Deviation:
    """Change the mock's responses of one status to one method and path."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        given = await forward(request)
        is_meant = request.method == method and request.bare.startswith(path) and given.status == before
        return response(given) if is_meant else given

    return deviate


def unless_passed(response: Response, other: dict[str, str]) -> Response:
    """Return the response with another body, except a response of test mode."""
    return response if response.fields == PASSED else response.with_json(other)


def change_update(path: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Deviation:
    """Change the body of a request that updates a record."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_meant = request.method == "PUT" and request.bare.startswith(path) and request.body.startswith(b"{")
        return await forward(request.with_json(change(request.fields)) if is_meant and request.fields else request)

    return deviate


def replace_response(is_meant: Callable[[Request, Response, MockSite], bool], other: Response) -> Deviation:
    """Replace the responses for which a condition holds."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return other if is_meant(request, response, site) else response

    return deviate


def change_request(change: Callable[[Request, MockSite], Request]) -> Deviation:
    """Change each request before the mock gets it."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(change(request, site))

    return deviate


def refuse_empty_update(path: str) -> Deviation:
    return replace_response(
        lambda request, response, site: (
            request.method == "PUT"
            and request.path.startswith(path)
            and request.body == b"{}"
            and response.status == 200
        ),
        refusal(400),
    )


def change_policy(**switches: Any) -> Deviation:
    """Change the policy of the site."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        site.set_policy(**switches)
        return await forward(request)

    return deviate
