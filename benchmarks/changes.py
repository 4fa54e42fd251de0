"""The cost of the changes that calls keep. The application is called in this process, without a socket."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import count
from statistics import fmean
from typing import Any, Final

from benchmarks.figures import Figure, Goal
from benchmarks.loads import ADMIN, AUTH, SITE, seed
from benchmarks.plan import Plan
from benchmarks.servers import BenchmarkError
from mockscope import Mockscope, MockSite
from mockscope._vendor import GROUPS_PATH, USERS_PATH
from mockscope.intercept.transports import InProcess
from mockscope.web.app import without_routing

USERS: Final = 10_000
# The creates of a sample.
CALLS: Final = 1_000
FEW: Final = 2_000
MANY: Final = 20_000


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure creates with and without their changes, and changes of many records."""
    plan.tell("creates with and without their changes")
    note = "against a site whose writes nobody observes"
    yield Figure("create, with its changes", "of the speed without", list(_creates(plan.rounds)), note, Goal(0.95))
    plan.tell("renames of groups with few and many members")
    name = f"rename a group and read the changes, {MANY:,} against {FEW:,} members"
    note = "by processor time of a member"
    yield Figure(name, "of the speed", list(_renames(plan.rounds)), note, Goal(0.7))


def _creates(rounds: int) -> Iterator[float]:
    client = _Client(seed(USERS))
    history = client.site._site.history
    observer, numbers = history.observer, count()
    emails = list(client.site.users)[:: USERS // CALLS]

    def create() -> None:
        for email in emails:
            new = email.replace("@", f".{next(numbers)}@")
            user = {"first_name": "Joey", "last_name": "Tribbiani", "email": new, "groups": ["All Users"]}
            client.send("POST", USERS_PATH, user | {"invited_by_email": ADMIN}, 201)

    def cost(observe: Any) -> float:
        client.site.reset()
        history.observer = observe
        return _processor_time(create)

    # The first ones fill caches.
    cost(observer)
    before = cost(None)
    for _ in range(rounds):
        observed, after = cost(observer), cost(None)
        yield fmean((before, after)) / observed
        before = after


def _renames(rounds: int) -> Iterator[float]:
    few, many = (_Client(_seed_with_members(members)) for members in (FEW, MANY))
    for client in (few, many):
        _rename(client)
    for _ in range(rounds):
        fast = _processor_time(lambda: _rename(few)) / FEW
        yield fast / (_processor_time(lambda: _rename(many)) / MANY)


def _seed_with_members(members: int) -> dict[str, Any]:
    data = seed(1)
    site = data["sites"][0]
    del site["generate"]
    site["groups"] = [{"name": "Sales", "access": "View"}]
    joey = {"first_name": "Joey", "last_name": "Tribbiani", "groups": ["Sales"]}
    site["users"] += [joey | {"email": f"joey{number}@example.com"} for number in range(members)]
    return data


def _rename(client: "_Client") -> None:
    for name, new_name in (("Sales", "Vendite"), ("Vendite", "Sales")):
        client.send("PUT", f"{GROUPS_PATH}/{name}", {"name": new_name}, 200)
        if len(client.site.calls.last.changes) < FEW:
            raise BenchmarkError(f"changes are missing: {client.site.calls.last}")


def _processor_time(do: Callable[[], None]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began


class _Client:
    """A client of a new site.

    Args:
        data: the seed of the site.
    """

    site: MockSite

    def __init__(self, data: dict[str, Any]) -> None:
        mock = Mockscope(data)
        self.site = mock.sites[SITE]
        self._call = InProcess(mock.registry, without_routing(mock.app), self.site.url, lambda: True)
        headers = AUTH | {"Host": "mockscope.invalid", "Content-Type": "application/json"}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def send(self, method: str, target: str, body: object, status: int) -> None:
        """Send a request, and check the status of its response."""
        content = json.dumps(body).encode()
        headers = [*self._headers, (b"content-length", b"%d" % len(content))]
        response = self._call(method, target.encode(), headers, content)
        if response is None or response.status != status:
            raise BenchmarkError(f"{method} {target} got {response}")
