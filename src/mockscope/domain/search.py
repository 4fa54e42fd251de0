"""Search in the records of a site.

A search takes linear time. It copies a list of references under the lock of the site, and compares after releasing it.
"""

from bisect import bisect_left
from collections.abc import Set
from operator import attrgetter
from typing import TypeVar

from mockscope.domain.model import Dashboard, Group, User, email_cursor, email_key
from mockscope.domain.site import Site
from mockscope.domain.store import Page, Table, TableRow

R = TypeVar("R")


def search_users(site: Site, text: str, start: str, size: int, group: str | None = None) -> Page[User]:
    """Return a page of the users whose email, full name or groups contain a text, ignoring case.

    Args:
        site: the site.
        text: the text; an empty one is in every user.
        start: the cursor, as in list_users (PAGE-3).
        size: the maximum number of users on the page.
        group: only the members of this group.
    """
    table, text, start = site.store.users, text.casefold(), email_cursor(start)
    with site.lock:
        if not text and group is None:
            return table.page(start, size)
        rows = table.rows(None if group is None else site.store.members[group])
        groups = {name for name in site.store.groups if text in name.casefold()}

    def matches(row: TableRow[User]) -> bool:
        user = row.record
        # The key is the email in lower case.
        if text in row.key or text in f"{user.first_name} {user.last_name}".casefold():
            return True
        return not groups.isdisjoint(user.groups)

    return _page(table, [row for row in rows if matches(row)], start, size)


def search_groups(site: Site, text: str, start: str, size: int) -> Page[Group]:
    """Return a page of the groups whose name contains a text, ignoring case. The arguments are as in search_users."""
    return _search_names(site, site.store.groups, text, start, size)


def search_dashboards(
    site: Site, text: str, start: str, size: int, owner: str | None = None, group: str | None = None
) -> Page[Dashboard]:
    """Return a page of the dashboards whose name contains a text, ignoring case, as search_groups does.

    Args:
        site: the site.
        text: the text.
        start: the cursor.
        size: the maximum number of dashboards on the page.
        owner: only the dashboards of the user with this email.
        group: only the dashboards to which this group has access.
    """
    with site.lock:
        owned = None if owner is None else set(site.store.owned[email_key(owner)])
        shared = None if group is None else set(site.store.shared[group])
    names = owned & shared if owned is not None and shared is not None else shared if owned is None else owned
    return _search_names(site, site.store.dashboards, text, start, size, names)


def _search_names(
    site: Site, table: Table[R], text: str, start: str, size: int, names: Set[str] | None = None
) -> Page[R]:
    text = text.casefold()
    with site.lock:
        start = table.decode_cursor(start)
        if not text and names is None:
            return table.page(start, size)
        rows = table.rows(names)
    return _page(table, [row for row in rows if text in row.key.casefold()], start, size)


def _page(table: Table[R], found: list[TableRow[R]], start: str, size: int) -> Page[R]:
    place = bisect_left(found, start, key=attrgetter("key"))
    rows = found[place : place + size + 1]
    following = table.name_of(rows.pop().record) if len(rows) > size else None
    return Page(rows, len(found), following)
