"""All checks, in the order of the rules."""

from typing import Final

from mockscope.checking import authentication, groups, paging, test_mode, transport, users
from mockscope.checking.outcome import Row

FAMILIES: Final = {
    "Transport": transport.ROWS,
    "Authentication": authentication.ROWS,
    "Lists and paging": paging.ROWS,
    "Users": users.ROWS,
    "Groups": groups.ROWS,
    "Test mode": test_mode.ROWS,
}
ROWS: Final[tuple[Row, ...]] = tuple(row for rows in FAMILIES.values() for row in rows)
RULES: Final[tuple[str, ...]] = tuple(dict.fromkeys(row.rule for row in ROWS))
# The rules of which something can be seen from outside.
SEEN: Final[tuple[str, ...]] = tuple(dict.fromkeys(row.rule for row in ROWS if row.is_visible))
