"""The rules of lists and paging: PAGE-1 to PAGE-6."""

from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Final
from urllib.parse import quote

from mockscope.checking.comparing import same
from mockscope.checking.guard import USERS as USERS_PATH
from mockscope.checking.outcome import Level, Row, differs, unseen
from mockscope.checking.session import Session
from mockscope.checking.walking import LISTS, USERS, List, Page, Walk
from mockscope.target import Exchange


def _read(look: Session, kind: List) -> Walk:
    walk = look.walk(kind)
    if not walk.pages:
        raise unseen(f"the {kind.name} could not be listed (PAGE-6)")
    return walk


def in_order(look: Session, kind: List) -> None:
    """PAGE-1, page by page: how pages hang together is for PAGE-2 and PAGE-6."""
    walk = _read(look, kind)
    for page in walk.pages:
        if page.keys != sorted(page.keys):
            raise differs(f"{kind.name} are in order of {kind.by}{', in lower case' * (kind is USERS)}", page.exchange)
    if len(walk.keys) < 2:
        raise unseen(f"the site has fewer than two {kind.name}")


# -- PAGE-2 ----------------------------------------------------------------------------------------------------


def size(look: Session, kind: List) -> None:
    walk = _read(look, kind)
    full = [page for page in walk.pages if page.next_start]
    sizes = {len(page.records) for page in full}
    if len(sizes) > 1:
        raise differs("all pages but the last hold the same number of records", *(page.exchange for page in full))
    most = sizes.pop() if sizes else int(str(look.policy["page_size"]))
    for page in walk.pages:
        if len(page.records) > most:
            raise differs(f"a page holds at most {most} records", page.exchange)
    if not full:
        raise unseen(f"all {kind.name} of the site are on one page")
    look.reading("page_size", most, full[0].exchange)


def next_is_there(look: Session, kind: List) -> None:
    for page in _read(look, kind).pages:
        if "next_page_start" not in (page.body or ()) or not isinstance(page.next_start, str | None):
            raise differs("next_page_start is in every page, a string or null", page.exchange)


def null_on_the_last(look: Session, kind: List) -> None:
    walk = _read(look, kind)
    if not walk.is_whole:
        raise unseen("the last page was not reached")
    # A page that could not be followed is the last one too.
    if walk.pages[-1].next_start is not None:
        raise differs("next_page_start is null on the last page", walk.pages[-1].exchange)


def names_the_next(look: Session, kind: List) -> None:
    walk = _read(look, kind)
    for before, page in pairwise(walk.pages):
        if not Walk(kind, [before, page]).is_contiguous:
            raise differs("next_page_start is the first record of the next page", before.exchange, page.exchange)
    if len(walk.pages) < 2:
        raise unseen(f"all {kind.name} of the site are on one page")


# -- PAGE-3 ----------------------------------------------------------------------------------------------------


