"""Eight threads and the test's own on one live site: no write is lost, and nobody sees half of one.

Each test does a fixed amount of work. Meanwhile the interpreter switches threads a thousand times as often as usual.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from support.bounds import at_once as in_threads

from mockscope import LiveServer, Mockscope, MockSite, Refusal, Refused

THREADS: Final = 8
USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"


@pytest.fixture(autouse=True)
def _switching_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


class Client:
    """A client with one persistent connection, as a thread of a program has."""

    def __init__(self, site: MockSite) -> None:
        self._site = site
        address = urlsplit(site.url)
        self._connection = HTTPConnection(address.hostname or "", address.port)

    def close(self) -> None:
        self._connection.close()

    def request(self, method: str, target: str, body: object = None, *, email: str | None = None) -> tuple[int, Any]:
        headers = self._site.headers | ({} if email is None else {"Http-X-Email": email})
        self._connection.request(method, target, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def all_pages(self, path: str) -> list[dict[str, Any]]:
        pages = [self.request("GET", path)[1]]
        while (cursor := pages[-1]["next_page_start"]) is not None:
            pages.append(self.request("GET", f"{path}?next_page_start={quote(cursor, safe='')}")[1])
        return pages


def at_once(site: MockSite, *works: Callable[[Client], object]) -> None:
    """Run each function in its own thread and connection; raise the exceptions of the threads."""

    def do(work: Callable[[Client], object]) -> None:
        with closing(Client(site)) as client:
            work(client)

    in_threads(do, works)


def assert_whole(user: dict[str, Any]) -> None:
    """Assert that a user was written whole: first name, last name and groups have the same number."""
    assert user == {
        "first_name": user["first_name"],
        "last_name": user["first_name"],
        "email": user["email"],
        "groups": {"Before": ["Sales"], "After": ["Sales", "NY Knicks"]}[user["first_name"]],
        "last_login_at": None,
        "password_updated_at": None,
        "tfa_enabled": False,
    }


def whole_users(pages: list[dict[str, Any]], *, admin: str) -> list[str]:
    """Return the emails on some pages. Assert whole users and correct counts (PAGE-5)."""
    users = [user for page in pages for user in page["users"] if user["email"] != admin]
    for user in users:
        assert_whole(user)
    for page in pages:
        assert page["users_this_page"] == len(page["users"])
        assert page["total_users"] >= page["users_this_page"]
    return [user["email"] for user in users]


@pytest.mark.rule("PAGE-3", "PAGE-5", "USER-CREATE-5", "USER-UPDATE-2", "USER-DELETE-1")
@pytest.mark.mockscope(page_size=7)
def test_eight_threads_that_create_update_list_and_delete_lose_nothing(mockscope: MockSite) -> None:
    mockscope.add_group("Sales")
    mockscope.add_group("NY Knicks")
    admin = mockscope.admin.email

    def emails(number: int) -> list[str]:
        return [f"joey{place:02}.{number}@example.com" for place in range(40)]

    def work(number: int) -> Callable[[Client], None]:
        def do(client: Client) -> None:
            for place, email in enumerate(emails(number)):
                before = {"first_name": "Before", "last_name": "Before", "groups": ["Sales"]}
                after = {"first_name": "After", "last_name": "After", "groups": ["Sales", "NY Knicks"]}
                status, _ = client.request("POST", USERS, {**before, "email": email, "invited_by_email": admin})
                assert status == 201
                status, _ = client.request("PUT", USERS, after, email=email)
                assert status == 200
                if place % 3 == 0:
                    status, _ = client.request("DELETE", USERS, email=email)
                    assert status == 200
                if place % 5 == 0:
                    seen = whole_users(client.all_pages(USERS), admin=admin)
                    assert seen == sorted(set(seen))
                    mine = [email for place, email in enumerate(emails(number)[: place + 1]) if place % 3]
                    assert [email for email in seen if email in emails(number)] == mine

        return do

    at_once(mockscope, *[work(number) for number in range(THREADS)])

    left = sorted(email for number in range(THREADS) for place, email in enumerate(emails(number)) if place % 3)
    assert list(mockscope.users) == sorted([admin, *left])
    with closing(Client(mockscope)) as client:
        pages = client.all_pages(USERS)
    assert whole_users(pages, admin=admin) == left
    assert {page["total_users"] for page in pages} == {len(left) + 1}


@pytest.mark.rule("USER-CREATE-4", "GROUP-CREATE-3")
def test_one_of_eight_threads_that_create_the_same_user_succeeds_and_seven_get_409(mockscope: MockSite) -> None:
    admin = mockscope.admin.email
    statuses: list[tuple[str, int]] = []

    def work(client: Client) -> None:
        for turn in range(10):
            user = {"first_name": "Phoebe", "last_name": "Buffay", "email": f"phoebe{turn}@example.com"}
            statuses.append(("user", client.request("POST", USERS, {**user, "invited_by_email": admin})[0]))
            group = {"name": f"Friends {turn}", "access": "Sql", "created_by_email": admin}
            statuses.append(("group", client.request("POST", GROUPS, group)[0]))

    at_once(mockscope, *[work] * THREADS)

    assert {seen: statuses.count(seen) for seen in statuses} == {
        ("user", 201): 10,
        ("user", 409): 70,
        ("group", 201): 10,
        ("group", 409): 70,
    }
    assert len(mockscope.users) == 11


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_list_that_is_read_during_a_rename_shows_the_old_name_everywhere_or_the_new(mockscope: MockSite) -> None:
    mockscope.add_group("Sales")
    for number in range(60):
        mockscope.add_user(f"chandler{number:02}@example.com", groups=["Sales"])
    seen: set[str] = set()

    def rename(client: Client) -> None:
        for old, new in [("Sales", "Vendite"), ("Vendite", "Sales")] * 100:
            assert client.request("PUT", f"{GROUPS}/{old}", {"name": new}) == (200, {"name": new, "access": "View"})

    def read(client: Client) -> None:
        for _ in range(100):
            _, users = client.request("GET", USERS)
            names = {name for user in users["users"][1:] for name in user["groups"]}
            assert names in ({"Sales"}, {"Vendite"})
            seen.update(names)
            _, groups = client.request("GET", GROUPS)
            listed = [group["name"] for group in groups["groups"]]
            assert listed in (["Administrators", "All Users", "Sales"], ["Administrators", "All Users", "Vendite"])

    at_once(mockscope, rename, *[read] * (THREADS - 1))

    assert seen == {"Sales", "Vendite"}
    assert [user.groups for user in mockscope.users.values() if user != mockscope.admin] == [("Sales",)] * 60


@pytest.mark.rule("USER-DELETE-2", "GROUP-UPDATE-3", "GROUP-DELETE-2")
def test_every_export_taken_during_writes_is_of_one_moment_and_loads_again(mockscope: MockSite) -> None:
    admin = mockscope.admin.email

    def write(number: int) -> Callable[[Client], None]:
        def do(client: Client) -> None:
            for turn in range(30):
                email, group = f"rachel{number}.{turn}@example.com", f"Group {number}.{turn}"
                client.request("POST", GROUPS, {"name": group, "access": "view", "created_by_email": admin})
                user = {"first_name": "Rachel", "last_name": "Green", "email": email, "groups": [group]}
                client.request("POST", USERS, {**user, "invited_by_email": admin})
                # Whoever adds it, the dashboard hangs on the user and on the group, which both go.
                mockscope.add_dashboard(f"Board {number}.{turn}", owner=email, access={group: "Edit"})
                renamed = quote(f"{group} renamed")
                client.request("PUT", f"{GROUPS}/{quote(group)}", {"name": f"{group} renamed"})
                assert client.request("DELETE", USERS, email=email)[0] == 200
                assert client.request("DELETE", f"{GROUPS}/{renamed}")[0] == 200

        return do

    def export(client: Client) -> None:
        for _ in range(150):
            exported = mockscope.export()
            # A reference to a user or a group that is not there would be refused.
            assert Mockscope(exported).export() == exported

    at_once(mockscope, export, *[write(number) for number in range(THREADS - 1)])

    assert list(mockscope.users) == [admin]
    assert list(mockscope.groups) == ["Administrators", "All Users"]
    assert [board.owner for board in mockscope.dashboards.values()] == [None] * 30 * (THREADS - 1)


@pytest.mark.rule("PAGE-1", "USER-CREATE-4")
def test_a_site_object_adds_and_reads_while_eight_threads_write(mockscope: MockSite) -> None:
    mockscope.add_group("Sales")
    admin = mockscope.admin.email

    def work(number: int) -> Callable[[Client], None]:
        def do(client: Client) -> None:
            for place in range(50):
                user = {"first_name": "Before", "last_name": "Before", "groups": ["Sales"]}
                email = f"joey{place:02}.{number}@example.com"
                assert client.request("POST", USERS, {**user, "email": email, "invited_by_email": admin})[0] == 201

        return do

    def by_hand(client: Client) -> None:
        for place in range(100):
            added = mockscope.add_user(f"mike{place:03}@example.com", groups=["Sales"])
            assert mockscope.users[added.email] == added
            emails = list(mockscope.users)
            assert emails == sorted(set(emails))
            assert set(emails) >= {admin, *(f"mike{earlier:03}@example.com" for earlier in range(place + 1))}
            status, user = client.request("GET", USERS, email=added.email)
            assert (status, user["email"]) == (200, added.email)

    at_once(mockscope, by_hand, *[work(number) for number in range(THREADS)])

    assert len(mockscope.users) == 1 + 100 + 50 * THREADS
    assert all(user.groups == ("Sales",) for user in mockscope.users.values() if user != mockscope.admin)


@pytest.mark.rule("GROUP-UPDATE-3")
def test_a_site_object_counts_every_user_and_group_while_groups_are_renamed(mockscope: MockSite) -> None:
    for number in range(THREADS - 1):
        mockscope.add_group(f"Group {number}")
        for member in range(50):
            mockscope.add_user(f"monica{member}.{number}@example.com", groups=[f"Group {number}"])
    counted: set[tuple[int, int]] = set()

    def rename(number: int) -> Callable[[Client], None]:
        def do(client: Client) -> None:
            for name, new_name in [
                (f"Group {number}", f"Gruppe {number}"),
                (f"Gruppe {number}", f"Group {number}"),
            ] * 40:
                assert client.request("PUT", f"{GROUPS}/{quote(name)}", {"name": new_name})[0] == 200

        return do

    def count(client: Client) -> None:
        for _ in range(100_000):
            counted.add((len(mockscope.users), len(mockscope.groups)))

    at_once(mockscope, count, *[rename(number) for number in range(THREADS - 1)])

    assert counted == {(1 + 50 * (THREADS - 1), 2 + THREADS - 1)}


@pytest.mark.rule("USER-GET-1")
def test_an_unknown_email_is_400_while_users_are_added(mockscope: MockSite) -> None:
    # More users than are compared one by one: the hint's nearest email is looked up near its place in the order.
    for number in range(1100):
        mockscope.add_user(f"chandler{number:04}@example.com")
    statuses: list[int] = []

    def send_request(client: Client) -> None:
        for number in range(100):
            statuses.append(client.request("GET", USERS, email=f"chandler{number}@example.con")[0])

    def add(client: Client) -> None:
        for number in range(4000):
            mockscope.add_user(f"chandler{number:04}.bing@example.com")

    at_once(mockscope, add, *[send_request] * (THREADS - 1))

    assert statuses == [400] * 100 * (THREADS - 1)
    assert len(mockscope.users) == 1 + 1100 + 4000


@pytest.mark.rule("AUTH-2", "HTTP-8")
def test_a_wrong_key_is_403_while_other_sites_come_and_go(mockscope: MockSite, mockscope_server: LiveServer) -> None:
    class WithWrongKey(Client):
        def request(
            self, method: str, target: str, body: object = None, *, email: str | None = None
        ) -> tuple[int, Any]:
            self._connection.request(method, target, None, {"Http-X-Partner-Auth": f"{mockscope.host}:wrong"})
            response = self._connection.getresponse()
            return response.status, json.loads(response.read())

    def send_request(client: Client) -> None:
        with closing(WithWrongKey(mockscope)) as stranger:
            for _ in range(150):
                assert stranger.request("GET", USERS) == (
                    403,
                    {"message": Refused(Refusal.KEY_WRONG, host=mockscope.host).message},
                )

    def come_and_go(client: Client) -> None:
        for _ in range(40):
            sites = [mockscope_server.site() for _ in range(50)]
            assert mockscope_server.sites.keys() >= {site.host for site in sites}
            for site in sites:
                site.remove()

    at_once(mockscope, *[come_and_go] * 2, *[send_request] * (THREADS - 2))
