"""What a check calls the records that it makes: unmistakable, so that they can be told from a site's own forever."""

import re
import secrets
from itertools import count
from typing import Final, Literal, NamedTuple

# Every run has a mark of its own, in which eight digits name the run.
FIRST_MARK: Final = "mockscope-check-"
MARK: Final = re.compile(rf"{FIRST_MARK}[0-9a-f]{{8}}(?![0-9a-z])", re.IGNORECASE)

Kind = Literal["user", "group"]


class Record(NamedTuple):
    """A record that a check has made, or may have made."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}"


class Names:
    """Made-up names for the records of one run.

    Args:
        run: the eight digits of the run; made up if they are not given.
    """

    def __init__(self, run: str | None = None) -> None:
        self.mark = f"{FIRST_MARK}{run or secrets.token_hex(4)}"
        self._numbers = count(1)
        self._ours = re.compile(rf"{re.escape(self.mark)}(?![0-9a-z])", re.IGNORECASE)

    def __repr__(self) -> str:
        return f"<Names {self.mark}>"

    def email(self, tag: str = "", *, domain: str = "example.com") -> str:
        """An email that nobody has."""
        return f"{self.mark}-{next(self._numbers)}{tag}@{domain}"

    def group(self) -> str:
        """The name of a group that nobody has. It can stand in every path, so that what is made can be removed."""
        return f"{self.mark} {next(self._numbers)}"

    def is_ours(self, name: str) -> bool:
        """Whether a name is one of this run."""
        return bool(self._ours.match(name))

    def found_in(self, text: str) -> list[str]:
        """What in a text that is no JSON may be taken for names of this run."""
        return [match[0] for match in re.finditer(rf"{re.escape(self.mark)}[^\"\u201c\u201d\s]*", text)]


class NamesOfAll(Names):
    """The names of all runs, for whoever removes what they left."""

    def is_ours(self, name: str) -> bool:
        """Whether a name is one of any run."""
        return bool(MARK.match(name))
