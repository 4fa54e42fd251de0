"""The versioned format of seeds and exports, as plain data: its structs, conversion to sites, and export of sites."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mockscope._support.suggestions import find_nearest, find_nearest_email
from mockscope._vendor import ALL_USERS, BUILTIN_GROUPS
from mockscope.domain.credentials import new_api_key
from mockscope.domain.model import Dashboard, Group, User, email_key, timestamp
from mockscope.domain.past_states import PastState, copy_site_at
from mockscope.domain.policy import Policy
from mockscope.domain.rules import ACCESS_WORDS, DASHBOARD_WORDS, EMAIL, InvalidValue, parse_text
from mockscope.domain.site import Site
from mockscope.domain.store import Change
from mockscope.instruments.clock import Clock
from mockscope.instruments.faults import Faults
from mockscope.seeds.fields import (
    ApiKey,
    BuiltinGroup,
    Email,
    GroupAccess,
    GroupAccesses,
    GroupName,
    Host,
    Text,
    Time,
)
from mockscope.seeds.plan import NO_PLAN, ChangeList, Contract, FaultList, Plan, SeedChange, SeedFault, SeedPlan, Strict

T = TypeVar("T")

FORMAT_VERSION: Final = 1

Path = tuple[str | int, ...]
# Generates the groups and users for a site's ``generate``.
RecordGenerator = Callable[["SeedGenerate", "SeedSite"], tuple[list["SeedGroup"], Iterable["SeedUser"]]]


class SeedUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user. Without ``groups``, the user is a member of All Users."""

    email: Annotated[
        Email,
        Meta(
            description="The email, unique on the site without regard to case (USER-2).", examples=["joey@example.com"]
        ),
    ]
    first_name: Annotated[Text, Meta(description="The first name, not blank.", examples=["Joey"])]
    last_name: Annotated[Text, Meta(description="The last name, not blank.", examples=["Tribbiani"])]
    groups: (
        Annotated[
            list[GroupName],
            Meta(description="Names of groups of this site. Absent: All Users.", examples=[[ALL_USERS, "Sales"]]),
        ]
        | UnsetType
    ) = UNSET
    last_login_at: Annotated[
        Time | None,
        Meta(description="The last login, in ISO 8601 with an offset, or null.", examples=["2014-02-06T23:46:07.118Z"]),
    ] = None
    password_updated_at: Annotated[
        Time | None,
        Meta(
            description="The last change of the password, in ISO 8601 with an offset, or null.",
            examples=["2018-10-18T20:08:41.794Z"],
        ),
    ] = None
    tfa_enabled: Annotated[bool, Meta(description="Whether two-factor authentication is enabled.")] = False


class SeedGroup(msgspec.Struct, forbid_unknown_fields=True):
    """A group. Administrators and All Users exist even if the seed does not name them."""

    name: Annotated[Text, Meta(description="The name, unique on the site.", examples=["Sales"])]
    access: Annotated[GroupAccess, Meta(description="Sql, Discovery or View, in any case (GROUP-2).")]


class SeedDashboard(msgspec.Struct, forbid_unknown_fields=True):
    """A dashboard, with its owner's email and the access of each group."""

    name: Annotated[Text, Meta(description="The name, unique on the site.", examples=["Revenue"])]
    owner: Annotated[
        Email | None, Meta(description="The email of a user of this site, or null.", examples=["monica@example.com"])
    ] = None
    access: Annotated[
        GroupAccesses,
        Meta(description="Group name to Edit or View, in any case.", examples=[{"Sales": "Edit"}]),
    ] = {}


class SeedGenerate(msgspec.Struct, forbid_unknown_fields=True):
    """Generated records. Equal numbers give equal records. All logins are before today on the site's clock."""

    users: Annotated[int, Meta(ge=0, le=5_000_000, description="The number of users.", examples=[250])] = 0
    groups: Annotated[int, Meta(ge=0, le=100_000, description="The number of groups.", examples=[12])] = 0
    seed: Annotated[int, Meta(description="The seed of the random draw.", examples=[7])] = 0
    idle: Annotated[
        Annotated[int, Meta(ge=0, le=5_000_000)] | None,
        Meta(
            description="How many users last logged in more than 90 days ago; the others did since.",
            examples=[30],
        ),
    ] = None


