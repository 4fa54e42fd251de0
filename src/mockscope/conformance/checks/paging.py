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


def _listing_of(session: Session, kind: RecordKind) -> Listing:
    listing = session.listing(kind)
    skip_unless(listing.pages, f"the {kind.plural} could not be listed (PAGE-6)")
    return listing


def _page_at(session: Session, kind: RecordKind, cursor: str) -> ListPage:
    return ListPage(session.get(kind.path, query={NEXT_PAGE_START: cursor}), kind)


# -- PAGE-1, PAGE-2 --------------------------------------------------------------------------------------------


def _check_order(session: Session, kind: RecordKind) -> None:
    # Only within each page, because PAGE-2 and PAGE-6 check the order of the pages.
    for page in _listing_of(session, kind).pages:
        case = ", in lower case" if kind is USER else ""
        expect(page.keys == sorted(page.keys), f"{kind.plural} are in order of {kind.key_field}{case}", page.exchange)
    skip_unless(len(session.listing(kind).keys) > 1, f"the site has fewer than two {kind.plural}")


def _check_page_size(session: Session, kind: RecordKind) -> None:
    pages = _listing_of(session, kind).pages
    full = [page for page in pages if page.next_start]
    sizes = {len(page.records) for page in full}
    expected = "all pages but the last hold the same number of records"
    expect(len(sizes) < 2, expected, *(page.exchange for page in full))
    most = sizes.pop() if sizes else int(str(session.policy["page_size"]))
    for page in pages:
        expect(len(page.records) <= most, f"a page holds at most {most} records", page.exchange)
    skip_unless(full, f"all {kind.plural} of the site are on one page")
    session.policy.observe("page_size", most, full[0].exchange)


def _check_cursor(session: Session, kind: RecordKind) -> None:
    listing = _listing_of(session, kind)
    for page in listing.pages:
        is_there = NEXT_PAGE_START in page.fields and isinstance(page.next_start, str | None)
        expect(is_there, "next_page_start is in every page, a string or null", page.exchange)
    skip_unless(listing.is_complete, "the last page was not reached")
    # The last page must be one that has no next page.
    last = listing.pages[-1]
    expect(last.next_start is None, "next_page_start is null on the last page", last.exchange)


def _check_cursor_names_next_record(session: Session, kind: RecordKind) -> None:
    pages = _listing_of(session, kind).pages
    for before, page in pairwise(pages):
        is_next = Listing(kind, [before, page]).is_contiguous
        expect(is_next, "next_page_start is the first record of the next page", before.exchange, page.exchange)
    skip_unless(len(pages) > 1, f"all {kind.plural} of the site are on one page")


# -- PAGE-3 ----------------------------------------------------------------------------------------------------


def _ordered_keys(session: Session, kind: RecordKind) -> list[str]:
    keys = _listing_of(session, kind).keys
    skip_unless(len(keys) > 1, f"the site has fewer than two {kind.plural}")
    skip_unless(keys == sorted(set(keys)), f"the {kind.plural} are not in order, or repeated (PAGE-1, PAGE-6)")
    return keys


def _expect_page_start(session: Session, kind: RecordKind, cursor: str) -> None:
    keys = _ordered_keys(session, kind)
    place = bisect_left(keys, cursor.lower() if kind is USER else cursor)
    page = _page_at(session, kind, cursor)
    # PAGE-4 checks a cursor after all records.
    starts = page.keys[:1] == keys[place : place + 1]
    expect(starts, "the page starts at the first record not before its cursor", page.exchange)


