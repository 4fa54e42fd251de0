"""Did you mean: the known word nearest to one that means nothing. A leaf: every layer may import it."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final

# difflib compares one pair in some microseconds: so many candidates are a matter of milliseconds at worst.
MAX_CANDIDATES: Final = 500
MAX_WORD_CHARS: Final = 200


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``, without regard to case, or None where none is like it."""
    candidates = {candidate.lower(): candidate for candidate in islice(known, MAX_CANDIDATES)}
    matches = get_close_matches(word.lower()[:MAX_WORD_CHARS], candidates, n=1, cutoff=0.6)
    return candidates[matches[0]] if matches else None


def suggest(word: str, known: Collection[str]) -> str:
    """Return the nearest known word as a hint at an unknown one, or else all known words."""
    guess = find_nearest(word, known)
    return f"did you mean {guess}?" if guess else f"known: {', '.join(known) or 'none'}"


def find_nearest_email(email: str, known: Iterable[str]) -> str | None:
    """The known email most like one: a slip in the name or in the domain, not in both.

    Compared whole, any two addresses of one domain would look alike.
    """
    name, _, domain = email.lower().partition("@")
    candidates = list(islice(known, MAX_CANDIDATES))
    names = {key.partition("@")[0]: key for key in candidates if key.lower().endswith(f"@{domain}")}
    if guess := find_nearest(name, names):
        return names[guess]
    return find_nearest(email, (key for key in candidates if key.lower().startswith(f"{name}@")))
