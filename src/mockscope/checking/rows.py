"""All checks, in the order of the rules."""

from typing import Final

from mockscope.checking import authentication, groups, paging, test_mode, transport, users
from mockscope.checking.table import Check

FAMILIES: Final = tuple(module.FAMILY for module in (transport, authentication, paging, users, groups, test_mode))
CHECKS: Final[tuple[Check, ...]] = tuple(check for family in FAMILIES for check in family.checks)
RULES: Final[tuple[str, ...]] = tuple(dict.fromkeys(check.rule for check in CHECKS))
# The rules of which something can be seen from outside.
SEEN: Final[tuple[str, ...]] = tuple(dict.fromkeys(check.rule for check in CHECKS if check.is_visible))
