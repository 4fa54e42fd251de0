"""The changes of a write, and those since a version: their form, and that they lead from one state to the other."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.friends import FRIENDS, LAST_LOGIN, PASSWORD_UPDATED, PHOEBE, friends, unhurried
from support.record_changes import apply_changes

from mockscope import Access, Group
from mockscope.domain.changes import RecordChanges, Renames, rename
from mockscope.domain.history import History
from mockscope.domain.rules import GroupChanges, UserChanges
from mockscope.domain.site import Site
from mockscope.domain.store import Change, Store
from mockscope.seeds import format as seed_format


def observed(site: Site) -> list[RecordChanges]:
    """Return the list of the changes of each write from now on."""
    written: list[RecordChanges] = []
    site.history.observer = written.append
    return written


def export(site: Site) -> dict[str, Any]:
    return {"sites": [seed_format.export_site(site)]}


def created(kind: str, name: str, /, **fields: object) -> dict[str, Any]:
    pairs = {field: [None, value] for field, value in fields.items()}
    return {"kind": kind, "name": name, "change": "created", "fields": pairs}


def removed(kind: str, name: str, /, **fields: object) -> dict[str, Any]:
    pairs = {field: [value, None] for field, value in fields.items()}
    return {"kind": kind, "name": name, "change": "removed", "fields": pairs}


def changed(kind: str, name: str, /, **fields: list[object]) -> dict[str, Any]:
    return {"kind": kind, "name": name, "change": "changed", "fields": fields}


JOEY: dict[str, Any] = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "groups": ["All Users", "Sales"],
    "last_login_at": LAST_LOGIN,
    "password_updated_at": PASSWORD_UPDATED,
    "tfa_enabled": True,
}
BOARD = "Example Dashboard"


def test_a_created_record_has_all_its_fields() -> None:
    site = friends(unknown_groups="create")
    written = observed(site)

    site.create_user(msgspec.structs.replace(PHOEBE, groups=("Friends",)))

    never = {"last_login_at": None, "password_updated_at": None, "tfa_enabled": False}
    phoebe = {"first_name": "Phoebe", "last_name": "Buffay", "email": PHOEBE.email, "groups": ["Friends"], **never}
    assert [changes.render() for changes in written] == [
        [created("group", "Friends", name="Friends", access="View"), created("user", PHOEBE.email, **phoebe)]
    ]


def test_a_changed_record_has_the_fields_that_differ() -> None:
    site = friends()
    written = observed(site)

    site.update_user("JOEY@example.com", UserChanges(first_name="Jo", last_name="Tribbiani"))

    assert [changes.render() for changes in written] == [
        [changed("user", "joey@example.com", first_name=["Joey", "Jo"])]
    ]


def test_a_deleted_user_is_removed_with_the_ownership_of_dashboards() -> None:
    site = friends()
    site.update_user("monica@example.com", UserChanges(groups=("All Users", "Sales")))
    written = observed(site)

    site.delete_user("monica@example.com")

    monica = JOEY | {"first_name": "Monica", "last_name": "Geller", "email": "monica@example.com"}
    assert [changes.render() for changes in written] == [
        [
            removed("user", "monica@example.com", **monica),
            changed("dashboard", BOARD, owner=["monica@example.com", None]),
            changed("dashboard", "Test Dashboard", owner=["monica@example.com", None]),
        ]
    ]


def test_a_renamed_group_is_changed_with_its_members_and_dashboards() -> None:
    site = friends()
    before = site.snapshot()
    written = observed(site)

    site.update_group("Sales", GroupChanges(name="Vendite", access=Access.SQL))

    due = [
        changed("group", "Sales", name=["Sales", "Vendite"], access=["View", "Sql"]),
        changed("user", "joey@example.com", groups=[["All Users", "Sales"], ["All Users", "Vendite"]]),
        changed(
            "dashboard",
            BOARD,
            access=[{"Administrators": "Edit", "Sales": "Edit"}, {"Administrators": "Edit", "Vendite": "Edit"}],
        ),
    ]
    assert [changes.render() for changes in written] == [due]
    assert site.changes_since(before).render() == due


def test_a_deleted_group_is_removed_with_its_memberships() -> None:
    site = friends()
    written = observed(site)

    site.delete_group("Sales")

    assert [changes.render() for changes in written] == [
        [
            removed("group", "Sales", name="Sales", access="View"),
            changed("user", "joey@example.com", groups=[["All Users", "Sales"], ["All Users"]]),
            changed(
                "dashboard", BOARD, access=[{"Administrators": "Edit", "Sales": "Edit"}, {"Administrators": "Edit"}]
            ),
        ]
    ]


def test_neither_a_dry_run_nor_a_write_of_equal_values_changes_a_record() -> None:
    site = friends()
    before = site.snapshot()
    written = observed(site)

    site.create_user(PHOEBE, dry_run=True)
    site.delete_group("Sales", dry_run=True)
    site.update_group("Sales", GroupChanges(name="Sales", access=Access.VIEW))
    site.restore(before)

    assert (written, bool(site.changes_since(before))) == ([], False)


def test_records_that_were_changed_back_have_not_changed() -> None:
    site = friends()
    before = site.snapshot()

    site.update_group("Sales", GroupChanges(name="Vendite"))
    site.create_group(FRIENDS)
    site.snapshot()
    site.update_group("Vendite", GroupChanges(name="Sales"))
    site.delete_group("Friends")

    assert site.changes_since(before).render() == []


# -- names over several writes ---------------------------------------------------------------------------------


def group(name: str, access: Access = Access.VIEW) -> Group:
    return Group(name, access)


class Groups:
    """The groups of a history, with a version in each write."""

    def __init__(self, *names: str) -> None:
        self.store = Store()
        self.history = History(self.store)
        self.history.write(Change(groups={name: group(name) for name in names}))
        self.version = self.history.current_version()

    def rename(self, name: str, new_name: str) -> None:
        change = Change(groups={name: None, new_name: group(new_name)})
        self.history.write(change, Renames(groups=rename(name, new_name)))

    def create(self, name: str) -> None:
        self.history.write(Change(groups={name: group(name)}))

    def delete(self, name: str) -> None:
        self.history.write(Change(groups={name: None}))

    def mark(self) -> None:
        """Begin another version, which is released at once."""
        self.history.current_version()

    def changes(self) -> list[tuple[str, str, list[object]]]:
        return [
            (change["change"], change["name"], change["fields"]["name"])
            for change in self.history.changes_since(self.version).render()
        ]


CHAINS: dict[str, tuple[str, list[tuple[str, str, list[object]]]]] = {
    "renamed twice": ("rename A B, rename B C", [("changed", "A", ["A", "C"])]),
    "renamed back": ("rename A B, rename B A", []),
    "renamed and deleted": ("rename A B, delete B", [("removed", "A", ["A", None])]),
    "created and renamed": ("create X, rename X Y", [("created", "Y", [None, "Y"])]),
    "created, renamed and deleted": ("create X, rename X Y, delete Y", []),
    "deleted and created": ("delete A, create A", []),
    "replaced by a new one": ("rename A B, create A", [("changed", "A", ["A", "B"]), ("created", "A", [None, "A"])]),
    "replaced by a new one that is renamed": (
        "rename A B, create A, rename A D",
        [("changed", "A", ["A", "B"]), ("created", "D", [None, "D"])],
    ),
    "replaced by an equal one": (
        "rename A T, rename Z A",
        [("changed", "A", ["A", "T"]), ("changed", "Z", ["Z", "A"])],
    ),
    "swapped": (
        "rename A T, rename Z A, rename T Z",
        [("changed", "A", ["A", "Z"]), ("changed", "Z", ["Z", "A"])],
    ),
    "in the place of a deleted one": (
        "delete Z, rename A Z",
        [("changed", "A", ["A", "Z"]), ("removed", "Z", ["Z", None])],
    ),
}


@pytest.mark.parametrize("is_marked", [False, True])
@pytest.mark.parametrize(("steps", "due"), CHAINS.values(), ids=CHAINS)
def test_a_record_keeps_its_identity_when_it_is_renamed(
    *, steps: str, due: list[tuple[str, str, list[object]]], is_marked: bool
) -> None:
    groups = Groups("A", "Z")
    for step in steps.split(", "):
        action, *names = step.split()
        getattr(groups, action)(*names)
        if is_marked:
            groups.mark()

    assert groups.changes() == due


def test_a_restored_group_is_renamed_back() -> None:
    groups = Groups("A", "Z")
    written: list[RecordChanges] = []
    groups.rename("A", "B")
    groups.history.write(Change(groups={"A": group("A", Access.SQL)}))
    groups.history.observer = written.append

    groups.history.restore(groups.version)

    [changes] = [changes.render() for changes in written]
    assert [(change["change"], change["fields"]["name"]) for change in changes] == [
        ("removed", ["A", None]),
        ("changed", ["B", "A"]),
    ]
    assert groups.changes() == []


def test_groups_that_come_and_go_under_changing_names_leave_nothing_behind() -> None:
    groups = Groups()
    for number in range(1000):
        groups.create(f"A{number}")
        groups.rename(f"A{number}", f"B{number}")
        groups.rename(f"B{number}", f"C{number}")
        groups.delete(f"C{number}")

    assert (groups.version.step.undo, groups.version.step.names) == (({}, {}, {}),) * 2


# -- the property ----------------------------------------------------------------------------------------------

NAMES = ("A", "B", "C")
names = st.sampled_from(NAMES)
steps = st.one_of(
    st.tuples(st.sampled_from(["rename", "create", "delete"]), names, names),
    st.tuples(st.just("mark"), names, names),
    st.tuples(st.just("restore"), st.integers(0, 5), names),
)


@unhurried
@given(steps=st.lists(steps, max_size=20))
def test_the_state_before_and_the_changes_give_the_state_after(steps: list[tuple[str, Any, str]]) -> None:
    groups = Groups("A")

    def state() -> dict[tuple[str, str], Any]:
        return {
            ("group", record.name): {"name": record.name, "access": "View"} for record in groups.store.groups.records()
        }

    last = [state()]

    def check(changes: RecordChanges) -> None:
        last[0] = apply_changes(last[0], changes.render())

    groups.history.observer = check
    versions = [(groups.version, state())]
    for action, name, other in steps:
        if action == "mark":
            versions.append((groups.history.current_version(), state()))
        elif action == "restore":
            version, due = versions[name % len(versions)]
            groups.history.restore(version)
            assert state() == due
        elif action == "rename" and name in groups.store.groups and other not in groups.store.groups:
            groups.rename(name, other)
        elif action == "create" and name not in groups.store.groups:
            groups.create(name)
        elif action == "delete":
            groups.delete(name)
        assert last[0] == state()
        for version, before in versions:
            assert apply_changes(before, groups.history.changes_since(version).render()) == state()
