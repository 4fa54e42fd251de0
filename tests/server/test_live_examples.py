"""The examples of the vendor's page as curl commands in a shell, against the demo site with its people."""

import json
import subprocess
from collections.abc import Iterator
from importlib.resources import as_file, files
from typing import Any

import pytest
from support.bounds import WAIT_SECONDS
from support.wire import JSON, needs

import mockscope
from mockscope import LiveServer, Refusal, Refused

pytestmark = [needs("bash"), needs("curl")]

SHELL = f"""
set -euo pipefail
AUTH='Http-X-Partner-Auth: example_site:e179017a-62b0-4996-8a38-e91aa9f1'
curl() {{
    command curl -sS --max-time {WAIT_SECONDS} --write-out '\\n%{{http_code}} %{{content_type}}\\n' "$@"
}}
"""


@pytest.fixture
def demo() -> Iterator[LiveServer]:
    """The demo site on a server of its own."""
    with as_file(files("mockscope") / "demo.json") as seed, mockscope.serve(seed) as live:
        yield live


def shell(demo: LiveServer, script: str) -> list[tuple[int, Any]]:
    """Run a script with $BASE set; return status and body of each response. Each body must be JSON (HTTP-1)."""
    done = subprocess.run(
        ["bash", "-c", f"BASE={demo.url}\n{SHELL}\n{script}"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=WAIT_SECONDS,
        check=True,
    )
    lines = done.stdout.splitlines()
    statuses = [line.split(" ", 1) for line in lines[1::2]]
    assert [content_type for _, content_type in statuses] == [JSON] * len(statuses)
    return [(int(status), json.loads(body)) for body, (status, _) in zip(lines[::2], statuses, strict=True)]


def person(first_name: str, last_name: str, *groups: str, new: bool = False) -> dict[str, Any]:
    """A user of the vendor's page."""
    return {
        "first_name": first_name,
        "last_name": last_name,
        "email": f"{first_name.lower()}@example.com",
        "groups": list(groups),
        "last_login_at": None if new else "2014-02-06T23:46:07.118Z",
        "password_updated_at": None if new else "2018-10-18T20:08:41.794Z",
        "tfa_enabled": not new,
    }


CHANDLER = person("Chandler", "Bing", "All Users")
JOEY = person("Joey", "Tribbiani", "All Users")
MIKE = person("Mike", "Hannigan", "Administrators", "All Users")
MONICA = person("Monica", "Geller", "All Users")
RACHEL = person("Rachel", "Green", "Administrators", "All Users")
PHOEBE = person("Phoebe", "Buffay", "All Users", "Sales", new=True)
TEST_MODE_MESSAGE = {"message": "Action would have completed successfully"}


@pytest.mark.rule("PAGE-1", "PAGE-2", "USER-1")
def test_get_users(demo: LiveServer) -> None:
    assert shell(demo, 'curl -H "$AUTH" "$BASE/api/v1/users"') == [
        (
            200,
            {
                "total_users": 5,
                "users_this_page": 5,
                "next_page_start": None,
                "users": [CHANDLER, JOEY, MIKE, MONICA, RACHEL],
            },
        )
    ]


@pytest.mark.rule("PAGE-4")
def test_get_users_with_an_empty_cursor_as_the_page_writes_it(demo: LiveServer) -> None:
    plain, empty = shell(
        demo, 'curl -H "$AUTH" "$BASE/api/v1/users"\ncurl -H "$AUTH" "$BASE/api/v1/users?next_page_start="'
    )
    assert plain == empty


@pytest.mark.rule("USER-GET-1")
@pytest.mark.parametrize("header", ["HTTP-X-EMAIL", "Http-X-Email", "http-x-email"])
def test_get_single_user(demo: LiveServer, header: str) -> None:
    script = f'curl -H "$AUTH" -H "{header}: chandler@example.com" "$BASE/api/v1/users"'
    assert shell(demo, script) == [(200, CHANDLER)]


CREATE_USER = """
curl -X POST -H "$AUTH" "$BASE/api/v1/users%s" -d '{
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": [
        "All Users",
        "Sales"
    ],
    "invited_by_email": "mike@example.com"%s
}'
"""


@pytest.mark.rule("USER-CREATE-2", "USER-CREATE-4", "USER-CREATE-5")
def test_create_user(demo: LiveServer) -> None:
    assert shell(demo, CREATE_USER % ("", "") * 2) == [
        (201, PHOEBE),
        (409, {"message": Refused(Refusal.EMAIL_TAKEN, email="phoebe@example.com").message}),
    ]


@pytest.mark.rule("TEST-1", "TEST-2", "TEST-4")
def test_create_user_in_test_mode(demo: LiveServer) -> None:
    before = demo.export()
    assert shell(demo, CREATE_USER % ("?test_mode=true", "")) == [(200, TEST_MODE_MESSAGE)]
    assert demo.export() == before


@pytest.mark.rule("HTTP-4")
def test_create_user_with_the_trailing_comma_of_the_page(demo: LiveServer) -> None:
    ((status, body),) = shell(demo, CREATE_USER % ("", ","))
    assert status == 400
    assert "trailing comma before end of object at line 9, column 43" in body["message"]


UPDATE_USER = """
curl -X PUT -H "$AUTH" -H "HTTP-X-EMAIL: joey@example.com" "$BASE/api/v1/users" -d '%s'
"""


@pytest.mark.rule("USER-UPDATE-1", "USER-UPDATE-2")
def test_update_user(demo: LiveServer) -> None:
    body = '{"first_name": "Joseph", "last_name": "Tribbiani", "groups": ["All Users", "NY Knicks"]}'
    assert shell(demo, UPDATE_USER % body) == [
        (200, {**JOEY, "first_name": "Joseph", "groups": ["All Users", "NY Knicks"]})
    ]


@pytest.mark.rule("USER-UPDATE-2")
def test_update_user_some_more_examples(demo: LiveServer) -> None:
    script = UPDATE_USER % '{"groups": ["NY Knicks"]}'
    script += UPDATE_USER % '{ "first_name": "Joseph" }'
    script += UPDATE_USER % '{ "first_name": "Joe", "groups":[] }'
    script += UPDATE_USER % '{"first_name": "Joey", "groups":["All Users"]}'
    assert shell(demo, script) == [
        (200, {**JOEY, "groups": ["NY Knicks"]}),
        (200, {**JOEY, "first_name": "Joseph", "groups": ["NY Knicks"]}),
        (200, {**JOEY, "first_name": "Joe"}),
        (200, JOEY),
    ]


@pytest.mark.rule("USER-DELETE-1", "TEST-2")
def test_delete_user(demo: LiveServer) -> None:
    script = """
    curl -X DELETE -H "$AUTH" -H "HTTP-X-EMAIL: joey@example.com" "$BASE/api/v1/users?test_mode=true"
    curl -X DELETE -H "$AUTH" -H "HTTP-X-EMAIL: joey@example.com" "$BASE/api/v1/users"
    curl -X DELETE -H "$AUTH" -H "HTTP-X-EMAIL: joey@example.com" "$BASE/api/v1/users"
    """
    assert shell(demo, script) == [
        (200, TEST_MODE_MESSAGE),
        (200, {"message": "User removed from example_site"}),
        (400, {"message": Refused(Refusal.USER_UNKNOWN, host="example_site", email="joey@example.com").message}),
    ]


@pytest.mark.rule("GROUP-1", "PAGE-1")
def test_get_groups(demo: LiveServer) -> None:
    assert shell(demo, 'curl -H "$AUTH" "$BASE/api/v1/groups"') == [
        (
            200,
            {
                "total_groups": 4,
                "groups_this_page": 4,
                "next_page_start": None,
                "groups": [
                    {"name": "Administrators", "access": "Sql"},
                    {"name": "All Users", "access": "Sql"},
                    {"name": "NY Knicks", "access": "Sql"},
                    {"name": "Sales", "access": "Sql"},
                ],
            },
        )
    ]


@pytest.mark.rule("GROUP-1", "GROUP-GET-1")
def test_get_single_group(demo: LiveServer) -> None:
    script = """
    curl -H "$AUTH" "$BASE/api/v1/groups/Administrators"
    curl -H "$AUTH" "$BASE/api/v1/groups/NY%20Knicks"
    curl -H "$AUTH" "$BASE/api/v1/groups/Friends"
    """
    assert shell(demo, script) == [
        (
            200,
            {
                "name": "Administrators",
                "access": "Sql",
                "dashboards": [
                    {"name": "Example Dashboard", "access": "Edit"},
                    {"name": "Test Dashboard", "access": "Edit"},
                ],
            },
        ),
        (200, {"name": "NY Knicks", "access": "Sql", "dashboards": []}),
        (404, {"message": "The site example_site has no group Friends."}),
    ]


CREATE_GROUP = """
curl -X POST -H "$AUTH" "$BASE/api/v1/groups/%s" -d '{
    "name": "Friends",
    "access": "Sql",
    %s
}'
"""


@pytest.mark.rule("GROUP-CREATE-1", "GROUP-CREATE-3", "HTTP-3")
@pytest.mark.parametrize("field", ["created_by_email", "create_by_email"])
def test_create_group_in_both_spellings_of_the_page(demo: LiveServer, field: str) -> None:
    creator = f'"{field}": "rachel@example.com"'
    script = CREATE_GROUP % ("?test_mode=true", creator) + CREATE_GROUP % ("", creator) * 2
    assert shell(demo, script) == [
        (200, TEST_MODE_MESSAGE),
        (201, {"name": "Friends", "access": "Sql"}),
        (409, {"message": Refused(Refusal.GROUP_TAKEN, name="Friends").message}),
    ]


@pytest.mark.rule("HTTP-4")
def test_create_group_with_the_curly_quotes_of_the_page(demo: LiveServer) -> None:
    curly = "\N{LEFT DOUBLE QUOTATION MARK}created_by_email\N{RIGHT DOUBLE QUOTATION MARK}"
    ((status, body),) = shell(demo, CREATE_GROUP % ("", f'{curly}: "rachel@example.com"'))
    assert status == 400
    assert "line 4, column 5" in body["message"]


UPDATE_GROUP = """
curl -X PUT -H "$AUTH" "$BASE/api/v1/groups/%s" -d '%s'
"""


@pytest.mark.rule("GROUP-UPDATE-1", "GROUP-UPDATE-3", "GROUP-2")
def test_update_group(demo: LiveServer) -> None:
    script = UPDATE_GROUP % ("Sales", '{"name": "Friends", "access": "Sql"}')
    script += UPDATE_GROUP % ("Friends", '{ "name": "Sales" }')
    script += UPDATE_GROUP % ("Sales", '{ "access": "discovery" }')
    script += UPDATE_GROUP % ("Sales", '{ "name": "Friends", "access": "view" }')
    assert shell(demo, script) == [
        (200, {"name": "Friends", "access": "Sql"}),
        (200, {"name": "Sales", "access": "Sql"}),
        (200, {"name": "Sales", "access": "Discovery"}),
        (200, {"name": "Friends", "access": "View"}),
    ]


@pytest.mark.rule("GROUP-2")
def test_update_group_with_the_blank_access_of_the_page(demo: LiveServer) -> None:
    before = demo.export()
    ((status, _),) = shell(demo, UPDATE_GROUP % ("Sales", '{ "access": "" }'))
    assert status == 400
    assert demo.export() == before


@pytest.mark.rule("GROUP-DELETE-1", "TEST-2")
def test_delete_group(demo: LiveServer) -> None:
    script = """
    curl -X DELETE -H "$AUTH" "$BASE/api/v1/groups/Sales?test_mode=true"
    curl -X DELETE -H "$AUTH" "$BASE/api/v1/groups/Sales"
    curl -X DELETE -H "$AUTH" "$BASE/api/v1/groups/Sales"
    """
    assert shell(demo, script) == [
        (200, TEST_MODE_MESSAGE),
        (200, {"message": "Group removed from example_site"}),
        (404, {"message": "The site example_site has no group Sales."}),
    ]


@pytest.mark.rule("AUTH-1", "AUTH-2")
def test_the_angle_brackets_of_the_page_are_not_part_of_the_header(demo: LiveServer) -> None:
    script = """
    curl "$BASE/api/v1/users"
    curl -H 'Http-X-Partner-Auth: <example_site:e179017a-62b0-4996-8a38-e91aa9f1>' "$BASE/api/v1/users"
    curl -H 'HTTP-X-PARTNER-AUTH: example_site:e179017a-62b0-4996-8a38-e91aa9f1' "$BASE/api/v1/groups/Sales"
    """
    assert [status for status, _ in shell(demo, script)] == [403, 403, 200]


def test_the_vendor_s_python_lines_work_without_looking_at_the_status(demo: LiveServer) -> None:
    # The script parses any response as JSON, so only the message shows a refusal.
    script = (
        'curl "$BASE/api/v1/users"\ncurl -H "$AUTH" "$BASE/api/v2/users"\ncurl -X PATCH -H "$AUTH" "$BASE/api/v1/users"'
    )
    assert [(status, list(body)) for status, body in shell(demo, script)] == [
        (403, ["message"]),
        (404, ["message"]),
        (405, ["message"]),
    ]
