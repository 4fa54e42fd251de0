"""History: held versions of a store can be restored, and released versions take no memory."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockscope import Access, Dashboard, Group, User
from mockscope.domain import history
from mockscope.domain.history import History, Version
from mockscope.domain.store import Change, Store

KEYS = ("chandler@example.com", "joey@example.com", "monica@example.com")
GROUPS = ("Administrators", "Sales")

keys = st.sampled_from(KEYS)
numbers = st.integers(0, 3)


def records(named: Any) -> st.SearchStrategy[Any]:
    return st.dictionaries(keys, st.none() | numbers.map(named), min_size=1, max_size=2)


def user(number: int) -> User:
    return User("Joey", f"{number}", "joey@example.com", GROUPS[: number % 3])


def board(number: int) -> Dashboard:
    return Dashboard("any", KEYS[number] if number < len(KEYS) else None, {})


changes: st.SearchStrategy[Change] = st.one_of(
    records(user).map(lambda users: Change(users=users)),
    records(lambda number: Group(f"{number}", Access.SQL)).map(lambda groups: Change(groups=groups)),
    records(board).map(lambda boards: Change(dashboards=boards)),
)
places = st.integers(0, 2)
steps = st.one_of(
    changes.map(lambda change: ("write", change)),
    changes.map(lambda change: ("write", change)),
    places.map(lambda place: ("mark", place)),
    places.map(lambda place: ("forget", place)),
    places.map(lambda place: ("return", place)),
)


def contents(store: Store) -> tuple[Any, ...]:
    """Return the records and indexes of a store."""
    indexes = [{name: set(keys) for name, keys in index._keys.items()} for index in (store.members, store.owned)]
    return (*map(dict, store.to_change()), *indexes)


def count_steps(versions: list[Version]) -> int:
    """Return the number of steps that a history keeps for the versions that are held."""
    found = set()
    for version in versions:
        step: Any = version.step
        while step is not None:
            found.add(step)
            step = step.next
    return len(found)


@pytest.mark.parametrize(
    ("most_left", "number"),
    [
        (-1000, 100),
        *(pytest.param(most_left, 1000, marks=pytest.mark.slow) for most_left in (-1000, history.MAX_UNUSED_VERSIONS)),
    ],
)
def test_every_held_version_can_be_restored(monkeypatch: pytest.MonkeyPatch, most_left: int, number: int) -> None:
    # With fewer than none left, what nobody holds is taken out at every mark.
    monkeypatch.setattr(history, "MAX_UNUSED_VERSIONS", most_left)

    @settings(deadline=None, max_examples=number)
    @given(steps=st.lists(steps, min_size=10, max_size=30))
    def check(steps: list[tuple[str, Any]]) -> None:
        store = Store()
        versions = History(store)
        held: dict[int, tuple[Version, Any]] = {}
        for step, what in steps:
            if step == "write":
                versions.write(what)
            elif step == "mark":
                held[what] = versions.current_version(), contents(store)
            elif step == "forget":
                held.pop(what, None)
            elif what in held:
                versions.restore(held[what][0])
                assert contents(store) == held[what][1]
        for version, due in held.values():
            versions.restore(version)
            assert contents(store) == due

    check()


def joeys(number: int) -> Change:
    return Change(users={"joey@example.com": user(number)})


def test_a_user_who_comes_and_goes_leaves_nothing_behind() -> None:
    versions = History(Store())
    beginning = versions.current_version()

    for number in range(10_000):
        versions.write(joeys(number))
        versions.write(Change(users={"joey@example.com": None}))

    assert (beginning.step.next, beginning.step.undo) == (None, ({}, {}, {}))


def test_a_site_that_is_changed_back_is_at_the_earlier_version() -> None:
    versions = History(Store())
    versions.write(joeys(1))
    version = versions.current_version()
    versions.write(joeys(2))
    versions.write(joeys(1))

    assert versions.current_version().step is version.step


def test_marking_an_unchanged_store_adds_nothing() -> None:
    versions = History(Store())

    assert len({versions.current_version().step for _ in range(100)}) == 1


def test_released_versions_do_not_accumulate() -> None:
    store = Store()
    versions = History(store)
    beginning = versions.current_version()
    for number in range(10_000):
        versions.write(joeys(number))
        versions.current_version()

    assert count_steps([beginning]) <= history.MAX_UNUSED_VERSIONS + 3
    versions.restore(beginning)
    assert store.to_change() == Change({}, {}, {})


@pytest.mark.parametrize(
    "after",
    [
        Change(users={"joey@example.com": user(1)}),
        Change(groups={"Sales": Group("Sales", Access.SQL)}),
        Change(dashboards={"any": board(1)}),
    ],
)
def test_writes_after_a_released_version_are_undone_too(monkeypatch: pytest.MonkeyPatch, after: Change) -> None:
    monkeypatch.setattr(history, "MAX_UNUSED_VERSIONS", -1000)
    store = Store()
    versions = History(store)
    beginning = versions.current_version()
    versions.write(Change(users={"monica@example.com": user(2)}))
    versions.current_version()
    versions.write(after)
    end, at_the_end = versions.current_version(), contents(store)

    versions.restore(beginning)
    assert store.to_change() == Change({}, {}, {})
    versions.restore(end)
    assert contents(store) == at_the_end
    assert count_steps([beginning, end]) == 2


def test_held_versions_can_be_restored_from_each_other() -> None:
    store = Store()
    versions = History(store)
    held = []
    for number in range(200):
        versions.write(joeys(number))
        held.append(versions.current_version())

    for number in (199, 0, 100, 1, 198):
        versions.restore(held[number])
        assert store.to_change() == joeys(number)._replace(groups={}, dashboards={})
    assert count_steps(held) == 200
