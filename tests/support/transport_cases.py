"""Requests of all kinds, and the ones among them that need a socket."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
JSON: Final = {"Content-Type": "application/json"}
MONICA: Final = {"Http-X-Email": "monica@example.com"}
MIKE: Final = {
    "first_name": "Mike",
    "last_name": "Hannigan",
    "email": "mike@example.com",
    "groups": ["Sales"],
    "invited_by_email": "monica@example.com",
}


# A body in pieces is made anew each time.
Body = bytes | Callable[[], Iterator[bytes]] | None


class Case(NamedTuple):
    """A request without credentials, and whether it works without a socket. None means that clients differ."""

    method: str
    path: str
    headers: Mapping[str, Any] = {}
    body: Body = None
    is_here: bool | None = True


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


NEW_USER: Final = body(**MIKE)


def pieces() -> Iterator[bytes]:
    yield NEW_USER[:10]
    yield NEW_USER[10:]


CASES: Final = {
    "list users": Case("GET", USERS),
    "a page of users": Case("GET", f"{USERS}?next_page_start=joey@example.com"),
    "a cursor that is encoded": Case("GET", f"{USERS}?next_page_start=joey%40example.com&test_mode=true"),
    "users with a slash": Case("GET", f"{USERS}/"),
    "one user": Case("GET", USERS, MONICA),
    "create a user": Case("POST", USERS, JSON, NEW_USER),
    "create a user in test mode": Case("POST", f"{USERS}?test_mode=TRUE", JSON, NEW_USER),
    "update a user": Case("PUT", USERS, JSON | MONICA, body(last_name="Bing")),
    "delete a user": Case("DELETE", USERS, {"Http-X-Email": "JOEY@example.com"}),
    "list groups": Case("GET", GROUPS),
    "one group": Case("GET", f"{GROUPS}/Sales"),
    "a group of odd letters": Case("GET", f"{GROUPS}/NY%20Knicks%2FFans%20100%25"),
    "a group beyond ASCII": Case("GET", f"{GROUPS}/Caf%C3%A9"),
    "a group beyond ASCII as it is typed": Case("GET", f"{GROUPS}/Café"),
    "create a group": Case("POST", GROUPS, JSON, body(name="Fans", access="view", created_by="monica@example.com")),
    "update a group": Case("PUT", f"{GROUPS}/Sales", JSON, body(name="Marketing")),
    "delete a group": Case("DELETE", f"{GROUPS}/Sales"),
    "the head of a page": Case("HEAD", USERS),
    "the head of nothing": Case("HEAD", f"{GROUPS}/Nobody"),
    # Refusals, with hints.
    "no key": Case("GET", USERS, {"Http-X-Partner-Auth": ""}),
    "no colon in the key": Case("GET", USERS, {"Http-X-Partner-Auth": "example_site"}),
    "a wrong key": Case("GET", USERS, {"Http-X-Partner-Auth": "example_site:wrong"}),
    "an unknown site": Case("GET", USERS, {"Http-X-Partner-Auth": "exampel_site:e179017a-62b0-4996-8a38-e91aa9f1"}),
    "an unknown path": Case("GET", "/api/v1/people"),
    "an unknown path with a body": Case("POST", "/api/v1/people", JSON, NEW_USER),
    "another method": Case("PATCH", USERS, JSON, NEW_USER),
    "options": Case("OPTIONS", USERS),
    "an unknown user": Case("GET", USERS, {"Http-X-Email": "gunther@example.com"}),
    "a blank email": Case("GET", USERS, {"Http-X-Email": ""}),
    "an email that is misplaced": Case("DELETE", f"{USERS}?email=joey@example.com"),
    "an unknown group": Case("DELETE", f"{GROUPS}/sales"),
    "a user that is there": Case("POST", USERS, JSON, body(**MIKE | {"email": "joey@example.com"})),
    "a user without a name": Case("POST", USERS, JSON, body(**MIKE | {"first_name": ""})),
    "a body that is not JSON": Case("POST", USERS, JSON, b'{"first_name": '),
    "a body that is not UTF-8": Case("POST", USERS, JSON, b'{"first_name": "\xff"}'),
    "a body of null": Case("POST", USERS, JSON, b"null"),
    "an empty body": Case("POST", USERS, JSON, b""),
    "no body": Case("POST", USERS, JSON),
    "a body of no type": Case("POST", USERS, {}, NEW_USER),
    "a form": Case("POST", USERS, {"Content-Type": "application/x-www-form-urlencoded"}, b"first_name=Mike"),
    "a body that is too large": Case("POST", USERS, JSON, b" " * (1024 * 1024 + 1)),
    "a body that is just not too large": Case("POST", USERS, JSON, NEW_USER + b" " * (1024 * 1024 - len(NEW_USER))),
    "a body with GET": Case("GET", USERS, JSON, b"{}"),
    "a body with DELETE": Case("DELETE", USERS, JSON | MONICA, b"{}"),
    # Odd, but plain.
    "a query of nothing": Case("GET", f"{USERS}?"),
    "a query of odd letters": Case("GET", f"{USERS}?a=1&a=2&b&=c&d=%20+%2B&e=/?:@!$'()*,;"),
    "a query with an odd percent sign": Case("GET", f"{USERS}?a=%zz", is_here=None),
    "a path of odd letters": Case("GET", f"{GROUPS}/a.b-c_d~e!f$g&h'i(j)k*l+m,n;o=p:q@r"),
    "a header without a value": Case("GET", USERS, {"X-Nothing": ""}),
    "a header of many words": Case("GET", USERS, {"X-Words": 'a b  c, d; e="f" (g) {h} \\ | ~'}),
    "a header of another spelling": Case("GET", USERS, {"hTTp-x-eMAIL": "monica@example.com"}),
    "a cookie": Case("GET", USERS, {"Cookie": "a=b; c=d"}),
    "another client": Case("GET", USERS, {"User-Agent": "friends/1.0", "Accept": "application/json"}),
    # What needs a socket.
    "an email beyond ASCII": Case("GET", USERS, {"Http-X-Email": "café@example.com".encode()}, is_here=False),
    "a header with a tab": Case("GET", USERS, {"X-Words": "a\tb"}, is_here=False),
    "a long header": Case("GET", USERS, {"X-Words": "a" * 20_000}, is_here=False),
    "another host": Case("GET", USERS, {"Host": "app.periscopedata.com", "X-Last": "a"}),
    "a connection that is closed": Case("GET", USERS, {"Connection": "close"}, is_here=False),
    "a connection that is closed, with a body": Case("POST", USERS, {"Connection": "close"}, NEW_USER, is_here=False),
    "an offer of another protocol": Case(
        "GET", USERS, {"Connection": "upgrade", "Upgrade": "h2c", "X-Last": "a"}, is_here=False
    ),
    "a body in pieces": Case("POST", USERS, JSON, pieces, is_here=False),
    "another method yet": Case("PROPFIND", USERS, is_here=False),
    "a path outside": Case("GET", "/people", is_here=False),
    "a path that begins twice": Case("GET", f"/{USERS}", is_here=False),
    "a query in brackets": Case("GET", f"{USERS}?a[]=1", is_here=None),
}
