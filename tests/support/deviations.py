"""Deviations of a server, one at a time, each with the rules that it breaks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from mockscope import MockSite
from mockscope.conformance.outcome import Level
from support.conformance_runs import PAGE_SIZE, Deviation, Forward, Request, Response, json_response, refusal

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
PASSED: Final = {"message": "Action would have completed successfully"}


class Case(NamedTuple):
    """A deviation, the rules that it breaks, the level that shows it, and the switch that a policy has for it."""

    deviate: Callable[[], Deviation]
    rules: frozenset[str]
    level: Level
    switches: dict[str, object]


DEVIATIONS: Final[dict[str, Case]] = {}


def full(
    *rules: str, level: Level = Level.FULL, **switches: object
) -> Callable[[Callable[[], Deviation]], Callable[[], Deviation]]:
    """Keep what makes a deviation. It is made anew for each test, so that what it remembers is the test's own."""

    def keep(make: Callable[[], Deviation]) -> Callable[[], Deviation]:
        DEVIATIONS[make.__name__] = Case(make, frozenset(rules), level, switches)
        return make

    return keep


def read_only(*rules: str, **switches: object) -> Callable[[Callable[[], Deviation]], Callable[[], Deviation]]:
    """The same for what GET alone can show."""
    return full(*rules, level=Level.READ_ONLY, **switches)


def dry_run(*rules: str, **switches: object) -> Callable[[Callable[[], Deviation]], Callable[[], Deviation]]:
    """The same for what test mode can show."""
    return full(*rules, level=Level.DRY_RUN, **switches)


# -- transport -------------------------------------------------------------------------------------------------


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
def no_charset_is_said() -> Deviation:
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
def lists_say_more() -> Deviation:
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
        # The page itself names the path of a new group with a slash.
        if request.path.endswith("/") and (request.method, request.bare) != ("POST", GROUPS):
            return Response(307, b"", ((b"location", request.bare.encode()),))
        return await forward(request)

    return deviate


@read_only("HTTP-3")
def a_slash_behind_a_group_is_no_group() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_one = request.path.startswith(f"{GROUPS}/") and request.bare != GROUPS
        return refusal(404) if is_one and request.path.endswith("/") else await forward(request)

    return deviate


@dry_run("HTTP-3")
def a_slash_behind_a_group_is_no_group_to_update() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_update = request.method == "PUT" and request.bare.startswith(f"{GROUPS}/")
        return refusal(404) if is_update and request.path.endswith("/") else await forward(request)

    return deviate


@dry_run("HTTP-4", require_json_content_type=True)
def a_body_must_say_what_it_is() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if request.body and request.method in ("POST", "PUT") and request.header("content-type") != "application/json":
            # In its place among the checks, which the mock knows.
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
def no_body_is_an_empty_one() -> Deviation:
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
def a_limit_is_obeyed() -> Deviation:
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


# -- authentication --------------------------------------------------------------------------------------------


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
def who_says_nothing_is_asked_to() -> Deviation:
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


# -- lists -----------------------------------------------------------------------------------------------------


def paged(
    kind: str,
    *,
    key: Callable[[str], str] = str.lower,
    starts: Callable[[Sequence[str], str], int] | None = None,
    names: Callable[[Sequence[str], int, int], object] | None = None,
) -> Deviation:
    """A list that is paged in another way.

    Args:
        kind: users or groups.
        key: what records are ordered by, made of their names.
        starts: the place at which a page with a cursor starts, given all keys.
        names: the next_page_start of a page, given all names, and where the page starts and ends.
    """

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if request.method != "GET" or request.bare != f"/api/v1/{kind}" or response.status != 200 or request.email:
            return response
        table: Any = site.users if kind == "users" else site.groups
        shown = sorted(table, key=key)
        cursor = request.params.get("next_page_start", "")
        find = starts or (lambda keys, cursor: sum(each < cursor for each in keys))
        start = (
            find([key(name) for name in shown], key(cursor).replace(" ", "+" if kind == "users" else " "))
            if cursor
            else 0
        )
        end = min(start + PAGE_SIZE, len(shown))
        name = names or (lambda shown, start, end: shown[end] if end < len(shown) else None)
        records = [await _one(name, kind, request, forward) for name in shown[start:end]]
        return response.with_json(
            {
                f"total_{kind}": len(shown),
                f"{kind}_this_page": len(records),
                "next_page_start": name(shown, start, end),
                kind: records,
            }
        )

    return deviate


