"""The names of the records that a run makes. They cannot be mistaken for a site's own."""

import re
import secrets
from itertools import count
from typing import Final, Literal, NamedTuple

from mockscope._support.text import printable

# Each run has a mark of its own, with eight digits that name the run.
FIRST_MARK: Final = "mockscope-check-"
MARK: Final = re.compile(rf"{FIRST_MARK}[0-9a-f]{{8}}(?![0-9a-z])", re.IGNORECASE)

Kind = Literal["user", "group"]


class Record(NamedTuple):
    """A record that a run has made, or may have made."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {printable(self.name)}"


def is_marked(name: str) -> bool:
    """Return whether a name is that of a record which any run has made."""
    return bool(MARK.match(name))


class Names:
    """Made-up names for the records of one run.

    Args:
        run: The eight digits of the run; without them, random ones.
    """

    def __init__(self, run: str | None = None) -> None:
        self.mark = f"{FIRST_MARK}{run or secrets.token_hex(4)}"
        self._numbers = count(1)

    def email(self, tag: str = "", *, domain: str = "example.com") -> str:
        """Return an email that no user has."""
        return f"{self.mark}-{next(self._numbers)}{tag}@{domain}"

    def group(self) -> str:
        """Return a name that no group has, and that every path can hold, so that the group can be removed."""
        return f"{self.mark} {next(self._numbers)}"

    def is_ours(self, name: str) -> bool:
        """Return whether a name is one of this run."""
        return is_marked(name) and name.lower().startswith(self.mark)


class NamesOfAllRuns(Names):
    """The names of all runs, for the removal of what they left."""

    def is_ours(self, name: str) -> bool:
        """Return whether a name is one of any run."""
        return is_marked(name)
