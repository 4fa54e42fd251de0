"""Paging as one pure function of ordered keys: no site, no lock."""

from collections.abc import Iterable
from itertools import islice


def cut(keys: Iterable[str], size: int) -> tuple[list[str], str | None]:
    """Cut one page off ordered keys (PAGE-2).

    Args:
        keys: the keys from the start of the page on, in order.
        size: how many records a page holds at most.

    Returns:
        The keys of the page, and the key of the first record of the next page (None on the last page).
    """
    # "If there are more than 100 users, the API returns an email_address in next_page_start"
    page = list(islice(keys, size + 1))
    return page[:size], page[size] if len(page) > size else None