async def _one(name: str, kind: str, request: Request, forward: Forward) -> Any:
    if kind == "users":
        return (await forward(replace(request.with_header("http-x-email", name), query=""))).fields
    group = (await forward(replace(request, path=f"{GROUPS}/{quote(name, safe='')}", query=""))).fields
    return {"name": group["name"], "access": group["access"]}


@read_only("PAGE-1")
def users_come_by_code_point() -> Deviation:
    return paged("users", key=str)


@read_only("PAGE-1")
def groups_come_without_case() -> Deviation:
    return paged("groups", key=str.lower)


@read_only("PAGE-2", page_size=5)
def pages_are_half_as_large() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        site.set_policy(page_size=5)
        return await forward(request)

    return deviate


@read_only("PAGE-2")
def the_last_page_has_no_cursor_at_all() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if response.fields.get("next_page_start", "") is None:
            return response.with_json(
                {name: each for name, each in response.fields.items() if name != "next_page_start"}
            )
        return response

    return deviate


@read_only("PAGE-2")
def the_last_page_has_an_empty_cursor() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if response.fields.get("next_page_start", "") is None:
            return response.with_json({**response.fields, "next_page_start": ""})
        return response

    return deviate


def _last_of_this(shown: Sequence[str], start: int, end: int) -> object:
    return shown[end - 1] if end < len(shown) else None


@read_only("PAGE-6")
def the_cursor_is_the_last_record_of_the_page() -> Deviation:
    return paged("users", names=_last_of_this)


@read_only("PAGE-2", "PAGE-3")
def pages_start_behind_their_cursor() -> Deviation:
    return paged("users", names=_last_of_this, starts=lambda keys, cursor: sum(each <= cursor for each in keys))


@read_only("PAGE-2", "PAGE-3", "PAGE-6")
def pages_lose_the_record_of_their_cursor() -> Deviation:
    return paged("users", starts=lambda keys, cursor: sum(each <= cursor for each in keys))


@read_only("PAGE-3")
def a_cursor_that_nobody_has_is_the_end() -> Deviation:
    return paged("users", starts=lambda keys, cursor: keys.index(cursor) if cursor in keys else len(keys))


@full("PAGE-3")
def a_cursor_whose_user_is_gone_is_the_first_page() -> Deviation:
    gone: list[str] = []

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if request.method == "DELETE" and request.email:
            gone.append(request.email)
        return await forward(replace(request, query="") if request.params.get("next_page_start") in gone else request)

    return deviate


@read_only("PAGE-3")
def a_blank_in_a_cursor_stays_one() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        # The mock takes a blank for a plus; nothing is between these two.
        return await forward(replace(request, query=request.query.replace("phoebe+", "phoebe%1F")))

    return deviate


@read_only("PAGE-4")
def an_empty_cursor_is_refused() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(400) if request.query == "next_page_start=" else await forward(request)

    return deviate


@read_only("PAGE-4")
def behind_the_end_is_nothing() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return refusal(404) if response.fields.get("users_this_page") == 0 else response

    return deviate


@read_only("PAGE-5")
def the_total_is_that_of_the_page() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        if "users_this_page" in response.fields:
            return response.with_json({**response.fields, "total_users": response.fields["users_this_page"]})
        return response

    return deviate


@read_only("PAGE-5")
def every_page_is_said_to_be_full() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return (
            response.with_json({**response.fields, "groups_this_page": PAGE_SIZE})
            if "total_groups" in response.fields
            else response
        )

    return deviate


