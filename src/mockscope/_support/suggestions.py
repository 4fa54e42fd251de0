"""Suggestions for misspelt words, by similarity to the known words."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final

# difflib compares a pair in some microseconds, so this many candidates take some milliseconds.
MAX_CANDIDATES: Final = 500
MAX_WORD_CHARS: Final = 200


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to ``word``, ignoring case; None if none is similar."""
    candidates = {candidate.lower(): candidate for candidate in islice(known, MAX_CANDIDATES)}
    matches = get_close_matches(word.lower()[:MAX_WORD_CHARS], candidates, n=1, cutoff=0.6)
    return candidates[matches[0]] if matches else None


def suggest(word: str, known: Collection[str]) -> str:
    """Return "did you mean ...?" with the nearest known word or, if none is similar, a list of the known words."""
    guess = find_nearest(word, known)
    return f"did you mean {guess}?" if guess else f"known: {', '.join(known) or 'none'}"


def find_nearest_email(email: str, known: Iterable[str]) -> str | None:
    """Return the known email with a similar name and the same domain, or the same name and a similar domain, or None.

    Whole addresses are not compared, because all addresses of a domain are similar.
    """
    name, _, domain = email.lower().partition("@")
    candidates = list(islice(known, MAX_CANDIDATES))
    names = {key.partition("@")[0]: key for key in candidates if key.lower().endswith(f"@{domain}")}
    if guess := find_nearest(name, names):
        return names[guess]
    return find_nearest(email, (key for key in candidates if key.lower().startswith(f"{name}@")))
