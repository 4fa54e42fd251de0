"""Deviations from the rules of users (USER)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mockscope import MockSite
from support.conformance_runs import Deviation, Forward, Request, Response, json_response, refusal
from support.deviations.changes import (
    PASSED,
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


def change_shown_users(
    change: Callable[[dict[str, Any]], dict[str, Any]], methods: Sequence[str] = ("GET",)
) -> Deviation:
    """Change users in responses."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if request.bare != USERS or response.status >= 300 or request.method not in methods:
            return response
        if "users" in response.fields:
            return response.with_json({**response.fields, "users": [change(user) for user in response.fields["users"]]})
        return response.with_json(change(response.fields)) if "email" in response.fields else response

    return deviate


@read_only("USER-1")
def keys_come_by_name() -> Deviation:
    return change_shown_users(lambda user: dict(sorted(user.items())))


@read_only("USER-1")
def users_have_an_id() -> Deviation:
    return change_shown_users(lambda user: {"id": 1, **user})


@read_only("USER-1")
def times_have_no_milliseconds() -> Deviation:
    def change(user: dict[str, Any]) -> dict[str, Any]:
        return {**user, "last_login_at": user["last_login_at"] and user["last_login_at"].replace(".118", "")}

    return change_shown_users(change)


@full("USER-1")
def a_key_is_missing_in_the_response_to_a_create() -> Deviation:
    def change(user: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in user.items() if name != "tfa_enabled"}

    return change_shown_users(change, ["POST"])


@read_only("USER-2")
def emails_are_looked_up_by_case() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_other = (
            request.email and request.email.lower() in map(str.lower, site.users) and request.email not in [*site.users]
        )
        return refusal(400) if is_other and request.header("http-x-partner-auth") else await forward(request)

    return deviate


@full("USER-2")
def emails_are_kept_in_lower_case() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        email = request.fields.get("email")
        if request.method == "POST" and isinstance(email, str):
            return await forward(request.with_json({**request.fields, "email": email.lower()}))
        return await forward(request)

    return deviate


@dry_run("USER-2")
def any_email_is_valid() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        email = request.fields.get("email")
        response = await forward(request)
        if request.method == "POST" and isinstance(email, str) and email.strip() and response.status == 400:
            again = await forward(request.with_json({**request.fields, "email": "fun.bobby@example.com"}))
            if again.status == 201:
                gone = replace(request.with_header("http-x-email", "fun.bobby@example.com"), method="DELETE")
                await forward(gone)
            return again if again.status < 300 else response
        return response

    return deviate


@read_only("USER-GET-1")
def an_unknown_user_is_404() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_unknown = request.method == "GET" and request.email and response.status == 400
        return refusal(404) if is_unknown and str(request.email).strip() else response

    return deviate


@read_only("USER-GET-1")
def a_blank_header_is_a_missing_one() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_blank = request.method == "GET" and request.email is not None and not request.email.strip()
        return await forward(request.without_header("http-x-email") if is_blank else request)

    return deviate


@read_only("USER-GET-1")
def the_cursor_wins_over_the_header() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(request.without_header("http-x-email") if "next_page_start" in request.params else request)

    return deviate


@dry_run("USER-CREATE-1")
def a_blank_name_is_accepted() -> Deviation:
    return change_new_record(
        USERS,
        lambda user, site: {**user, **{name: "?" for name in ("first_name", "last_name") if user.get(name) == ""}},
    )


@dry_run("USER-CREATE-1")
def a_number_is_accepted_as_a_name() -> Deviation:
    return change_new_record(
        USERS, lambda user, site: {**user, **({"first_name": "5"} if user.get("first_name") == 5 else {})}
    )


@dry_run("USER-CREATE-1")
def a_user_needs_no_inviter() -> Deviation:
    return change_new_record(
        USERS, lambda user, site: {"invited_by_email": site.admin.email, **user} if "email" in user else user
    )


@dry_run("USER-CREATE-2")
def null_groups_are_refused() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_null = request.method == "POST" and request.fields.get("groups", 0) is None
        return refusal(400) if is_null else await forward(request)

    return deviate


@full("USER-CREATE-2", unknown_groups="ignore")
def unknown_groups_are_left_out() -> Deviation:
    return change_policy(unknown_groups="ignore")


@full("USER-CREATE-2", implicit_all_users=True)
def everybody_is_in_all_users() -> Deviation:
    return change_policy(implicit_all_users=True)


@full("USER-CREATE-2")
def groups_come_in_another_order() -> Deviation:
    def change(user: dict[str, Any], site: MockSite) -> dict[str, Any]:
        groups = user.get("groups")
        return {**user, "groups": groups[::-1]} if isinstance(groups, list) and len(set(map(str, groups))) > 1 else user

    # Three groups, one of them twice, so that reversing them changes the result.
    return change_new_record(USERS, lambda user, site: change({**user, **_without_repeats(user)}, site))


def _without_repeats(user: dict[str, Any]) -> dict[str, Any]:
    groups = user.get("groups")
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        return {}
    return {"groups": list(dict.fromkeys(groups))}


@dry_run("USER-CREATE-3")
def anybody_may_invite() -> Deviation:
    return change_new_record(
        USERS,
        lambda user, site: {
            **user,
            **({"invited_by_email": site.admin.email} if str(user.get("invited_by_email")) in site.users else {}),
        },
    )


@dry_run("USER-CREATE-3")
def nobody_knows_the_inviter() -> Deviation:
    return change_new_record(
        USERS,
        lambda user, site: {
            **user,
            **({"invited_by_email": site.admin.email} if _is_stranger(user, site) else {}),
        },
    )


def _is_stranger(user: dict[str, Any], site: MockSite) -> bool:
    inviter = user.get("invited_by_email")
    return isinstance(inviter, str) and bool(inviter.strip()) and inviter not in site.users