def _check_page_start(session: Session, kind: RecordKind) -> None:
    keys = _ordered_keys(session, kind)
    middle = keys[len(keys) // 2]
    # Keys of records, and texts between two keys. A key without its last character comes before its record.
    for cursor in sorted({keys[1], middle, keys[-1], keys[-1][:-1], keys[0] + "!", middle + "!"} - {""}):
        _expect_page_start(session, kind, cursor)


def _check_cursor_in_capitals(session: Session) -> None:
    keys = [key for key in _ordered_keys(session, USER) if key.isascii()]
    skip_unless(keys, "every email of the site has characters that are not ASCII")
    _expect_page_start(session, USER, keys[len(keys) // 2].upper())


def _expect_page_start_with_plus(session: Session, email: str) -> None:
    exchange = session.get(USERS_PATH, query=f"{NEXT_PAGE_START}={quote(email, safe='+@')}")
    starts = ListPage(exchange, USER).keys[:1] == [email]
    expect(starts, "the page starts at the first record not before its cursor", exchange)


def _check_plus_in_cursor(session: Session) -> None:
    keys = [key for key in _ordered_keys(session, USER) if "+" in key]
    skip_unless(keys, "no user of the site has a + in the email")
    _expect_page_start_with_plus(session, keys[0])


def _check_plus_of_own_user(session: Session) -> None:
    _expect_page_start_with_plus(session, session.create_own(USER, email=session.names.email("+plus")))


def _check_cursor_of_deleted_user(session: Session) -> None:
    first = min(session.create_own(USER), session.create_own(USER))
    before = _page_at(session, USER, first)
    is_gone = session.delete(USER, first).status < 300 and before.keys[:1] == [first]
    skip_unless(is_gone, "no page begins with the user to delete, or the deletion was refused")
    after = _page_at(session, USER, first)
    starts = after.keys[:1] == before.keys[1:2]
    expect(starts, "the page starts at the first record not before its cursor", after.exchange, before.exchange)


# -- PAGE-4 to PAGE-6 ------------------------------------------------------------------------------------------


def _page_after_last(session: Session, kind: RecordKind) -> ListPage:
    listing = _listing_of(session, kind)
    skip_unless(listing.is_complete, "the last page was not reached")
    return _page_at(session, kind, max(listing.keys, default="") + "~")


def _check_page_after_last(session: Session, kind: RecordKind) -> None:
    page = _page_after_last(session, kind)
    is_empty = page.is_valid and not page.records and not page.next_start
    expect(is_empty, "a cursor after all records is 200 with an empty page and a null cursor", page.exchange)


def _expect_count(page: ListPage, name: str, number: object, of: str) -> None:
    value = page.fields.get(name)
    expect(type(value) is int and value == number, f"{name} counts the records of {of}", page.exchange)


def _check_page_count(session: Session, kind: RecordKind) -> None:
    for page in _listing_of(session, kind).pages:
        _expect_count(page, f"{kind.plural}_this_page", len(page.records), "the page")


def _check_total(session: Session, kind: RecordKind) -> None:
    listing = _listing_of(session, kind)
    reason = "the list was not read completely, with each page beginning at the cursor of the one before"
    skip_unless(listing.is_complete and listing.is_contiguous, reason)
    for page in listing.pages:
        _expect_count(page, f"total_{kind.plural}", len(set(listing.keys)), "the site")


def _check_counts_of_empty_page(session: Session, kind: RecordKind) -> None:
    page = _page_after_last(session, kind)
    skip_unless(page.is_valid and not page.records, "a cursor after all records is not an empty page (PAGE-4)")
    total = f"total_{kind.plural}"
    _expect_count(page, f"{kind.plural}_this_page", 0, "the page")
    same_total = page.fields.get(total) == session.listing(kind).pages[0].fields.get(total)
    expect(same_total, f"{total} counts the records of the site on an empty page too", page.exchange)


def _check_all_pages(session: Session, kind: RecordKind) -> None:
    listing, expected = session.listing(kind), "all pages together have every record exactly once"
    if listing.bad_page is not None:
        fail(expected, listing.bad_page.exchange)
    for before, page in pairwise(listing.pages):
        expect(not set(before.keys) & set(page.keys), expected, before.exchange, page.exchange)
    keys, total = listing.keys, listing.pages[0].fields.get(f"total_{kind.plural}")
    is_short = listing.is_complete and not listing.is_contiguous and isinstance(total, int) and len(keys) < total
    expect(len(keys) == len(set(keys)) and not is_short, expected, *(page.exchange for page in listing.pages))
    skip_unless(len(listing.pages) > 1, f"all {kind.plural} of the site are on one page")


def _for_both_lists(rule: str, title: str, run: Callable[..., None]) -> Iterator[Check]:
    """Return a check for each of the two lists."""
    return (Check(rule, f"{kind.plural.title()}: {title}", partial(run, kind=kind)) for kind in KINDS)


CHECKS: Final = (
    *_for_both_lists("PAGE-1", "they come in order", _check_order),
    *_for_both_lists("PAGE-2", "a page holds at most 100 records", _check_page_size),
    *_for_both_lists("PAGE-2", "next_page_start is in every page, and null on the last", _check_cursor),
    *_for_both_lists("PAGE-2", "next_page_start is the first record of the next page", _check_cursor_names_next_record),
    *_for_both_lists("PAGE-3", "a page starts at the first record not before its cursor", _check_page_start),
    Check("PAGE-3", "A cursor in capitals is compared in lower case", _check_cursor_in_capitals),
    Check("PAGE-3", "A + in a cursor may arrive as a blank", _check_plus_in_cursor),
    Check("PAGE-3", "A + in the cursor of a new user may arrive as a blank", _check_plus_of_own_user, FULL),
    Check("PAGE-3", "A cursor whose user was deleted still works", _check_cursor_of_deleted_user, FULL),
    ignores("PAGE-4", "An empty cursor is the first page", LISTS, {"query": f"{NEXT_PAGE_START}="}),
    *_for_both_lists("PAGE-4", "a cursor after every record is an empty page", _check_page_after_last),
    *_for_both_lists("PAGE-5", "the page is counted", _check_page_count),
    *_for_both_lists("PAGE-5", "the site is counted", _check_total),
    *_for_both_lists("PAGE-5", "an empty page is counted", _check_counts_of_empty_page),
    *_for_both_lists("PAGE-6", "the pages yield every record exactly once", _check_all_pages),
)
