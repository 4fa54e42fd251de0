"""The site of the benchmarks, and the loads: requests of one kind.

``wrk.lua`` replaces ``NUMBER`` in each request by a new number, so that no request head repeats.
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from benchmarks.servers import HOST, MOCKSCOPE, send
from mockscope._vendor import AUTH_HEADER, EMAIL_HEADER, USERS_PATH

PATH: Final = USERS_PATH
SITE: Final = "benchmark-site"
ADMIN: Final = "admin@example.com"
AUTH: Final = {AUTH_HEADER: f"{SITE}:benchmark-key"}
NUMBER: Final = "#########"
# For requests whose target does not contain NUMBER.
NEW_HEAD: Final = {"X-Number": NUMBER}


class Load(NamedTuple):
    """A load: its name, the bytes of its requests, and the expected status."""

    name: str
    requests: Sequence[bytes]
    status: int = 200


def bare() -> Load:
    """Return the load for the bare application."""
    return Load("bare", [request("GET", "/", NEW_HEAD)])


def get_user(emails: Sequence[str]) -> Load:
    """Return a load that gets one user at a time."""
    return Load("GET one user", [request("GET", PATH, AUTH | {EMAIL_HEADER: email} | NEW_HEAD) for email in emails])


def get_user_repeated(emails: Sequence[str]) -> Load:
    """Return a load that gets one user at a time, with one request head for each user."""
    requests = [request("GET", PATH, AUTH | {EMAIL_HEADER: email}) for email in emails]
    return Load("GET one user, repeated heads", requests)


def get_page(emails: Sequence[str]) -> Load:
    """Return a load that gets pages, each with a new cursor."""
    targets = [f"{PATH}?next_page_start={quote(_numbered(email), safe='#')}" for email in emails]
    return Load("page of 100", [request("GET", target, AUTH) for target in targets])


def create_user(emails: Sequence[str]) -> Load:
    """Return a load that creates users at all places in the order of emails."""
    return Load("create", [_create(PATH, email) for email in emails], 201)


def create_user_in_test_mode(emails: Sequence[str]) -> Load:
    """Return a load that creates users in test mode."""
    return Load("create in test mode", [_create(f"{PATH}?test_mode=true", email) for email in emails])


def request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    length = {"Content-Length": f"{len(body)}"} if body else {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": HOST, **headers, **length}.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def _create(target: str, email: str) -> bytes:
    user = {
        "first_name": "Joey",
        "last_name": "Tribbiani",
        "email": _numbered(email),
        "groups": ["All Users"],
        "invited_by_email": ADMIN,
    }
    headers = AUTH | {"Content-Type": "application/json"} | NEW_HEAD
    return request("POST", target, headers, json.dumps(user).encode())


def _numbered(email: str) -> str:
    """Return an email that sorts next to another one and is new in each request."""
    return email.replace("@", f".{NUMBER}@")


def seed(users: int) -> dict[str, Any]:
    """Return the seed of a site with a number of users, the administrator included."""
    admin = {"first_name": "Rachel", "last_name": "Green", "email": ADMIN, "groups": ["Administrators", "All Users"]}
    site = {
        "host": SITE,
        "api_key": AUTH[AUTH_HEADER].partition(":")[2],
        "users": [admin],
        "generate": {"users": users - 1, "groups": 12, "seed": 1},
    }
    return {"mockscope": 1, "sites": [site]}


def mockscope(work: Path, users: int, *options: str) -> tuple[str, ...]:
    """Write the seed of a site to ``work``. Return the command line of a server with that site."""
    file = work / f"{users}.json"
    file.write_text(json.dumps(seed(users)))
    return (*MOCKSCOPE, "--seed", f"{file}", *options)


def draw_emails(port: int, number: int) -> list[str]:
    """List all users of the site, and return the emails of a random sample."""
    emails: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        _, body = send(port, "GET", f"{PATH}?next_page_start={quote(cursor)}", AUTH)
        page = json.loads(body)
        emails += [user["email"] for user in page["users"]]
        cursor = page["next_page_start"]
    return random.Random(1).sample(emails, min(number, len(emails)))