@read_only("PAGE-2", "PAGE-6")
def the_cursor_is_not_looked_at() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(
            replace(request, query="") if request.bare == USERS and request.method == "GET" else request
        )

    return deviate


# -- users -----------------------------------------------------------------------------------------------------


def users_shown(change: Callable[[dict[str, Any]], dict[str, Any]], methods: Sequence[str] = ("GET",)) -> Deviation:
    """Users that are shown otherwise."""

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
    return users_shown(lambda user: dict(sorted(user.items())))


@read_only("USER-1")
def users_have_an_id() -> Deviation:
    return users_shown(lambda user: {"id": 1, **user})


@read_only("USER-1")
def times_have_no_milliseconds() -> Deviation:
    def change(user: dict[str, Any]) -> dict[str, Any]:
        return {**user, "last_login_at": user["last_login_at"] and user["last_login_at"].replace(".118", "")}

    return users_shown(change)


@full("USER-1")
def a_key_is_missing_in_the_answer_to_a_create() -> Deviation:
    def change(user: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in user.items() if name != "tfa_enabled"}

    return users_shown(change, ["POST"])


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
def a_blank_header_is_none() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_blank = request.method == "GET" and request.email is not None and not request.email.strip()
        return await forward(request.without_header("http-x-email") if is_blank else request)

    return deviate


@read_only("USER-GET-1")
def the_cursor_wins_over_the_header() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(request.without_header("http-x-email") if "next_page_start" in request.params else request)

    return deviate


def created(path: str, change: Callable[[dict[str, Any], MockSite], dict[str, Any]]) -> Deviation:
    """A create that reads its body in another way."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if request.method == "POST" and request.bare == path and request.fields:
            return await forward(request.with_json(change(request.fields, site)))
        return await forward(request)

    return deviate


@dry_run("USER-CREATE-1")
def a_blank_name_is_one() -> Deviation:
    return created(
        USERS,
        lambda user, site: {**user, **{name: "?" for name in ("first_name", "last_name") if user.get(name) == ""}},
    )


@dry_run("USER-CREATE-1")
def a_number_is_a_name() -> Deviation:
    return created(USERS, lambda user, site: {**user, **({"first_name": "5"} if user.get("first_name") == 5 else {})})


@dry_run("USER-CREATE-1")
def nobody_need_invite() -> Deviation:
    return created(
        USERS, lambda user, site: {"invited_by_email": site.admin.email, **user} if "email" in user else user
    )


@dry_run("USER-CREATE-2")
def null_is_no_list_of_groups() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_null = request.method == "POST" and request.fields.get("groups", 0) is None
        return refusal(400) if is_null else await forward(request)

    return deviate


@full("USER-CREATE-2", unknown_groups="ignore")
def unknown_groups_are_left_out() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        site.set_policy(unknown_groups="ignore")
        return await forward(request)

    return deviate


@full("USER-CREATE-2", implicit_all_users=True)
def everybody_is_in_all_users() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        site.set_policy(implicit_all_users=True)
        return await forward(request)

    return deviate


@full("USER-CREATE-2")
def groups_come_in_another_order() -> Deviation:
    def change(user: dict[str, Any], site: MockSite) -> dict[str, Any]:
        groups = user.get("groups")
        return {**user, "groups": groups[::-1]} if isinstance(groups, list) and len(set(map(str, groups))) > 1 else user

    # Three, of which one comes twice, so that turning them round does make a difference.
    return created(USERS, lambda user, site: change({**user, **_without_repeats(user)}, site))


def _without_repeats(user: dict[str, Any]) -> dict[str, Any]:
    groups = user.get("groups")
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        return {}
    return {"groups": list(dict.fromkeys(groups))}


@dry_run("USER-CREATE-3")
def anybody_may_invite() -> Deviation:
    return created(
        USERS,
        lambda user, site: {
            **user,
            **({"invited_by_email": site.admin.email} if str(user.get("invited_by_email")) in site.users else {}),
        },
    )


@dry_run("USER-CREATE-3")
def nobody_knows_the_inviter() -> Deviation:
    return created(
        USERS,
        lambda user, site: {
            **user,
            **({"invited_by_email": site.admin.email} if _is_stranger(user, site) else {}),
        },
    )


def _is_stranger(user: dict[str, Any], site: MockSite) -> bool:
    inviter = user.get("invited_by_email")
    return isinstance(inviter, str) and bool(inviter.strip()) and inviter not in site.users


def instead(method: str, path: str, before: int, response: Callable[[Response], Response]) -> Deviation:
    """Another answer, where the mock's has a status."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        given = await forward(request)
        is_meant = request.method == method and request.bare.startswith(path) and given.status == before
        return response(given) if is_meant else given

    return deviate


