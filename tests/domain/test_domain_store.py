"""Store and Change: what is written can be taken back, and the indexes say what the records say."""

from typing import Any

from friends import unhurried
from hypothesis import given
from hypothesis import strategies as st

from mockscope.domain.model import Access, Dashboard, DashboardAccess, Group, User
from mockscope.domain.store import FEW, PAGES_REMEMBERED, ROWS_REMEMBERED, Change, Store

GROUPS = ("Administrators", "All Users", "Sales")
EMAILS = ("monica@example.com", "Chandler@Example.com", "joey@example.com")

groups = st.sets(st.sampled_from(GROUPS)).map(lambda names: tuple(sorted(names)))
owners = st.one_of(st.none(), st.sampled_from(EMAILS))
grants = st.dictionaries(st.sampled_from(GROUPS), st.sampled_from(DashboardAccess))


def changes_of(keys: tuple[str, ...], record: Any) -> st.SearchStrategy[dict[str, Any]]:
    """For some of the keys a record, or None."""
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
    """Everything that the indexes say, empty entries included: those would be a leak."""
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
def test_the_indexes_say_what_the_records_say(history: list[Change]) -> None:
    store = Store()
    for change in history:
        store.apply(change)

    assert index_entries(store) == indexed_afresh(store)


@unhurried
@given(keys=st.sets(st.text(max_size=3)), start=st.text(max_size=3), size=st.integers(1, 5))
def test_a_page_starts_at_the_first_key_not_before_the_start(keys: set[str], start: str, size: int) -> None:
    store = Store()
    store.apply(Change(groups={key: Group(key, Access.VIEW) for key in keys}))
    due = sorted(key for key in keys if key >= start)

    page = store.groups.page(start, size)

    assert [group.name for group in page.records] == due[:size]
    assert page.next_start == (due[size] if len(due) > size else None)
    assert page.total == len(keys)


@unhurried
@given(change=changes)
def test_a_table_that_is_filled_at_once_is_one_that_was_written_row_by_row(change: Change) -> None:
    users = {key: user for key, user in change.users.items() if user is not None}
    filled, written = Store(), Store()

    filled.fill(users)
    written.apply(Change(users=users))

    assert (contents(filled), index_entries(filled)) == (contents(written), index_entries(written))
    assert list(filled.users) == list(written.users)


def test_a_changed_record_is_rendered_anew() -> None:
    store = Store()
    store.apply(Change(groups={"Sales": Group("Sales", Access.VIEW)}))
    (row,) = store.groups.page("", 1).rows
    row.rendered = b"View"

    store.apply(Change(groups={"Sales": Group("Sales", Access.SQL)}))
    (again,) = store.groups.page("", 1).rows

    assert (again.record, again.rendered) == (Group("Sales", Access.SQL), None)
    assert row.record == Group("Sales", Access.VIEW)


def test_a_change_of_nothing_changes_nothing() -> None:
    store = Store()

    assert store.apply(Change()) == Change()
    assert store.apply(Change(users={"joey@example.com": None})) == Change(users={"joey@example.com": None})
    assert contents(store) == ([], [], [])


def test_the_neighbours_of_a_key_are_those_around_its_place() -> None:
    store = Store()
    store.apply(Change(groups={name: Group(name, Access.VIEW) for name in "acegi"}))

    assert store.groups.near("d", 1) == ["c", "e"]
    assert store.groups.near("a", 2) == ["a", "c"]
    assert store.groups.near("z", 2) == ["g", "i"]
    assert store.groups.near("", 10) == ["a", "c", "e", "g", "i"]


def test_a_page_that_is_asked_for_again_is_remembered_until_anything_in_its_table_is_written() -> None:
    store = Store()
    store.apply(Change(groups={name: Group(name, Access.VIEW) for name in ("NY Knicks", "Sales")}))
    first, page = store.groups.page("", 1), store.groups.page("", 1)

    assert (first is page, first == page, store.groups.page("", 1) is page) == (False, True, True)
    for change in ({"Friends": Group("Friends", Access.SQL)}, {"Friends": None}):
        store.apply(Change(groups=change))
        once, again = store.groups.page("", 1), store.groups.page("", 1)
        assert (once is page, again is page, store.groups.page("", 1) is again) == (False, False, True)
        page = again
    assert (page.total, page.next_start, page.records) == (2, "Sales", [Group("NY Knicks", Access.VIEW)])


def test_only_so_many_pages_are_remembered() -> None:
    table = Store().groups
    table.page("", 1)
    first = table.page("", 1)
    for size in range(2, PAGES_REMEMBERED + 1):
        table.page("", size)
    assert table.page("", 1) is first

    table.page("", PAGES_REMEMBERED + 1)

    assert table.page("", 1) is not first


@unhurried
@given(history=st.lists(st.tuples(changes, st.booleans()), min_size=1, max_size=6))
def test_a_user_who_is_asked_for_again_and_again_is_always_shown_as_is(history: list[tuple[Change, bool]]) -> None:
    others = {f"{number}@example.com": User("Ross", "Geller", f"{number}@example.com", ()) for number in range(FEW)}
    store = Store()
    for change, of_many in history:
        store.apply(change._replace(users={**change.users, **others}) if of_many else change)
        for key in map(str.lower, EMAILS):
            row = store.users.row(key)
            assert (row and row.record) == store.users.get(key)


def test_no_more_rows_are_remembered_than_are_wanted() -> None:
    store = Store()
    emails = [f"{number}@example.com" for number in range(ROWS_REMEMBERED + 5)]
    store.fill({email: User("Ross", "Geller", email, ()) for email in emails})
    for email in [*emails, "nobody@example.com"]:
        store.users.row(email)
    assert len(store.users._asked) == ROWS_REMEMBERED
