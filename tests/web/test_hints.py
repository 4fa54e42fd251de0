"""The hints: for each mistake over HTTP, the hint in the header, the calls, the log and the reports."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from io import StringIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.web_client import (
    FRIENDS,
    GROUPS,
    PAGE,
    PAGE_KEY,
    PHOEBE,
    USERS,
    Body,
    Client,
    Headers,
    Response,
    page_site,
)
from support.yaml_documents import load_yaml

import mockscope
from mockscope import Refusal, report
from mockscope.cli.child_process import _explain
from mockscope.contract import document as contract_document
from mockscope.domain.site import Site
from mockscope.instruments.hints import Hint, HintTemplate
from mockscope.instruments.request_log import RequestLog, text_lines
from mockscope.web.refusal_hints import REFUSAL_HINTS
from mockscope.web.request_hints import KNOWN_PARAMETERS

JSON_TYPE = {"Content-Type": "application/json"}
AUTH = "Http-X-Partner-Auth"
OPENS = f"example-site:{PAGE_KEY}"
JOEY = "joey@example.com"

Mistake = Callable[[Client], Response]


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
    return lambda client: client.request("DELETE", path, body, **options)


def delete_group(name: str) -> Mistake:
    return lambda client: client.delete(f"{GROUPS}/{name}")


def preflight(**options: Any) -> Mistake:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    return lambda client: client.request("OPTIONS", USERS, headers=headers, **options)


def disabled(client: Client) -> Response:
    client.site.enabled = False
    return client.get(USERS)


def of_another_site(client: Client) -> Response:
    other = client.mock.site(host="another-site")
    return client.get(USERS, headers={AUTH: f"example-site:{other.api_key}"}, authenticated=False)


def rotated(client: Client) -> Response:
    client.site.rotate_key()
    return client.get(USERS, headers={AUTH: OPENS}, authenticated=False)


def removed(label: str = "") -> Mistake:
    def send_request(client: Client) -> Response:
        client.site.label = label
        client.site.remove()
        return client.get(USERS)

    return send_request


def key_first(client: Client) -> Response:
    return client.get(USERS, headers={AUTH: f"{PAGE_KEY}:example-site"}, authenticated=False)


def failing_action(client: Client) -> Response:
    client.site.faults.add("list_users", action=lambda call, response: 1 / 0)  # type: ignore[arg-type, return-value]
    return client.get(USERS)


def plus_in_a_group(client: Client) -> Response:
    client.site.add_group("R+D")
    return client.get(f"{GROUPS}?next_page_start=R+D")


def administrators_only(client: Client) -> Response:
    client.site.set_policy(creator_must_be_admin=True)
    return client.post(GROUPS, {**FRIENDS, "created_by_email": JOEY})


def administrators_only_as_the_table_spells_it(client: Client) -> Response:
    client.site.set_policy(creator_must_be_admin=True)
    return client.post(GROUPS, {**without(FRIENDS, "created_by_email"), "create_by_email": JOEY})


def json_only(client: Client) -> Response:
    client.site.set_policy(require_json_content_type=True)
    return client.post(USERS, PHOEBE)


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


OTHER_CREATOR = {"name": "Friends", "access": "Sql", "create_by_email": JOEY}
TWICE = json.dumps(PHOEBE).replace("{", '{"email": "regina@example.com", ')
FORM = "first_name=Phoebe&email=phoebe%40example.com"

NO_PROXY = SimpleNamespace(refused_hosts={}, handshake_failures={})

# What went wrong: how to do it, the status, and the code.
MISTAKES: dict[str, tuple[Mistake, int, HintTemplate]] = {
    # -- authentication
    "no credentials": (unauthenticated(), 403, HintTemplate.AUTH_HEADER_MISSING),
    "blank credentials": (unauthenticated((AUTH, " ")), 403, HintTemplate.AUTH_HEADER_MISSING),
    "X-Partner-Auth": (unauthenticated(("X-Partner-Auth", OPENS)), 403, HintTemplate.AUTH_HEADER_RENAMED),
    "HTTP_X_PARTNER_AUTH": (unauthenticated(("HTTP_X_PARTNER_AUTH", OPENS)), 403, HintTemplate.AUTH_HEADER_RENAMED),
    "Authorization": (unauthenticated(("Authorization", f"Bearer {PAGE_KEY}")), 403, HintTemplate.AUTH_HEADER_RENAMED),
    "angle brackets": (unauthenticated((AUTH, f"<{OPENS}>")), 403, HintTemplate.AUTH_ANGLE_BRACKETS),
    "angle brackets around each": (
        unauthenticated((AUTH, f"<example-site>:<{PAGE_KEY}>")),
        403,
        HintTemplate.AUTH_ANGLE_BRACKETS,
    ),
    "angle brackets around the key": (
        unauthenticated((AUTH, f"example-site:<{PAGE_KEY}>")),
        403,
        HintTemplate.AUTH_ANGLE_BRACKETS,
    ),
    "angle brackets and no colon": (unauthenticated((AUTH, f"<{PAGE_KEY}>")), 403, HintTemplate.AUTH_ANGLE_BRACKETS),
    "no colon": (unauthenticated((AUTH, PAGE_KEY)), 403, HintTemplate.AUTH_NO_COLON),
    "key before the host": (key_first, 403, HintTemplate.AUTH_SWAPPED),
    "one credential twice": (get(USERS, headers=[(AUTH, OPENS)]), 200, HintTemplate.AUTH_REPEATED),
    "site removed": (removed(), 403, HintTemplate.SITE_REMOVED),
    "site of a test removed": (removed("test_offboarding"), 403, HintTemplate.SITE_REMOVED),
    "credentials twice": (unauthenticated((AUTH, OPENS), (AUTH, "example-site:x")), 403, HintTemplate.AUTH_REPEATED),
    "unknown site": (unauthenticated((AUTH, f"example_site:{PAGE_KEY}")), 403, HintTemplate.SITE_UNKNOWN),
    "wrong key": (unauthenticated((AUTH, "example-site:wrong")), 403, HintTemplate.KEY_WRONG),
    "rotated key": (rotated, 403, HintTemplate.KEY_WRONG),
    "key of another site": (of_another_site, 403, HintTemplate.KEY_OF_ANOTHER_SITE),
    "API disabled": (disabled, 404, HintTemplate.API_DISABLED),
    # -- path and method
    "preflight of a browser": (preflight(authenticated=False), 403, HintTemplate.CORS_PREFLIGHT),
    "preflight with credentials": (preflight(), 405, HintTemplate.CORS_PREFLIGHT),
    "email in the path": (get(f"{USERS}/{JOEY}"), 404, HintTemplate.EMAIL_IN_PATH),
    "email in the path, encoded": (delete_user(f"{USERS}/joey%40example.com"), 404, HintTemplate.EMAIL_IN_PATH),
    "successor's path": (get("/api/v2/users"), 404, HintTemplate.SUCCESSOR_API),
    "successor's roles": (get("/api/v1/roles"), 404, HintTemplate.SUCCESSOR_API),
    "misspelt path": (get("/api/v1/user"), 404, HintTemplate.PATH_UNKNOWN),
    "path that goes on": (get("/api/v1/users/reset"), 404, HintTemplate.PATH_UNKNOWN),
    "unescaped slash": (get(f"{GROUPS}/R/D"), 404, HintTemplate.UNESCAPED_SLASH),
    "method not offered": (lambda client: client.request("PATCH", USERS), 405, HintTemplate.METHOD_NOT_OFFERED),
    # -- the email that names a user
    "X-Email for a deletion": (delete_user(headers={"X-Email": JOEY}), 400, HintTemplate.EMAIL_HEADER_RENAMED),
    "HTTP_X_EMAIL for a deletion": (
        delete_user(headers={"HTTP_X_EMAIL": JOEY}),
        400,
        HintTemplate.EMAIL_HEADER_RENAMED,
    ),
    "angle brackets around an email": (delete_user(email=f"<{JOEY}>"), 400, HintTemplate.EMAIL_ANGLE_BRACKETS),
    "X-Email for an update": (put_user({}, headers={"X-Email": JOEY}), 400, HintTemplate.EMAIL_HEADER_RENAMED),
    "X-Email for one user": (get(USERS, headers={"X-Email": JOEY}), 200, HintTemplate.EMAIL_HEADER_RENAMED),
    "email in the query of a deletion": (delete_user(f"{USERS}?email={JOEY}"), 400, HintTemplate.EMAIL_NOT_IN_HEADER),
    "email in the query for one user": (get(f"{USERS}?email={JOEY}"), 200, HintTemplate.EMAIL_NOT_IN_HEADER),
    "email in the body of an update": (put_user({"email": JOEY}), 400, HintTemplate.EMAIL_NOT_IN_HEADER),
    "email in the body of a deletion": (delete_user(body={"email": JOEY}), 400, HintTemplate.EMAIL_NOT_IN_HEADER),
    "no email": (delete_user(), 400, HintTemplate.EMAIL_HEADER_MISSING),
    "blank email": (get(USERS, email=""), 400, HintTemplate.EMAIL_HEADER_BLANK),
    "two emails": (
        get(USERS, headers=[("Http-X-Email", JOEY), ("Http-X-Email", "monica@example.com")]),
        400,
        HintTemplate.EMAIL_REPEATED,
    ),
    "one email twice": (
        get(USERS, headers=[("Http-X-Email", JOEY), ("Http-X-Email", JOEY)]),
        200,
        HintTemplate.EMAIL_REPEATED,
    ),
    "unknown email": (get(USERS, email="joye@example.com"), 400, HintTemplate.USER_UNKNOWN),
    "email changed": (put_user({"email": "joseph@example.com"}, email=JOEY), 200, HintTemplate.EMAIL_UNCHANGEABLE),
    # -- bodies
    "no body": (post(None), 400, HintTemplate.BODY_MISSING),
    "body of a read": (get(GROUPS, body="{}"), 200, HintTemplate.BODY_IGNORED),
    "body of a deletion": (delete_user(email=JOEY, body={"groups": []}), 200, HintTemplate.BODY_IGNORED),
    "name that fits into no path": (post_group(name="😀" * 6000), 201, HintTemplate.NAME_TOO_LONG),
    "email that fits into no header": (post_user(email=f"{'x' * 65_000}@example.com"), 201, HintTemplate.NAME_TOO_LONG),
    "huge body": (post(b" " * 1024 * 1025), 413, HintTemplate.BODY_TOO_LARGE),
    "trailing comma": (post('{"first_name": "Phoebe",\n}'), 400, HintTemplate.JSON_TRAILING_COMMA),
    "trailing comma in a list": (post('{"groups": ["Sales",]}'), 400, HintTemplate.JSON_TRAILING_COMMA),
    "curly quotes": (post("{\u201cfirst_name\u201d: \u201cPhoebe\u201d}"), 400, HintTemplate.JSON_CURLY_QUOTES),
    "single curly quotes": (post("{\u2018first_name\u2019: 1}"), 400, HintTemplate.JSON_CURLY_QUOTES),
    "gzip": (post(gzip.compress(json.dumps(PHOEBE).encode())), 400, HintTemplate.BODY_GZIP),
    "byte order mark": (post(json.dumps(PHOEBE).encode("utf-8-sig")), 400, HintTemplate.BODY_BOM),
    "UTF-16": (post(json.dumps(PHOEBE).encode("utf-16")), 400, HintTemplate.BODY_BOM),
    "form": (post(FORM), 400, HintTemplate.JSON_FORM_ENCODED),
    "broken otherwise": (post("{first_name}"), 400, HintTemplate.JSON_MALFORMED),
    "a list": (post("[]"), 400, HintTemplate.JSON_MALFORMED),
    "no JSON type where it is required": (json_only, 400, HintTemplate.CONTENT_TYPE_NOT_JSON),
    "no JSON type": (post(PHOEBE), 201, HintTemplate.CONTENT_TYPE_NOT_JSON),
    "form type": (
        post(PHOEBE, Content_Type="application/x-www-form-urlencoded"),
        201,
        HintTemplate.CONTENT_TYPE_NOT_JSON,
    ),
    # -- fields
    "groups as one string": (post_user(groups="Sales"), 400, HintTemplate.GROUPS_AS_STRING),
    "groups as one string in an update": (
        put_user({"groups": "Sales"}, email=JOEY),
        400,
        HintTemplate.GROUPS_AS_STRING,
    ),
    "access misspelt": (post_group(access="discover"), 400, HintTemplate.ACCESS_MISSPELT),
    "access blank": (put_group("Sales", {"access": ""}), 400, HintTemplate.ACCESS_MISSPELT),
    "field missing": (post(without(PHOEBE, "last_name")), 400, HintTemplate.FIELDS_INVALID),
    "required field misspelt": (post(without(PHOEBE, "email") | {"e_mail": JOEY}), 400, HintTemplate.FIELD_UNKNOWN),
    "unknown field": (post_user(role="Viewer"), 201, HintTemplate.FIELD_UNKNOWN),
    "field misspelt": (put_user({"firstname": "Joseph"}, email=JOEY), 200, HintTemplate.FIELD_UNKNOWN),
    "field twice": (
        put_user('{"first_name": "Joe", "first_name": "Joey"}', email=JOEY),
        200,
        HintTemplate.FIELD_REPEATED,
    ),
    "field of a new user twice": (post(TWICE, Content_Type="application/json"), 201, HintTemplate.FIELD_REPEATED),
    "group twice": (put_user({"groups": ["Sales", "Sales"]}, email=JOEY), 200, HintTemplate.GROUP_REPEATED),
    "group of a new user twice": (post_user(groups=["Sales", "All Users", "Sales"]), 201, HintTemplate.GROUP_REPEATED),
    "create_by_email": (
        post(OTHER_CREATOR, GROUPS, Content_Type="application/json"),
        201,
        HintTemplate.CREATE_BY_EMAIL,
    ),
    # -- what the fields refer to
    "unknown inviter": (post_user(invited_by_email="mick@example.com"), 400, HintTemplate.INVITER_UNKNOWN),
    "inviter who resembles nobody": (
        post_user(invited_by_email="gunther@example.com"),
        400,
        HintTemplate.INVITER_UNKNOWN,
    ),
    "inviter who is not an administrator": (
        post_user(invited_by_email=JOEY),
        400,
        HintTemplate.INVITER_NOT_ADMINISTRATOR,
    ),
    "unknown creator": (post_group(created_by_email="rachael@example.com"), 400, HintTemplate.USER_UNKNOWN),
    "creator who is not an administrator": (administrators_only, 400, HintTemplate.INVITER_NOT_ADMINISTRATOR),
    "the same as the table spells it": (
        administrators_only_as_the_table_spells_it,
        400,
        HintTemplate.INVITER_NOT_ADMINISTRATOR,
    ),
    "unknown group of a user": (post_user(groups=["sales"]), 400, HintTemplate.GROUP_UNKNOWN),
    "unknown group": (get(f"{GROUPS}/sales"), 404, HintTemplate.GROUP_UNKNOWN),
    "email taken": (post_user(email="monica@example.com"), 409, HintTemplate.ALREADY_THERE),
    "name taken": (post_group(name="Sales"), 409, HintTemplate.ALREADY_THERE),
    "built-in group renamed": (put_group("All%20Users", {"name": "Everybody"}), 400, HintTemplate.BUILTIN_GROUP),
    "built-in group deleted": (
        lambda client: client.delete(f"{GROUPS}/Administrators"),
        400,
        HintTemplate.BUILTIN_GROUP,
    ),
    # -- queries
    "blank for a plus": (get(f"{USERS}?next_page_start=joey+1@example.com"), 200, HintTemplate.CURSOR_BLANK),
    "blank for a plus in a group": (plus_in_a_group, 200, HintTemplate.CURSOR_BLANK),
    "test mode of a list": (get(f"{GROUPS}?test_mode=true"), 200, HintTemplate.TEST_MODE_ON_READ),
    "test mode of one user": (get(f"{USERS}?test_mode=true", email=JOEY), 200, HintTemplate.TEST_MODE_ON_READ),
    # -- what was planned
    "action that fails": (failing_action, 500, HintTemplate.ACTION_FAILED),
    # -- parameters, headers and fields that look meant
    "cursor of another name": (get(f"{USERS}?nextPageStart={JOEY}"), 200, HintTemplate.PARAMETER_PAGING),
    "cursor of another name for groups": (get(f"{GROUPS}?next_page=Sales"), 200, HintTemplate.PARAMETER_PAGING),
    "second page by its number": (get(f"{USERS}?page=2"), 200, HintTemplate.PARAMETER_PAGING),
    "page of one user": (get(f"{USERS}?page=1", email=JOEY), 200, HintTemplate.PARAMETER_PAGING),
    "size of a page": (get(f"{GROUPS}?next_page_start=Sales&limit=10"), 200, HintTemplate.PARAMETER_PAGING),
    "cursor misspelt": (get(f"{USERS}?next_page_strat={JOEY}"), 200, HintTemplate.PARAMETER_UNKNOWN),
    "page of one group": (get(f"{GROUPS}/Sales?page=2"), 200, HintTemplate.PARAMETER_UNKNOWN),
    "unknown parameter": (get(f"{USERS}?_=1708125600", email=JOEY), 200, HintTemplate.PARAMETER_UNKNOWN),
    "no cursor in Python's words": (get(f"{USERS}?next_page_start=None"), 200, HintTemplate.CURSOR_NULL),
    "no cursor in JavaScript's words": (get(f"{GROUPS}?next_page_start=null"), 200, HintTemplate.CURSOR_NULL),
    "dry run of a deletion": (delete_group("Sales?dry_run=true"), 200, HintTemplate.PARAMETER_DRY_RUN),
    "test mode of another name": (delete_group("Sales?testmode=true"), 200, HintTemplate.PARAMETER_DRY_RUN),
    "test mode of another name for a new user": (
        lambda client: client.post(f"{USERS}?Test-Mode=true", PHOEBE, headers=JSON_TYPE),
        201,
        HintTemplate.PARAMETER_DRY_RUN,
    ),
    "test mode misspelt": (delete_group("Sales?tset_mode=true"), 200, HintTemplate.PARAMETER_UNKNOWN),
    "dry run twice": (delete_group("Sales?test_mode=true&validate_only=1"), 200, HintTemplate.PARAMETER_DRY_RUN),
    "dry run of a read": (get(f"{GROUPS}/Sales?preview=1"), 200, HintTemplate.PARAMETER_DRY_RUN),
    "dry run in a header": (delete_user(email=JOEY, headers={"X-Dry-Run": "true"}), 200, HintTemplate.HEADER_DRY_RUN),
    "test mode in a header": (
        delete_user(email=JOEY, headers={"X-Test-Mode": "true"}),
        200,
        HintTemplate.HEADER_DRY_RUN,
    ),
    "test mode in the body": (post_user(test_mode=True), 201, HintTemplate.TEST_MODE_IN_BODY),
    "dry run in the body": (put_user({"dryRun": True}, email=JOEY), 200, HintTemplate.TEST_MODE_IN_BODY),
    "odd test mode": (delete_group("Sales?test_mode=1"), 200, HintTemplate.TEST_MODE_ODD),
}
# The whole hint of each mistake: code, cause, remedy, and the rule by which such a request may succeed.
HINTS: list[tuple[Hint, list[str]]] = [
    (
        Hint(
            "auth-header-missing",
            "The request carries no Http-X-Partner-Auth header.",
            "Send Http-X-Partner-Auth: <site-host>:<api-key>.",
        ),
        ["no credentials", "blank credentials"],
    ),
    (
        Hint(
            "auth-header-renamed",
            "The credentials came as X-Partner-Auth; the service reads Http-X-Partner-Auth alone, its Http- "
            "prefix included.",
            "Rename the header to Http-X-Partner-Auth.",
        ),
        ["X-Partner-Auth"],
    ),
    (
        Hint(
            "auth-header-renamed",
            "The credentials came as Http_X_Partner_Auth; the service reads Http-X-Partner-Auth alone, its "
            "Http- prefix included.",
            "Rename the header to Http-X-Partner-Auth.",
        ),
        ["HTTP_X_PARTNER_AUTH"],
    ),
    (
        Hint(
            "auth-header-renamed",
            "The credentials came as Authorization; the service reads Http-X-Partner-Auth alone, its Http- "
            "prefix included.",
            "Rename the header to Http-X-Partner-Auth.",
        ),
        ["Authorization"],
    ),
    (
        Hint(
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
        Hint(
            "auth-no-colon",
            "The Http-X-Partner-Auth header holds no colon: perhaps the key alone.",
            "Send the site's host, a colon, and the key.",
        ),
        ["no colon"],
    ),
    (
        Hint(
            "auth-swapped",
            "The Http-X-Partner-Auth header names the key first and the host last.",
            "Send the site's host, a colon, and the key.",
        ),
        ["key before the host"],
    ),
    (
        Hint(
            "auth-repeated",
            "More than one Http-X-Partner-Auth header was sent.",
            "Send it once: perhaps a session's default header and a request's own were both added.",
            "AUTH-2",
        ),
        ["one credential twice", "credentials twice"],
    ),
    (
        Hint(
            "site-removed",
            "The site example-site was here and has been removed.",
            "End what still sends requests, a thread perhaps, before the site goes.",
        ),
        ["site removed"],
    ),
    (
        Hint(
            "site-removed",
            "The site example-site was here and has been removed: it was that of test_offboarding.",
            "End what still sends requests, a thread perhaps, before the site goes.",
        ),
        ["site of a test removed"],
    ),
    (
        Hint(
            "site-unknown",
            "There is no site example_site here. The sites are: example-site. Did you mean example-site?",
            "Send the host of one of them. A test names its site with @pytest.mark.mockscope(host=..., api_key=...).",
        ),
        ["unknown site"],
    ),
    (
        Hint(
            "key-wrong",
            "The site is right and the key is not.",
            "Send the site's own key; a rotated one is refused at once.",
        ),
        ["wrong key", "rotated key"],
    ),
    (
        Hint(
            "key-of-another-site",
            "The key belongs to the site another-site, and the host says example-site.",
            "Send host and key of one site: keys are unique to each site.",
        ),
        ["key of another site"],
    ),
    (
        Hint(
            "api-disabled",
            "Host and key are right, but the API is not enabled for the site: every endpoint answers 404.",
            "Enable it for the site (enabled: true in the seed).",
        ),
        ["API disabled"],
    ),
    (
        Hint(
            "cors-preflight",
            "A browser asks whether a page of another origin may send this request, and the API does not answer that.",
            "Call the API from a server: in a page everybody could read the key.",
        ),
        ["preflight of a browser", "preflight with credentials"],
    ),
    (
        Hint(
            "email-in-path",
            "No path of the API names a user.",
            "Send the email in the Http-X-Email header, to /api/v1/users.",
        ),
        ["email in the path", "email in the path, encoded"],
    ),
    (
        Hint(
            "successor-api", "/api/v2/users belongs to the vendor's later API.", "Use /api/v1/users and /api/v1/groups."
        ),
        ["successor's path"],
    ),
    (
        Hint(
            "successor-api", "/api/v1/roles belongs to the vendor's later API.", "Use /api/v1/users and /api/v1/groups."
        ),
        ["successor's roles"],
    ),
    (
        Hint(
            "path-unknown",
            "There is no /api/v1/user. Did you mean /api/v1/users?",
            "Use /api/v1/users, /api/v1/groups and /api/v1/groups/<name>.",
        ),
        ["misspelt path"],
    ),
    (
        Hint(
            "path-unknown",
            "There is no /api/v1/users/reset. Did you mean /api/v1/users?",
            "Use /api/v1/users, /api/v1/groups and /api/v1/groups/<name>.",
        ),
        ["path that goes on"],
    ),
    (
        Hint(
            "unescaped-slash",
            "The path goes on after the group's name.",
            "Percent-encode a slash in the name: / is %2F.",
        ),
        ["unescaped slash"],
    ),
    (
        Hint("method-not-offered", "/api/v1/users does not answer PATCH.", "Use one of DELETE, GET, HEAD, POST, PUT."),
        ["method not offered"],
    ),
    (
        Hint(
            "email-header-renamed",
            "The email came as X-Email; the service reads Http-X-Email, its Http- prefix included.",
            "Rename the header to Http-X-Email.",
            "USER-GET-1",
        ),
        ["X-Email for a deletion", "X-Email for an update", "X-Email for one user"],
    ),
    (
        Hint(
            "email-header-renamed",
            "The email came as Http_X_Email; the service reads Http-X-Email, its Http- prefix included.",
            "Rename the header to Http-X-Email.",
            "USER-GET-1",
        ),
        ["HTTP_X_EMAIL for a deletion"],
    ),
    (
        Hint(
            "email-angle-brackets",
            "The angle brackets of the documentation were left in the Http-X-Email header.",
            "Send the email without < and >.",
        ),
        ["angle brackets around an email"],
    ),
    (
        Hint(
            "email-not-in-header",
            "The email came in the query, where this operation does not look.",
            "Send it in the Http-X-Email header.",
            "USER-GET-1",
        ),
        ["email in the query of a deletion", "email in the query for one user"],
    ),
    (
        Hint(
            "email-not-in-header",
            "The email came in the body, where this operation does not look.",
            "Send it in the Http-X-Email header.",
            "USER-GET-1",
        ),
        ["email in the body of an update", "email in the body of a deletion"],
    ),
    (
        Hint(
            "email-header-missing",
            "PUT and DELETE of /api/v1/users change one user, and the request names none.",
            "Send the user's email in the Http-X-Email header.",
        ),
        ["no email"],
    ),
    (
        Hint(
            "email-header-blank",
            "The Http-X-Email header is there and empty: perhaps a variable was not set.",
            "Send the user's email, or, to list users, no such header.",
        ),
        ["blank email"],
    ),
    (
        Hint(
            "email-repeated",
            "More than one Http-X-Email header was sent.",
            "Send it once: perhaps a session's default header and a request's own were both added.",
            "USER-GET-1",
        ),
        ["two emails", "one email twice"],
    ),
    (
        Hint(
            "user-unknown",
            "The site has no user joye@example.com. Did you mean joey@example.com?",
            "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
        ),
        ["unknown email"],
    ),
    (
        Hint(
            "email-unchangeable",
            "An update has no field email and ignores it: an email can't be changed.",
            "Leave it out. To move to another address, create the new user and delete the old.",
            "HTTP-7",
        ),
        ["email changed"],
    ),
    (
        Hint("body-missing", "POST and PUT need a body, and none was sent.", "Send a JSON object; {} changes nothing."),
        ["no body"],
    ),
    (
        Hint(
            "body-ignored",
            "A body came with GET, and is ignored.",
            "Remove the body: GET and DELETE use only path, query and headers.",
            "HTTP-5",
        ),
        ["body of a read"],
    ),
    (
        Hint(
            "body-ignored",
            "A body came with DELETE, and is ignored.",
            "Remove the body: GET and DELETE use only path, query and headers.",
            "HTTP-5",
        ),
        ["body of a deletion"],
    ),
    (
        Hint("name-too-long", "The name fits into no head, so nobody can ask for it.", "Use a shorter one.", "HTTP-8"),
        ["name that fits into no path"],
    ),
    (
        Hint("name-too-long", "The email fits into no head, so nobody can ask for it.", "Use a shorter one.", "HTTP-8"),
        ["email that fits into no header"],
    ),
    (
        Hint("body-too-large", "The body is over the limit of this server.", "Send one user or one group a request."),
        ["huge body"],
    ),
    (
        Hint(
            "json-trailing-comma",
            "The body is not valid JSON in UTF-8: Illegal trailing comma before end of object at line 1, "
            "column 24. There is a comma before a closing bracket, as in the documentation's own examples.",
            "Take out the last comma.",
        ),
        ["trailing comma"],
    ),
    (
        Hint(
            "json-trailing-comma",
            "The body is not valid JSON in UTF-8: Illegal trailing comma before end of array at line 1, "
            "column 20. There is a comma before a closing bracket, as in the documentation's own examples.",
            "Take out the last comma.",
        ),
        ["trailing comma in a list"],
    ),
    (
        Hint(
            "json-curly-quotes",
            "The body is not valid JSON in UTF-8: Expecting property name enclosed in double quotes at line "
            "1, column 2. There are curly quotes in the body, as in one of the documentation's examples.",
            "Use straight quotes.",
        ),
        ["curly quotes", "single curly quotes"],
    ),
    (
        Hint(
            "body-gzip",
            "The body is not valid JSON in UTF-8: byte 1 is not UTF-8. The body is compressed with gzip.",
            "Send it uncompressed.",
        ),
        ["gzip"],
    ),
    (
        Hint(
            "body-bom",
            "The body is not valid JSON in UTF-8: Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, "
            "column 1. The body begins with a byte order mark.",
            "Encode it as utf-8, not utf-8-sig or utf-16.",
        ),
        ["byte order mark"],
    ),
    (
        Hint(
            "body-bom",
            "The body is not valid JSON in UTF-8: byte 0 is not UTF-8. The body begins with a byte order mark.",
            "Encode it as utf-8, not utf-8-sig or utf-16.",
        ),
        ["UTF-16"],
    ),
    (
        Hint(
            "json-form-encoded",
            "The body is not valid JSON in UTF-8: Expecting value at line 1, column 1. The body is form-encoded.",
            "Send JSON: json=... in requests and httpx, --data with a JSON text in curl.",
        ),
        ["form"],
    ),
    (
        Hint(
            "json-malformed",
            "The body is not valid JSON in UTF-8: Expecting property name enclosed in double quotes at line "
            "1, column 2.",
            "Send one JSON object.",
        ),
        ["broken otherwise"],
    ),
    (
        Hint("json-malformed", "The body must be a JSON object, and it is a list.", "Send one JSON object."),
        ["a list"],
    ),
    (
        Hint(
            "content-type-not-json",
            "The body came with the Content-Type missing; nobody promises that the service parses it as JSON then.",
            "Send Content-Type: application/json.",
            "HTTP-4",
        ),
        ["no JSON type where it is required", "no JSON type"],
    ),
    (
        Hint(
            "content-type-not-json",
            "The body came with the Content-Type application/x-www-form-urlencoded; nobody promises that the "
            "service parses it as JSON then.",
            "Send Content-Type: application/json.",
            "HTTP-4",
        ),
        ["form type"],
    ),
    (
        Hint(
            "groups-as-string",
            "The request has invalid fields: groups must be a list of strings.",
            'Send a list: ["Sales"].',
        ),
        ["groups as one string", "groups as one string in an update"],
    ),
    (
        Hint(
            "access-misspelt",
            "The request has invalid fields: access must be one of sql, discovery and view. There is no "
            "access discover. Did you mean discovery?",
            "Send sql, discovery or view.",
        ),
        ["access misspelt"],
    ),
    (
        Hint(
            "access-misspelt",
            "The request has invalid fields: access must be one of sql, discovery and view. There is no "
            "access (blank).",
            "Send sql, discovery or view.",
        ),
        ["access blank"],
    ),
    (
        Hint(
            "fields-invalid",
            "The request has invalid fields: last_name is missing.",
            "Correct the fields that are named.",
        ),
        ["field missing"],
    ),
    (
        Hint(
            "field-unknown",
            "The service knows no field e_mail here. Did you mean email? The request has invalid fields: "
            "email is missing.",
            "Correct the name, or leave the field out: unknown fields are ignored.",
            "HTTP-7",
        ),
        ["required field misspelt"],
    ),
    (
        Hint(
            "field-unknown",
            "The service knows no field role here.",
            "Correct the name, or leave the field out: unknown fields are ignored.",
            "HTTP-7",
        ),
        ["unknown field"],
    ),
    (
        Hint(
            "field-unknown",
            "The service knows no field firstname here. Did you mean first_name?",
            "Correct the name, or leave the field out: unknown fields are ignored.",
            "HTTP-7",
        ),
        ["field misspelt"],
    ),
    (
        Hint(
            "field-repeated",
            "The field first_name stands more than once, and the last counts.",
            "Send each field once.",
            "HTTP-4",
        ),
        ["field twice"],
    ),
    (
        Hint(
            "field-repeated",
            "The field email stands more than once, and the last counts.",
            "Send each field once.",
            "HTTP-4",
        ),
        ["field of a new user twice"],
    ),
    (
        Hint("group-repeated", "groups names Sales more than once.", "Send each name once.", "USER-CREATE-2"),
        ["group twice", "group of a new user twice"],
    ),
    (
        Hint(
            "create-by-email",
            "create_by_email is what the documentation's table says; its bodies say created_by_email.",
            "Send created_by_email.",
            "GROUP-CREATE-1",
        ),
        ["create_by_email"],
    ),
    (
        Hint(
            "inviter-unknown",
            "The site has no user mick@example.com. Did you mean mike@example.com?",
            "Name an administrator in invited_by_email, such as mike@example.com.",
        ),
        ["unknown inviter"],
    ),
    (
        Hint(
            "inviter-unknown",
            "The site has no user gunther@example.com.",
            "Name an administrator in invited_by_email, such as mike@example.com.",
        ),
        ["inviter who resembles nobody"],
    ),
    (
        Hint(
            "inviter-not-administrator",
            "joey@example.com is a user of the site, but not a member of Administrators.",
            "Name an administrator in invited_by_email, such as mike@example.com.",
        ),
        ["inviter who is not an administrator"],
    ),
    (
        Hint(
            "user-unknown",
            "The site has no user rachael@example.com. Did you mean rachel@example.com?",
            "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
        ),
        ["unknown creator"],
    ),
    (
        Hint(
            "inviter-not-administrator",
            "joey@example.com is a user of the site, but not a member of Administrators.",
            "Name an administrator in created_by_email, such as mike@example.com.",
        ),
        ["creator who is not an administrator"],
    ),
    (
        Hint(
            "inviter-not-administrator",
            "joey@example.com is a user of the site, but not a member of Administrators.",
            "Name an administrator in create_by_email, such as mike@example.com.",
        ),
        ["the same as the table spells it"],
    ),
    (
        Hint(
            "group-unknown",
            "The site has no group sales. Did you mean Sales?",
            "Names of groups are matched exactly, case included. Create the group first.",
        ),
        ["unknown group of a user", "unknown group"],
    ),
    (
        Hint(
            "already-there",
            "monica@example.com exists on the site already: perhaps a retry of a request whose answer was lost.",
            "Update it instead, or treat 409 as done.",
        ),
        ["email taken"],
    ),
    (
        Hint(
            "already-there",
            "Sales exists on the site already: perhaps a retry of a request whose answer was lost.",
            "Update it instead, or treat 409 as done.",
        ),
        ["name taken"],
    ),
    (
        Hint(
            "builtin-group",
            "Administrators and All Users are built in; only their access can be changed.",
            "Leave the name, or set the policy protect_builtin_groups to false.",
        ),
        ["built-in group renamed", "built-in group deleted"],
    ),
    (
        Hint(
            "cursor-blank",
            "next_page_start holds a blank where a + was meant: a + in a query is read as a blank.",
            "Percent-encode the cursor (params=... does it).",
            "PAGE-3",
        ),
        ["blank for a plus", "blank for a plus in a group"],
    ),
    (
        Hint(
            "test-mode-on-read",
            "test_mode is ignored where nothing is written.",
            "Leave test_mode out of GET.",
            "TEST-3",
        ),
        ["test mode of a list", "test mode of one user"],
    ),
    (
        Hint(
            "action-failed",
            "A planned fault failed: the function of fault-1 raised ZeroDivisionError: division by zero.",
            "Correct the function given as action or where; the trace is in the log.",
        ),
        ["action that fails"],
    ),
    (
        Hint(
            "parameter-paging",
            "There is no parameter nextPageStart: a page has a fixed size, and next_page_start leads to the "
            "next. This is the first page.",
            "Send next_page_start, with the value that the page before has under that name.",
            "HTTP-7",
        ),
        ["cursor of another name"],
    ),
    (
        Hint(
            "parameter-paging",
            "There is no parameter next_page: a page has a fixed size, and next_page_start leads to the next."
            " This is the first page.",
            "Send next_page_start, with the value that the page before has under that name.",
            "HTTP-7",
        ),
        ["cursor of another name for groups"],
    ),
    (
        Hint(
            "parameter-paging",
            "There is no parameter page: a page has a fixed size, and next_page_start leads to the next. This"
            " is the first page.",
            "Send next_page_start, with the value that the page before has under that name.",
            "HTTP-7",
        ),
        ["second page by its number"],
    ),
    (
        Hint(
            "parameter-paging",
            "There is no parameter page: a page has a fixed size, and next_page_start leads to the next.",
            "Send next_page_start, with the value that the page before has under that name.",
            "HTTP-7",
        ),
        ["page of one user"],
    ),
    (
        Hint(
            "parameter-paging",
            "There is no parameter limit: a page has a fixed size, and next_page_start leads to the next.",
            "Send next_page_start, with the value that the page before has under that name.",
            "HTTP-7",
        ),
        ["size of a page"],
    ),
    (
        Hint(
            "parameter-unknown",
            "The service knows no parameter next_page_strat here, and ignores it. Did you mean next_page_start?",
            "Correct the name, or leave the parameter out.",
            "HTTP-7",
        ),
        ["cursor misspelt"],
    ),
    (
        Hint(
            "parameter-unknown",
            "The service knows no parameter page here, and ignores it.",
            "Correct the name, or leave the parameter out.",
            "HTTP-7",
        ),
        ["page of one group"],
    ),
    (
        Hint(
            "parameter-unknown",
            "The service knows no parameter _ here, and ignores it.",
            "Correct the name, or leave the parameter out.",
            "HTTP-7",
        ),
        ["unknown parameter"],
    ),
    (
        Hint(
            "cursor-null",
            "next_page_start=None is a cursor like any other: a page begins at the first record not before it.",
            "Leave next_page_start out of the first request, and stop at a page that has null there.",
            "HTTP-7",
        ),
        ["no cursor in Python's words"],
    ),
    (
        Hint(
            "cursor-null",
            "next_page_start=null is a cursor like any other: a page begins at the first record not before it.",
            "Leave next_page_start out of the first request, and stop at a page that has null there.",
            "HTTP-7",
        ),
        ["no cursor in JavaScript's words"],
    ),
    (
        Hint(
            "parameter-dry-run",
            "There is no parameter dry_run: this call was carried out.",
            "For a dry run send test_mode=true.",
            "HTTP-7",
        ),
        ["dry run of a deletion"],
    ),
    (
        Hint(
            "parameter-dry-run",
            "There is no parameter testmode: this call was carried out.",
            "For a dry run send test_mode=true.",
            "HTTP-7",
        ),
        ["test mode of another name"],
    ),
    (
        Hint(
            "parameter-dry-run",
            "There is no parameter Test-Mode: this call was carried out.",
            "For a dry run send test_mode=true.",
            "HTTP-7",
        ),
        ["test mode of another name for a new user"],
    ),
    (
        Hint(
            "parameter-unknown",
            "The service knows no parameter tset_mode here, and ignores it. Did you mean test_mode?",
            "Correct the name, or leave the parameter out.",
            "HTTP-7",
        ),
        ["test mode misspelt"],
    ),
    (
        Hint(
            "parameter-dry-run",
            "There is no parameter validate_only: this call was in test mode, and nothing was written.",
            "For a dry run send test_mode=true.",
            "HTTP-7",
        ),
        ["dry run twice"],
    ),
    (
        Hint(
            "parameter-dry-run",
            "There is no parameter preview: this call only reads anyway.",
            "For a dry run send test_mode=true.",
            "HTTP-7",
        ),
        ["dry run of a read"],
    ),
    (
        Hint(
            "header-dry-run",
            "There is no header X-Dry-Run: this call was carried out.",
            "Send test_mode=true in the query.",
            "TEST-3",
        ),
        ["dry run in a header"],
    ),
    (
        Hint(
            "header-dry-run",
            "There is no header X-Test-Mode: this call was carried out.",
            "Send test_mode=true in the query.",
            "TEST-3",
        ),
        ["test mode in a header"],
    ),
    (
        Hint(
            "test-mode-in-body",
            "There is no field test_mode: this call was carried out.",
            "Send test_mode=true in the query.",
            "HTTP-7",
        ),
        ["test mode in the body"],
    ),
    (
        Hint(
            "test-mode-in-body",
            "There is no field dryRun: this call was carried out.",
            "Send test_mode=true in the query.",
            "HTTP-7",
        ),
        ["dry run in the body"],
    ),
    (
        Hint(
            "test-mode-odd",
            "test_mode=1 is neither true nor false, so this was a real call.",
            "Send test_mode=true for a dry run.",
            "TEST-3",
        ),
        ["odd test mode"],
    ),
]
# A crash, which no request can cause, and a head that no client without a socket can send: they have their own tests.
NO_MISTAKE = {HintTemplate.CRASHED, HintTemplate.HEAD_TOO_LONG}


class Caller(Client):
    """The same client over a real connection."""

    def request(
        self,
        method: str,
        target: str,
        body: Body = None,
        *,
        email: str | None = None,
        headers: Headers = (),
        authenticated: bool = True,
    ) -> Response:
        sent = [*(headers.items() if isinstance(headers, Mapping) else headers)]
        sent += self.site.headers.items() if authenticated else []
        sent += [("Http-X-Email", email)] if email is not None else []
        content = body.encode() if isinstance(body, str) else body
        content = json.dumps(content).encode() if isinstance(content, Mapping) else content
        assert content is None or isinstance(content, bytes)
        with closing(HTTPConnection(urlsplit(self.mock.url).netloc, timeout=300)) as connection:
            connection.putrequest(method, target)
            for name, value in [*sent, *([("Content-Length", str(len(content)))] if content is not None else [])]:
                connection.putheader(name, value)
            connection.endheaders(content)
            response = connection.getresponse()
            named = tuple((name.lower(), value) for name, value in response.getheaders())
            return Response(response.status, named, response.read())


@pytest.fixture(scope="module")
def server() -> Iterator[mockscope.LiveServer]:
    with mockscope.serve() as server:
        yield server


@pytest.fixture
def caller(server: mockscope.LiveServer) -> Iterator[Caller]:
    yield Caller(server.site("example-site", PAGE_KEY, PAGE), server)
    for site in list(server.sites.values()):
        site.remove()


def latest(caller: Caller) -> mockscope.Call:
    """Return the latest call, whether it reached the site or no site."""
    calls: list[mockscope.Call] = [*caller.site.calls, *caller.mock.calls]
    return max(calls, key=lambda call: call.number)


@pytest.mark.rule("HTTP-10")
@pytest.mark.parametrize(
    ("mistake", "expected"), [(mistake, expected) for expected, names in HINTS for mistake in names]
)
def test_a_mistake_over_the_wire_is_explained_in_the_header_and_among_the_calls(
    mistake: str, expected: Hint, caller: Caller
) -> None:
    make, status, hint = MISTAKES[mistake]

    response = make(caller)

    call = latest(caller)
    assert (response.status, response.hint, call.hint) == (status, hint.code, expected)
    assert (call.status, call.id) == (status, response.header("x-request-id"))
    assert call.hints == ((expected,) if status < 400 else ())


@pytest.mark.parametrize(
    ("mistake", "expected"), [(mistake, expected) for expected, names in HINTS for mistake in names]
)
def test_a_mistake_is_explained_in_the_log_the_test_report_and_exec(
    mistake: str, expected: Hint, caller: Caller, server: mockscope.LiveServer
) -> None:
    make, status, _ = MISTAKES[mistake]
    log, lines_of_exec, before = StringIO(), list[str](), len(server.all_calls())
    write = RequestLog(log, text_lines)
    server.observers.append(write)

    make(caller)

    # The line of a call is written before the next response is sent.
    caller.get("/openapi.yaml")
    server.observers.remove(write)
    beside: Any = SimpleNamespace(all_calls=lambda: server.all_calls()[before:], proxy=NO_PROXY)
    _explain(5, beside, lines_of_exec.append)
    call, *hints = log.getvalue().splitlines()[:2]
    assert call.split()[1] == str(status)
    assert hints == [f"    {expected}"]
    # A report also has what was sent.
    assert report([latest(caller)]).splitlines()[:2] == [call, *hints]
    assert lines_of_exec[0].splitlines()[1:3] == [call, *hints]


def test_every_mistake_gets_its_hint() -> None:
    assert sorted(name for _, names in HINTS for name in names) == sorted(MISTAKES)


@pytest.mark.rule("HTTP-8", "HTTP-10")
def test_a_crash_has_its_own_hint(monkeypatch: pytest.MonkeyPatch, caller: Caller) -> None:
    def list_users(self: Site, start: str = "") -> None:
        raise RuntimeError("out of coffee")

    monkeypatch.setattr(Site, "list_users", list_users)

    response = caller.get(USERS)

    assert (response.status, response.hint) == (500, "crashed")
    assert latest(caller).hint == Hint(
        "crashed",
        "This is a fault of mockscope, not of the client.",
        "Please report it with the trace from the log.",
    )


def test_every_hint_has_a_mistake_that_triggers_it() -> None:
    reached = {hint for _, _, hint in MISTAKES.values()}

    assert [hint.code for hint in HintTemplate if hint not in reached | NO_MISTAKE] == []


def test_every_refusal_over_http_has_a_hint() -> None:
    by_the_handle_alone = {Refusal.OWNER_UNKNOWN, Refusal.DASHBOARD_UNKNOWN, Refusal.DASHBOARD_TAKEN}

    assert {reason.refusal for reason in REFUSAL_HINTS} == set(Refusal) - by_the_handle_alone


def test_codes_are_unique_and_fit_a_header() -> None:
    codes = [hint.code for hint in HintTemplate]

    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not code.replace("-", "").isalpha() or not code.islower()] == []


# -- the text of a hint ----------------------------------------------------------------------------------------


def hint_of(make: Mistake) -> Hint | None:
    client = page_site()
    hint: list[Hint | None] = []
    client.mock.observers.append(lambda call: hint.append(call.hint))
    make(client)
    assert len(hint) == 1
    return hint[0]


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_every_hint_has_a_cause_and_a_remedy_with_every_place_filled(mistake: str) -> None:
    hint = hint_of(MISTAKES[mistake][0])

    assert hint is not None
    assert str(hint) == f"{hint.code}: {hint.cause} {hint.remedy}"
    for sentence in (hint.cause, hint.remedy):
        assert sentence.endswith((".", "?", "!"))
        assert "{" not in sentence.replace("{} changes nothing", "")


@pytest.mark.parametrize(
    ("email", "administrator"),
    [("rachell@example.com", "rachel@example.com"), ("gunther@example.org", "mike@example.com")],
)
def test_a_hint_names_the_nearest_administrator(email: str, administrator: str) -> None:
    hint = hint_of(post_user(invited_by_email=email))

    assert hint is not None
    assert hint.remedy == f"Name an administrator in invited_by_email, such as {administrator}."


def test_an_access_in_another_case_is_not_reported_as_misspelt() -> None:
    hint = hint_of(post_group(name="", access="sQl"))

    assert hint is not None
    assert hint.code == "fields-invalid"


ALL_AT_ONCE = f"{USERS}?_=1&next_page_start=null&page=2&preview=1"


@pytest.mark.rule("HTTP-7")
@pytest.mark.parametrize(
    ("make", "status", "codes"),
    [
        (delete_user(f"{USERS}?dry_run=true", email="nobody@example.com"), 400, ["user-unknown", "parameter-dry-run"]),
        (delete_user(f"{USERS}?email={JOEY}"), 400, ["email-not-in-header"]),
        (put_user("{}", f"{USERS}?email={JOEY}", email=""), 400, ["email-header-blank", "email-not-in-header"]),
        (post_user(last_name="", dry_run=True), 400, ["fields-invalid", "test-mode-in-body"]),
        (delete_user(email="", headers={"X-Dry-Run": "1"}), 400, ["email-header-blank", "header-dry-run"]),
        (get(f"{GROUPS}/Zoo?limit=1"), 404, ["group-unknown", "parameter-unknown"]),
        (get(f"{USERS}?page=2", authenticated=False), 403, ["auth-header-missing", "parameter-paging"]),
        (get("/api/v1/teams?page=2"), 404, ["path-unknown"]),
        (get(ALL_AT_ONCE), 200, ["parameter-dry-run", "parameter-paging", "parameter-unknown", "cursor-null"]),
        (
            get(ALL_AT_ONCE, authenticated=False),
            403,
            ["auth-header-missing", "parameter-dry-run", "parameter-paging", "parameter-unknown", "cursor-null"],
        ),
        (put_user({"role": 1}, f"{USERS}?a=1", email="no@example.com"), 400, ["user-unknown", "parameter-unknown"]),
        (post_user(name="x" * 70_000), 201, ["field-unknown"]),
        (put_group("Sales", {"groups": 5, "create_by_email": JOEY}), 200, ["field-unknown", "field-unknown"]),
    ],
)
def test_ignored_input_has_its_hint_whether_the_call_succeeds_or_fails(
    make: Mistake, status: int, codes: list[str], caller: Caller
) -> None:
    response = make(caller)

    call = latest(caller)
    assert (response.status, response.hint) == (status, codes[0])
    assert [hint.code for hint in call.hints] == (codes if status < 400 else codes[1:])
    assert [finding.call for finding in caller.site.findings()] == ([call] * len(codes) if status < 400 else [])


@pytest.mark.rule("HTTP-7")
def test_the_known_parameters_are_those_of_the_contract_and_test_mode_of_a_read() -> None:
    document = load_yaml(contract_document.openapi_yaml())
    paths, shared = document["paths"], document["components"]["parameters"]
    found: dict[str, set[str]] = {}
    for path in paths.values():
        for method, operation in path.items():
            listed = [
                shared[row["$ref"].rpartition("/")[2]] if "$ref" in row else row for row in operation["parameters"]
            ]
            names = {row["name"] for row in listed if row["in"] == "query"} | (
                {"test_mode"} if method == "get" else set()
            )
            name = operation.get("x-alias-of", operation["operationId"])
            # The alias of an operation has its parameters.
            assert found.setdefault(name, names) == names
            found |= dict.fromkeys(operation.get("x-operations", []), names)

    assert found == KNOWN_PARAMETERS


def test_a_refused_dry_run_has_the_hint_about_test_mode() -> None:
    client = page_site()

    delete_user(f"{USERS}?dry_run=true", email="nobody@example.com")(client)

    [hint] = client.site.calls.last.hints
    assert hint.cause == "There is no parameter dry_run: this call was refused anyway."


def test_at_most_ten_unknown_parameters_have_hints() -> None:
    client = page_site()

    client.get(f"{USERS}?{'&'.join(f'x{number}=1' for number in range(1000))}")

    assert [hint.code for hint in client.site.calls.last.hints] == ["parameter-unknown"] * 10


def test_a_hint_names_only_some_of_many_sites() -> None:
    client = page_site()
    for number in range(7):
        client.mock.site(f"site-{number}")

    unauthenticated((AUTH, "nowhere:key"))(client)

    [call] = client.mock.calls
    assert call.hint is not None
    assert call.hint.cause == (
        "There is no site nowhere here. The sites are: example-site, site-0, site-1, site-2, site-3 and 3 more."
    )


@pytest.mark.rule("GROUP-2", "USER-CREATE-2")
@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (post_group(access="Edit"), "GROUP-2"),
        (put_group("Sales", {"access": ""}), "GROUP-2"),
        (post_user(groups="Sales"), "USER-CREATE-2"),
        (put_user({"groups": [1]}, email=JOEY), "USER-CREATE-2"),
        (post_user(groups="Sales", last_name=""), "USER-CREATE-1"),
        (post(without(FRIENDS, "access"), GROUPS), "GROUP-CREATE-1"),
        (post_group(access="Edit", name=""), "GROUP-CREATE-1"),
    ],
)
def test_a_refusal_of_only_access_or_groups_has_their_rule(make: Mistake, rule: str) -> None:
    client = page_site()

    assert make(client).status == 400
    assert client.site.calls.last.rule == rule


def test_a_group_name_with_a_comma_is_shown_whole() -> None:
    hint = hint_of(post_user(groups=["Sales, NY", "Zoo"]))

    assert hint is not None
    assert "The site has no group Sales, NY." in hint.cause


def test_a_hint_cuts_long_values() -> None:
    hint = hint_of(post_user(**{"x" * 100_000: 1}))

    assert hint is not None
    assert len(str(hint)) < 300


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
        get(f"{USERS}?&next_page_start="),
        get(f"{USERS}?next_page_start=nobody@example.com", email=JOEY),
        get(USERS, headers={"X-Trace-Id": "1", "X-Api-Key": "1"}),
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
def test_an_ordinary_success_has_no_hint(make: Mistake) -> None:
    response = make(page_site())

    assert response.status in (200, 201)
    assert response.hint is None


@pytest.mark.parametrize(
    "body",
    [
        '{"first_name": "Phoebe,] or Regina", "last_name": Buffay}',
        '{"first_name": "Phoebe,}", "last_name": "Buffay"',
    ],
)
def test_a_comma_inside_a_string_is_not_a_trailing_comma(body: str) -> None:
    assert post(body)(page_site()).hint == HintTemplate.JSON_MALFORMED.code


def test_a_mistake_far_into_a_body_has_a_hint_that_says_where() -> None:
    body = f'{{"first_name": "{"x" * 100_000}", "last_name": 1,}}'

    hint = hint_of(post(body))

    assert hint == Hint(
        "json-malformed",
        "The body is not valid JSON in UTF-8: Illegal trailing comma before end of object at line 1, column 100034.",
        "Send one JSON object.",
    )


def test_curly_quotes_inside_a_string_are_not_a_mistake() -> None:
    body = '{"first_name": "Phoebe \u201cRegina\u201d Phalange",}'

    assert post(body)(page_site()).hint == HintTemplate.JSON_TRAILING_COMMA.code
