"""Deviations from the rules of authentication (AUTH)."""

from mockscope import MockSite
from support.conformance_runs import Deviation, Forward, Request, Response, refusal
from support.deviations.changes import read_only


@read_only("AUTH-1")
def the_prefix_may_be_left_out() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        bare = request.header("x-partner-auth")
        return await forward(request.with_header("http-x-partner-auth", bare) if bare else request)

    return deviate


@read_only("AUTH-1")
def angle_brackets_are_forgiven() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        value = request.header("http-x-partner-auth")
        if value is None or "<" not in value:
            return await forward(request)
        return await forward(request.with_header("http-x-partner-auth", value.replace("<", "").replace(">", "")))

    return deviate


@read_only("AUTH-2")
def a_missing_key_is_401() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(request) if request.header("http-x-partner-auth") else refusal(401)

    return deviate


@read_only("AUTH-2")
def every_refusal_of_a_key_is_401() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return refusal(401) if response.status == 403 else response

    return deviate


@read_only("AUTH-2")
def the_first_of_two_keys_counts() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        value = request.header("http-x-partner-auth")
        return await forward(request.with_header("http-x-partner-auth", value) if value else request)

    return deviate
