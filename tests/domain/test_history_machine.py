"""Random histories: a restored site equals its snapshot, pages and indexes included."""

from contextlib import suppress
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.record_changes import apply_changes, state_of
from support.site_comparison import FRIENDS, GROUPS, KEY, USERS, assert_like_fresh, friends, send_request

from mockscope import MockSite, Refused, SiteSnapshot
from mockscope.domain import history

EMAILS = ("monica@example.com", "Chandler@Example.com", "joey@example.com", "rachel@example.com", "mike@example.com")
WRITES = ("create_user", "update_user", "delete_user", "create_group", "update_group", "delete_group")
NAMES = ("Sales", "NY Knicks", "Friends", "All Users", "Administrators")

boards = st.sampled_from(["Test Dashboard", "0", "1"])
emails = st.sampled_from(EMAILS)
names = st.sampled_from(NAMES)
group_lists = st.lists(names, max_size=3, unique=True)
losses = st.sampled_from(["", "", "before", "after"])
switches = st.fixed_dictionaries(
    {},
    optional={
        "page_size": st.integers(1, 4),
        "unknown_groups": st.sampled_from(["reject", "ignore", "create"]),
        "implicit_all_users": st.booleans(),
        "protect_builtin_groups": st.booleans(),
    },
)
ANOTHER: dict[str, Any] = {
    "mockscope": 1,
    "sites": [
        {
            "host": "any",
            "removed_groups": ["All Users"],
            "groups": [{"name": "Friends", "access": "Sql"}],
            "users": [
                {"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com", "groups": ["Friends"]},
                {"first_name": "Mike", "last_name": "Hannigan", "email": "MIKE@example.com", "groups": []},
            ],
            "dashboards": [{"name": "Test Dashboard", "owner": "joey@example.com", "access": {"Friends": "Edit"}}],
        }
    ],
}
EMPTY: dict[str, Any] = {"mockscope": 1, "sites": [{"host": "any", "enabled": False}]}


class Kept:
    """A snapshot, with the export at its moment."""

    def __init__(self, snapshot: SiteSnapshot) -> None:
        self.snapshot = snapshot
        self.export = snapshot.site.export()


class Fork:
    """A fork, with the export that it keeps as long as nobody writes to it."""

    def __init__(self, site: MockSite) -> None:
        self.site = site
        self.export = site.export()