@dry_run("USER-CREATE-4")
def a_taken_email_is_400() -> Deviation:
    return change_response("POST", USERS, 409, lambda response: refusal(400))


@full("USER-CREATE-5")
def a_create_is_200() -> Deviation:
    return change_response("POST", USERS, 201, lambda response: replace(response, status=200))


@full("USER-CREATE-5")
def a_new_user_has_logged_in() -> Deviation:
    moment = "2014-02-06T23:46:07.118Z"
    return change_response(
        "POST", USERS, 201, lambda response: response.with_json({**response.fields, "last_login_at": moment})
    )


def _refuse_unknown_users(method: str, status: int) -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_unknown = request.method == method and request.email is not None and request.email not in site.users
        return refusal(status) if is_unknown and request.bare == USERS and response.status == 400 else response

    return deviate


@dry_run("USER-UPDATE-1")
def an_update_of_an_unknown_user_is_404() -> Deviation:
    return _refuse_unknown_users("PUT", 404)


@full("USER-UPDATE-1")
def an_update_shows_nobody() -> Deviation:
    return change_response(
        "PUT",
        USERS,
        200,
        lambda response: response if response.fields == PASSED else json_response(200, {"message": "ok"}),
    )


@full("USER-UPDATE-2")
def groups_that_are_left_out_are_reset() -> Deviation:
    return change_update(USERS, lambda user: {"groups": [], **user})


@full("USER-UPDATE-2")
def empty_groups_change_nothing() -> Deviation:
    return change_update(USERS, lambda user: {name: value for name, value in user.items() if value not in ([], None)})


@dry_run("USER-DELETE-1")
def a_deletion_of_an_unknown_user_is_404() -> Deviation:
    return _refuse_unknown_users("DELETE", 404)


@full("USER-DELETE-1")
def a_deletion_has_another_message() -> Deviation:
    return change_response("DELETE", USERS, 200, lambda response: unless_passed(response, {"message": "Removed"}))


@full("USER-DELETE-3")
def invited_users_are_deleted_too() -> Deviation:
    guests: dict[str, list[str]] = {}

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if request.bare == USERS and request.method == "POST" and response.status == 201:
            guests.setdefault(request.fields.get("invited_by_email", ""), []).append(response.fields["email"])
        if request.bare == USERS and request.method == "DELETE" and not request.is_test_mode and response.status == 200:
            for guest in guests.pop(str(request.email), []):
                await forward(request.with_header("http-x-email", guest))
        return response

    return deviate


@full("USER-DELETE-3")
def the_last_administrator_stays() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        administrators = [user.email for user in site.users.values() if "Administrators" in user.groups]
        is_last = request.method == "DELETE" and administrators == [request.email]
        return refusal(400) if is_last else await forward(request)

    return deviate


@dry_run("USER-2")
def emails_are_taken_by_case() -> Deviation:
    return replace_response(
        lambda request, response, site: (
            request.bare == USERS and response.status == 409 and request.fields["email"] not in [*site.users]
        ),
        json_response(200, PASSED),
    )


@dry_run("USER-2")
def an_apostrophe_in_an_email_is_refused() -> Deviation:
    return replace_response(
        lambda request, response, site: request.method == "POST" and "'" in str(request.fields.get("email")),
        refusal(400),
    )


@read_only("USER-GET-1")
def no_user_is_found_by_email() -> Deviation:
    return replace_response(
        lambda request, response, site: request.method == "GET" and bool(request.email) and response.status == 200,
        refusal(404),
    )


@dry_run("USER-CREATE-1")
def null_is_accepted_as_a_name() -> Deviation:
    return change_new_record(
        USERS, lambda user, site: {**user, **{name: "?" for name in user if user[name] is None and "name" in name}}
    )


@dry_run("USER-CREATE-2")
def one_name_is_a_list_of_groups() -> Deviation:
    return change_new_record(
        USERS, lambda user, site: {**user, "groups": [user["groups"]]} if isinstance(user.get("groups"), str) else user
    )


@full("USER-CREATE-2")
def without_groups_a_user_is_in_sales() -> Deviation:
    return change_new_record(USERS, lambda user, site: user if user.get("groups") else {**user, "groups": ["Sales"]})


@full("USER-CREATE-3")
def new_administrators_may_not_invite() -> Deviation:
    return replace_response(
        lambda request, response, site: (
            response.status == 201 and str(request.fields.get("invited_by_email")).startswith("mockscope-check-")
        ),
        refusal(400),
    )


def _refuse_missing_email(method: str) -> Deviation:
    return replace_response(
        lambda request, response, site: (
            request.method == method and request.bare == USERS and request.email is None and response.status == 400
        ),
        refusal(404),
    )


@dry_run("USER-UPDATE-1")
def an_update_without_an_email_is_404() -> Deviation:
    return _refuse_missing_email("PUT")


@dry_run("USER-DELETE-1")
def a_deletion_without_an_email_is_404() -> Deviation:
    return _refuse_missing_email("DELETE")


@dry_run("USER-UPDATE-2")
def an_empty_update_of_a_user_is_400() -> Deviation:
    return refuse_empty_update(USERS)


@full("USER-UPDATE-2")
def an_empty_update_clears_the_name() -> Deviation:
    return change_request(
        lambda request, site: (
            request.with_json({"first_name": "?"})
            if request.method == "PUT" and request.bare == USERS and request.body == b"{}"
            else request
        )
    )


@full("USER-UPDATE-2")
def groups_of_an_update_come_in_another_order() -> Deviation:
    return change_update(
        USERS, lambda user: {**user, "groups": user["groups"][::-1]} if isinstance(user.get("groups"), list) else user
    )
