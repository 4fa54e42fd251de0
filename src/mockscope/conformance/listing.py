"""The lists of a site, read page after page, whatever a server makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from json import loads
from typing import Any, Final, NamedTuple

from mockscope._vendor import GROUPS_PATH, KEY_FIELDS, NEXT_PAGE_START, USERS_PATH
from mockscope.remote.client import group_path
from mockscope.remote.exchange import Exchange


class JSONObject(dict[str, Any]):
    """A JSON object that keeps the names as they were written: in their order, and with repeats."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def parse_body(exchange: Exchange) -> Any:
    """Return the response's JSON, with its objects as JSONObject; the bytes if it is not JSON."""
    try:
        return loads(exchange.content, object_pairs_hook=JSONObject)
    # A RecursionError, a number of too many digits, and not UTF-8.
    except (ValueError, RecursionError):
        return exchange.content


class ParsedResponse(NamedTuple):
    """A response that several checks look at, parsed once."""

    exchange: Exchange
    # The JSON; the bytes if it is not JSON.
    body: Any


class RecordKind(NamedTuple):
    """Users or groups: what one is called, and all; the path of the list, and the field that identifies a record."""

    singular: str
    plural: str
    path: str
    key_field: str

    def __str__(self) -> str:
        return self.singular

    @property
    def create_path(self) -> str:
        """The path of a create, as the page spells it: `/api/v1/users`, and `/api/v1/groups/` with a slash (HTTP-3)."""
        return self.path if self is USER else f"{self.path}/"

    def key(self, record: Any) -> str | None:
        """Return what a record is compared and ordered by (PAGE-1); None if it has no such field."""
        value = record.get(self.key_field) if isinstance(record, dict) else None
        if not isinstance(value, str) or not is_encodable(value):
            return None
        return value.lower() if self is USER else value

    def target(self, name: str) -> dict[str, Any]:
        """Return the options of a request that names a record: the path, and for a user the email.

        Raises:
            ValueError: If no path can hold the name.
        """
        return {"path": USERS_PATH, "email": name} if self is USER else {"path": group_path(name)}


def is_encodable(text: str) -> bool:
    """Return whether UTF-8 can hold a text: JSON can hold half of a surrogate pair."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


USER: Final = RecordKind("user", "users", USERS_PATH, KEY_FIELDS["users"])
GROUP: Final = RecordKind("group", "groups", GROUPS_PATH, KEY_FIELDS["groups"])
KINDS: Final = (USER, GROUP)


class ListPage:
    """One page of a list.

    Args:
        exchange: The request and its response.
        kind: The kind of its records.
    """

    def __init__(self, exchange: Exchange, kind: RecordKind) -> None:
        self.exchange = exchange
        body = parse_body(exchange)
        listed = body.get(kind.plural) if exchange.status == 200 and isinstance(body, JSONObject) else None
        # Whether the response is a page at all.
        self.is_valid = isinstance(listed, list)
        self.fields: dict[str, Any] = body if self.is_valid else {}
        self.records: list[Any] = listed if isinstance(listed, list) else []
        self.keys = [key for record in self.records if (key := kind.key(record)) is not None]
        # The cursor of the next page; None where the page says null, or nothing.
        self.next_start: object = self.fields.get(NEXT_PAGE_START)


@dataclass
class Listing:
    """The pages of a list as far as they were read."""

    kind: RecordKind
    pages: list[ListPage]
    # The response that ended the walk because it is not a page, or the page whose cursor leads back or nowhere.
    bad_page: ListPage | None = None
    # Whether the walk ended at the maximal number of pages.
    is_truncated: bool = False

    @property
    def is_complete(self) -> bool:
        """Return whether the last page was reached."""
        return self.bad_page is None and not self.is_truncated

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
            page.keys[:1] == [self.kind.key({self.kind.key_field: before.next_start})]
            for before, page in pairwise(self.pages)
        )


def read_list(request: Callable[..., Exchange], kind: RecordKind, *, max_pages: int, start: str = "") -> Listing:
    """Read a list page after page.

    Args:
        request: Sends a request.
        kind: The kind of its records.
        max_pages: The most pages that are read.
        start: The cursor to begin with.
    """
    listing = Listing(kind, [])
    cursor: object = start
    cursors = {start}
    while True:
        page = ListPage(request("GET", kind.path, query={NEXT_PAGE_START: cursor} if cursor else {}), kind)
        if not page.is_valid:
            listing.bad_page = page
            return listing
        listing.pages.append(page)
        cursor = page.next_start
        if not isinstance(cursor, str) or cursor == "":
            return listing
        if cursor in cursors or not is_encodable(cursor):
            listing.bad_page = page
        listing.is_truncated = len(listing.pages) >= max_pages
        if not listing.is_complete:
            return listing
        cursors.add(cursor)
