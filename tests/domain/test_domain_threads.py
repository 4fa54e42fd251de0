"""A site may be used from several threads: every call reads and writes whole records."""

import sys
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest
from msgspec.structs import asdict
from support.bounds import join
from support.friends import friends

from mockscope import Access, Mockscope, Refused, User
from mockscope.domain.rules import GroupChanges, NewUser, UserChanges
from mockscope.domain.site import Site
from mockscope.domain.store import Store
from mockscope.seeds.format import export_site

ROUNDS = 2000


@pytest.fixture(autouse=True)
def _busy() -> Iterator[None]:
    """Let the interpreter switch threads as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def read_while_writing(read: Callable[[], object], write: Callable[[int], object]) -> list[object]:
    """Return everything that a thread reads while this one writes."""
    found: list[object] = []
    reading, over = Event(), Event()

    def keep_reading() -> None:
        while not over.is_set():
            found.append(read())
            reading.set()

    thread = Thread(target=keep_reading)
    thread.start()
    try:
        assert reading.wait(300)
        for number in range(ROUNDS):
            write(number)
    finally:
        over.set()
        join(thread)
    return found


def response(call: Callable[[], object]) -> object:
    """Return the value of a call, or its refusal as text."""
    try:
        return call()
    except Refused as refused:
        return str(refused)


def swap_access(site: Site, number: int) -> None:
    site.update_group("Sales", GroupChanges(access=(Access.SQL, Access.VIEW)[number % 2]))


def test_a_user_can_be_read_during_an_update() -> None:
    site = friends()

    found = read_while_writing(
        lambda: response(lambda: site.get_user("joey@example.com").email),
        lambda number: site.update_user("joey@example.com", UserChanges(first_name=f"Joey {number}")),
    )

    assert set(found) == {"joey@example.com"}


def test_a_group_can_be_read_during_an_update() -> None:
    site = friends()

    found = read_while_writing(
        lambda: response(lambda: site.get_group("Sales").name), lambda number: swap_access(site, number)
    )

    assert set(found) == {"Sales"}


def test_a_group_can_be_looked_up_during_an_update() -> None:
    site = friends()

    found = read_while_writing(
        lambda: response(lambda: site.require_group("Sales", rule="GROUP-UPDATE-2").name),
        lambda number: swap_access(site, number),
    )

    assert set(found) == {"Sales"}


def test_a_list_is_consistent_during_writes() -> None:
    site = friends()
    everybody = [user.email for user in site.list_users().records]

    def come_and_go(number: int) -> None:
        site.create_user(NewUser("Phoebe", "Buffay", "phoebe@example.com"))
        site.delete_user("phoebe@example.com")

    def read() -> object:
        page = site.list_users()
        emails = [user.email for user in page.records]
        return tuple(emails), page.total == len(emails)

    found = set(read_while_writing(read, come_and_go))

    with_phoebe = sorted([*everybody, "phoebe@example.com"])
    assert found <= {(tuple(everybody), True), (tuple(with_phoebe), True)}


def test_one_of_two_simultaneous_creations_of_a_user_is_refused() -> None:
    site = friends()
    outcomes: list[object] = []

    def create() -> None:
        for number in range(ROUNDS):
            draft = NewUser("Phoebe", "Buffay", f"phoebe{number}@example.com")
            outcomes.append(response(lambda draft=draft: site.create_user(draft)))  # type: ignore[misc]

    threads = [Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    join(*threads)

    created = [outcome for outcome in outcomes if isinstance(outcome, User)]
    assert (len(created), len(outcomes), len(site.store.users)) == (ROUNDS, 2 * ROUNDS, ROUNDS + 5)


def test_users_can_be_iterated_while_one_is_deleted() -> None:
    site = Mockscope().site()
    for name in ("joey", "rachel"):
        site.add_user(f"{name}@example.com", first_name=name.title())

    walk = iter(site.users.items())
    next(walk)
    site.load({"mockscope": 1, "sites": [{"host": "empty"}]})

    assert [(email, user.first_name) for email, user in walk] == [
        ("joey@example.com", "Joey"),
        ("rachel@example.com", "Rachel"),
    ]
    assert list(site.users.values()) == []


@pytest.mark.parametrize("look", [export_site, lambda site: site.copy("copy", "key")])
def test_the_lock_of_a_site_is_held_for_reading_records_and_not_for_rendering(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[Site], object]
) -> None:
    site = friends()
    held: list[bool] = []
    lock = site.lock

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            held.append(lock._is_owned())  # type: ignore[attr-defined]
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr("msgspec.structs.asdict", watched(asdict))
    monkeypatch.setattr(Store, "apply", watched(Store.apply))
    look(site)

    # The policy alone is put into words while it is held.
    assert held.count(True) <= 1
    assert False in held
