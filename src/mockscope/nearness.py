"""Did you mean: the known word nearest to one that means nothing. A leaf: every layer may import it."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

# difflib compares one pair in some microseconds: so many candidates are a matter of milliseconds at worst.
MOST_CANDIDATES = 500


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``, without regard to case, or None where none is like it."""
    candidates = {candidate.lower(): candidate for candidate in islice(known, MOST_CANDIDATES)}
    matches = get_close_matches(word.lower()[:200], candidates, n=1, cutoff=0.6)
    return candidates[matches[0]] if matches else None
