"""Hypothesis strategies for the records of a site, in the format of a seed.

No other module imports this one, because Hypothesis is an optional dependency.
"""

import string
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from mockscope._vendor import ADMINISTRATORS, ALL_USERS, BUILTIN_GROUPS
from mockscope.domain import rules
from mockscope.domain.model import Access, DashboardAccess, email_key, timestamp

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import DrawFn, SearchStrategy
except ModuleNotFoundError as error:
    raise ImportError("mockscope.strategies needs Hypothesis: pip install hypothesis", name="hypothesis") from error

__all__ = ["dashboards", "emails", "group_names", "groups", "names", "policies", "sites", "users"]

# Without lone surrogates, which JSON in UTF-8 cannot represent.
TEXTS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(rules.NOT_BLANK.search)
NAMES: Final = (
    *("Monica", "O'Brien", "van der Berg", " Bing ", "\u0141ukasz", "\u674e", "\U0001f9a6", '"\\', "null", "<b>"),
    *("Ross " * 60, "\u674e" * 300),
)
GROUP_NAMES: Final = (
    *("Sales", "sales", "NY Knicks", " Sales ", "R&D/Ops", "/", "a+b", "50% off", "%2F", "?#", "...", "users"),
    *("Caf\u00e9", "Cafe\u0301", "\u7d4c\u55b6", "\U0001f600", ADMINISTRATORS.lower(), "<Sales>", '"Sales"', "0"),
    *("Sales/" * 50, "\u7d4c\u55b6" * 150),
)
# Clients resolve "." and ".." in a path before they send it, so that they cannot request such a group.
NEVER_DRAWN: Final = (".", "..", *BUILTIN_GROUPS)
LOCAL_PARTS: Final = st.one_of(
    st.sampled_from(("monica", "Monica.Geller", "joey+knicks", "joey_knicks", ".", "o'brien", "a/b", "{}")),
    st.text(f"{string.ascii_letters}{string.digits}.!#$%&'*+/=?^_`{{|}}~-", min_size=1, max_size=64),
)
LABELS: Final = st.from_regex(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?", fullmatch=True)
# Reserved domains (RFC 2606).
DOMAINS: Final = st.one_of(
    st.sampled_from(("example.com", "Example.COM", "a-b.example.org", "localhost", f"{'x' * 63}.test", "1.invalid")),
    st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join((*labels, "example"))),
)
VISIBLE: Final = "".join(map(chr, range(ord("!"), ord("~") + 1)))
HOSTS: Final = st.sampled_from(("example_site", "example_site:space", "site.example.com")) | st.text(
    VISIBLE, min_size=1, max_size=30
)
KEYS: Final = st.uuids().map(lambda number: str(number)[:-4]) | st.text(
    VISIBLE.replace(":", ""), min_size=1, max_size=40
)
# One day less at both ends, so that the time in UTC is in the range of datetime.
MOMENTS: Final = st.datetimes(
    datetime(1, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.sampled_from((UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=9, minutes=30)))),
)
TIMES: Final = st.none() | MOMENTS.map(timestamp) | MOMENTS.map(datetime.isoformat)
ACCESS_WORDS: Final = st.sampled_from(
    [word for access in Access for word in (access.value, access.lower(), access.upper())]
)
DASHBOARD_WORDS: Final = st.sampled_from(
    [word for access in DashboardAccess for word in (access.value, access.lower())]
)


def emails() -> SearchStrategy[str]:
    """Return a strategy of email addresses (USER-2) in reserved domains: plus signs, both cases, long labels."""
    return st.builds("{}@{}".format, LOCAL_PARTS, DOMAINS)


def names() -> SearchStrategy[str]:
    """Return a strategy of names of users and dashboards: strings that are not blank, in any script, short and long."""
    return st.sampled_from(NAMES) | TEXTS


def group_names() -> SearchStrategy[str]:
    """Return a strategy of group names (GROUP-5): slashes, blanks, punctuation, any script.

    Built-in groups are excluded. So are ``.`` and ``..``, because clients cannot request such a group.
    """
    return (st.sampled_from(GROUP_NAMES) | TEXTS).filter(lambda name: name not in NEVER_DRAWN)


