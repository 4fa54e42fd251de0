"""The groups of users: those that a write gives them, and those that are left after a group is renamed or deleted."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from mockscope._vendor import ALL_USERS
from mockscope.domain.model import Access, Group, email_key
from mockscope.domain.policy import Policy
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.rules import NOT_BLANK
from mockscope.domain.store import Change, Store


def check_groups(names: Iterable[str], store: Store, host: str) -> None:
    """Check that groups exist.

    Args:
        names: the names of the groups.
        store: the records of the site.
        host: the host of the site, for the message.

    Raises:
        Refused: GROUPS_UNKNOWN, if one does not exist.
    """
    unknown = [name for name in names if name not in store.groups]
    if unknown:
        # The hint uses ``name``, and the message ``names``.
        raise Refused(Refusal.GROUPS_UNKNOWN, host=host, names=", ".join(unknown), name=unknown[0])


def resolve_groups(
    names: tuple[str, ...], store: Store, policy: Policy, host: str
) -> tuple[tuple[str, ...], Mapping[str, Group]]:
    """Return the groups that a user gets for the names in a request (USER-CREATE-2).

    Args:
        names: the names in the request.
        store: the records of the site.
        policy: the policy of the site.
        host: the host of the site, for the message.

    Returns:
        The names of the user's groups, and the groups to create first.

    Raises:
        Refused: GROUPS_UNKNOWN, if the policy rejects unknown groups.
    """
    created: dict[str, Group] = {}
    match policy.unknown_groups:
        case "reject":
            check_groups(names, store, host)
        case "ignore":
            names = tuple(name for name in names if name in store.groups)
        case "create":
            check_groups((name for name in names if not NOT_BLANK.search(name)), store, host)
            created = {name: Group(name, Access.VIEW) for name in names if name not in store.groups}
    if policy.implicit_all_users and (ALL_USERS in store.groups or ALL_USERS in created):
        names = (ALL_USERS, *(name for name in names if name != ALL_USERS))
    return names or _default_groups(store), created


def plan_group_replacement(store: Store, name: str, group: Group | None) -> Change:
    """Return the change that renames a group or, with None, deletes it.

    GROUP-UPDATE-3: a renamed group keeps its members and dashboards. GROUP-DELETE-2: the members of a deleted group
    stay users. A user without any other group gets All Users.
    """

    def rename(old: str) -> tuple[str, ...]:
        """Return the name that takes the place of a name: no name if the group is deleted."""
        return (old,) if old != name else (group.name,) if group else ()

    default = tuple(other for other in _default_groups(store) if other != name)
    users = {
        email_key(user.email): replace(user, groups=tuple(new for old in user.groups for new in rename(old)) or default)
        for user in store.users.select(store.members[name])
    }
    dashboards = {
        board.name: replace(board, access={new: word for old, word in board.access.items() for new in rename(old)})
        for board in store.dashboards.select(store.shared[name])
    }
    return Change(users, {name: None} | ({group.name: group} if group else {}), dashboards)


def _default_groups(store: Store) -> tuple[str, ...]:
    # "This parameter is set to ["All Users"] by default." A policy may let All Users be deleted: then none.
    return (ALL_USERS,) if ALL_USERS in store.groups else ()