def unless_passed(response: Response, other: dict[str, str]) -> Response:
    """Another body, but where test mode has answered."""
    return response if response.fields == PASSED else response.with_json(other)


@dry_run("USER-CREATE-4")
def a_taken_email_is_400() -> Deviation:
    return instead("POST", USERS, 409, lambda response: refusal(400))


@full("USER-CREATE-5")
def a_create_is_200() -> Deviation:
    return instead("POST", USERS, 201, lambda response: replace(response, status=200))


@full("USER-CREATE-5")
def a_new_user_has_logged_in() -> Deviation:
    moment = "2014-02-06T23:46:07.118Z"
    return instead(
        "POST", USERS, 201, lambda response: response.with_json({**response.fields, "last_login_at": moment})
    )


def _of_unknown_users(method: str, status: int) -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_unknown = request.method == method and request.email is not None and request.email not in site.users
        return refusal(status) if is_unknown and request.bare == USERS and response.status == 400 else response

    return deviate


@dry_run("USER-UPDATE-1")
def an_update_of_nobody_is_404() -> Deviation:
    return _of_unknown_users("PUT", 404)


@full("USER-UPDATE-1")
def an_update_shows_nobody() -> Deviation:
    return instead(
        "PUT",
        USERS,
        200,
        lambda response: response if response.fields == PASSED else json_response(200, {"message": "ok"}),
    )


