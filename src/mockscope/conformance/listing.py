"""The lists of a site, read page after page, whatever a server makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from json import loads
from typing import Any, Final, NamedTuple

from mockscope._vendor import GROUPS_PATH, KEY_FIELDS, NEXT_PAGE_START, USERS_PATH
from mockscope.remote.client import group_path
from mockscope.remote.exchange import Exchange


class Fields(dict[str, Any]):
    """A JSON object that keeps the names as they were written: in their order, and with repeats."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def content(exchange: Exchange) -> Any:
    """Return the response's JSON, with its objects as Fields; the bytes if it is not JSON."""
    try:
        return loads(exchange.content, object_pairs_hook=Fields)
    # A RecursionError, a number of too many digits, and not UTF-8.
    except (ValueError, RecursionError):
        return exchange.content


class CannedResponse(NamedTuple):
    """A response that several checks look at, parsed once."""

    exchange: Exchange
    # The JSON; the bytes if it is not JSON.
    body: Any


class Kind(NamedTuple):
    """Users or groups: what one is called, and all; the path of the list, and the field that identifies a record."""

    one: str
    name: str
    path: str
    by: str

    def __str__(self) -> str:
        return self.one

    @property
    def create_path(self) -> str:
        """The path of a create, as the page spells it: `/api/v1/users`, and `/api/v1/groups/` with a slash (HTTP-3)."""
        return self.path if self is USER else f"{self.path}/"

    def key(self, record: Any) -> str | None:
        """Return what a record is compared and ordered by (PAGE-1); None if it has no such field."""
        value = record.get(self.by) if isinstance(record, dict) else None
        if not isinstance(value, str) or not is_sendable(value):
            return None
        return value.lower() if self is USER else value

    def target(self, name: str) -> dict[str, Any]:
        """Return the options of a request that names a record: the path, and for a user the email.

        Raises:
            ValueError: If no path can hold the name.
        """
        return {"path": USERS_PATH, "email": name} if self is USER else {"path": group_path(name)}


def is_sendable(text: str) -> bool:
    """Return whether UTF-8 can hold a text: JSON can hold half of a surrogate pair."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


USER: Final = Kind("user", "users", USERS_PATH, KEY_FIELDS["users"])
GROUP: Final = Kind("group", "groups", GROUPS_PATH, KEY_FIELDS["groups"])
KINDS: Final = (USER, GROUP)


class Page:
    """One page of a list.

    Args:
        exchange: The request and its response.
        kind: The kind of its records.
    """

    def __init__(self, exchange: Exchange, kind: Kind) -> None:
        self.exchange = exchange
        body = content(exchange)
        listed = body.get(kind.name) if exchange.status == 200 and isinstance(body, Fields) else None
        # Whether the response is a page at all.
        self.is_valid = isinstance(listed, list)
        self.fields: dict[str, Any] = body if self.is_valid else {}
        self.records: list[Any] = listed if isinstance(listed, list) else []
        self.keys = [key for record in self.records if (key := kind.key(record)) is not None]
        # The cursor of the next page; None where the page says null, or nothing.
        self.next_start: object = self.fields.get(NEXT_PAGE_START)


@dataclass
class Walk:
    """The pages of a list as far as they were read."""

    kind: Kind
    pages: list[Page]
    # The response that ended the walk because it is not a page, or the page whose cursor leads back or nowhere.
    stray: Page | None = None
    # Whether the walk ended at the maximal number of pages.
    is_cut: bool = False

    @property
    def is_whole(self) -> bool:
        """Return whether the last page was reached."""
        return self.stray is None and not self.is_cut

    @property
    def keys(self) -> list[str]:
        """The keys of all records, in the order of the pages."""
        return [key for page in self.pages for key in page.keys]

    @property
    def records(self) -> list[Any]:
        """All records, in the order of the pages."""
        return [record for page in self.pages for record in page.records]

    @property
    def is_contiguous(self) -> bool:
        """Return whether each page begins with the record that the page before names."""
        return all(
            page.keys[:1] == [self.kind.key({self.kind.by: before.next_start})] for before, page in pairwise(self.pages)
        )


def walk(request: Callable[..., Exchange], kind: Kind, *, max_pages: int, start: str = "") -> Walk:
    """Read a list page after page.

    Args:
        request: Sends a request.
        kind: The kind of its records.
        max_pages: The most pages that are read.
        start: The cursor to begin with.
    """
    walked = Walk(kind, [])
    cursor: object = start
    cursors = {start}
    while True:
        page = Page(request("GET", kind.path, query={NEXT_PAGE_START: cursor} if cursor else {}), kind)
        if not page.is_valid:
            walked.stray = page
            return walked
        walked.pages.append(page)
        cursor = page.next_start
        if not isinstance(cursor, str) or cursor == "":
            return walked
        if cursor in cursors or not is_sendable(cursor):
            walked.stray = page
        walked.is_cut = len(walked.pages) >= max_pages
        if not walked.is_whole:
            return walked
        cursors.add(cursor)
