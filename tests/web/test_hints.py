"""Every refusal explains itself: the mistake that is made over HTTP, and the code in X-Mockscope-Hint."""

from collections.abc import Callable
from typing import Any

import pytest
from asking import FRIENDS, GROUPS, PAGE_KEY, PHOEBE, USERS, Answer, Client, page_site

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


def delete_user(path: str = USERS, **options: Any) -> Mistake:
    return lambda client: client.ask("DELETE", path, options.pop("body", None), **options)


def disabled(client: Client) -> Answer:
    client.site.enabled = False
    return client.get(USERS)


def of_another_site(client: Client) -> Answer:
    other = client.double.site(host="another-site")
    return client.get(USERS, headers={AUTH: f"example-site:{other.api_key}"}, authenticated=False)


def rotated(client: Client) -> Answer:
    client.site.rotate_key()
    return client.get(USERS, headers={AUTH: OPENS}, authenticated=False)


def plus_in_a_group(client: Client) -> Answer:
    client.site.add_group("R+D")
    return client.get(f"{GROUPS}?next_page_start=R+D")


def administrators_only(client: Client) -> Answer:
    client.site.set_policy(creator_must_be_admin=True)
    return client.post(GROUPS, {**FRIENDS, "created_by_email": JOEY})


def json_only(client: Client) -> Answer:
    client.site.set_policy(require_json_content_type=True)
    return client.post(USERS, PHOEBE)


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


OTHER_CREATOR = {"name": "Friends", "access": "Sql", "create_by_email": JOEY}
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
    "unknown email": (get(USERS, email="joye@example.com"), 400, Hint.USER_UNKNOWN),
    "email changed": (put_user({"email": "joseph@example.com"}, email=JOEY), 200, Hint.EMAIL_UNCHANGEABLE),
    # -- bodies
    "no body": (post(None), 400, Hint.BODY_MISSING),
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
    "create_by_email": (post(OTHER_CREATOR, GROUPS, Content_Type="application/json"), 201, Hint.CREATE_BY_EMAIL),
    # -- what the fields refer to
    "unknown inviter": (post_user(invited_by_email="mick@example.com"), 400, Hint.USER_UNKNOWN),
    "inviter who is no administrator": (post_user(invited_by_email=JOEY), 400, Hint.INVITER_NOT_ADMINISTRATOR),
    "unknown creator": (post_group(created_by_email="rachael@example.com"), 400, Hint.USER_UNKNOWN),
    "creator who is no administrator": (administrators_only, 400, Hint.INVITER_NOT_ADMINISTRATOR),
    "unknown group of a user": (post_user(groups=["sales"]), 400, Hint.GROUP_UNKNOWN),
    "unknown group": (get(f"{GROUPS}/sales"), 404, Hint.GROUP_UNKNOWN),
    "email taken": (post_user(email="monica@example.com"), 409, Hint.ALREADY_THERE),
    "name taken": (post_group(name="Sales"), 409, Hint.ALREADY_THERE),
    "built-in group renamed": (put_group("All%20Users", {"name": "Everybody"}), 400, Hint.BUILTIN_GROUP),
    "built-in group deleted": (lambda client: client.delete(f"{GROUPS}/Administrators"), 400, Hint.BUILTIN_GROUP),
    # -- queries
    "blank for a plus": (get(f"{USERS}?next_page_start=joey+1@example.com"), 200, Hint.CURSOR_BLANK),
    "blank for a plus in a group": (plus_in_a_group, 200, Hint.CURSOR_BLANK),
    "odd test mode": (lambda client: client.delete(f"{GROUPS}/Sales?test_mode=1"), 200, Hint.TEST_MODE_ODD),
}
# Needs a crash, which no request can cause; it has a test of its own.
NO_MISTAKE = {Hint.CRASHED}


@pytest.mark.rule("HTTP-10")
@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_is_answered_with_its_hint(mistake: str) -> None:
    make, status, hint = MISTAKES[mistake]

    answer = make(page_site())

    assert (answer.status, answer.hint) == (status, hint.code)


@pytest.mark.rule("HTTP-8", "HTTP-10")
def test_a_crash_is_answered_with_its_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def list_users(self: Site, start: str = "") -> None:
        raise RuntimeError("out of coffee")

    monkeypatch.setattr(Site, "list_users", list_users)

    answer = page_site().get(USERS)

    assert (answer.status, answer.hint) == (500, Hint.CRASHED.code)


def test_every_hint_has_a_mistake_that_leads_to_it() -> None:
    reached = {hint for _, _, hint in MISTAKES.values()}

    assert [hint.code for hint in Hint if hint not in reached | NO_MISTAKE] == []


def test_every_refusal_that_http_can_give_is_explained() -> None:
    by_the_handle_alone = {Refusal.OWNER_UNKNOWN, Refusal.DASHBOARD_TAKEN}

    assert set(EXPLAINED) == set(Refusal) - by_the_handle_alone


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


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("X-Partner-Auth", "came as X-Partner-Auth"),
        ("Authorization", "came as Authorization"),
        ("unknown site", "There is no site example_site here. Did you mean example-site?"),
        ("key of another site", "The key belongs to the site another-site, and the host says example-site."),
        ("X-Email for one user", "The email came as X-Email"),
        ("email in the query for one user", "The email came in the query"),
        ("email in the body of an update", "The email came in the body"),
        ("unknown email", "The site has no user joye@example.com. Did you mean joey@example.com?"),
        ("unknown inviter", "Did you mean mike@example.com?"),
        ("unknown creator", "Did you mean rachel@example.com?"),
        ("inviter who is no administrator", "Name an administrator in invited_by_email."),
        ("creator who is no administrator", "Name an administrator in created_by_email."),
        ("unknown group of a user", "The site has no group sales. Did you mean Sales?"),
        ("unknown group", "The site has no group sales. Did you mean Sales?"),
        ("groups as one string", 'Send a list: ["Sales"].'),
        ("access misspelt", "There is no access discover. Did you mean discovery?"),
        ("access blank", "There is no access (blank)."),
        ("required field misspelt", "no field e_mail here. Did you mean email?"),
        ("field misspelt", "no field firstname here. Did you mean first_name?"),
        ("misspelt path", "There is no /api/v1/user. Did you mean /api/v1/users?"),
        ("successor's path", "/api/v2/users belongs to the vendor's later API"),
        ("method not offered", "Use one of DELETE, GET, HEAD, POST, PUT."),
        ("odd test mode", "test_mode=1 is neither true nor false, so this was a real call."),
        ("form type", "Content-Type application/x-www-form-urlencoded"),
        ("no JSON type", "Content-Type missing"),
        ("email taken", "monica@example.com exists on the site already"),
        ("name taken", "Sales exists on the site already"),
    ],
)
def test_the_hint_says_what_was_sent_and_what_to_do(mistake: str, said: str) -> None:
    assert said in str(advice_of(MISTAKES[mistake][0]))


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
