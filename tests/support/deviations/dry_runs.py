"""Deviations from the rules of test mode (TEST)."""

from dataclasses import replace

from mockscope import MockSite
from support.conformance_runs import Deviation, Forward, Request, Response, json_response
from support.deviations.changes import GROUPS, PASSED, USERS, change_policy, dry_run, full, read_only


@full("TEST-1")
def test_mode_checks_nothing() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_checked = (
            request.is_test_mode and response.status in (400, 404, 409) and request.path.startswith((USERS, GROUPS))
        )
        # A body that cannot be parsed is still refused.
        return json_response(200, PASSED) if is_checked else response

    return deviate


@full("TEST-1")
def test_mode_ignores_conflicts() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return json_response(200, PASSED) if request.is_test_mode and response.status == 409 else response

    return deviate


@full("TEST-1")
def true_must_be_in_lower_case() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_real = request.is_test_mode and request.params["test_mode"] != "true"
        return await forward(replace(request, query="") if is_real else request)

    return deviate


@dry_run("TEST-2", test_mode_create_status=201)
def a_create_in_test_mode_is_201() -> Deviation:
    return change_policy(test_mode_create_status=201)


@dry_run("TEST-2")
def test_mode_has_another_message() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return (
            json_response(response.status, {"message": "OK"})
            if request.is_test_mode and response.status < 300
            else response
        )

    return deviate


@full("TEST-3")
def test_mode_is_on_with_any_value() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_named = "test_mode" in request.params
        return await forward(replace(request, query="test_mode=true") if is_named else request)

    return deviate


@read_only("TEST-3")
def test_mode_applies_to_get() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return json_response(200, PASSED) if request.query == "test_mode=true" else await forward(request)

    return deviate


def write_in_test_mode(method: str, path: str) -> Deviation:
    """Execute a write although it is in test mode."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if (
            request.is_test_mode
            and request.method == method
            and request.path.startswith(path)
            and response.status < 300
        ):
            await forward(replace(request, query=""))
        return response

    return deviate


@full("TEST-4")
def users_are_created_in_test_mode() -> Deviation:
    return write_in_test_mode("POST", USERS)


@dry_run("TEST-4")
def groups_are_created_in_test_mode() -> Deviation:
    return write_in_test_mode("POST", GROUPS)


@full("TEST-4")
def users_are_deleted_in_test_mode() -> Deviation:
    return write_in_test_mode("DELETE", USERS)


@full("TEST-4")
def groups_are_updated_in_test_mode() -> Deviation:
    return write_in_test_mode("PUT", GROUPS)


@full("TEST-4")
def a_refused_create_still_creates() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_new = request.method == "POST" and request.fields.get("access") == "no such word"
        if is_new and response.status == 400 and "name" in request.fields and not request.is_test_mode:
            await forward(request.with_json({**request.fields, "access": "view"}))
        return response

    return deviate


@full("TEST-4")
def half_of_a_refused_update_is_written() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        first = request.fields.get("first_name")
        if request.method == "PUT" and response.status == 400 and isinstance(first, str) and not request.is_test_mode:
            await forward(request.with_json({"first_name": first}))
        return response

    return deviate


@full("TEST-4")
def users_are_updated_in_test_mode() -> Deviation:
    return write_in_test_mode("PUT", USERS)


@full("TEST-4")
def groups_are_deleted_in_test_mode() -> Deviation:
    return write_in_test_mode("DELETE", GROUPS)
