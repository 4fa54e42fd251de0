"""The rules of lists and paging: PAGE-1 to PAGE-6."""

from bisect import bisect_left
from collections.abc import Callable
from itertools import pairwise
from typing import Final
from urllib.parse import quote

from mockscope.checking.comparing import same
from mockscope.checking.outcome import Level, differs, unseen
from mockscope.checking.session import Session
from mockscope.checking.table import Family
from mockscope.checking.walking import GROUP_LIST, USER_LIST, List, Page, Walk
from mockscope.remote.client import USERS
from mockscope.remote.exchange import Exchange

FAMILY: Final = Family("Lists and paging")
check = FAMILY.check


def check_both(rule: str, title: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds a check of each of the lists."""

    def add(run: Callable[..., None]) -> Callable[..., None]:
        check(rule, f"Users: {title}", kind=USER_LIST)(run)
        return check(rule, f"Groups: {title}", kind=GROUP_LIST)(run)

    return add


def _read(session: Session, kind: List) -> Walk:
    walk = session.walk(kind)
    if not walk.pages:
        raise unseen(f"the {kind.name} could not be listed (PAGE-6)")
    return walk


def _last(session: Session, kind: List) -> Page:
    walk = _read(session, kind)
    if not walk.is_whole:
        raise unseen("the last page was not reached")
    return walk.pages[-1]


def _page(session: Session, kind: List, cursor: str) -> Page:
    return Page(session.get(kind.path, query={"next_page_start": cursor}), kind)


@check_both("PAGE-1", "they come in order")
def in_order(session: Session, kind: List) -> None:
    # Page by page: the order of the pages is for PAGE-2 and PAGE-6.
    for page in _read(session, kind).pages:
        if page.keys != sorted(page.keys):
            case = ", in lower case" if kind is USER_LIST else ""
            raise differs(f"{kind.name} are in order of {kind.by}{case}", page.exchange)
    if len(session.walk(kind).keys) < 2:
        raise unseen(f"the site has fewer than two {kind.name}")


@check_both("PAGE-2", "a page holds at most 100 records")
def size(session: Session, kind: List) -> None:
    pages = _read(session, kind).pages
    full = [page for page in pages if page.next_start]
    sizes = {len(page.records) for page in full}
    if len(sizes) > 1:
        raise differs("all pages but the last hold the same number of records", *(page.exchange for page in full))
    most = sizes.pop() if sizes else int(str(session.readings["page_size"]))
    for page in pages:
        if len(page.records) > most:
            raise differs(f"a page holds at most {most} records", page.exchange)
    if not full:
        raise unseen(f"all {kind.name} of the site are on one page")
    session.readings.judge("page_size", most, full[0].exchange)


@check_both("PAGE-2", "next_page_start is in every page")
def next_is_there(session: Session, kind: List) -> None:
    for page in _read(session, kind).pages:
        if "next_page_start" not in page.fields or not isinstance(page.next_start, str | None):
            raise differs("next_page_start is in every page, a string or null", page.exchange)


@check_both("PAGE-2", "next_page_start is null on the last page")
def null_on_the_last(session: Session, kind: List) -> None:
    # A page that could not be followed is the last one too.
    if _last(session, kind).next_start is not None:
        raise differs("next_page_start is null on the last page", _last(session, kind).exchange)


@check_both("PAGE-2", "next_page_start is the first record of the next page")
def names_the_next(session: Session, kind: List) -> None:
    pages = _read(session, kind).pages
    for before, page in pairwise(pages):
        if not Walk(kind, [before, page]).is_contiguous:
            raise differs("next_page_start is the first record of the next page", before.exchange, page.exchange)
    if len(pages) < 2:
        raise unseen(f"all {kind.name} of the site are on one page")


# -- PAGE-3 ----------------------------------------------------------------------------------------------------


def _ordered(session: Session, kind: List) -> list[str]:
    keys = _read(session, kind).keys
    if len(keys) < 2:
        raise unseen(f"the site has fewer than two {kind.name}")
    if keys != sorted(set(keys)):
        raise unseen(f"the {kind.name} did not come in order, each once (PAGE-1, PAGE-6)")
    return keys


def _starts_at(exchange: Exchange, kind: List, key: str) -> None:
    if Page(exchange, kind).keys[:1] != [key]:
        raise differs("the page starts at the first record not before its cursor", exchange)


@check_both("PAGE-3", "a page starts at the record of its cursor")
def at_a_record(session: Session, kind: List) -> None:
    keys = _ordered(session, kind)
    for place in sorted({1, len(keys) // 2, len(keys) - 1}):
        _starts_at(_page(session, kind, keys[place]).exchange, kind, keys[place])


@check_both("PAGE-3", "a cursor between two records is compared")
def between_records(session: Session, kind: List) -> None:
    keys = _ordered(session, kind)
    # Without its last sign it is before its record, with one more behind it.
    cursors = {keys[-1][:-1], keys[0] + "!", keys[len(keys) // 2] + "!"} - {""}
    for cursor in sorted(cursors):
        place = bisect_left(keys, cursor)
        if place < len(keys):
            _starts_at(_page(session, kind, cursor).exchange, kind, keys[place])


@check("PAGE-3", "A cursor in capitals is compared in lower case")
def in_capitals(session: Session) -> None:
    keys = [key for key in _ordered(session, USER_LIST) if key.isascii()]
    if not keys:
        raise unseen("every email of the site holds more than ASCII")
    key = keys[len(keys) // 2]
    _starts_at(_page(session, USER_LIST, key.upper()).exchange, USER_LIST, key)


def _starts_at_unencoded(session: Session, email: str) -> None:
    _starts_at(session.get(USERS, query=f"next_page_start={quote(email, safe='+@')}"), USER_LIST, email)


@check("PAGE-3", "A + in a cursor may arrive as a blank")
def plus_as_blank(session: Session) -> None:
    for key in _ordered(session, USER_LIST):
        if "+" in key:
            return _starts_at_unencoded(session, key)
    raise unseen("no user of the site has a + in the email")


@check("PAGE-3", "A + in a cursor may arrive as a blank, of a user made for it", Level.FULL)
def own_plus_as_blank(session: Session) -> None:
    _starts_at_unencoded(session, session.own_user(email=session.names.email("+plus")))


@check("PAGE-3", "A cursor whose user was deleted still works", Level.FULL)
def deleted_user(session: Session) -> None:
    first = min(session.own_user(), session.own_user())
    before = _page(session, USER_LIST, first)
    gone = session.delete_user(first)
    if before.keys[:1] != [first] or gone.status >= 300:
        raise unseen("a page could not be begun at a user that was to be deleted")
    after = _page(session, USER_LIST, first)
    if after.keys[:1] != before.keys[1:2]:
        raise differs("the page starts at the first record not before its cursor", after.exchange, before.exchange)


# -- PAGE-4 to PAGE-6 ------------------------------------------------------------------------------------------


def _behind_the_last(session: Session, kind: List) -> Page:
    _last(session, kind)
    return _page(session, kind, max(session.walk(kind).keys, default="") + "~")


@check_both("PAGE-4", "an empty cursor is the first page")
def empty_cursor(session: Session, kind: List) -> None:
    same(session.get(kind.path, query="next_page_start="), session.get(kind.path))


@check_both("PAGE-4", "a cursor after every record is an empty page")
def after_the_last(session: Session, kind: List) -> None:
    page = _behind_the_last(session, kind)
    if not page.is_valid or page.records or page.next_start:
        raise differs("a cursor after every record is 200 with an empty page and null", page.exchange)


def _counts(page: Page, name: str, number: object, expected: str) -> None:
    value = page.fields.get(name)
    if type(value) is not int or value != number:
        raise differs(expected, page.exchange)


@check_both("PAGE-5", "the page is counted")
def count_of_the_page(session: Session, kind: List) -> None:
    name = f"{kind.name}_this_page"
    for page in _read(session, kind).pages:
        _counts(page, name, len(page.records), f"{name} counts the {kind.name} of the page")


@check_both("PAGE-5", "the site is counted")
def count_of_the_site(session: Session, kind: List) -> None:
    walk, name = _read(session, kind), f"total_{kind.name}"
    if not (walk.is_whole and walk.is_contiguous):
        raise unseen("the list was not read from end to end, each page where the one before ended")
    for page in walk.pages:
        _counts(page, name, len(set(walk.keys)), f"{name} counts the {kind.name} of the site")


@check_both("PAGE-5", "an empty page is counted")
def count_of_an_empty_page(session: Session, kind: List) -> None:
    page = _behind_the_last(session, kind)
    if not page.is_valid or page.records:
        raise unseen("there is no empty page to count (PAGE-4)")
    total = session.walk(kind).pages[0].fields.get(f"total_{kind.name}")
    for name, number in ((f"{kind.name}_this_page", 0), (f"total_{kind.name}", total)):
        if page.fields.get(name) != number:
            raise differs(f"{name} is {number} on an empty page too", page.exchange)


@check_both("PAGE-6", "the pages yield every record exactly once")
def each_exactly_once(session: Session, kind: List) -> None:
    walk, expected = session.walk(kind), "following next_page_start yields every record exactly once"
    if walk.stray is not None:
        raise differs(expected, walk.stray.exchange)
    for before, page in pairwise(walk.pages):
        if set(before.keys) & set(page.keys):
            raise differs(expected, before.exchange, page.exchange)
    keys, total = walk.keys, walk.pages[0].fields.get(f"total_{kind.name}")
    is_short = walk.is_whole and not walk.is_contiguous and isinstance(total, int) and len(keys) < total
    if len(keys) > len(set(keys)) or is_short:
        raise differs(expected, *(page.exchange for page in walk.pages))
    if len(walk.pages) < 2:
        raise unseen(f"all {kind.name} of the site are on one page")
