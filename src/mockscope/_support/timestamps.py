"""A parser of times in arguments and seeds, and the form in which JSON shows them."""

import re
from datetime import datetime
from typing import Final

EXAMPLE: Final = "write it like 2014-02-06T23:46:07.118Z"

_DATE: Final = (
    "[0-9]{4}(?:-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    "|-W[0-5][0-9](?:-[1-7])?|W[0-5][0-9][1-7]?)"
)
_TIME: Final = (
    "(?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?|[0-5][0-9](?:[0-5][0-9](?:[.,][0-9]+)?)?)?"
)
_OFFSET: Final = "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9](?::?[0-5][0-9](?:[.,][0-9]+)?)?)?)"
# The times of ISO 8601 that datetime parses. What else it parses differs between versions of Python.
ISO_TIME: Final = re.compile(f"{_DATE}[Tt ]{_TIME}{_OFFSET}")


def parse_time(moment: object) -> datetime:
    """Parse a time as an aware datetime.

    Args:
        moment: an aware datetime, or a string in ISO 8601 with an offset.

    Raises:
        ValueError: If it is not a time, or has no offset.
    """
    try:
        when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        when = None
    if not isinstance(when, datetime):
        raise ValueError(f"{moment!r} is not a time; {EXAMPLE}")
    if when.utcoffset() is None:
        raise ValueError(f"{moment} has no offset from UTC; {EXAMPLE}")
    if isinstance(moment, str) and not ISO_TIME.fullmatch(moment):
        raise ValueError(f"{moment!r} is not a time; {EXAMPLE}")
    return when


def format_time(moment: datetime) -> str:
    """Return a time in UTC as JSON shows it: with milliseconds and ``Z``."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
