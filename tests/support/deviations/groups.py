"""Deviations from the rules of groups (GROUP)."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from mockscope import MockSite
from support.conformance_runs import Deviation, Forward, Request, Response, json_response, refusal
from support.deviations.changes import (
    GROUPS,
    USERS,
    change_new_record,
    change_policy,
    change_request,
    change_response,
    change_update,
    dry_run,
    full,
    read_only,
    refuse_empty_update,
    replace_response,
    unless_passed,
)


@read_only("GROUP-1")
def lists_show_dashboards() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if "total_groups" not in response.fields:
            return response
        return response.with_json(
            {**response.fields, "groups": [{**group, "dashboards": []} for group in response.fields["groups"]]}
        )

    return deviate


@read_only("GROUP-1")
def dashboards_come_in_another_order() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if "dashboards" not in response.fields:
            return response
        return response.with_json({**response.fields, "dashboards": response.fields["dashboards"][::-1]})

    return deviate


@read_only("GROUP-2")
def access_is_shown_in_upper_case() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return replace(response, body=response.body.replace(b'"access":"Sql"', b'"access":"SQL"'))

    return deviate


@dry_run("GROUP-2")
def access_must_be_in_lower_case() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        access = request.fields.get("access")
        is_other = isinstance(access, str) and access != access.lower()
        return refusal(400) if is_other else await forward(request)

    return deviate


@dry_run("GROUP-2")
def any_access_is_view() -> Deviation:
    return change_new_record(
        GROUPS, lambda group, site: {**group, **({"access": "view"} if group.get("access") == "edit" else {})}
    )


@read_only("GROUP-5")
def names_of_groups_ignore_case() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        name = unquote(request.path.removeprefix(f"{GROUPS}/"))
        found = {group.lower(): group for group in site.groups}.get(name.lower())
        return await forward(replace(request, path=f"{GROUPS}/{quote(found, safe='')}") if found else request)

    return deviate


@read_only("GROUP-5")
def a_slash_in_a_name_splits_it() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(404) if "%2F" in request.path else await forward(request)

    return deviate


@read_only("GROUP-5")
def a_plus_in_a_path_is_a_blank() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(replace(request, path=request.path.replace("+", "%20")))

    return deviate


@read_only("GROUP-GET-1")
def an_unknown_group_is_400() -> Deviation:
    return change_response("GET", f"{GROUPS}/", 404, lambda response: refusal(400))


@dry_run("GROUP-CREATE-1")
def a_group_needs_no_creator() -> Deviation:
    def change(group: dict[str, Any], site: MockSite) -> dict[str, Any]:
        is_missing = not {"created_by_email", "create_by_email"} & group.keys() and "name" in group
        return {**group, "created_by_email": site.admin.email} if is_missing else group

    return change_new_record(GROUPS, change)


@dry_run("GROUP-CREATE-1")
def the_creator_has_one_name() -> Deviation:
    return change_new_record(
        GROUPS, lambda group, site: {name: value for name, value in group.items() if name != "create_by_email"}
    )


@dry_run("GROUP-CREATE-2")
def nobody_knows_the_creator() -> Deviation:
    def change(group: dict[str, Any], site: MockSite) -> dict[str, Any]:
        creator = group.get("created_by_email")
        is_stranger = isinstance(creator, str) and bool(creator.strip()) and creator not in site.users
        # Another rule is about a body with both names.
        return (
            {**group, "created_by_email": site.admin.email} if is_stranger and "create_by_email" not in group else group
        )

    return change_new_record(GROUPS, change)


@dry_run("GROUP-CREATE-2", creator_must_be_admin=True)
def administrators_alone_create() -> Deviation:
    return change_policy(creator_must_be_admin=True)


@dry_run("GROUP-CREATE-3")
def a_taken_name_is_fine() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_taken = request.method == "POST" and request.bare == GROUPS and response.status == 409
        return json_response(201, {"name": request.fields["name"], "access": "View"}) if is_taken else response

    return deviate


@full("GROUP-CREATE-3")
def a_group_is_made_with_200() -> Deviation:
    return change_response("POST", GROUPS, 201, lambda response: replace(response, status=200))


@full("GROUP-UPDATE-1")
def name_and_access_don_t_change_together() -> Deviation:
    both = {"name", "access"}
    return change_update(
        GROUPS, lambda group: {"name": group["name"]} if both == group.keys() and group["access"] == "sql" else group
    )


@dry_run("GROUP-UPDATE-2")
def an_update_of_an_unknown_group_is_400() -> Deviation:
    return change_response("PUT", GROUPS, 404, lambda response: refusal(400))


def _is_renaming(request: Request, response: Response) -> bool:
    is_real = request.method == "PUT" and request.path.startswith(GROUPS) and not request.is_test_mode
    return is_real and response.status == 200 and response.fields["name"] != _group_name(request)


def _group_name(request: Request) -> str:
    return unquote(request.path.removeprefix(f"{GROUPS}/"))


@full("GROUP-UPDATE-3")
def a_rename_loses_the_members() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if _is_renaming(request, response):
            new = response.fields["name"]
            for user in [user for user in site.users.values() if new in user.groups]:
                await forward(
                    Request("PUT", USERS, "", request.headers, b"")
                    .with_header("http-x-email", user.email)
                    .with_json({"groups": [group for group in user.groups if group != new]})
                )
        return response

    return deviate


@full("GROUP-UPDATE-3")
def the_old_path_still_works() -> Deviation:
    moved: dict[str, str] = {}

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        new = moved.get(_group_name(request))
        if request.method == "GET" and new in site.groups:
            return await forward(replace(request, path=f"{GROUPS}/{quote(str(new), safe='')}"))
        response = await forward(request)
        if _is_renaming(request, response):
            moved[_group_name(request)] = response.fields["name"]
        return response

    return deviate


@full("GROUP-DELETE-1")
def a_deleted_group_has_another_message() -> Deviation:
    return change_response("DELETE", GROUPS, 200, lambda response: unless_passed(response, {"message": "Destroyed"}))


@full("GROUP-DELETE-2")
def members_go_with_their_group() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        name = _group_name(request)
        members = [user.email for user in site.users.values() if name in user.groups]
        response = await forward(request)
        if request.method == "DELETE" and not request.is_test_mode and response.status == 200:
            for email in members:
                await forward(replace(request, path=USERS).with_header("http-x-email", email))
        return response

    return deviate


@full("GROUP-DELETE-2")
def members_are_left_without_a_group() -> Deviation:
    lost: set[str] = set()

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        name = _group_name(request)
        alone = [user.email for user in site.users.values() if user.groups == (name,)]
        response = await forward(request)
        if request.method == "DELETE" and not request.is_test_mode and response.status == 200:
            lost.update(alone)
        is_shown = request.method == "GET" and request.email in lost and response.status == 200
        return response.with_json({**response.fields, "groups": []}) if is_shown else response

    return deviate


@full("GROUP-BUILTIN-1", protect_builtin_groups=False)
def built_in_groups_are_like_others() -> Deviation:
    return change_policy(protect_builtin_groups=False)


@full("GROUP-BUILTIN-1")
def built_in_groups_keep_their_access() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_built_in = request.method == "PUT" and _group_name(request) in ("Administrators", "All Users")
        return refusal(400) if is_built_in else await forward(request)

    return deviate


@dry_run("GROUP-UPDATE-1")
def an_empty_update_of_a_group_is_400() -> Deviation:
    return refuse_empty_update(GROUPS)


@full("GROUP-2")
def any_access_of_an_update_is_view() -> Deviation:
    return change_update(GROUPS, lambda group: {**group, "access": "view"} if group.get("access") == "edit" else group)


@read_only("GROUP-5")
def names_in_paths_are_decoded_twice() -> Deviation:
    return change_request(lambda request, site: replace(request, path=request.path.replace("%25", "%")))


@read_only("GROUP-GET-1")
def administrators_are_not_shown() -> Deviation:
    return replace_response(
        lambda request, response, site: request.method == "GET" and _group_name(request) == "Administrators",
        refusal(404),
    )


def _accept_name(name: object, other: str) -> Deviation:
    return change_new_record(
        GROUPS,
        lambda group, site: {**group, "name": other} if "name" in group and group["name"] == name else group,
    )


@dry_run("GROUP-CREATE-1")
def a_group_may_have_a_blank_name() -> Deviation:
    return _accept_name("", "?")


@dry_run("GROUP-CREATE-1")
def a_group_may_be_called_null() -> Deviation:
    return _accept_name(None, "null")


@dry_run("GROUP-CREATE-1")
def a_group_may_be_called_by_a_number() -> Deviation:
    return _accept_name(5, "5")


@dry_run("GROUP-CREATE-1")
def the_creator_s_other_name_wins() -> Deviation:
    return change_new_record(
        GROUPS,
        lambda group, site: {**group, "created_by_email": group.get("create_by_email", group.get("created_by_email"))},
    )


@full("GROUP-UPDATE-1")
def a_number_as_a_new_name_is_ignored() -> Deviation:
    return change_update(
        GROUPS, lambda group: {name: value for name, value in group.items() if value != 5 or name != "name"}
    )


@full("GROUP-UPDATE-2")
def a_new_name_that_is_taken_is_400() -> Deviation:
    return change_response("PUT", GROUPS, 409, lambda response: refusal(400))


@full("GROUP-UPDATE-2")
def the_name_that_a_group_has_is_taken() -> Deviation:
    return replace_response(
        lambda request, response, site: request.method == "PUT" and request.fields.get("name") == _group_name(request),
        refusal(409),
    )


@dry_run("GROUP-DELETE-1")
def a_deletion_of_an_unknown_group_is_400() -> Deviation:
    return change_response("DELETE", GROUPS, 404, lambda response: refusal(400))
