"""Deviations from the rules of requests and responses (HTTP)."""

import re
from dataclasses import replace

from mockscope import MockSite
from support.conformance_runs import Deviation, Forward, Request, Response, json_response, refusal
from support.deviations.changes import (
    GROUPS,
    USERS,
    change_request,
    change_response,
    dry_run,
    full,
    read_only,
    replace_response,
)


@read_only("HTTP-1")
def refusals_are_pages_for_people() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return response if response.status < 400 else replace(response, body=b"<h1>How you doin'?</h1>")

    return deviate


@full("HTTP-1", "USER-DELETE-1")
def deletions_are_confirmed_by_a_word() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_deletion = (request.method, request.bare, request.is_test_mode) == ("DELETE", USERS, False)
        return replace(response, body=b"Done") if is_deletion and response.status == 200 else response

    return deviate


@read_only("HTTP-1")
def the_charset_is_missing() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return replace(await forward(request), headers=((b"content-type", b"application/json"),))

    return deviate


@read_only("HTTP-1")
def refusals_are_called_errors() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return response if response.status < 400 else response.with_json({"error": response.fields["message"]})

    return deviate


@read_only("HTTP-1")
def lists_have_another_key() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_list = "next_page_start" in response.fields
        return response.with_json({**response.fields, "page": 1}) if is_list else response

    return deviate


@read_only("HTTP-2")
def one_host_is_unknown() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(404) if request.header("host") == "api.periscopedata.com" else await forward(request)

    return deviate


@dry_run("HTTP-3")
def a_slash_is_redirected() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        # The vendor's page writes the path of a new group with a slash.
        if request.path.endswith("/") and (request.method, request.bare) != ("POST", GROUPS):
            return Response(307, b"", ((b"location", request.bare.encode()),))
        return await forward(request)

    return deviate


@read_only("HTTP-3")
def a_slash_behind_a_group_is_404() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_one = request.path.startswith(f"{GROUPS}/") and request.bare != GROUPS
        return refusal(404) if is_one and request.path.endswith("/") else await forward(request)

    return deviate


@dry_run("HTTP-3")
def a_slash_behind_an_updated_group_is_404() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_update = request.method == "PUT" and request.bare.startswith(f"{GROUPS}/")
        return refusal(404) if is_update and request.path.endswith("/") else await forward(request)

    return deviate


@dry_run("HTTP-4", require_json_content_type=True)
def a_body_needs_a_content_type() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if request.body and request.method in ("POST", "PUT") and request.header("content-type") != "application/json":
            # The mock refuses it at the right place in the order of checks.
            site.set_policy(require_json_content_type=True)
        response = await forward(request)
        site.set_policy(require_json_content_type=False)
        return response

    return deviate


@dry_run("HTTP-4")
def trailing_commas_are_forgiven() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(request.with_body(request.body.replace(b",}", b"}")))

    return deviate


@dry_run("HTTP-4")
def the_first_of_two_counts() -> Deviation:
    two = re.compile(rb'("first_name": "\w*"), "first_name": "\w*"')

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(request.with_body(two.sub(rb"\1", request.body)))

    return deviate


@dry_run("HTTP-5")
def a_missing_body_is_an_empty_object() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_empty = request.method == "PUT" and not request.body
        return await forward(request.with_json({}) if is_empty else request)

    return deviate


@full("HTTP-5")
def a_body_of_delete_is_read() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(400) if request.method == "DELETE" and request.body else await forward(request)

    return deviate


@read_only("HTTP-6")
def paths_come_before_keys() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(request) if request.path.startswith((USERS, GROUPS)) else refusal(404)

    return deviate


@dry_run("HTTP-6")
def other_methods_are_unknown_paths() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return refusal(404) if response.status == 405 else response

    return deviate


@dry_run("HTTP-6")
def conflicts_come_before_fields() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_create = request.method == "POST" and request.bare == USERS and response.status == 400
        return refusal(409) if is_create and str(request.fields.get("email")) in site.users else response

    return deviate


@dry_run("HTTP-6")
def bodies_come_before_targets() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_broken = request.method == "PUT" and request.body.startswith(b"{no json")
        return refusal(400) if is_broken else await forward(request)

    return deviate


@dry_run("HTTP-7")
def unknown_fields_are_refused() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(400) if "shoe_size" in request.fields else await forward(request)

    return deviate


@full("HTTP-7")
def an_email_can_be_changed() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        email = request.fields.get("email")
        if request.method == "PUT" and email and response.status == 200 and not request.is_test_mode:
            await forward(replace(request, method="DELETE"))
            site.add_user(email)
        return response

    return deviate


@read_only("HTTP-7")
def unknown_parameters_are_refused() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return (
            refusal(400)
            if "shoe_size" in request.params and request.params["shoe_size"] == "9"
            else await forward(request)
        )

    return deviate


@read_only("HTTP-7")
def a_limit_is_applied() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if "limit" not in request.params or request.bare != GROUPS:
            return response
        return response.with_json({**response.fields, "groups": response.fields["groups"][:1]})

    return deviate


@full("HTTP-7")
def dry_run_is_test_mode() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_dry = request.params.get("dry_run") == "true"
        return await forward(replace(request, query="test_mode=true") if is_dry else request)

    return deviate


@read_only("HTTP-7")
def null_is_the_first_page() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_null = request.params.get("next_page_start") in ("null", "None")
        return await forward(replace(request, query="") if is_null else request)

    return deviate


@dry_run("HTTP-8")
def a_body_may_be_of_any_size() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(request.with_body(request.body.strip()))

    return deviate


@dry_run("HTTP-8")
def half_a_mebibyte_is_too_large() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(413) if len(request.body) > 512 * 1024 else await forward(request)

    return deviate


@read_only("HTTP-9")
def roles_are_there() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return json_response(200, {"roles": []}) if request.path == "/api/v1/roles" else await forward(request)

    return deviate


def _of_groups(request: Request) -> bool:
    return request.path.startswith(GROUPS)


@dry_run("HTTP-4")
def a_list_of_one_is_an_object() -> Deviation:
    return change_request(
        lambda request, site: request.with_body(request.body[1:-1]) if request.body.startswith(b"[") else request
    )


@read_only("HTTP-5")
def a_body_of_get_is_read() -> Deviation:
    return replace_response(
        lambda request, response, site: request.method == "GET" and bool(request.body), refusal(400)
    )


@read_only("HTTP-6")
def unknown_paths_are_400() -> Deviation:
    return change_response("GET", "/api/v1/nothing", 404, lambda response: refusal(400))


@full("HTTP-6")
def conflicts_of_an_update_come_before_fields() -> Deviation:
    def is_meant(request: Request, response: Response, site: MockSite) -> bool:
        is_update = request.method == "PUT" and _of_groups(request) and response.status == 400
        return is_update and request.fields.get("name") in [*site.groups]

    return replace_response(is_meant, refusal(409))


@read_only("HTTP-8")
def a_long_line_is_400() -> Deviation:
    return replace_response(lambda request, response, site: response.status == 414, refusal(400))


@read_only("HTTP-8")
def a_long_head_is_400() -> Deviation:
    return replace_response(lambda request, response, site: response.status == 431, refusal(400))
