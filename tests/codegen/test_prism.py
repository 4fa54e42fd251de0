"""Prism as a validating proxy: it refuses requests and responses that violate openapi.yaml."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest
from support.bounds import WAIT_SECONDS
from support.codegen import PHOEBE, Demo, npm_tool, tool_environment
from support.codegen import demo as demo

pytestmark = pytest.mark.slow

LISTENING: Final = re.compile(r"Prism is listening on (http://\S+)")
NEW_USER: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["All Users", "Sales"],
    "invited_by_email": "mike@example.com",
}
NEW_GROUP: Final = {"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"}
TEST_MODE: Final = {"test_mode": "true"}
EMAIL: Final = {"Http-X-Email": PHOEBE["email"]}
USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
FRIENDS: Final = "/api/v1/groups/Friends"

# The page's own requests, without the commas and quotes that are not JSON: each with its status.
Request = tuple[str, str, dict[str, Any], int]
REQUESTS: Final[tuple[Request, ...]] = (
    ("GET", USERS, {}, 200),
    ("GET", USERS, {"params": {"next_page_start": "monica@example.com"}}, 200),
    ("POST", USERS, {"json": NEW_USER, "params": TEST_MODE}, 200),
    ("POST", USERS, {"json": NEW_USER}, 201),
    ("GET", USERS, {"headers": EMAIL}, 200),
    ("PUT", USERS, {"headers": EMAIL, "json": {"last_name": "Hannigan", "groups": ["NY Knicks"]}}, 200),
    ("PUT", USERS, {"headers": EMAIL, "json": {"first_name": "Regina"}}, 200),
    ("PUT", USERS, {"headers": EMAIL, "json": {"first_name": "Regina", "groups": []}}, 200),
    ("PUT", USERS, {"headers": EMAIL, "json": {"first_name": "Regina"}, "params": TEST_MODE}, 200),
    ("DELETE", USERS, {"headers": EMAIL, "params": TEST_MODE}, 200),
    ("DELETE", USERS, {"headers": EMAIL}, 200),
    ("GET", GROUPS, {}, 200),
    ("GET", GROUPS, {"params": {"next_page_start": "Sales"}}, 200),
    ("POST", GROUPS, {"json": NEW_GROUP, "params": TEST_MODE}, 200),
    ("POST", GROUPS, {"json": NEW_GROUP}, 201),
    ("GET", FRIENDS, {}, 200),
    ("PUT", FRIENDS, {"json": {"access": "discovery"}}, 200),
    ("PUT", FRIENDS, {"json": {"name": "Friends", "access": "VIEW"}}, 200),
    ("PUT", FRIENDS, {"json": {"access": "Sql"}, "params": TEST_MODE}, 200),
    ("DELETE", FRIENDS, {"params": TEST_MODE}, 200),
    ("DELETE", FRIENDS, {}, 200),
    # A refusal is described too.
    ("GET", FRIENDS, {}, 404),
    ("GET", f"{GROUPS}/NY%20Knicks", {}, 200),
)


@contextmanager
def proxy(demo: Demo) -> Iterator[httpx.Client]:
    """Start Prism in front of the demo site, and yield a client of it."""
    command = [npm_tool("prism"), "proxy", str(demo.document()), demo.server.url, "--port", "0", "--errors"]
    with subprocess.Popen(command, env=tool_environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = next(found[1] for line in process.stdout if (found := LISTENING.search(line)))
            with httpx.Client(base_url=address, headers=demo.site.headers, timeout=WAIT_SECONDS) as client:
                yield client
        finally:
            process.terminate()


def test_it_lets_the_requests_of_the_page_pass_in_both_spellings(demo: Demo) -> None:
    with proxy(demo) as client:
        for slash in ("", "/"):
            for method, path, options, status in REQUESTS:
                response = client.request(method, path + slash, **options)
                came = (response.status_code, response.headers.get("sl-violations"), "x-request-id" in response.headers)
                assert came == (status, None, True), f"{method} {path}{slash} {options}: {response.text}"

    assert len(demo.calls) == 2 * len(REQUESTS)


def test_it_refuses_what_the_document_does_not_have(demo: Demo) -> None:
    with proxy(demo) as client:
        nameless = client.post(GROUPS, json={"access": "Sql", "created_by_email": "rachel@example.com"})
        keyless = client.get(USERS, headers={"Http-X-Partner-Auth": ""})

    assert (nameless.status_code, keyless.status_code) == (422, 401)
    assert demo.calls == []
