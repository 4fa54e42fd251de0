"""The two kinds of records, and their lists, read page by page. A server may send anything as a page."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from json import loads
from typing import Any, Final, NamedTuple

from mockscope._vendor import GROUPS_PATH, KEY_FIELDS, NEXT_PAGE_START, USERS_PATH
from mockscope.remote.client import group_path
from mockscope.remote.exchange import Exchange


class JSONObject(dict[str, Any]):
    """A JSON object with the list of its names, in the order of the text and with repeated names."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def parse_body(exchange: Exchange) -> Any:
    """Parse the body of a response, with objects as JSONObject. Return the bytes if it is not JSON."""
    try:
        return loads(exchange.content, object_pairs_hook=JSONObject)
    # ValueError: invalid JSON, invalid UTF-8, or a number with too many digits.
    except (ValueError, RecursionError):
        return exchange.content


class ParsedResponse(NamedTuple):
    """A response with its parsed body."""

    exchange: Exchange
    # The parsed JSON, or the bytes if the body is not JSON.
    body: Any


class RecordKind(NamedTuple):
    """A kind of records: users or groups. ``path`` is the path of the list; ``key_field`` identifies a record."""

    singular: str
    plural: str
    path: str
    key_field: str

    def __str__(self) -> str:
        return self.singular

    @property
    def create_path(self) -> str:
        """The path for a create. As on the vendor's page, only that of groups ends with a slash (HTTP-3)."""
        return self.path if self is USER else f"{self.path}/"

    def key(self, record: Any) -> str | None:
        """Return the key for comparison and order (PAGE-1), or None if the record has no valid one."""
        value = record.get(self.key_field) if isinstance(record, dict) else None
        if not isinstance(value, str) or not is_encodable(value):
            return None
        return value.lower() if self is USER else value

    def target(self, name: str) -> dict[str, Any]:
        """Return the arguments of ``Session.get`` for a record: the path, and for a user the email.

        Raises:
            ValueError: If a path cannot contain the name.
        """
        return {"path": USERS_PATH, "email": name} if self is USER else {"path": group_path(name)}


def is_encodable(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8. JSON may contain lone surrogates."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


USER: Final = RecordKind("user", "users", USERS_PATH, KEY_FIELDS["users"])
GROUP: Final = RecordKind("group", "groups", GROUPS_PATH, KEY_FIELDS["groups"])
KINDS: Final = (USER, GROUP)


class ListPage:
    """One page of a list.

    Args:
        exchange: The request and its response.
        kind: The kind of the records.
    """

    def __init__(self, exchange: Exchange, kind: RecordKind) -> None:
        self.exchange = exchange
        body = parse_body(exchange)
        listed = body.get(kind.plural) if exchange.status == 200 and isinstance(body, JSONObject) else None
        # Whether the response is a page of a list.
        self.is_valid = isinstance(listed, list)
        self.fields: dict[str, Any] = body if self.is_valid else {}
        self.records: list[Any] = listed if isinstance(listed, list) else []
        self.keys = [key for record in self.records if (key := kind.key(record)) is not None]
        # The cursor of the next page. None if the page has null or no cursor.
        self.next_start: object = self.fields.get(NEXT_PAGE_START)


@dataclass
class Listing:
    """The pages of a list that were read."""

    kind: RecordKind
    pages: list[ListPage]
    # The response that is not a page, or the page with an unusable or repeated cursor. No page after it was read.
    bad_page: ListPage | None = None
    # Whether reading stopped at the maximum number of pages.
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
        """Return whether each page begins with the record that the cursor of the page before names."""
        field, key = self.kind.key_field, self.kind.key
        return all(page.keys[:1] == [key({field: before.next_start})] for before, page in pairwise(self.pages))


def read_list(request: Callable[..., Exchange], kind: RecordKind, *, max_pages: int, start: str = "") -> Listing:
    """Read a list page by page.

    Args:
        request: A function that sends a request and returns the exchange.
        kind: The kind of the records.
        max_pages: The maximum number of pages.
        start: The cursor of the first page.
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
