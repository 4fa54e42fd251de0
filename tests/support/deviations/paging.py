"""Deviations from the rules of lists (PAGE)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from mockscope import MockSite
from support.conformance_runs import PAGE_SIZE, Deviation, Forward, Request, Response, refusal
from support.deviations.changes import GROUPS, USERS, change_policy, change_request, full, read_only, replace_response


def page_differently(
    kind: str,
    *,
    key: Callable[[str], str] = str.lower,
    starts: Callable[[Sequence[str], str], int] | None = None,
    names: Callable[[Sequence[str], int, int], object] | None = None,
) -> Deviation:
    """Page a list in another way.

    Args:
        kind: "users" or "groups".
        key: The sort key of a record, given its name.
        starts: The index at which a page with a cursor starts, given all keys and the cursor.
        names: The next_page_start of a page, given all names, and the start and end of the page.
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
        records = [await _shown_record(name, kind, request, forward) for name in shown[start:end]]
        return response.with_json(
            {
                f"total_{kind}": len(shown),
                f"{kind}_this_page": len(records),
                "next_page_start": name(shown, start, end),
                kind: records,
            }
        )

    return deviate


async def _shown_record(name: str, kind: str, request: Request, forward: Forward) -> Any:
    if kind == "users":
        return (await forward(replace(request.with_header("http-x-email", name), query=""))).fields
    group = (await forward(replace(request, path=f"{GROUPS}/{quote(name, safe='')}", query=""))).fields
    return {"name": group["name"], "access": group["access"]}


@read_only("PAGE-1")
def users_come_by_code_point() -> Deviation:
    return page_differently("users", key=str)


@read_only("PAGE-1")
def groups_come_without_case() -> Deviation:
    return page_differently("groups", key=str.lower)


@read_only("PAGE-2", page_size=5)
def pages_are_half_as_large() -> Deviation:
    return change_policy(page_size=5)


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


def _last_name(shown: Sequence[str], start: int, end: int) -> object:
    return shown[end - 1] if end < len(shown) else None


@read_only("PAGE-6")
def the_cursor_is_the_last_record_of_the_page() -> Deviation:
    return page_differently("users", names=_last_name)


@read_only("PAGE-2", "PAGE-3")
def pages_start_behind_their_cursor() -> Deviation:
    return page_differently("users", names=_last_name, starts=lambda keys, cursor: sum(each <= cursor for each in keys))


@read_only("PAGE-2", "PAGE-3", "PAGE-6")
def pages_lose_the_record_of_their_cursor() -> Deviation:
    return page_differently("users", starts=lambda keys, cursor: sum(each <= cursor for each in keys))


@read_only("PAGE-3")
def an_unknown_cursor_is_the_end() -> Deviation:
    return page_differently("users", starts=lambda keys, cursor: keys.index(cursor) if cursor in keys else len(keys))


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
        # The mock reads a blank as a plus. An exclamation mark sorts between the two.
        return await forward(replace(request, query=request.query.replace("phoebe+", "phoebe%1F")))

    return deviate


@read_only("PAGE-4")
def an_empty_cursor_is_refused() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(400) if request.query == "next_page_start=" else await forward(request)

    return deviate


@read_only("PAGE-4")
def a_page_behind_the_end_is_404() -> Deviation:
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
def every_page_counts_as_full() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return (
            response.with_json({**response.fields, "groups_this_page": PAGE_SIZE})
            if "total_groups" in response.fields
            else response
        )

    return deviate


@read_only("PAGE-2", "PAGE-6")
def the_cursor_is_ignored() -> Deviation:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return await forward(
            replace(request, query="") if request.bare == USERS and request.method == "GET" else request
        )

    return deviate


@read_only("PAGE-2", "PAGE-3")
def pages_of_groups_start_behind_their_cursor() -> Deviation:
    return page_differently(
        "groups", key=str, names=_last_name, starts=lambda keys, cursor: sum(each <= cursor for each in keys)
    )


@read_only("PAGE-3")
def an_unknown_cursor_of_groups_is_the_end() -> Deviation:
    return page_differently(
        "groups", key=str, starts=lambda keys, cursor: keys.index(cursor) if cursor in keys else len(keys)
    )


@read_only("PAGE-4")
def a_page_behind_the_last_group_is_404() -> Deviation:
    return replace_response(lambda request, response, site: response.fields.get("groups_this_page") == 0, refusal(404))


def count_differently(name: str, count: Callable[[dict[str, Any]], int]) -> Deviation:
    """Change a count of a list."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return (
            response.with_json({**response.fields, name: count(response.fields)})
            if name in response.fields
            else response
        )

    return deviate


@read_only("PAGE-5")
def every_page_of_users_counts_as_full() -> Deviation:
    return count_differently("users_this_page", lambda page: PAGE_SIZE)


@read_only("PAGE-5")
def the_total_of_groups_is_that_of_the_page() -> Deviation:
    return count_differently("total_groups", lambda page: int(page["groups_this_page"]))


@read_only("PAGE-2", "PAGE-6")
def the_cursor_of_groups_is_ignored() -> Deviation:
    return change_request(
        lambda request, site: (
            replace(request, query="") if request.bare == GROUPS and request.method == "GET" else request
        )
    )
