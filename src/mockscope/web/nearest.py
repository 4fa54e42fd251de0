"""The record of a site whose name is most similar to an unknown one, for hints and messages."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from mockscope._support.suggestions import MAX_CANDIDATES, find_nearest, find_nearest_email
from mockscope.domain.model import email_key
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.site import Site
from mockscope.domain.store import Table


def find_nearest_user(site: Site, email: str) -> str | None:
    """Return the most similar email of a user, or None if none is similar."""
    return find_nearest_email(email, _neighbours(site, site.store.users, email_key(email)))


def find_nearest_group(site: Site, name: str) -> str | None:
    """Return the most similar name of a group, or None if none is similar."""
    return find_nearest(name, _neighbours(site, site.store.groups, name))


def find_nearest_dashboard(site: Site, name: str) -> str | None:
    """Return the most similar name of a dashboard, or None if none is similar."""
    return find_nearest(name, _neighbours(site, site.store.dashboards, name))


def _neighbours(site: Site, table: Table[Any], key: str) -> list[str]:
    """Return the keys to compare with: all keys of a small table, else those that sort next to ``key``."""
    with site.lock:
        return list(table) if len(table) <= MAX_CANDIDATES else table.keys_near(key, MAX_CANDIDATES // 2)


# For each refusal of an unknown name: the value that has the name, and the function that finds the nearest one.
FINDERS: Final[Mapping[Refusal, tuple[str, Callable[[Site, str], str | None]]]] = {
    Refusal.USER_UNKNOWN: ("email", find_nearest_user),
    Refusal.OWNER_UNKNOWN: ("email", find_nearest_user),
    Refusal.GROUP_UNKNOWN: ("name", find_nearest_group),
    Refusal.GROUPS_UNKNOWN: ("name", find_nearest_group),
    Refusal.DASHBOARD_UNKNOWN: ("name", find_nearest_dashboard),
}


def explain(refused: Refused, site: Site) -> str:
    """Return the message of a refusal. If it is about an unknown name, the nearest known one follows."""
    if refused.refusal not in FINDERS:
        return refused.message
    value, find = FINDERS[refused.refusal]
    guess = find(site, refused.values[value])
    return f"{refused.message.removesuffix('.')}; did you mean {guess}?" if guess else refused.message