def updated(path: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Deviation:
    """An update that reads its body in another way."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_meant = request.method == "PUT" and request.bare.startswith(path) and request.body.startswith(b"{")
        return await forward(request.with_json(change(request.fields)) if is_meant and request.fields else request)

    return deviate


@full("USER-UPDATE-2")
def groups_that_are_left_out_are_reset() -> Deviation:
    return updated(USERS, lambda user: {"groups": [], **user})


@full("USER-UPDATE-2")
def no_groups_are_no_change() -> Deviation:
    return updated(USERS, lambda user: {name: value for name, value in user.items() if value not in ([], None)})


@dry_run("USER-DELETE-1")
def a_deletion_of_nobody_is_404() -> Deviation:
    return _of_unknown_users("DELETE", 404)


@full("USER-DELETE-1")
def a_deletion_says_something_else() -> Deviation:
    return instead("DELETE", USERS, 200, lambda response: unless_passed(response, {"message": "Removed"}))


@full("USER-DELETE-3")
def who_was_invited_goes_along() -> Deviation:
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


# -- groups ----------------------------------------------------------------------------------------------------


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
def access_is_shouted() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return replace(response, body=response.body.replace(b'"access":"Sql"', b'"access":"SQL"'))

    return deviate


@dry_run("GROUP-2")
def access_is_written_small() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        access = request.fields.get("access")
        is_other = isinstance(access, str) and access != access.lower()
        return refusal(400) if is_other else await forward(request)

    return deviate


@dry_run("GROUP-2")
def any_access_is_view() -> Deviation:
    return created(
        GROUPS, lambda group, site: {**group, **({"access": "view"} if group.get("access") == "edit" else {})}
    )


@read_only("GROUP-5")
def names_of_groups_have_no_case() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        name = unquote(request.path.removeprefix(f"{GROUPS}/"))
        found = {group.lower(): group for group in site.groups}.get(name.lower())
        return await forward(replace(request, path=f"{GROUPS}/{quote(found, safe='')}") if found else request)

    return deviate


@read_only("GROUP-5")
def a_slash_in_a_name_parts_it() -> Deviation:
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
    return instead("GET", f"{GROUPS}/", 404, lambda response: refusal(400))


@dry_run("GROUP-CREATE-1")
def nobody_need_create() -> Deviation:
    def change(group: dict[str, Any], site: MockSite) -> dict[str, Any]:
        is_missing = not {"created_by_email", "create_by_email"} & group.keys() and "name" in group
        return {**group, "created_by_email": site.admin.email} if is_missing else group

    return created(GROUPS, change)


@dry_run("GROUP-CREATE-1")
def the_creator_has_one_name() -> Deviation:
    return created(
        GROUPS, lambda group, site: {name: value for name, value in group.items() if name != "create_by_email"}
    )


@dry_run("GROUP-CREATE-2")
def nobody_knows_the_creator() -> Deviation:
    def change(group: dict[str, Any], site: MockSite) -> dict[str, Any]:
        creator = group.get("created_by_email")
        is_stranger = isinstance(creator, str) and bool(creator.strip()) and creator not in site.users
        # Where there are two, which one counts is for another rule.
        return (
            {**group, "created_by_email": site.admin.email} if is_stranger and "create_by_email" not in group else group
        )

    return created(GROUPS, change)


@dry_run("GROUP-CREATE-2", creator_must_be_admin=True)
def administrators_alone_create() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        site.set_policy(creator_must_be_admin=True)
        return await forward(request)

    return deviate


@dry_run("GROUP-CREATE-3")
def a_taken_name_is_fine() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_taken = request.method == "POST" and request.bare == GROUPS and response.status == 409
        return json_response(201, {"name": request.fields["name"], "access": "View"}) if is_taken else response

    return deviate


@full("GROUP-CREATE-3")
def a_group_is_made_with_200() -> Deviation:
    return instead("POST", GROUPS, 201, lambda response: replace(response, status=200))


@full("GROUP-UPDATE-1")
def name_and_access_don_t_change_together() -> Deviation:
    both = {"name", "access"}
    return updated(
        GROUPS, lambda group: {"name": group["name"]} if both == group.keys() and group["access"] == "sql" else group
    )


@dry_run("GROUP-UPDATE-2")
def an_update_of_no_group_is_400() -> Deviation:
    return instead("PUT", GROUPS, 404, lambda response: refusal(400))


def _is_renaming(request: Request, response: Response) -> bool:
    is_real = request.method == "PUT" and request.path.startswith(GROUPS) and not request.is_test_mode
    return is_real and response.status == 200 and response.fields["name"] != _name_in(request)


def _name_in(request: Request) -> str:
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
def the_old_path_still_leads_there() -> Deviation:
    moved: dict[str, str] = {}

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        new = moved.get(_name_in(request))
        if request.method == "GET" and new in site.groups:
            return await forward(replace(request, path=f"{GROUPS}/{quote(str(new), safe='')}"))
        response = await forward(request)
        if _is_renaming(request, response):
            moved[_name_in(request)] = response.fields["name"]
        return response

    return deviate


@full("GROUP-DELETE-1")
def a_deleted_group_is_said_to_be_destroyed() -> Deviation:
    return instead("DELETE", GROUPS, 200, lambda response: unless_passed(response, {"message": "Destroyed"}))


@full("GROUP-DELETE-2")
def members_go_with_their_group() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        name = _name_in(request)
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
        name = _name_in(request)
        alone = [user.email for user in site.users.values() if user.groups == (name,)]
        response = await forward(request)
        if request.method == "DELETE" and not request.is_test_mode and response.status == 200:
            lost.update(alone)
        is_shown = request.method == "GET" and request.email in lost and response.status == 200
        return response.with_json({**response.fields, "groups": []}) if is_shown else response

    return deviate


@full("GROUP-BUILTIN-1", protect_builtin_groups=False)
def built_in_groups_are_like_others() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        site.set_policy(protect_builtin_groups=False)
        return await forward(request)

    return deviate


@full("GROUP-BUILTIN-1")
def built_in_groups_keep_their_access() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_built_in = request.method == "PUT" and _name_in(request) in ("Administrators", "All Users")
        return refusal(400) if is_built_in else await forward(request)

    return deviate


# -- test mode -------------------------------------------------------------------------------------------------


@full("TEST-1")
def test_mode_checks_nothing() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        is_checked = (
            request.is_test_mode and response.status in (400, 404, 409) and request.path.startswith((USERS, GROUPS))
        )
        # What can't be read at all is refused even so.
        return json_response(200, PASSED) if is_checked else response

    return deviate


@full("TEST-1")
def test_mode_knows_no_conflicts() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return json_response(200, PASSED) if request.is_test_mode and response.status == 409 else response

    return deviate


@full("TEST-1")
def true_is_written_small() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_real = request.is_test_mode and request.params["test_mode"] != "true"
        return await forward(replace(request, query="") if is_real else request)

    return deviate


@dry_run("TEST-2", test_mode_create_status=201)
def a_create_in_test_mode_is_201() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        site.set_policy(test_mode_create_status=201)
        return await forward(request)

    return deviate


@dry_run("TEST-2")
def test_mode_says_ok() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return (
            json_response(response.status, {"message": "OK"})
            if request.is_test_mode and response.status < 300
            else response
        )

    return deviate


@full("TEST-3")
def test_mode_is_on_where_it_is_named() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_named = "test_mode" in request.params
        return await forward(replace(request, query="test_mode=true") if is_named else request)

    return deviate


@read_only("TEST-3")
def test_mode_is_for_get_too() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return json_response(200, PASSED) if request.query == "test_mode=true" else await forward(request)

    return deviate


def written_in_test_mode(method: str, path: str) -> Deviation:
    """One of the six writes, which test mode does not keep from being done."""

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
    return written_in_test_mode("POST", USERS)


@dry_run("TEST-4")
def groups_are_created_in_test_mode() -> Deviation:
    return written_in_test_mode("POST", GROUPS)


@full("TEST-4")
def users_are_deleted_in_test_mode() -> Deviation:
    return written_in_test_mode("DELETE", USERS)


@full("TEST-4")
def groups_are_updated_in_test_mode() -> Deviation:
    return written_in_test_mode("PUT", GROUPS)


@full("TEST-4")
def a_refused_create_is_done_all_the_same() -> Deviation:
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


# -- what the checks are left for: each of them is seen to differ at least once ----------------------------------


def respond_instead(is_meant: Callable[[Request, Response, MockSite], bool], other: Response) -> Deviation:
    """Another answer, where request and answer are meant."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return other if is_meant(request, response, site) else response

    return deviate


def forward_instead(change: Callable[[Request, MockSite], Request]) -> Deviation:
    """Requests that are read in another way."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(change(request, site))

    return deviate


def _of_groups(request: Request) -> bool:
    return request.path.startswith(GROUPS)


@dry_run("HTTP-4")
def a_list_of_one_is_an_object() -> Deviation:
    return forward_instead(
        lambda request, site: request.with_body(request.body[1:-1]) if request.body.startswith(b"[") else request
    )


@read_only("HTTP-5")
def a_body_of_get_is_read() -> Deviation:
    return respond_instead(lambda request, response, site: request.method == "GET" and bool(request.body), refusal(400))


@read_only("HTTP-6")
def unknown_paths_are_400() -> Deviation:
    return instead("GET", "/api/v1/nothing", 404, lambda response: refusal(400))


@full("HTTP-6")
def conflicts_of_an_update_come_before_fields() -> Deviation:
    def is_meant(request: Request, response: Response, site: MockSite) -> bool:
        is_update = request.method == "PUT" and _of_groups(request) and response.status == 400
        return is_update and request.fields.get("name") in [*site.groups]

    return respond_instead(is_meant, refusal(409))


@read_only("PAGE-2", "PAGE-3")
def pages_of_groups_start_behind_their_cursor() -> Deviation:
    return paged(
        "groups", key=str, names=_last_of_this, starts=lambda keys, cursor: sum(each <= cursor for each in keys)
    )


@read_only("PAGE-3")
def a_cursor_that_no_group_has_is_the_end() -> Deviation:
    return paged("groups", key=str, starts=lambda keys, cursor: keys.index(cursor) if cursor in keys else len(keys))


@read_only("PAGE-4")
def behind_the_last_group_is_nothing() -> Deviation:
    return respond_instead(lambda request, response, site: response.fields.get("groups_this_page") == 0, refusal(404))


def counted(name: str, count: Callable[[dict[str, Any]], int]) -> Deviation:
    """A list that counts in another way."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return (
            response.with_json({**response.fields, name: count(response.fields)})
            if name in response.fields
            else response
        )

    return deviate