class SeedSite(msgspec.Struct, forbid_unknown_fields=True):
    """A site."""

    host: Annotated[Host, Meta(description="The site's host, as in the auth header.", examples=["example_site"])]
    api_key: Annotated[
        ApiKey | None,
        Meta(
            description="The key: visible ASCII without a colon. Absent: a new key.",
            examples=["e179017a-62b0-4996-8a38-e91aa9f1"],
        ),
    ] = None
    enabled: Annotated[bool, Meta(description="Whether the API is enabled for the site (AUTH-3).")] = True
    policy: Annotated[Policy, Meta(description="Policy switches. Absent ones have their default.")] = Policy()
    groups: Annotated[list[SeedGroup], Meta(description="The groups other than Administrators and All Users.")] = []
    removed_groups: Annotated[
        list[BuiltinGroup],
        Meta(description="Built-in groups that are not there, where the policy let them be deleted or renamed."),
    ] = []
    users: Annotated[list[SeedUser], Meta(description="The users. Without an administrator, nobody can add one.")] = []
    dashboards: Annotated[list[SeedDashboard], Meta(description="The dashboards.")] = []
    generate: Annotated[SeedGenerate | None, Meta(description="Generated records, which are added to the others.")] = (
        None
    )
    faults: FaultList | UnsetType = UNSET
    timeline: ChangeList | UnsetType = UNSET
    strict: Strict | UnsetType = UNSET
    contract: Contract | UnsetType = UNSET


class Seed(msgspec.Struct, forbid_unknown_fields=True):
    """A mockscope seed: the sites of a server. An export has the same form."""

    mockscope: Annotated[int, Meta(ge=FORMAT_VERSION, le=FORMAT_VERSION, description="The version of the format.")]
    sites: Annotated[list[SeedSite], Meta(description="The sites.")] = []
    schema: Annotated[str, Meta(description="The address of this schema, for an editor.")] | UnsetType = msgspec.field(
        default=UNSET, name="$schema"
    )


class SeededSite(NamedTuple):
    """A site with the plan of its seed, which an export of the site does not have."""

    site: Site
    plan: Plan = NO_PLAN


class SeedError(ValueError):
    """A seed is not valid.

    Args:
        problem: the problem and its remedy.
        path: the keys and positions that lead to the problem.
        where: the file and line, e.g. ``seed.yaml, line 12``; None for plain data.
    """

    def __init__(self, problem: str, path: Path = (), *, where: str | None = None) -> None:
        self.problem = problem
        self.path = path
        self.where = where
        super().__init__(problem, path)

    def __str__(self) -> str:
        return f"{self.where or _render_path(self.path)}: {self.problem}"


class ShowProgress(Protocol):
    """A function that iterates over items and shows its progress."""

    def __call__(self, items: Iterable[T], length: int, doing: str) -> Iterable[T]:
        """Iterate over items. ``length`` is their number, ``doing`` the text of the progress bar."""


def no_progress(items: Iterable[T], length: int, doing: str) -> Iterable[T]:
    """Return items without showing progress."""
    return items


def load(
    seed: Seed, *, generate_records: RecordGenerator | None = None, progress: ShowProgress = no_progress
) -> list[SeededSite]:
    """Convert a seed to sites with their plans, all or none.

    Args:
        seed: the seed, as parsed by msgspec.
        generate_records: generates the records for ``generate``.
        progress: shows the progress of loading the users of a site.

    Raises:
        SeedError: If a group or user does not exist, a record occurs twice, a fault can never be hit, or a value is
            not valid.
    """
    hosts: set[str] = set()
    sites = []
    for place, site in enumerate(seed.sites):
        path: Path = ("sites", place)
        if site.host in hosts:
            raise SeedError(f"there is a site {site.host} already", (*path, "host"))
        hosts.add(site.host)
        plan = load_plan(site, path)
        sites.append(SeededSite(_site(site, path, generate_records, progress), plan))
    return sites


def load_plan(seed: SeedSite | SeedPlan, path: Path = ()) -> Plan:
    """Return the plan of a site.

    Raises:
        SeedError: If a fault or a change is not valid.
    """
    keys = ((key, getattr(seed, key)) for key in SeedPlan.__struct_fields__)
    given = {key: value for key, value in keys if value is not UNSET}
    for key in given.keys() & {"faults", "timeline"}:
        given[key] = [_planned(each, (*path, key, place)) for place, each in enumerate(given[key])]
    return Plan(**given)


