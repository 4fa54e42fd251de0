"""Store and Change: writes can be undone, and the indexes agree with the records."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.friends import unhurried

from mockscope import Access, Dashboard, DashboardAccess, Group, User
from mockscope.domain.store import BULK_RATIO, Change, Store

GROUPS = ("Administrators", "All Users", "Sales")
EMAILS = ("monica@example.com", "Chandler@Example.com", "joey@example.com")

groups = st.sets(st.sampled_from(GROUPS)).map(lambda names: tuple(sorted(names)))
owners = st.one_of(st.none(), st.sampled_from(EMAILS))
grants = st.dictionaries(st.sampled_from(GROUPS), st.sampled_from(DashboardAccess))


def changes_of(keys: tuple[str, ...], record: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A strategy of changes: for some of the keys a record, or None."""
    return st.fixed_dictionaries({}, optional={key.lower(): st.one_of(st.none(), record(key)) for key in keys})


def users(email: str) -> st.SearchStrategy[User]:
    return groups.map(lambda names: User("Joey", "Tribbiani", email, names))


def boards(name: str) -> st.SearchStrategy[Dashboard]:
    return st.builds(Dashboard, st.just(name), owners, grants)


def named(name: str) -> st.SearchStrategy[Group]:
    return st.builds(Group, st.just(name), st.sampled_from(Access))


changes = st.builds(
    Change, users=changes_of(EMAILS, users), groups=changes_of(GROUPS, named), dashboards=changes_of(("a", "b"), boards)
)


def contents(store: Store) -> tuple[object, ...]:
    return store.users.records(), store.groups.records(), store.dashboards.records()


def index_entries(store: Store) -> dict[str, object]:
    """Return the content of the indexes, empty entries included: those would be a leak."""
    indexes = {"members": store.members, "owned": store.owned, "shared": store.shared}
    return {name: {key: set(keys) for key, keys in index._keys.items()} for name, index in indexes.items()}


def indexed_afresh(store: Store) -> dict[str, object]:
    members: dict[str, set[str]] = {}
    owned: dict[str, set[str]] = {}
    shared: dict[str, set[str]] = {}
    for user in store.users.records():
        for name in user.groups:
            members.setdefault(name, set()).add(user.email.lower())
    for board in store.dashboards.records():
        if board.owner:
            owned.setdefault(board.owner.lower(), set()).add(board.name)
        for name in board.access:
            shared.setdefault(name, set()).add(board.name)
    return {"members": members, "owned": owned, "shared": shared}


@unhurried
@given(history=st.lists(changes, max_size=5), change=changes)
def test_applying_the_inverse_of_a_change_takes_it_back(history: list[Change], change: Change) -> None:
    store = Store()
    for earlier in history:
        store.apply(earlier)
    before, indexed = contents(store), index_entries(store)

    inverse = store.apply(change)
    after = contents(store)
    again = store.apply(inverse)

    assert (contents(store), index_entries(store)) == (before, indexed)
    store.apply(again)
    assert contents(store) == after


@unhurried
@given(history=st.lists(changes, max_size=8))
def test_the_indexes_agree_with_the_records(history: list[Change]) -> None:
    store = Store()
    for change in history:
        store.apply(change)

    assert index_entries(store) == indexed_afresh(store)


@unhurried
@given(keys=st.sets(st.text(max_size=3)), start=st.text(max_size=3), size=st.integers(1, 5))
def test_a_page_starts_at_the_first_key_from_its_start_on(keys: set[str], start: str, size: int) -> None:
    store = Store()
    store.apply(Change(groups={key: Group(key, Access.VIEW) for key in keys}))
    due = sorted(key for key in keys if key >= start)

    page = store.groups.page(start, size)

    assert [group.name for group in page.records] == due[:size]
    assert page.next_start == (due[size] if len(due) > size else None)
    assert page.total == len(keys)


@unhurried
@given(history=st.lists(changes, max_size=4), number=st.integers(0, 3 * BULK_RATIO))
def test_few_and_many_records_are_written_the_same_way(history: list[Change], number: int) -> None:
    others = {f"{place}@example.com": User("Ross", "Geller", f"{place}@example.com", ()) for place in range(number)}
    at_once, one_by_one = Store(), Store()
    for change in history:
        at_once.apply(change._replace(users={**others, **change.users}))
        for key, user in {**others, **change.users}.items():
            one_by_one.apply(Change(users={key: user}))
        one_by_one.apply(change._replace(users={}))

    assert (contents(at_once), index_entries(at_once)) == (contents(one_by_one), index_entries(one_by_one))
    assert list(at_once.users) == list(one_by_one.users) == sorted(at_once.users.all())


def test_a_changed_record_is_rendered_anew() -> None:
    store = Store()
    store.apply(Change(groups={"Sales": Group("Sales", Access.VIEW)}))
    (row,) = store.groups.page("", 1).rows
    row.rendered = b"View"

    store.apply(Change(groups={"Sales": Group("Sales", Access.SQL)}))
    (again,) = store.groups.page("", 1).rows

    assert (again.record, again.rendered) == (Group("Sales", Access.SQL), None)
    assert row.record == Group("Sales", Access.VIEW)


def test_an_empty_change_changes_nothing() -> None:
    store = Store()

    assert store.apply(Change()) == Change()
    assert store.apply(Change(users={"joey@example.com": None})) == Change(users={"joey@example.com": None})
    assert contents(store) == ([], [], [])


def test_the_neighbours_of_a_key_are_those_around_its_position() -> None:
    store = Store()
    store.apply(Change(groups={name: Group(name, Access.VIEW) for name in "acegi"}))

    assert store.groups.keys_near("d", 1) == ["c", "e"]
    assert store.groups.keys_near("a", 2) == ["a", "c"]
    assert store.groups.keys_near("z", 2) == ["g", "i"]
    assert store.groups.keys_near("", 10) == ["a", "c", "e", "g", "i"]
