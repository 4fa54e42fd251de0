"""The sites that are measured, and whole requests to them."""

import http.client
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmarks.children import HOST, MOCKSCOPE, Server

DRAWN: Final = 512

PATH: Final = "/api/v1/users"
SITE: Final = "benchmark-site"
API_KEY: Final = "benchmark-key"
ADMINISTRATOR: Final = "admin@example.com"
AUTH: Final = {"Http-X-Partner-Auth": f"{SITE}:{API_KEY}"}
# In the place of a number that never comes twice.
NUMBER: Final = "#########"
# With it no request begins like another one.
NEW_HEADER: Final = {"X-Number": NUMBER}
NOTHING: Final[Mapping[str, str]] = {}


def mockscope(work: Path, users: int, *, log: str = "off", command: tuple[str, ...] = MOCKSCOPE) -> tuple[str, ...]:
    """The command line of a server with one site of so many users. Its seed is written into a directory."""
    file = work / f"{users}.json"
    file.write_text(json.dumps(seed(users)))
    return (*command, "--seed", f"{file}", "--log", log)


def seed(users: int) -> dict[str, Any]:
    """The seed of a site of so many users, one of them the administrator."""
    administrator = {
        "first_name": "Rachel",
        "last_name": "Green",
        "email": ADMINISTRATOR,
        "groups": ["Administrators", "All Users"],
    }
    site = {
        "host": SITE,
        "api_key": API_KEY,
        "users": [administrator],
        "generate": {"users": users - 1, "groups": 12, "seed": 1},
    }
    return {"mockscope": 1, "sites": [site]}


def drawn(server: Server, draw: random.Random) -> tuple[list[str], list[str]]:
    """Emails of users, and cursors that a full page follows, drawn with all pages alike; every page is listed."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        connection.request("GET", next_page(cursor), headers=AUTH)
        page = json.loads(connection.getresponse().read())
        # All sizes are whole multiples of a page.
        pages.append([user["email"] for user in page["users"]])
        cursor = page["next_page_start"]
    connection.close()
    chosen = draw.choices(pages, k=DRAWN)
    return [draw.choice(emails) for emails in chosen], [emails[0] for emails in chosen]


def gets(emails: list[str], more: Mapping[str, str] = NOTHING) -> list[bytes]:
    """Requests for one user each, with these headers besides."""
    return [request("GET", PATH, AUTH | {"Http-X-Email": email, **more}) for email in emails]


def creates(emails: list[str], *, query: str = "") -> list[bytes]:
    """New users all over the order of emails: a number is put into emails that are there."""
    return [
        request(
            "POST",
            PATH + query,
            AUTH | {"Content-Type": "application/json"},
            {
                "first_name": "Joey",
                "last_name": "Tribbiani",
                "email": numbered(email),
                "groups": ["All Users"],
                "invited_by_email": ADMINISTRATOR,
            },
        )
        for email in emails
    ]


def deletes(emails: list[str]) -> list[bytes]:
    return [request("DELETE", PATH, AUTH | {"Http-X-Email": email}) for email in emails]


def next_page(cursor: str) -> str:
    return f"{PATH}?next_page_start={quote(cursor, safe='#')}"


def numbered(email: str) -> str:
    """An email right behind another in the order, and a new one each time: whoever sends it puts a number in."""
    return email.replace("@", f".{NUMBER}@")


def request(method: str, target: str, headers: dict[str, str] | None = None, body: object = None) -> bytes:
    """A request as it is sent. A body is made JSON, and bytes are taken as they are."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Host": HOST, **(headers or {}), **({"Content-Length": f"{len(content)}"} if content else {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + content
