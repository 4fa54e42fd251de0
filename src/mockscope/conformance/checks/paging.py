"""The rules of lists and paging: PAGE-1 to PAGE-6."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Final
from urllib.parse import quote

from mockscope._vendor import NEXT_PAGE_START, USERS_PATH
from mockscope.conformance.check_factories import LISTS, Check, ignores
from mockscope.conformance.listing import KINDS, USER, Listing, ListPage, RecordKind
from mockscope.conformance.outcome import FULL, expect, fail, skip_unless
from mockscope.conformance.session import Session


def _read(session: Session, kind: RecordKind) -> Listing:
    listing = session.listing(kind)
    skip_unless(listing.pages, f"the {kind.plural} could not be listed (PAGE-6)")
    return listing


def _page(session: Session, kind: RecordKind, cursor: str) -> ListPage:
    return ListPage(session.get(kind.path, query={NEXT_PAGE_START: cursor}), kind)


# -- PAGE-1, PAGE-2 --------------------------------------------------------------------------------------------


def _in_order(session: Session, kind: RecordKind) -> None:
    # ListPage by page: the order of the pages is for PAGE-2 and PAGE-6.
    for page in _read(session, kind).pages:
        case = ", in lower case" if kind is USER else ""
        expect(page.keys == sorted(page.keys), f"{kind.plural} are in order of {kind.key_field}{case}", page.exchange)
    skip_unless(len(session.listing(kind).keys) > 1, f"the site has fewer than two {kind.plural}")


def _size(session: Session, kind: RecordKind) -> None:
    pages = _read(session, kind).pages
    full = [page for page in pages if page.next_start]
    sizes = {len(page.records) for page in full}
    expected = "all pages but the last hold the same number of records"
    expect(len(sizes) < 2, expected, *(page.exchange for page in full))
    most = sizes.pop() if sizes else int(str(session.policy["page_size"]))
    for page in pages:
        expect(len(page.records) <= most, f"a page holds at most {most} records", page.exchange)
    skip_unless(full, f"all {kind.plural} of the site are on one page")
    session.policy.observe("page_size", most, full[0].exchange)


def _next_page_start(session: Session, kind: RecordKind) -> None:
    listing = _read(session, kind)
    for page in listing.pages:
        is_there = NEXT_PAGE_START in page.fields and isinstance(page.next_start, str | None)
        expect(is_there, "next_page_start is in every page, a string or null", page.exchange)
    skip_unless(listing.is_complete, "the last page was not reached")
    # A page that could not be followed is the last one too.
    last = listing.pages[-1]
    expect(last.next_start is None, "next_page_start is null on the last page", last.exchange)


def _names_the_next(session: Session, kind: RecordKind) -> None:
    pages = _read(session, kind).pages
    for before, page in pairwise(pages):
        is_next = Listing(kind, [before, page]).is_contiguous
        expect(is_next, "next_page_start is the first record of the next page", before.exchange, page.exchange)
    skip_unless(len(pages) > 1, f"all {kind.plural} of the site are on one page")


# -- PAGE-3 ----------------------------------------------------------------------------------------------------


def _ordered(session: Session, kind: RecordKind) -> list[str]:
    keys = _read(session, kind).keys
    skip_unless(len(keys) > 1, f"the site has fewer than two {kind.plural}")
    skip_unless(keys == sorted(set(keys)), f"the {kind.plural} did not come in order, each once (PAGE-1, PAGE-6)")
    return keys


def _starts_in_its_place(session: Session, kind: RecordKind, cursor: str) -> None:
    keys = _ordered(session, kind)
    place = bisect_left(keys, cursor.lower() if kind is USER else cursor)
    page = _page(session, kind, cursor)
    # That a cursor after every record is an empty page is for PAGE-4.
    starts = page.keys[:1] == keys[place : place + 1]
    expect(starts, "the page starts at the first record not before its cursor", page.exchange)


def _compared(session: Session, kind: RecordKind) -> None:
    keys = _ordered(session, kind)
    middle = keys[len(keys) // 2]
    # Those of records, and those between two: a key without its last sign is before its record.
    for cursor in sorted({keys[1], middle, keys[-1], keys[-1][:-1], keys[0] + "!", middle + "!"} - {""}):
        _starts_in_its_place(session, kind, cursor)


def _in_capitals(session: Session) -> None:
    keys = [key for key in _ordered(session, USER) if key.isascii()]
    skip_unless(keys, "every email of the site holds more than ASCII")
    _starts_in_its_place(session, USER, keys[len(keys) // 2].upper())


def _starts_at_unencoded(session: Session, email: str) -> None:
    exchange = session.get(USERS_PATH, query=f"{NEXT_PAGE_START}={quote(email, safe='+@')}")
    starts = ListPage(exchange, USER).keys[:1] == [email]
    expect(starts, "the page starts at the first record not before its cursor", exchange)


def _plus_as_blank(session: Session) -> None:
    keys = [key for key in _ordered(session, USER) if "+" in key]
    skip_unless(keys, "no user of the site has a + in the email")
    _starts_at_unencoded(session, keys[0])


def _own_plus_as_blank(session: Session) -> None:
    _starts_at_unencoded(session, session.create_own(USER, email=session.names.email("+plus")))


def _deleted_user(session: Session) -> None:
    first = min(session.create_own(USER), session.create_own(USER))
    before = _page(session, USER, first)
    is_gone = session.delete(USER, first).status < 300 and before.keys[:1] == [first]
    skip_unless(is_gone, "a page could not be begun at a user that was to be deleted")
    after = _page(session, USER, first)
    starts = after.keys[:1] == before.keys[1:2]
    expect(starts, "the page starts at the first record not before its cursor", after.exchange, before.exchange)


# -- PAGE-4 to PAGE-6 ------------------------------------------------------------------------------------------


def _behind_the_last(session: Session, kind: RecordKind) -> ListPage:
    listing = _read(session, kind)
    skip_unless(listing.is_complete, "the last page was not reached")
    return _page(session, kind, max(listing.keys, default="") + "~")


def _after_the_last(session: Session, kind: RecordKind) -> None:
    page = _behind_the_last(session, kind)
    is_empty = page.is_valid and not page.records and not page.next_start
    expect(is_empty, "a cursor after every record is 200 with an empty page and null", page.exchange)


def _counts(page: ListPage, name: str, number: object, of: str) -> None:
    value = page.fields.get(name)
    expect(type(value) is int and value == number, f"{name} counts the records of {of}", page.exchange)


def _count_of_the_page(session: Session, kind: RecordKind) -> None:
    for page in _read(session, kind).pages:
        _counts(page, f"{kind.plural}_this_page", len(page.records), "the page")


def _count_of_the_site(session: Session, kind: RecordKind) -> None:
    listing = _read(session, kind)
    reason = "the list was not read from end to end, each page where the one before ended"
    skip_unless(listing.is_complete and listing.is_contiguous, reason)
    for page in listing.pages:
        _counts(page, f"total_{kind.plural}", len(set(listing.keys)), "the site")


def _count_of_an_empty_page(session: Session, kind: RecordKind) -> None:
    page = _behind_the_last(session, kind)
    skip_unless(page.is_valid and not page.records, "there is no empty page to count (PAGE-4)")
    total = f"total_{kind.plural}"
    _counts(page, f"{kind.plural}_this_page", 0, "the page")
    same_total = page.fields.get(total) == session.listing(kind).pages[0].fields.get(total)
    expect(same_total, f"{total} counts the records of the site, on an empty page too", page.exchange)


def _each_exactly_once(session: Session, kind: RecordKind) -> None:
    listing, expected = session.listing(kind), "following next_page_start yields every record exactly once"
    if listing.bad_page is not None:
        fail(expected, listing.bad_page.exchange)
    for before, page in pairwise(listing.pages):
        expect(not set(before.keys) & set(page.keys), expected, before.exchange, page.exchange)
    keys, total = listing.keys, listing.pages[0].fields.get(f"total_{kind.plural}")
    is_short = listing.is_complete and not listing.is_contiguous and isinstance(total, int) and len(keys) < total
    expect(len(keys) == len(set(keys)) and not is_short, expected, *(page.exchange for page in listing.pages))
    skip_unless(len(listing.pages) > 1, f"all {kind.plural} of the site are on one page")


def _both(rule: str, title: str, run: Callable[..., None]) -> Iterator[Check]:
    """Return a check for each of the two lists."""
    return (Check(rule, f"{kind.plural.title()}: {title}", partial(run, kind=kind)) for kind in KINDS)


CHECKS: Final = (
    *_both("PAGE-1", "they come in order", _in_order),
    *_both("PAGE-2", "a page holds at most 100 records", _size),
    *_both("PAGE-2", "next_page_start is in every page, and null on the last", _next_page_start),
    *_both("PAGE-2", "next_page_start is the first record of the next page", _names_the_next),
    *_both("PAGE-3", "a page starts at the first record not before its cursor", _compared),
    Check("PAGE-3", "A cursor in capitals is compared in lower case", _in_capitals),
    Check("PAGE-3", "A + in a cursor may arrive as a blank", _plus_as_blank),
    Check("PAGE-3", "A + in a cursor may arrive as a blank, of a user made for it", _own_plus_as_blank, FULL),
    Check("PAGE-3", "A cursor whose user was deleted still works", _deleted_user, FULL),
    ignores("PAGE-4", "An empty cursor is the first page", LISTS, {"query": f"{NEXT_PAGE_START}="}),
    *_both("PAGE-4", "a cursor after every record is an empty page", _after_the_last),
    *_both("PAGE-5", "the page is counted", _count_of_the_page),
    *_both("PAGE-5", "the site is counted", _count_of_the_site),
    *_both("PAGE-5", "an empty page is counted", _count_of_an_empty_page),
    *_both("PAGE-6", "the pages yield every record exactly once", _each_exactly_once),
)
