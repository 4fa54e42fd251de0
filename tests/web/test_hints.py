"""Every refusal explains itself: the mistake that is made over HTTP, and what its hint says."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from asking import (
    FRIENDS,
    GROUPS,
    PAGE,
    PAGE_KEY,
    PHOEBE,
    USERS,
    Answer,
    Body,
    Client,
    Headers,
    page_site,
)

import mockscope
from mockscope.domain.refusals import Refusal
from mockscope.domain.site import Site
from mockscope.instruments.hints import Advice, Hint
from mockscope.web.explaining import EXPLAINED

JSON_TYPE = {"Content-Type": "application/json"}
AUTH = "Http-X-Partner-Auth"
OPENS = f"example-site:{PAGE_KEY}"
JOEY = "joey@example.com"

Mistake = Callable[[Client], Answer]


def unauthenticated(*headers: tuple[str, str]) -> Mistake:
    return lambda client: client.get(USERS, headers=headers, authenticated=False)


def get(path: str, **options: Any) -> Mistake:
    return lambda client: client.get(path, **options)


def post_user(**fields: Any) -> Mistake:
    return lambda client: client.post(USERS, {**PHOEBE, **fields}, headers=JSON_TYPE)


def post_group(**fields: Any) -> Mistake:
    return lambda client: client.post(GROUPS, {**FRIENDS, **fields}, headers=JSON_TYPE)


def post(body: Any, path: str = USERS, **headers: str) -> Mistake:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda client: client.post(path, body, headers=named)


def put_user(body: Any, path: str = USERS, **options: Any) -> Mistake:
    return lambda client: client.put(path, body, **({"headers": JSON_TYPE} | options))


def put_group(name: str, body: Any) -> Mistake:
    return lambda client: client.put(f"{GROUPS}/{name}", body, headers=JSON_TYPE)


def delete_user(path: str = USERS, body: Any = None, **options: Any) -> Mistake:
    return lambda client: client.ask("DELETE", path, body, **options)


def disabled(client: Client) -> Answer:
    client.site.enabled = False
    return client.get(USERS)


def of_another_site(client: Client) -> Answer:
    other = client.double.site(host="another-site")
    return client.get(USERS, headers={AUTH: f"example-site:{other.api_key}"}, authenticated=False)


def rotated(client: Client) -> Answer:
    client.site.rotate_key()
    return client.get(USERS, headers={AUTH: OPENS}, authenticated=False)


def removed(label: str = "") -> Mistake:
    def ask(client: Client) -> Answer:
        client.site.label = label
        client.site.remove()
        return client.get(USERS)

    return ask


def key_first(client: Client) -> Answer:
    return client.get(USERS, headers={AUTH: f"{PAGE_KEY}:example-site"}, authenticated=False)


def failing_action(client: Client) -> Answer:
    client.site.faults.add("list_users", action=lambda entry, answer: 1 / 0)  # type: ignore[arg-type, return-value]
    return client.get(USERS)


def plus_in_a_group(client: Client) -> Answer:
    client.site.add_group("R+D")
    return client.get(f"{GROUPS}?next_page_start=R+D")


def administrators_only(client: Client) -> Answer:
    client.site.set_policy(creator_must_be_admin=True)
    return client.post(GROUPS, {**FRIENDS, "created_by_email": JOEY})


def administrators_only_as_the_table_spells_it(client: Client) -> Answer:
    client.site.set_policy(creator_must_be_admin=True)
    return client.post(GROUPS, {**without(FRIENDS, "created_by_email"), "create_by_email": JOEY})


def json_only(client: Client) -> Answer:
    client.site.set_policy(require_json_content_type=True)
    return client.post(USERS, PHOEBE)


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


OTHER_CREATOR = {"name": "Friends", "access": "Sql", "create_by_email": JOEY}
TWICE = json.dumps(PHOEBE).replace("{", '{"email": "regina@example.com", ')
FORM = "first_name=Phoebe&email=phoebe%40example.com"

# What went wrong: how to do it, the status, and the code.
MISTAKES: dict[str, tuple[Mistake, int, Hint]] = {
    # -- authentication
    "no credentials": (unauthenticated(), 403, Hint.AUTH_HEADER_MISSING),
    "blank credentials": (unauthenticated((AUTH, " ")), 403, Hint.AUTH_HEADER_MISSING),
    "X-Partner-Auth": (unauthenticated(("X-Partner-Auth", OPENS)), 403, Hint.AUTH_HEADER_RENAMED),
    "Authorization": (unauthenticated(("Authorization", f"Bearer {PAGE_KEY}")), 403, Hint.AUTH_HEADER_RENAMED),
    "angle brackets": (unauthenticated((AUTH, f"<{OPENS}>")), 403, Hint.AUTH_ANGLE_BRACKETS),
    "angle brackets around each": (
        unauthenticated((AUTH, f"<example-site>:<{PAGE_KEY}>")),
        403,
        Hint.AUTH_ANGLE_BRACKETS,
    ),
    "angle brackets around the key": (
        unauthenticated((AUTH, f"example-site:<{PAGE_KEY}>")),
        403,
        Hint.AUTH_ANGLE_BRACKETS,
    ),
    "angle brackets and no colon": (unauthenticated((AUTH, f"<{PAGE_KEY}>")), 403, Hint.AUTH_ANGLE_BRACKETS),
    "no colon": (unauthenticated((AUTH, PAGE_KEY)), 403, Hint.AUTH_NO_COLON),
    "key before the host": (key_first, 403, Hint.AUTH_SWAPPED),
    "one credential twice": (get(USERS, headers=[(AUTH, OPENS)]), 200, Hint.AUTH_REPEATED),
    "site removed": (removed(), 403, Hint.SITE_REMOVED),
    "site of a test removed": (removed("test_offboarding"), 403, Hint.SITE_REMOVED),
    "credentials twice": (unauthenticated((AUTH, OPENS), (AUTH, "example-site:x")), 403, Hint.AUTH_REPEATED),
    "unknown site": (unauthenticated((AUTH, f"example_site:{PAGE_KEY}")), 403, Hint.SITE_UNKNOWN),
    "wrong key": (unauthenticated((AUTH, "example-site:wrong")), 403, Hint.KEY_WRONG),
    "rotated key": (rotated, 403, Hint.KEY_WRONG),
    "key of another site": (of_another_site, 403, Hint.KEY_OF_ANOTHER_SITE),
    "API disabled": (disabled, 404, Hint.API_DISABLED),
    # -- path and method
    "successor's path": (get("/api/v2/users"), 404, Hint.SUCCESSOR_API),
    "successor's roles": (get("/api/v1/roles"), 404, Hint.SUCCESSOR_API),
    "misspelt path": (get("/api/v1/user"), 404, Hint.PATH_UNKNOWN),
    "unescaped slash": (get(f"{GROUPS}/R/D"), 404, Hint.UNESCAPED_SLASH),
    "method not offered": (lambda client: client.ask("PATCH", USERS), 405, Hint.METHOD_NOT_OFFERED),
    # -- the email that names a user
    "X-Email for a deletion": (delete_user(headers={"X-Email": JOEY}), 400, Hint.EMAIL_HEADER_RENAMED),
    "X-Email for an update": (put_user({}, headers={"X-Email": JOEY}), 400, Hint.EMAIL_HEADER_RENAMED),
    "X-Email for one user": (get(USERS, headers={"X-Email": JOEY}), 200, Hint.EMAIL_HEADER_RENAMED),
    "email in the query of a deletion": (delete_user(f"{USERS}?email={JOEY}"), 400, Hint.EMAIL_NOT_IN_HEADER),
    "email in the query for one user": (get(f"{USERS}?email={JOEY}"), 200, Hint.EMAIL_NOT_IN_HEADER),
    "email in the body of an update": (put_user({"email": JOEY}), 400, Hint.EMAIL_NOT_IN_HEADER),
    "email in the body of a deletion": (delete_user(body={"email": JOEY}), 400, Hint.EMAIL_NOT_IN_HEADER),
    "no email": (delete_user(), 400, Hint.EMAIL_HEADER_MISSING),
    "blank email": (get(USERS, email=""), 400, Hint.EMAIL_HEADER_BLANK),
    "two emails": (
        get(USERS, headers=[("Http-X-Email", JOEY), ("Http-X-Email", "monica@example.com")]),
        400,
        Hint.EMAIL_REPEATED,
    ),
    "one email twice": (
        get(USERS, headers=[("Http-X-Email", JOEY), ("Http-X-Email", JOEY)]),
        200,
        Hint.EMAIL_REPEATED,
    ),
    "unknown email": (get(USERS, email="joye@example.com"), 400, Hint.USER_UNKNOWN),
    "email changed": (put_user({"email": "joseph@example.com"}, email=JOEY), 200, Hint.EMAIL_UNCHANGEABLE),
    # -- bodies
    "no body": (post(None), 400, Hint.BODY_MISSING),
    "body of a read": (get(GROUPS, body="{}"), 200, Hint.BODY_IGNORED),
    "body of a deletion": (delete_user(email=JOEY, body={"groups": []}), 200, Hint.BODY_IGNORED),
    "name that fits into no path": (post_group(name="😀" * 6000), 201, Hint.NAME_TOO_LONG),
    "email that fits into no header": (post_user(email=f"{'x' * 65_000}@example.com"), 201, Hint.NAME_TOO_LONG),
    "huge body": (post(b" " * 1024 * 1025), 413, Hint.BODY_TOO_LARGE),
    "trailing comma": (post('{"first_name": "Phoebe",\n}'), 400, Hint.JSON_TRAILING_COMMA),
    "trailing comma in a list": (post('{"groups": ["Sales",]}'), 400, Hint.JSON_TRAILING_COMMA),
    "curly quotes": (post("{\u201cfirst_name\u201d: \u201cPhoebe\u201d}"), 400, Hint.JSON_CURLY_QUOTES),
    "single curly quotes": (post("{\u2018first_name\u2019: 1}"), 400, Hint.JSON_CURLY_QUOTES),
    "form": (post(FORM), 400, Hint.JSON_FORM_ENCODED),
    "broken otherwise": (post("{first_name}"), 400, Hint.JSON_MALFORMED),
    "a list": (post("[]"), 400, Hint.JSON_MALFORMED),
    "no JSON type where it is required": (json_only, 400, Hint.CONTENT_TYPE_NOT_JSON),
    "no JSON type": (post(PHOEBE), 201, Hint.CONTENT_TYPE_NOT_JSON),
    "form type": (
        post(PHOEBE, Content_Type="application/x-www-form-urlencoded"),
        201,
        Hint.CONTENT_TYPE_NOT_JSON,
    ),
    # -- fields
    "groups as one string": (post_user(groups="Sales"), 400, Hint.GROUPS_AS_STRING),
    "groups as one string in an update": (put_user({"groups": "Sales"}, email=JOEY), 400, Hint.GROUPS_AS_STRING),
    "access misspelt": (post_group(access="discover"), 400, Hint.ACCESS_MISSPELT),
    "access blank": (put_group("Sales", {"access": ""}), 400, Hint.ACCESS_MISSPELT),
    "field missing": (post(without(PHOEBE, "last_name")), 400, Hint.FIELDS_INVALID),
    "required field misspelt": (post(without(PHOEBE, "email") | {"e_mail": JOEY}), 400, Hint.FIELD_UNKNOWN),
    "unknown field": (post_user(role="Viewer"), 201, Hint.FIELD_UNKNOWN),
    "field misspelt": (put_user({"firstname": "Joseph"}, email=JOEY), 200, Hint.FIELD_UNKNOWN),
    "field twice": (put_user('{"first_name": "Joe", "first_name": "Joey"}', email=JOEY), 200, Hint.FIELD_REPEATED),
    "field of a new user twice": (post(TWICE, Content_Type="application/json"), 201, Hint.FIELD_REPEATED),
    "group twice": (put_user({"groups": ["Sales", "Sales"]}, email=JOEY), 200, Hint.GROUP_REPEATED),
    "group of a new user twice": (post_user(groups=["Sales", "All Users", "Sales"]), 201, Hint.GROUP_REPEATED),
    "create_by_email": (post(OTHER_CREATOR, GROUPS, Content_Type="application/json"), 201, Hint.CREATE_BY_EMAIL),
    # -- what the fields refer to
    "unknown inviter": (post_user(invited_by_email="mick@example.com"), 400, Hint.USER_UNKNOWN),
    "inviter who is no administrator": (post_user(invited_by_email=JOEY), 400, Hint.INVITER_NOT_ADMINISTRATOR),
    "unknown creator": (post_group(created_by_email="rachael@example.com"), 400, Hint.USER_UNKNOWN),
    "creator who is no administrator": (administrators_only, 400, Hint.INVITER_NOT_ADMINISTRATOR),
    "the same as the table spells it": (
        administrators_only_as_the_table_spells_it,
        400,
        Hint.INVITER_NOT_ADMINISTRATOR,
    ),
    "unknown group of a user": (post_user(groups=["sales"]), 400, Hint.GROUP_UNKNOWN),
    "unknown group": (get(f"{GROUPS}/sales"), 404, Hint.GROUP_UNKNOWN),
    "email taken": (post_user(email="monica@example.com"), 409, Hint.ALREADY_THERE),
    "name taken": (post_group(name="Sales"), 409, Hint.ALREADY_THERE),
    "built-in group renamed": (put_group("All%20Users", {"name": "Everybody"}), 400, Hint.BUILTIN_GROUP),
    "built-in group deleted": (lambda client: client.delete(f"{GROUPS}/Administrators"), 400, Hint.BUILTIN_GROUP),
    # -- queries
    "blank for a plus": (get(f"{USERS}?next_page_start=joey+1@example.com"), 200, Hint.CURSOR_BLANK),
    "blank for a plus in a group": (plus_in_a_group, 200, Hint.CURSOR_BLANK),
    "test mode of a list": (get(f"{GROUPS}?test_mode=true"), 200, Hint.TEST_MODE_ON_READ),
    "test mode of one user": (get(f"{USERS}?test_mode=true", email=JOEY), 200, Hint.TEST_MODE_ON_READ),
    # -- what was planned
    "action that fails": (failing_action, 500, Hint.ACTION_FAILED),
    "cursor of another name": (get(f"{USERS}?nextPageStart={JOEY}"), 200, Hint.CURSOR_MISSPELT),
    "cursor of another name for groups": (get(f"{GROUPS}?next_page=Sales"), 200, Hint.CURSOR_MISSPELT),
    "test mode of another name": (
        lambda client: client.delete(f"{GROUPS}/Sales?testmode=true"),
        200,
        Hint.TEST_MODE_MISSPELT,
    ),
    "test mode of another name for a new user": (
        lambda client: client.post(f"{USERS}?Test-Mode=true", PHOEBE, headers=JSON_TYPE),
        201,
        Hint.TEST_MODE_MISSPELT,
    ),
    "odd test mode": (lambda client: client.delete(f"{GROUPS}/Sales?test_mode=1"), 200, Hint.TEST_MODE_ODD),
}
# What the hint says to each of them, whole: code, cause, remedy, and the rule under which such a request may pass.
SAID: list[tuple[Advice, list[str]]] = [
    (
        Advice(
            "auth-header-missing",
            "The request carries no Http-X-Partner-Auth header.",
            "Send Http-X-Partner-Auth: <site-host>:<api-key>.",
        ),
        ["no credentials", "blank credentials"],
    ),
    (
        Advice(
            "auth-header-renamed",
            "The credentials came as X-Partner-Auth; "
            "the service reads Http-X-Partner-Auth alone, its Http- prefix included.",
            "Rename the header to Http-X-Partner-Auth.",
        ),
        ["X-Partner-Auth"],
    ),
    (
        Advice(
            "auth-header-renamed",
            "The credentials came as Authorization; "
            "the service reads Http-X-Partner-Auth alone, its Http- prefix included.",
            "Rename the header to Http-X-Partner-Auth.",
        ),
        ["Authorization"],
    ),
    (
        Advice(
            "auth-angle-brackets",
            "The angle brackets of the documentation were left in the Http-X-Partner-Auth header.",
            "Send site-host:api-key without < and >.",
        ),
        [
            "angle brackets",
            "angle brackets around each",
            "angle brackets around the key",
            "angle brackets and no colon",
        ],
    ),
    (
        Advice(
            "auth-no-colon",
            "The Http-X-Partner-Auth header holds no colon: perhaps the key alone.",
            "Send the site's host, a colon, and the key.",
        ),
        ["no colon"],
    ),
    (
        Advice(
            "auth-swapped",
            "The Http-X-Partner-Auth header names the key first and the host last.",
            "Send the site's host, a colon, and the key.",
        ),
        ["key before the host"],
    ),
    (
        Advice(
            "auth-repeated",
            "More than one Http-X-Partner-Auth header was sent.",
            "Send it once: perhaps a session's default header and a request's own were both added.",
            "AUTH-2",
        ),
        ["one credential twice", "credentials twice"],
    ),
    (
        Advice(
            "site-removed",
            "The site example-site was here and has been removed.",
            "End what still sends requests, a thread perhaps, before the site goes.",
        ),
        ["site removed"],
    ),
    (
        Advice(
            "site-removed",
            "The site example-site was here and has been removed: it was that of test_offboarding.",
            "End what still sends requests, a thread perhaps, before the site goes.",
        ),
        ["site of a test removed"],
    ),
    (
        Advice(
            "site-unknown",
            "There is no site example_site here. Did you mean example-site?",
            "Send the host of a site that this server holds.",
        ),
        ["unknown site"],
    ),
    (
        Advice(
            "key-wrong",
            "The site is right and the key is not.",
            "Send the site's own key; after a rotation the old one is refused at once.",
        ),
        ["wrong key", "rotated key"],
    ),
    (
        Advice(
            "key-of-another-site",
            "The key belongs to the site another-site, and the host says example-site.",
            "Send host and key of one site: keys are unique to each site.",
        ),
        ["key of another site"],
    ),
    (
        Advice(
            "api-disabled",
            "Host and key are right, but the API is not enabled for the site: every endpoint answers 404.",
            "Enable it for the site (enabled: true in the seed).",
        ),
        ["API disabled"],
    ),
    (
        Advice(
            "successor-api",
            "/api/v2/users belongs to the vendor's later API, which is another one.",
            "Use /api/v1/users and /api/v1/groups.",
        ),
        ["successor's path"],
    ),
    (
        Advice(
            "successor-api",
            "/api/v1/roles belongs to the vendor's later API, which is another one.",
            "Use /api/v1/users and /api/v1/groups.",
        ),
        ["successor's roles"],
    ),
    (
        Advice(
            "path-unknown",
            "There is no /api/v1/user. Did you mean /api/v1/users?",
            "Use /api/v1/users, /api/v1/groups and /api/v1/groups/<name>.",
        ),
        ["misspelt path"],
    ),
    (
        Advice(
            "unescaped-slash",
            "The path goes on after the group's name: perhaps the name holds a slash.",
            "Percent-encode the name: / is %2F.",
        ),
        ["unescaped slash"],
    ),
    (
        Advice(
            "method-not-offered", "/api/v1/users does not answer PATCH.", "Use one of DELETE, GET, HEAD, POST, PUT."
        ),
        ["method not offered"],
    ),
    (
        Advice(
            "email-header-renamed",
            "The email came as X-Email; the service reads Http-X-Email, its Http- prefix included.",
            "Rename the header to Http-X-Email.",
            "USER-GET-1",
        ),
        ["X-Email for a deletion", "X-Email for an update", "X-Email for one user"],
    ),
    (
        Advice(
            "email-not-in-header",
            "The email came in the query, where this operation does not look.",
            "Send it in the Http-X-Email header.",
            "USER-GET-1",
        ),
        ["email in the query of a deletion", "email in the query for one user"],
    ),
    (
        Advice(
            "email-not-in-header",
            "The email came in the body, where this operation does not look.",
            "Send it in the Http-X-Email header.",
            "USER-GET-1",
        ),
        ["email in the body of an update", "email in the body of a deletion"],
    ),
    (
        Advice(
            "email-header-missing",
            "PUT and DELETE of /api/v1/users need to be told which user.",
            "Send the user's email in the Http-X-Email header.",
        ),
        ["no email"],
    ),
    (
        Advice(
            "email-header-blank",
            "The Http-X-Email header is there and empty: perhaps a variable was not set.",
            "Send the user's email, or, to list users, no such header.",
        ),
        ["blank email"],
    ),
    (
        Advice(
            "email-repeated",
            "More than one Http-X-Email header was sent.",
            "Send it once: perhaps a session's default header and a request's own were both added.",
            "USER-GET-1",
        ),
        ["two emails", "one email twice"],
    ),
    (
        Advice(
            "user-unknown",
            "The site has no user joye@example.com. Did you mean joey@example.com?",
            "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
        ),
        ["unknown email"],
    ),
    (
        Advice(
            "email-unchangeable",
            "email is no field of an update and is ignored: an email can't be changed.",
            "Leave it out. To move to another address, create the new user and delete the old.",
            "HTTP-7",
        ),
        ["email changed"],
    ),
    (
        Advice(
            "body-missing", "POST and PUT need a body, and none was sent.", "Send a JSON object; {} changes nothing."
        ),
        ["no body"],
    ),
    (
        Advice(
            "body-ignored",
            "A body came with GET, and is ignored.",
            "Leave it out: GET and DELETE are told all by path, query and headers.",
            "HTTP-5",
        ),
        ["body of a read"],
    ),
    (
        Advice(
            "body-ignored",
            "A body came with DELETE, and is ignored.",
            "Leave it out: GET and DELETE are told all by path, query and headers.",
            "HTTP-5",
        ),
        ["body of a deletion"],
    ),
    (
        Advice("body-too-large", "The body is over the limit of this server.", "Send one user or one group a request."),
        ["huge body"],
    ),
    (
        Advice(
            "json-trailing-comma",
            "There is a comma before a closing bracket, as in the documentation's own examples.",
            "Take out the last comma.",
        ),
        ["trailing comma", "trailing comma in a list"],
    ),
    (
        Advice(
            "json-curly-quotes",
            "There are curly quotes in the body, as in one of the documentation's examples.",
            "Use straight quotes.",
        ),
        ["curly quotes", "single curly quotes"],
    ),
    (
        Advice(
            "json-form-encoded",
            "The body is form-encoded.",
            "Send JSON: json=... in requests and httpx, --data with a JSON text in curl.",
        ),
        ["form"],
    ),
    (
        Advice(
            "json-malformed",
            "The body is not one JSON object.",
            "Send one JSON object; where parsing stopped, the message says so.",
        ),
        ["broken otherwise", "a list"],
    ),
    (
        Advice(
            "content-type-not-json",
            "The body came with the Content-Type missing; nobody promises that the service parses it as JSON then.",
            "Send Content-Type: application/json.",
            "HTTP-4",
        ),
        ["no JSON type where it is required", "no JSON type"],
    ),
    (
        Advice(
            "content-type-not-json",
            "The body came with the Content-Type application/x-www-form-urlencoded; "
            "nobody promises that the service parses it as JSON then.",
            "Send Content-Type: application/json.",
            "HTTP-4",
        ),
        ["form type"],
    ),
    (
        Advice(
            "name-too-long",
            "The name fits into no request line and no header, so nobody can ask for it.",
            "Use a shorter one.",
            "HTTP-8",
        ),
        ["name that fits into no path"],
    ),
    (
        Advice(
            "name-too-long",
            "The email fits into no request line and no header, so nobody can ask for it.",
            "Use a shorter one.",
            "HTTP-8",
        ),
        ["email that fits into no header"],
    ),
    (
        Advice("groups-as-string", "groups is one string.", 'Send a list: ["Sales"].'),
        ["groups as one string", "groups as one string in an update"],
    ),
    (
        Advice(
            "access-misspelt", "There is no access discover. Did you mean discovery?", "Send sql, discovery or view."
        ),
        ["access misspelt"],
    ),
    (Advice("access-misspelt", "There is no access (blank).", "Send sql, discovery or view."), ["access blank"]),
    (
        Advice(
            "fields-invalid",
            "A field is missing, blank or of the wrong type; the message names each.",
            "Send the fields that the message names.",
        ),
        ["field missing"],
    ),
    (
        Advice(
            "field-unknown",
            "The service knows no field e_mail here. Did you mean email?",
            "Correct the name, or leave the field out: unknown fields are ignored.",
            "HTTP-7",
        ),
        ["required field misspelt"],
    ),
    (
        Advice(
            "field-unknown",
            "The service knows no field role here.",
            "Correct the name, or leave the field out: unknown fields are ignored.",
            "HTTP-7",
        ),
        ["unknown field"],
    ),
    (
        Advice(
            "field-unknown",
            "The service knows no field firstname here. Did you mean first_name?",
            "Correct the name, or leave the field out: unknown fields are ignored.",
            "HTTP-7",
        ),
        ["field misspelt"],
    ),
    (
        Advice(
            "field-repeated",
            "The body names the field first_name more than once, and the last one counts.",
            "Send each field once.",
            "HTTP-4",
        ),
        ["field twice"],
    ),
    (
        Advice(
            "field-repeated",
            "The body names the field email more than once, and the last one counts.",
            "Send each field once.",
            "HTTP-4",
        ),
        ["field of a new user twice"],
    ),
    (
        Advice("group-repeated", "groups names Sales more than once.", "Send each name once.", "USER-CREATE-2"),
        ["group twice", "group of a new user twice"],
    ),
    (
        Advice(
            "create-by-email",
            "create_by_email is what the documentation's table says; its bodies say created_by_email.",
            "Send created_by_email.",
            "GROUP-CREATE-1",
        ),
        ["create_by_email"],
    ),
    (
        Advice(
            "user-unknown",
            "The site has no user mick@example.com. Did you mean mike@example.com?",
            "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
        ),
        ["unknown inviter"],
    ),
    (
        Advice(
            "inviter-not-administrator",
            "joey@example.com is a user of the site, but not a member of Administrators.",
            "Name an administrator in invited_by_email.",
        ),
        ["inviter who is no administrator"],
    ),
    (
        Advice(
            "user-unknown",
            "The site has no user rachael@example.com. Did you mean rachel@example.com?",
            "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
        ),
        ["unknown creator"],
    ),
    (
        Advice(
            "inviter-not-administrator",
            "joey@example.com is a user of the site, but not a member of Administrators.",
            "Name an administrator in created_by_email.",
        ),
        ["creator who is no administrator"],
    ),
    (
        Advice(
            "inviter-not-administrator",
            "joey@example.com is a user of the site, but not a member of Administrators.",
            "Name an administrator in create_by_email.",
        ),
        ["the same as the table spells it"],
    ),
    (
        Advice(
            "group-unknown",
            "The site has no group sales. Did you mean Sales?",
            "Names of groups are matched exactly, case included. Create the group first.",
        ),
        ["unknown group of a user", "unknown group"],
    ),
    (
        Advice(
            "already-there",
            "monica@example.com exists on the site already: perhaps a retry of a request whose answer was lost.",
            "Update it instead, or treat 409 as done.",
        ),
        ["email taken"],
    ),
    (
        Advice(
            "already-there",
            "Sales exists on the site already: perhaps a retry of a request whose answer was lost.",
            "Update it instead, or treat 409 as done.",
        ),
        ["name taken"],
    ),
    (
        Advice(
            "builtin-group",
            "Administrators and All Users are built in; only their access can be changed.",
            "Leave the name, or set the policy protect_builtin_groups to false.",
        ),
        ["built-in group renamed", "built-in group deleted"],
    ),
    (
        Advice(
            "cursor-blank",
            "next_page_start holds a blank where a + was meant: a + in a query is read as a blank.",
            "Percent-encode the cursor (params=... does it).",
            "PAGE-3",
        ),
        ["blank for a plus", "blank for a plus in a group"],
    ),
    (
        Advice(
            "test-mode-on-read",
            "test_mode says nothing where nothing is written, and is ignored.",
            "Leave test_mode out of GET.",
            "TEST-3",
        ),
        ["test mode of a list", "test mode of one user"],
    ),
    (
        Advice(
            "action-failed",
            "The planned fault fault-1 calls a function of yours, and it raised an error.",
            "Correct the function given as action or where; the trace is in the log.",
        ),
        ["action that fails"],
    ),
    (
        Advice(
            "cursor-misspelt",
            "There is no parameter nextPageStart, so this is the first page.",
            "Send the cursor as next_page_start.",
            "PAGE-2",
        ),
        ["cursor of another name"],
    ),
    (
        Advice(
            "cursor-misspelt",
            "There is no parameter next_page, so this is the first page.",
            "Send the cursor as next_page_start.",
            "PAGE-2",
        ),
        ["cursor of another name for groups"],
    ),
    (
        Advice(
            "test-mode-misspelt",
            "There is no parameter testmode, so this was a real call.",
            "Send test_mode=true for a dry run.",
            "TEST-3",
        ),
        ["test mode of another name"],
    ),
    (
        Advice(
            "test-mode-misspelt",
            "There is no parameter Test-Mode, so this was a real call.",
            "Send test_mode=true for a dry run.",
            "TEST-3",
        ),
        ["test mode of another name for a new user"],
    ),
    (
        Advice(
            "test-mode-odd",
            "test_mode=1 is neither true nor false, so this was a real call.",
            "Send test_mode=true for a dry run.",
            "TEST-3",
        ),
        ["odd test mode"],
    ),
]
# A crash, which no request can cause, and a head that no client without a socket can send: they have their own tests.
NO_MISTAKE = {Hint.CRASHED, Hint.HEAD_TOO_LONG}


class Caller(Client):
    """The same client over a real connection, with every byte as it is told."""

    def ask(
        self,
        method: str,
        target: str,
        body: Body = None,
        *,
        email: str | None = None,
        headers: Headers = (),
        authenticated: bool = True,
    ) -> Answer:
        sent = [*(headers.items() if isinstance(headers, Mapping) else headers)]
        sent += self.site.headers.items() if authenticated else []
        sent += [("Http-X-Email", email)] if email is not None else []
        content = body.encode() if isinstance(body, str) else body
        content = json.dumps(content).encode() if isinstance(content, Mapping) else content
        assert content is None or isinstance(content, bytes)
        with closing(HTTPConnection(urlsplit(self.double.url).netloc, timeout=300)) as connection:
            connection.putrequest(method, target)
            for name, value in [*sent, *([("Content-Length", str(len(content)))] if content is not None else [])]:
                connection.putheader(name, value)
            connection.endheaders(content)
            response = connection.getresponse()
            named = tuple((name.lower(), value) for name, value in response.getheaders())
            return Answer(response.status, named, response.read())


@pytest.fixture
def caller() -> Iterator[Caller]:
    with mockscope.serve() as server:
        yield Caller(server.site("example-site", PAGE_KEY, PAGE), server)


def latest(caller: Caller) -> mockscope.Entry:
    """The latest call, whether it reached the site or none."""
    entries: list[mockscope.Entry] = [*caller.site.calls, *caller.double.calls]
    return max(entries, key=lambda entry: entry.number)


@pytest.mark.rule("HTTP-10")
@pytest.mark.parametrize(("mistake", "said"), [(mistake, said) for said, names in SAID for mistake in names])
def test_a_mistake_over_the_wire_is_explained_in_the_header_and_among_the_calls(
    mistake: str, said: Advice, caller: Caller
) -> None:
    make, status, hint = MISTAKES[mistake]

    answer = make(caller)

    entry = latest(caller)
    assert (answer.status, answer.hint, entry.advice) == (status, hint.code, said)
    assert (entry.status, entry.id) == (status, answer.header("x-request-id"))
    assert entry.suspicions == ((said,) if status < 400 else ())


def test_every_mistake_is_told_what_it_is() -> None:
    assert sorted(name for _, names in SAID for name in names) == sorted(MISTAKES)


@pytest.mark.rule("HTTP-8", "HTTP-10")
def test_a_crash_is_explained_as_one(monkeypatch: pytest.MonkeyPatch, caller: Caller) -> None:
    def list_users(self: Site, start: str = "") -> None:
        raise RuntimeError("out of coffee")

    monkeypatch.setattr(Site, "list_users", list_users)

    answer = caller.get(USERS)

    assert (answer.status, answer.hint) == (500, "crashed")
    assert latest(caller).advice == Advice(
        "crashed",
        "This is a fault of mockscope, not of the client.",
        "Please report it with the trace from the log.",
    )


def test_every_hint_has_a_mistake_that_leads_to_it() -> None:
    reached = {hint for _, _, hint in MISTAKES.values()}

    assert [hint.code for hint in Hint if hint not in reached | NO_MISTAKE] == []


def test_every_refusal_that_http_can_give_is_explained() -> None:
    by_the_handle_alone = {Refusal.OWNER_UNKNOWN, Refusal.DASHBOARD_TAKEN}
    # Its hint names the fault.
    by_a_fault = {Refusal.FUNCTION_FAILED}

    assert set(EXPLAINED) == set(Refusal) - by_the_handle_alone - by_a_fault


def test_codes_are_unique_and_fit_a_header() -> None:
    codes = [hint.code for hint in Hint]

    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not code.replace("-", "").isalpha() or not code.islower()] == []


# -- what the hint says ----------------------------------------------------------------------------------------


def advice_of(make: Mistake) -> Advice | None:
    client = page_site()
    advice: list[Advice | None] = []
    client.double.observers.append(lambda entry: advice.append(entry.advice))
    make(client)
    assert len(advice) == 1
    return advice[0]


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_every_hint_has_a_cause_and_a_remedy_with_every_place_filled(mistake: str) -> None:
    advice = advice_of(MISTAKES[mistake][0])

    assert advice is not None
    assert str(advice) == f"{advice.code}: {advice.cause} {advice.remedy}"
    for sentence in (advice.cause, advice.remedy):
        assert sentence.endswith((".", "?", "!"))
        assert "{" not in sentence.replace("{} changes nothing", "")


def test_a_group_whose_name_holds_a_comma_is_named_whole() -> None:
    advice = advice_of(post_user(groups=["Sales, NY", "Zoo"]))

    assert advice is not None
    assert "The site has no group Sales, NY." in advice.cause


def test_a_hint_repeats_no_value_at_any_length() -> None:
    advice = advice_of(post_user(**{"x" * 100_000: 1}))

    assert advice is not None
    assert len(str(advice)) < 300


@pytest.mark.parametrize(
    "make",
    [
        get(USERS),
        get(USERS, email=JOEY),
        get(f"{USERS}?next_page_start=joey%2B1@example.com"),
        get(GROUPS),
        get(f"{GROUPS}?next_page_start=NY+Knicks"),
        get(f"{GROUPS}?next_page_start=Zoo+Keepers"),
        get(f"{GROUPS}/NY%20Knicks"),
        get(f"{USERS}?_=1708125600&page=2"),
        lambda client: client.delete(f"{GROUPS}/Sales?_=1708125600&test_mode=false&testmode=true"),
        post_user(),
        post_user(groups=None),
        post_group(),
        put_user({}, email=JOEY),
        put_user({"groups": []}, email=JOEY),
        put_group("Sales", {"name": "Friends"}),
        delete_user(email=JOEY),
        delete_user(f"{USERS}?test_mode=true", email=JOEY),
        delete_user(f"{USERS}?test_mode=False", email=JOEY),
    ],
)
def test_an_ordinary_success_is_no_mistake(make: Mistake) -> None:
    answer = make(page_site())

    assert answer.status in (200, 201)
    assert answer.hint is None


@pytest.mark.parametrize(
    "body",
    [
        '{"first_name": "Phoebe,] or Regina", "last_name": Buffay}',
        '{"first_name": "Phoebe,}", "last_name": "Buffay"',
    ],
)
def test_a_comma_inside_a_string_is_no_trailing_comma(body: str) -> None:
    assert post(body)(page_site()).hint == Hint.JSON_MALFORMED.code


def test_curly_quotes_inside_a_string_are_not_what_is_wrong() -> None:
    body = '{"first_name": "Phoebe \u201cRegina\u201d Phalange",}'

    assert post(body)(page_site()).hint == Hint.JSON_TRAILING_COMMA.code
