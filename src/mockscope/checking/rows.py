"""All checks, in the order of the rules."""

from typing import Final

from mockscope.checking import authentication, groups, paging, test_mode, transport, users
from mockscope.checking.table import Check

CHECKS: Final[tuple[Check, ...]] = (
    *transport.CHECKS,
    *authentication.CHECKS,
    *paging.CHECKS,
    *users.CHECKS,
    *groups.CHECKS,
    *test_mode.CHECKS,
)
RULES: Final[tuple[str, ...]] = tuple(dict.fromkeys(check.rule for check in CHECKS))
# The rules of which something can be seen from outside.
SEEN: Final[tuple[str, ...]] = tuple(dict.fromkeys(check.rule for check in CHECKS if check.is_visible))
