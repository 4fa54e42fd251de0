"""A parser of times in arguments and seeds."""

from datetime import datetime
from typing import Final

EXAMPLE: Final = "write it like 2014-02-06T23:46:07.118Z"


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
    return when