def groups() -> SearchStrategy[dict[str, Any]]:
    """Return a strategy of groups, in the format of a seed and of ``site.add_group(**group)``."""
    return _groups(group_names())


def users(groups: Iterable[str] = BUILTIN_GROUPS) -> SearchStrategy[dict[str, Any]]:
    """Return a strategy of users, in the format of a seed and of ``site.add_user(**user)``.

    Args:
        groups: The names from which a user's groups are drawn.
    """
    known = tuple(groups)
    required: dict[str, SearchStrategy[Any]] = {"email": emails(), "first_name": names(), "last_name": names()}
    optional: dict[str, SearchStrategy[Any]] = {
        "last_login_at": TIMES,
        "password_updated_at": TIMES,
        "tfa_enabled": st.booleans(),
    }
    # A user without the field is a member of All Users, so the field is optional only if that group exists.
    (optional if ALL_USERS in known else required)["groups"] = _lists(known)
    return st.fixed_dictionaries(required, optional=optional)


def dashboards(owners: Iterable[str] = (), groups: Iterable[str] = BUILTIN_GROUPS) -> SearchStrategy[dict[str, Any]]:
    """Return a strategy of dashboards, in the format of a seed and of ``site.add_dashboard(**dashboard)``.

    Args:
        owners: The emails from which the owner is drawn. Dashboards without an owner are also drawn.
        groups: The names of the groups from which those with access are drawn.
    """
    owner = st.sampled_from((None, *owners))
    access = _lists(tuple(groups)).flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, DASHBOARD_WORDS)))
    return st.fixed_dictionaries({"name": names()}, optional={"owner": owner, "access": access})


def policies() -> SearchStrategy[dict[str, Any]]:
    """Return a strategy of policy switches, in the format of a seed and of ``server.site(**policy)``."""
    return st.fixed_dictionaries(
        {},
        optional={
            "page_size": st.integers(1, 3) | st.integers(1, 1000),
            "test_mode_create_status": st.sampled_from((200, 201)),
            "unknown_groups": st.sampled_from(("reject", "ignore", "create")),
            "implicit_all_users": st.booleans(),
            "creator_must_be_admin": st.booleans(),
            "protect_builtin_groups": st.booleans(),
            "require_json_content_type": st.booleans(),
        },
    )


def sites(policy: SearchStrategy[dict[str, Any]] | None = None) -> SearchStrategy[dict[str, Any]]:
    """Return a strategy of sites, in the format of a seed: ``server.site(seed={"mockscope": 1, "sites": [site]})``.

    At least one user is an administrator.

    Args:
        policy: A strategy of policy switches, such as ``policies()``. With None, the switches have their defaults.
    """
    return _sites(policy)


@st.composite
def _sites(draw: DrawFn, policy: SearchStrategy[dict[str, Any]] | None) -> dict[str, Any]:
    any_group = groups() | _groups(st.sampled_from(BUILTIN_GROUPS))
    made = draw(st.lists(any_group, max_size=4, unique_by=lambda group: group["name"]))
    known = (*BUILTIN_GROUPS, *(group["name"] for group in made if group["name"] not in BUILTIN_GROUPS))
    people = draw(st.lists(users(known), min_size=1, max_size=5, unique_by=lambda user: email_key(user["email"])))
    administrator = draw(st.sampled_from(people))
    others = [name for name in administrator.get("groups", [ALL_USERS]) if name != ADMINISTRATORS]
    administrator["groups"] = [ADMINISTRATORS, *others]
    boards = dashboards([user["email"] for user in people], known)
    return {
        "host": draw(HOSTS),
        "api_key": draw(KEYS),
        **({} if policy is None else {"policy": draw(policy)}),
        "groups": made,
        "users": people,
        "dashboards": draw(st.lists(boards, max_size=3, unique_by=lambda board: board["name"])),
    }


def _groups(names: SearchStrategy[str]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"name": names, "access": ACCESS_WORDS})


def _lists(values: Collection[str]) -> SearchStrategy[list[str]]:
    """Return a strategy of lists of some of the values, without repeats."""
    return st.lists(st.sampled_from(list(values)), max_size=3, unique=True) if values else st.builds(list)
