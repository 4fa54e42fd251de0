"""The lists of a site, read page after page as the page of the vendor says, whatever a server makes of that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecodeError, loads
from typing import Any, Final, NamedTuple

from mockscope.checking.guard import GROUPS as GROUPS_PATH
from mockscope.checking.guard import USERS as USERS_PATH
from mockscope.target import Exchange


class Fields(dict[str, Any]):
    """A JSON object that still knows the names that it was written with, in their order and with repeats."""

    names: list[str]

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> "Fields":
        """Made of the pairs that a parser found."""
        made = cls(pairs)
        made.names = [name for name, _ in pairs]
        return made


class NoJson(ValueError):
    """An answer that is no JSON."""


def parsed(exchange: Exchange) -> Any:
    """The answer, with its objects as Fields.

    Raises:
        NoJson: it is no JSON.
    """
    try:
        return loads(exchange.answer, object_pairs_hook=Fields.of)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoJson(str(error)) from None


def can_be_sent(text: str) -> bool:
    """Whether a text is one in UTF-8: JSON can hold half a surrogate pair, and nothing else can."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


class List(NamedTuple):
    """One of the two lists: its name, where it is, and what its records go by."""

    name: str
    path: str
    by: str

    def key(self, record: Any) -> str | None:
        """What a record is compared and ordered by (PAGE-1); None where it has no such thing."""
        value = record.get(self.by) if isinstance(record, dict) else None
        if not isinstance(value, str) or not can_be_sent(value):
            return None
        return value.lower() if self.by == "email" else value


USERS: Final = List("users", USERS_PATH, "email")
GROUPS: Final = List("groups", GROUPS_PATH, "name")
LISTS: Final = (USERS, GROUPS)


@dataclass(slots=True)
class Page:
    """One page of a list, as far as it is one."""

    exchange: Exchange
    kind: List
    body: Fields | None = None
    records: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            body = parsed(self.exchange)
        except NoJson:
            return
        if isinstance(body, Fields) and self.exchange.status == 200 and isinstance(body.get(self.kind.name), list):
            self.body = body
            self.records = body[self.kind.name]

    @property
    def is_one(self) -> bool:
        """Whether it is a page at all."""
        return self.body is not None

    @property
    def keys(self) -> list[str]:
        """What its records go by; those that have no such thing are left out."""
        return [key for record in self.records if (key := self.kind.key(record)) is not None]

    @property
    def next_start(self) -> object:
        """What it says of the next page; None where it says null, or nothing."""
        return self.said("next_page_start")

    def said(self, name: str) -> Any:
        """What it says beside its records; None where it says nothing of the kind."""
        return None if self.body is None else self.body.get(name)


@dataclass(slots=True)
class Walk:
    """A list as far as it was read."""

    kind: List
    pages: list[Page]
    # The page that was none: there the walk ended.
    broken: Page | None = None
    # The page whose cursor had been used before, or can't be used at all.
    looping: Page | None = None
    # Whether it ended because it was to be no longer.
    is_cut: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the last page was reached."""
        return not (self.broken or self.looping or self.is_cut)

    @property
    def keys(self) -> list[str]:
        """What all records go by, in the order in which they came."""
        return [key for page in self.pages for key in page.keys]

    @property
    def records(self) -> list[Any]:
        """All records, in the order in which they came."""
        return [record for page in self.pages for record in page.records]

    @property
    def is_contiguous(self) -> bool:
        """Whether each page begins with the record that the one before has named."""
        return all(
            page.keys[:1] == [self.kind.key({self.kind.by: before.next_start})]
            for before, page in zip(self.pages, self.pages[1:], strict=False)
        )


Ask = Callable[..., Exchange]


def walk(ask: Ask, kind: List, *, most_pages: int, first: Exchange | None = None, start: str = "") -> Walk:
    """Read a list, page after page.

    Args:
        ask: asks the server.
        kind: which list.
        most_pages: how many pages at most.
        first: the first page, where it is there already.
        start: the cursor to begin with.
    """
    query = {"next_page_start": start} if start else ""
    walked = Walk(kind, [])
    page = Page(first or ask("GET", kind.path, query=query), kind)
    cursors = {start}
    while page.is_one:
        walked.pages.append(page)
        cursor = page.next_start
        if not isinstance(cursor, str) or cursor == "":
            # Null, or nothing that could be followed.
            return walked
        if cursor in cursors or not can_be_sent(cursor):
            walked.looping = page
            return walked
        if len(walked.pages) >= most_pages:
            walked.is_cut = True
            return walked
        cursors.add(cursor)
        page = Page(ask("GET", kind.path, query={"next_page_start": cursor}), kind)
    walked.broken = page
    return walked