@read_only("PAGE-5")
def every_page_of_users_is_said_to_be_full() -> Deviation:
    return counted("users_this_page", lambda page: PAGE_SIZE)


@read_only("PAGE-5")
def the_total_of_groups_is_that_of_the_page() -> Deviation:
    return counted("total_groups", lambda page: int(page["groups_this_page"]))


@read_only("PAGE-2", "PAGE-6")
def the_cursor_of_groups_is_not_looked_at() -> Deviation:
    return forward_instead(
        lambda request, site: (
            replace(request, query="") if request.bare == GROUPS and request.method == "GET" else request
        )
    )


@dry_run("USER-2")
def emails_are_taken_by_case() -> Deviation:
    return respond_instead(
        lambda request, response, site: (
            request.bare == USERS and response.status == 409 and request.fields["email"] not in [*site.users]
        ),
        json_response(200, PASSED),
    )


@dry_run("USER-2")
def an_apostrophe_is_in_no_email() -> Deviation:
    return respond_instead(
        lambda request, response, site: request.method == "POST" and "'" in str(request.fields.get("email")),
        refusal(400),
    )


@read_only("USER-GET-1")
def no_user_is_found_by_email() -> Deviation:
    return respond_instead(
        lambda request, response, site: request.method == "GET" and bool(request.email) and response.status == 200,
        refusal(404),
    )


