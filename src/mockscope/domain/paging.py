"""Paging as one pure function of what is ordered: no site, no lock."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def cut(ordered: Sequence[T], size: int) -> tuple[Sequence[T], T | None]:
    """Cut one page off records in their order (PAGE-2).

    Args:
        ordered: the records from the start of the page on, or their keys; of the next page the first will do.
        size: how many records a page holds at most.

    Returns:
        The page, and the first record of the next page (None on the last page).
    """
    # "If there are more than 100 users, the API returns an email_address in next_page_start"
    return ordered[:size], ordered[size] if len(ordered) > size else None