def at_a_record(look: Session, kind: List) -> None:
    keys = _ordered(_read(look, kind))
    for place in sorted({1, len(keys) // 2, len(keys) - 1}):
        _starts_at(look, kind, keys[place], keys[place])


def between_records(look: Session, kind: List) -> None:
    keys = _ordered(_read(look, kind))
    # Cut, it is before its record; with a sign after it, behind.
    cursors = {keys[-1][:-1], keys[0] + "!", keys[len(keys) // 2] + "!"} - {""}
    for cursor in sorted(cursors):
        place = bisect_left(keys, cursor)
        if place < len(keys):
            _starts_at(look, kind, cursor, keys[place])


def in_capitals(look: Session) -> None:
    keys = [key for key in _ordered(_read(look, USERS)) if key.isascii()]
    if not keys:
        raise unseen("every email of the site holds more than ASCII")
    key = keys[len(keys) // 2]
    _starts_at(look, USERS, key.upper(), key)


def a_plus_that_became_a_blank(look: Session) -> None:
    for key in _ordered(_read(look, USERS)):
        if "+" in key:
            _starts_at_unencoded(look, key)
            return
    raise unseen("no user of the site has a + in the email")


def a_plus_of_our_own(look: Session) -> None:
    email = look.names.email("+plus")
    look.own_user(email=email)
    _starts_at_unencoded(look, email)


def a_deleted_user(look: Session) -> None:
    first = min(look.own_user(), look.own_user())
    before = Page(look.get(USERS_PATH, query={"next_page_start": first}), USERS)
    gone = look.ask("DELETE", USERS_PATH, email=first)
    if before.keys[:1] != [first] or gone.status >= 300:
        raise unseen("a page could not be begun at a user that was to be deleted")
    exchange = look.get(USERS_PATH, query={"next_page_start": first})
    if Page(exchange, USERS).keys[:1] != before.keys[1:2]:
        raise differs("the page starts at the first record not before its cursor", exchange, before.exchange)


def _ordered(walk: Walk) -> list[str]:
    keys = walk.keys
    if len(keys) < 2:
        raise unseen(f"the site has fewer than two {walk.kind.name}")
    if keys != sorted(set(keys)):
        raise unseen(f"the {walk.kind.name} did not come in order, each once (PAGE-1, PAGE-6)")
    return keys


def _starts_at(look: Session, kind: List, cursor: str, key: str) -> None:
    _judge_start(look.get(kind.path, query={"next_page_start": cursor}), kind, key)


def _starts_at_unencoded(look: Session, email: str) -> None:
    _judge_start(look.get(USERS_PATH, query=f"next_page_start={quote(email, safe='+@')}"), USERS, email)


def _judge_start(exchange: Exchange, kind: List, key: str) -> None:
    if exchange.status != 200 or Page(exchange, kind).keys[:1] != [key]:
        raise differs("the page starts at the first record not before its cursor", exchange)


# -- PAGE-4 ----------------------------------------------------------------------------------------------------


def empty_cursor(look: Session, kind: List) -> None:
    same(look.get(kind.path, query="next_page_start="), look.get(kind.path))


def after_the_last(look: Session, kind: List) -> None:
    walk = _read(look, kind)
    if not walk.is_whole:
        raise unseen("the last page was not reached")
    cursor = max(walk.keys, default="") + "~"
    exchange = look.get(kind.path, query={"next_page_start": cursor})
    page = Page(exchange, kind)
    if not page.is_one or page.records or page.next_start:
        raise differs("a cursor after every record is 200 with an empty page and null", exchange)


# -- PAGE-5, PAGE-6 --------------------------------------------------------------------------------------------


def count_of_the_page(look: Session, kind: List) -> None:
    for page in _read(look, kind).pages:
        if not _is_count(page, f"{kind.name}_this_page", len(page.records)):
            raise differs(f"{kind.name}_this_page counts the {kind.name} of the page", page.exchange)


def count_of_the_site(look: Session, kind: List) -> None:
    walk = _read(look, kind)
    if not (walk.is_whole and walk.is_contiguous):
        raise unseen("the list was not read from end to end, each page where the one before ended")
    for page in walk.pages:
        if not _is_count(page, f"total_{kind.name}", len(set(walk.keys))):
            raise differs(f"total_{kind.name} counts the {kind.name} of the site", page.exchange)


def count_of_an_empty_page(look: Session, kind: List) -> None:
    walk = _read(look, kind)
    page = Page(look.get(kind.path, query={"next_page_start": max(walk.keys, default="") + "~"}), kind)
    if not page.is_one or page.records or not walk.is_whole:
        raise unseen("there is no empty page to count (PAGE-4)")
    total = walk.pages[0].said(f"total_{kind.name}")
    for name, number in ((f"{kind.name}_this_page", 0), (f"total_{kind.name}", total)):
        if page.said(name) != number:
            raise differs(f"{name} is {number} on an empty page too", page.exchange)


def _is_count(page: Page, name: str, number: int) -> bool:
    value = page.said(name)
    return type(value) is int and value == number


def each_exactly_once(look: Session, kind: List) -> None:
    walk = look.walk(kind)
    expected = "following next_page_start yields every record exactly once"
    stray = walk.looping or walk.broken
    if stray is not None:
        raise differs(expected, stray.exchange)
    for before, page in pairwise(walk.pages):
        if set(before.keys) & set(page.keys):
            raise differs(expected, before.exchange, page.exchange)
    keys, total = walk.keys, walk.pages[0].said(f"total_{kind.name}")
    if len(keys) > len(set(keys)):
        raise differs(expected, *(page.exchange for page in walk.pages if len(page.keys) > len(set(page.keys))))
    if walk.is_whole and not walk.is_contiguous and isinstance(total, int) and len(keys) < total:
        raise differs(expected, *(page.exchange for page in walk.pages))
    if len(walk.pages) < 2:
        raise unseen(f"all {kind.name} of the site are on one page")


def _both(rule: str, title: str, ask: Callable[..., None]) -> tuple[Row, ...]:
    """A check of each of the lists."""
    return tuple(Row(rule, f"{kind.name.title()}: {title}", Level.READ_ONLY, partial(ask, kind=kind)) for kind in LISTS)


ROWS: Final = (
    *_both("PAGE-1", "they come in order", in_order),
    *_both("PAGE-2", "a page holds at most 100 records", size),
    *_both("PAGE-2", "next_page_start is in every page", next_is_there),
    *_both("PAGE-2", "next_page_start is null on the last page", null_on_the_last),
    *_both("PAGE-2", "next_page_start is the first record of the next page", names_the_next),
    *_both("PAGE-3", "a page starts at the record of its cursor", at_a_record),
    *_both("PAGE-3", "a cursor between two records is compared", between_records),
    Row("PAGE-3", "A cursor in capitals is compared in lower case", Level.READ_ONLY, in_capitals),
    Row("PAGE-3", "A + in a cursor may arrive as a blank", Level.READ_ONLY, a_plus_that_became_a_blank),
    Row("PAGE-3", "A + in a cursor may arrive as a blank, of a user made for it", Level.FULL, a_plus_of_our_own),
    Row("PAGE-3", "A cursor whose user was deleted still works", Level.FULL, a_deleted_user),
    *_both("PAGE-4", "an empty cursor is the first page", empty_cursor),
    *_both("PAGE-4", "a cursor after every record is an empty page", after_the_last),
    *_both("PAGE-5", "the page is counted", count_of_the_page),
    *_both("PAGE-5", "the site is counted", count_of_the_site),
    *_both("PAGE-5", "an empty page is counted", count_of_an_empty_page),
    *_both("PAGE-6", "the pages yield every record exactly once", each_exactly_once),
)