@dry_run("USER-CREATE-1")
def null_is_a_name() -> Deviation:
    return created(
        USERS, lambda user, site: {**user, **{name: "?" for name in user if user[name] is None and "name" in name}}
    )


@dry_run("USER-CREATE-2")
def one_name_is_a_list_of_groups() -> Deviation:
    return created(
        USERS, lambda user, site: {**user, "groups": [user["groups"]]} if isinstance(user.get("groups"), str) else user
    )


@full("USER-CREATE-2")
def without_groups_a_user_is_in_sales() -> Deviation:
    return created(USERS, lambda user, site: user if user.get("groups") else {**user, "groups": ["Sales"]})


@full("USER-CREATE-3")
def new_administrators_may_not_invite() -> Deviation:
    return respond_instead(
        lambda request, response, site: (
            response.status == 201 and str(request.fields.get("invited_by_email")).startswith("mockscope-check-")
        ),
        refusal(400),
    )


def _of_nobody(method: str) -> Deviation:
    return respond_instead(
        lambda request, response, site: (
            request.method == method and request.bare == USERS and request.email is None and response.status == 400
        ),
        refusal(404),
    )


@dry_run("USER-UPDATE-1")
def an_update_that_names_nobody_is_404() -> Deviation:
    return _of_nobody("PUT")


@dry_run("USER-DELETE-1")
def a_deletion_that_names_nobody_is_404() -> Deviation:
    return _of_nobody("DELETE")