class Histories(RuleBasedStateMachine):
    """One site under every kind of write, with its snapshots and forks."""

    # How much ran in all histories together: a machine that restores nothing would prove nothing.
    restored: ClassVar[int] = 0

    kept = Bundle("kept")

    def __init__(self) -> None:
        super().__init__()
        self.mock, self.site = friends()
        self.first = self.site.export()
        self.forks: list[Fork] = []

    @initialize(target=kept)
    def the_beginning(self) -> Kept:
        return Kept(self.site.snapshot())

    def request(
        self, method: str, target: str, body: object = None, *, email: str | None = None, lost: str = ""
    ) -> None:
        """Send a request. Its response is lost before or after the commit, or not at all."""
        before = state_of(self.site.export())
        for name in WRITES if lost else ():
            self.site.faults.add_plain({"operation": name, "status": 503, "after_commit": lost == "after"})
        status, _ = send_request(self.mock, self.site, method, target, body, email=email)
        assert status in {200, 201, 400, 404, 409, 503}
        self.site.faults.clear()
        assert apply_changes(before, self.site.calls.last.changes) == state_of(self.site.export())

    # -- writes ------------------------------------------------------------------------------------------------

    @rule(email=emails, groups=group_lists, inviter=emails)
    def create_user(self, email: str, groups: list[str], inviter: str) -> None:
        body = {"first_name": "Phoebe", "last_name": "Buffay", "email": email, "groups": groups}
        self.request("POST", USERS, body | {"invited_by_email": inviter})

    @rule(email=emails, groups=group_lists)
    def add_user(self, email: str, groups: list[str]) -> None:
        if email.lower() not in {user.lower() for user in self.site.users}:
            self.site.add_user(email, groups=[name for name in groups if name in self.site.groups] or None)

    @rule(email=emails, name=st.sampled_from(["Ross", "Ursula"]), groups=st.none() | group_lists)
    def update_user(self, email: str, name: str, groups: list[str] | None) -> None:
        self.request("PUT", USERS, {"first_name": name} | ({} if groups is None else {"groups": groups}), email=email)

    @rule(email=emails, lost=losses)
    def delete_user(self, email: str, lost: str = "") -> None:
        self.request("DELETE", USERS, email=email, lost=lost)

    @rule(name=names, creator=emails)
    def create_group(self, name: str, creator: str) -> None:
        self.request("POST", GROUPS, {"name": name, "access": "View", "created_by_email": creator})

    @rule(name=names, to=names, access=st.sampled_from(["Sql", "Discovery"]), lost=losses)
    def update_group(self, name: str, to: str, access: str, lost: str) -> None:
        self.request("PUT", f"{GROUPS}/{name}".replace(" ", "%20"), {"name": to, "access": access}, lost=lost)

    @rule(name=names)
    def delete_group(self, name: str) -> None:
        self.request("DELETE", f"{GROUPS}/{name}".replace(" ", "%20"))

    @rule(email=emails, name=names)
    def add_dashboard(self, email: str, name: str) -> None:
        number = len(self.site.dashboards)
        if email in self.site.users and name in self.site.groups and f"{number}" not in self.site.dashboards:
            self.site.add_dashboard(f"{number}", owner=email, access={name: "Edit"})

    @rule(name=boards, to=boards, owner=st.none() | emails, access=st.none() | names)
    def update_dashboard(self, name: str, to: str, owner: str | None, access: str | None) -> None:
        with suppress(Refused):
            self.site.update_dashboard(name, new_name=to, owner=owner, access={access: "View"} if access else None)

    @rule(name=boards)
    def remove_dashboard(self, name: str) -> None:
        with suppress(Refused):
            self.site.remove_dashboard(name)

    @rule(email=emails)
    def log_in(self, email: str) -> None:
        if email in self.site.users:
            self.site.record_login(email)
            self.site.record_password_change(email, "2014-02-06T23:46:07.118Z")

    @rule(policy=switches)
    def set_policy(self, policy: dict[str, Any]) -> None:
        self.site.set_policy(**policy)

    @rule(key=st.sampled_from([KEY, "another-key"]))
    def rotate_key(self, key: str) -> None:
        self.site.rotate_key(key)

    @rule(enabled=st.booleans())
    def enable(self, *, enabled: bool) -> None:
        self.site.enabled = enabled

    @rule(seed=st.sampled_from([FRIENDS, ANOTHER, EMPTY]))
    def load(self, seed: dict[str, Any]) -> None:
        self.site.load(seed)

    # -- back and forth ----------------------------------------------------------------------------------------

    @rule(target=kept)
    def take_a_snapshot(self) -> Kept:
        return Kept(self.site.snapshot())

    @rule(kept=kept)
    def restore(self, kept: Kept) -> None:
        changes = self.site.changes(since=kept.snapshot)
        assert apply_changes(state_of(kept.export), changes) == state_of(self.site.export())

        kept.snapshot.restore()

        assert self.site.export() == kept.export
        assert_like_fresh(self.mock, self.site)
        Histories.restored += 1

    @rule(one=kept, other=kept)
    def go_back_and_forward(self, one: Kept, other: Kept) -> None:
        for kept in (one, other, one):
            kept.snapshot.restore()
            assert self.site.export() == kept.export
        assert_like_fresh(self.mock, self.site)
        Histories.restored += 1

    @rule(kept=consumes(kept))
    def forget_a_snapshot(self, kept: Kept) -> None:
        """Release a snapshot. The others must stay restorable."""

    @rule(email=emails, at=kept)
    def write_in_a_block(self, email: str, at: Kept) -> None:
        before = self.site.export()
        with self.site.snapshot():
            self.delete_user(email)
            at.snapshot.restore()
            self.add_user(email, [])
        assert self.site.export() == before

    @rule()
    def reset(self) -> None:
        self.site.reset()

        assert self.site.export() == self.first
        assert_like_fresh(self.mock, self.site)

    @precondition(lambda self: len(self.forks) < 3)
    @rule()
    def fork(self) -> None:
        fork = self.site.fork()

        mine, theirs = self.site.export()["sites"][0], fork.export()["sites"][0]
        assert theirs == mine | {"host": fork.host, "api_key": fork.api_key}
        assert (fork.host == self.site.host, fork.api_key == self.site.api_key) == (False, False)
        self.forks.append(Fork(fork))

    @precondition(lambda self: self.forks)
    @rule(email=emails, place=st.integers(0, 2))
    def write_to_a_fork(self, email: str, place: int) -> None:
        before = self.site.export()
        fork = self.forks[place % len(self.forks)]
        if email in fork.site.users:
            fork.site.record_login(email)
            fork.export = fork.site.export()
        assert self.site.export() == before

    @precondition(lambda self: self.forks)
    @rule(place=st.integers(0, 2))
    def reset_a_fork(self, place: int) -> None:
        fork = self.forks[place % len(self.forks)]
        with fork.site.snapshot():
            fork.site.load(ANOTHER)
        assert fork.site.export() == fork.export
        assert_like_fresh(self.mock, fork.site)

    @invariant()
    def forks_are_independent(self) -> None:
        assert [fork.site.export() for fork in self.forks] == [fork.export for fork in self.forks]


@pytest.mark.parametrize(
    ("most_left", "histories"),
    [
        (-1000, 10),
        *(pytest.param(most_left, 60, marks=pytest.mark.slow) for most_left in (-1000, history.MAX_UNUSED_VERSIONS)),
    ],
)
def test_a_restored_snapshot_equals_the_site_after_any_history(
    monkeypatch: pytest.MonkeyPatch, most_left: int, histories: int
) -> None:
    # With fewer than none left, what nobody holds is looked for at every snapshot.
    monkeypatch.setattr(history, "MAX_UNUSED_VERSIONS", most_left)
    Histories.restored = 0
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=histories, stateful_step_count=50, deadline=None, print_blob=True)
    )
    assert Histories.restored >= histories // 2