def export(sites: Sequence[Site]) -> dict[str, Any]:
    """Return the records of sites as plain data, in the format of a seed and in API order."""
    return {"mockscope": FORMAT_VERSION, "sites": [export_site(site) for site in sites]}


def export_site(site: Site) -> dict[str, Any]:
    """Return the records of one site as plain data."""
    copy = copy_site(site)
    for key, to_plain in PLAIN.items():
        copy[key] = [to_plain(row.record) for row in copy[key]]
    return copy


def copy_site(site: Site) -> dict[str, Any]:
    """Return an export of a site at one moment, with rows of the store in place of the records under keys of PLAIN."""
    # Requests wait for the lock. Rows are immutable, so they are converted after it is released.
    with site.lock:
        store = site.store
        removed = [name for name in BUILTIN_GROUPS if name not in store.groups]
        return {
            "host": site.host,
            "api_key": site.api_key,
            "enabled": site.enabled,
            "policy": msgspec.structs.asdict(site.policy),
            "groups": store.groups.rows(),
            **({"removed_groups": removed} if removed else {}),
            "users": store.users.rows(),
            "dashboards": store.dashboards.rows(),
        }


def _plain_group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "access": group.access.value}


def _plain_user(user: User) -> dict[str, Any]:
    return msgspec.structs.asdict(user) | {"groups": list(user.groups)}


def _plain_dashboard(board: Dashboard) -> dict[str, Any]:
    access = {name: word.value for name, word in sorted(board.access.items())}
    return {"name": board.name, "owner": board.owner, "access": access}


# The conversion of the records under each key of an export.
PLAIN: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "groups": _plain_group,
    "users": _plain_user,
    "dashboards": _plain_dashboard,
}


def export_later(site: Site) -> Callable[[], dict[str, Any]]:
    """Return a function that exports the present records of a site later.

    It raises a ValueError if the site has changed too much since.
    """
    state = PastState.now(site)
    return lambda: export([copy_site_at(state)])


def _site(seed: SeedSite, path: Path, generate_records: RecordGenerator | None, progress: ShowProgress) -> Site:
    users: Iterable[SeedUser] = seed.users
    number = len(seed.users)
    generate = seed.generate
    if generate is not None and (generate.idle or 0) > generate.users:
        problem = f"{generate.idle} of {generate.users} users cannot be idle; write a number up to {generate.users}"
        raise SeedError(problem, (*path, "generate", "idle"))
    if generate is not None and generate_records is not None:
        groups, made_up = generate_records(generate, seed)
        seed = msgspec.structs.replace(seed, groups=[*seed.groups, *groups])
        users, number = chain(seed.users, made_up), number + generate.users
    site = Site(seed.host, seed.api_key or new_api_key(), enabled=seed.enabled, policy=seed.policy)
    site.store.apply(Change(groups=_groups(seed, path)))
    known = frozenset(site.store.groups)
    records = _users(progress(users, number, "loading users"), known, path)
    site.store.apply(Change(users=records, dashboards=_dashboards(seed, known, records, path)))
    return site


def _groups(seed: SeedSite, path: Path) -> dict[str, Group | None]:
    groups: dict[str, Group | None] = {}
    for place, name in enumerate(seed.removed_groups):
        if name not in BUILTIN_GROUPS:
            raise SeedError(f"{name} is not a built-in group", (*path, "removed_groups", place))
        groups[name] = None
    for place, group in enumerate(seed.groups):
        at = (*path, "groups", place)
        if group.name in groups:
            raise SeedError(f"there is a group {group.name} already", (*at, "name"))
        groups[group.name] = Group(_text(group.name, (*at, "name")), _word(group.access, ACCESS_WORDS, (*at, "access")))
    return groups