def _of_nothing(path: str) -> Deviation:
    return respond_instead(
        lambda request, response, site: (
            request.method == "PUT"
            and request.path.startswith(path)
            and request.body == b"{}"
            and response.status == 200
        ),
        refusal(400),
    )


@dry_run("USER-UPDATE-2")
def an_update_of_a_user_must_say_something() -> Deviation:
    return _of_nothing(USERS)


@dry_run("GROUP-UPDATE-1")
def an_update_of_a_group_must_say_something() -> Deviation:
    return _of_nothing(GROUPS)


@full("USER-UPDATE-2")
def an_update_that_says_nothing_takes_the_name_away() -> Deviation:
    return forward_instead(
        lambda request, site: (
            request.with_json({"first_name": "?"})
            if request.method == "PUT" and request.bare == USERS and request.body == b"{}"
            else request
        )
    )


@full("USER-UPDATE-2")
def groups_of_an_update_come_in_another_order() -> Deviation:
    return updated(
        USERS, lambda user: {**user, "groups": user["groups"][::-1]} if isinstance(user.get("groups"), list) else user
    )


@full("GROUP-2")
def any_access_of_an_update_is_view() -> Deviation:
    return updated(GROUPS, lambda group: {**group, "access": "view"} if group.get("access") == "edit" else group)


@read_only("GROUP-5")
def names_in_paths_are_decoded_twice() -> Deviation:
    return forward_instead(lambda request, site: replace(request, path=request.path.replace("%25", "%")))


@read_only("GROUP-GET-1")
def administrators_are_not_shown() -> Deviation:
    return respond_instead(
        lambda request, response, site: request.method == "GET" and _name_in(request) == "Administrators", refusal(404)
    )


def _named(name: object, other: str) -> Deviation:
    return created(
        GROUPS,
        lambda group, site: {**group, "name": other} if "name" in group and group["name"] == name else group,
    )


@dry_run("GROUP-CREATE-1")
def a_group_may_have_a_blank_name() -> Deviation:
    return _named("", "?")


@dry_run("GROUP-CREATE-1")
def a_group_may_be_called_null() -> Deviation:
    return _named(None, "null")


@dry_run("GROUP-CREATE-1")
def a_group_may_be_called_by_a_number() -> Deviation:
    return _named(5, "5")


@dry_run("GROUP-CREATE-1")
def the_creator_s_other_name_wins() -> Deviation:
    return created(
        GROUPS,
        lambda group, site: {**group, "created_by_email": group.get("create_by_email", group.get("created_by_email"))},
    )


@full("GROUP-UPDATE-1")
def a_number_is_no_new_name_of_a_group() -> Deviation:
    return updated(GROUPS, lambda group: {name: value for name, value in group.items() if value != 5 or name != "name"})


@full("GROUP-UPDATE-2")
def a_new_name_that_is_taken_is_400() -> Deviation:
    return instead("PUT", GROUPS, 409, lambda response: refusal(400))


@full("GROUP-UPDATE-2")
def the_name_that_a_group_has_is_taken() -> Deviation:
    return respond_instead(
        lambda request, response, site: request.method == "PUT" and request.fields.get("name") == _name_in(request),
        refusal(409),
    )


@dry_run("GROUP-DELETE-1")
def a_deletion_of_no_group_is_400() -> Deviation:
    return instead("DELETE", GROUPS, 404, lambda response: refusal(400))


@full("TEST-4")
def users_are_updated_in_test_mode() -> Deviation:
    return written_in_test_mode("PUT", USERS)


@full("TEST-4")
def groups_are_deleted_in_test_mode() -> Deviation:
    return written_in_test_mode("DELETE", GROUPS)


@read_only("HTTP-8")
def a_long_line_is_400() -> Deviation:
    return respond_instead(lambda request, response, site: response.status == 414, refusal(400))


@read_only("HTTP-8")
def a_long_head_is_400() -> Deviation:
    return respond_instead(lambda request, response, site: response.status == 431, refusal(400))
