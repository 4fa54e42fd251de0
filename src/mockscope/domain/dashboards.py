"""The operations on dashboards. The API shows dashboards, and has no operation that writes them."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from mockscope.domain.changes import Renames, rename
from mockscope.domain.memberships import check_groups
from mockscope.domain.model import Dashboard, DashboardAccess
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.site import Site
from mockscope.domain.store import Change


class DashboardChanges(msgspec.Struct, frozen=True):
    """The changes of a dashboard. None leaves a name or the access unchanged; UNSET leaves the owner unchanged."""

    name: str | None = None
    owner: str | UnsetType | None = UNSET
    access: Mapping[str, DashboardAccess] | None = None


def create_dashboard(site: Site, dashboard: Dashboard) -> Dashboard:
    """Add a dashboard and return it, with its owner's email as the site spells it.

    Raises:
        Refused: OWNER_UNKNOWN, GROUPS_UNKNOWN, DASHBOARD_TAKEN.
    """
    with site.lock:
        return _write_dashboard(site, dashboard, replaced=None)


def update_dashboard(site: Site, name: str, changes: DashboardChanges) -> Dashboard:
    """Rename a dashboard, or change its owner or the access of groups, and return it.

    Args:
        site: the site.
        name: the name of the dashboard.
        changes: the parsed fields to change.

    Raises:
        Refused: DASHBOARD_UNKNOWN, OWNER_UNKNOWN, GROUPS_UNKNOWN, DASHBOARD_TAKEN.
    """
    with site.lock:
        board = require_dashboard(site, name)
        owner = board.owner if changes.owner is UNSET else changes.owner
        access = board.access if changes.access is None else changes.access
        return _write_dashboard(site, Dashboard(changes.name or name, owner, access), replaced=name)


def delete_dashboard(site: Site, name: str) -> None:
    """Delete a dashboard.

    Raises:
        Refused: DASHBOARD_UNKNOWN.
    """
    with site.lock:
        require_dashboard(site, name)
        site.write(Change(dashboards={name: None}))


def require_dashboard(site: Site, name: str) -> Dashboard:
    """Return the dashboard with a name.

    Raises:
        Refused: DASHBOARD_UNKNOWN.
    """
    board = site.store.dashboards.get(name)
    if board is None:
        raise Refused(Refusal.DASHBOARD_UNKNOWN, host=site.host, name=name)
    return board


def _write_dashboard(site: Site, board: Dashboard, *, replaced: str | None) -> Dashboard:
    owner = None if board.owner is None else site.require_user(board.owner, Refusal.OWNER_UNKNOWN).email
    check_groups(board.access, site.store, site.host)
    if board.name != replaced and board.name in site.store.dashboards:
        raise Refused(Refusal.DASHBOARD_TAKEN, name=board.name)
    written = Dashboard(board.name, owner, board.access)
    if replaced in (None, written.name):
        site.write(Change(dashboards={written.name: written}))
    else:
        renames = Renames(dashboards=rename(replaced, written.name))
        site.write(Change(dashboards={replaced: None, written.name: written}), renames)
    return written