def _users(seeded: Iterable[SeedUser], groups: frozenset[str], path: Path) -> dict[str, User]:
    users: dict[str, User] = {}
    # Users with equal groups share one tuple, which saves memory.
    memberships: dict[tuple[str, ...], tuple[str, ...]] = {}
    for place, user in enumerate(seeded):
        # The path is built only for an error. For a million users, that saves a second.
        try:
            if not EMAIL.fullmatch(user.email):
                raise SeedError(f"{user.email} is not a valid email address", ("email",))
            key = email_key(user.email)
            if key in users:
                raise SeedError(f"there is a user {user.email} already", ("email",))
            names = (ALL_USERS,) if isinstance(user.groups, UnsetType) else tuple(user.groups)
            if names not in memberships:
                memberships[names] = _membership(names, groups)
            full_name = _text(user.first_name, ("first_name",)), _text(user.last_name, ("last_name",))
            login = _time(user.last_login_at, ("last_login_at",))
            password = _time(user.password_updated_at, ("password_updated_at",))
            users[key] = User(*full_name, user.email, memberships[names], login, password, user.tfa_enabled)
        except SeedError as error:
            raise SeedError(error.problem, (*path, "users", place, *error.path)) from None
    return users


def _membership(names: tuple[str, ...], groups: frozenset[str]) -> tuple[str, ...]:
    for name in names:
        if name not in groups:
            raise SeedError(_unknown("group", name, find_nearest(name, groups)), ("groups",))
    return tuple(dict.fromkeys(names))


def _dashboards(seed: SeedSite, groups: frozenset[str], users: Mapping[str, User], path: Path) -> dict[str, Dashboard]:
    boards: dict[str, Dashboard] = {}
    for place, board in enumerate(seed.dashboards):
        at = (*path, "dashboards", place)
        if board.name in boards:
            raise SeedError(f"there is a dashboard {board.name} already", (*at, "name"))
        owner = None if board.owner is None else users.get(email_key(board.owner))
        if board.owner is not None and owner is None:
            raise SeedError(_unknown("user", board.owner, find_nearest_email(board.owner, users)), (*at, "owner"))
        for name in board.access:
            if name not in groups:
                raise SeedError(_unknown("group", name, find_nearest(name, groups)), (*at, "access", name))
        access = {name: _word(word, DASHBOARD_WORDS, (*at, "access", name)) for name, word in board.access.items()}
        boards[board.name] = Dashboard(_text(board.name, (*at, "name")), owner.email if owner else None, access)
    return boards


def _planned(seed: SeedFault | SeedChange, path: Path) -> dict[str, Any]:
    plain = _as_plain(seed)
    if isinstance(seed, SeedChange):
        for name in plain.keys() & {"first_name", "last_name", "name"}:
            _text(plain[name], (*path, name))
        for place, group in enumerate(plain.get("groups", ())):
            _text(group, (*path, "groups", place))
        if not EMAIL.fullmatch(plain.get("email", "joey@example.com")):
            raise SeedError(f"{plain['email']} is not a valid email address", (*path, "email"))
        _time(plain.get("at"), (*path, "at"))
    try:
        Faults("the seed", Clock()).add_plain(plain)
    except ValueError as error:
        kind = "change" if isinstance(seed, SeedChange) else "fault"
        raise SeedError(f"the {kind} is not valid: {error}", path) from None
    return plain


def _as_plain(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that are set. Unlike those of msgspec, the values may be objects with their own comparison."""
    fields = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return {
        name: _as_plain(value) if isinstance(value, msgspec.Struct) else value
        for name, value in fields
        if value is not UNSET
    }


def _word(word: str, known: Mapping[str, Any], path: Path) -> Any:
    found = known.get(word.lower())
    if found is None:
        raise SeedError(f"access: {word} is not one of {', '.join(value.value for value in known.values())}", path)
    return found


def _text(value: str, path: Path) -> str:
    # msgspec has checked that it is not blank. Only non-ASCII text can have a lone surrogate.
    if value.isascii():
        return value
    try:
        return parse_text(value)
    except InvalidValue as problem:
        raise SeedError(f"{problem}", path) from None


def _time(moment: str | None, path: Path) -> str | None:
    try:
        return None if moment is None else timestamp(moment)
    except ValueError as error:
        raise SeedError(f"{error}", path) from None


def _unknown(what: str, name: str, guess: str | None) -> str:
    return f"the site has no {what} {name}" + (f"; did you mean {guess}?" if guess else "")


def _render_path(path: Path) -> str:
    return "seed" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
