"""Assertions on the changed records of a site: whether they hold, and the difference as text."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from typing import Any, Final, NamedTuple

from mockscope._support.arguments import check_choice, check_type
from mockscope.domain.changes import KINDS
from mockscope.domain.model import Dashboard, Group, User, email_key
from mockscope.instruments.matching import NOTHING, describe_difference
from mockscope.instruments.record_changes import describe_change, describe_changes
from mockscope.instruments.redaction import Redactor

FIELDS: Final = {
    "group": Group.__struct_fields__,
    "user": User.__struct_fields__,
    "dashboard": Dashboard.__struct_fields__,
}
CHANGES: Final = ("created", "changed", "removed")
# The maximum number of changes in a message, and of names that are compared with a wanted one.
MAX_SHOWN_CHANGES: Final = 20
MAX_SHOWN_NEAREST: Final = 3
MAX_COMPARED: Final = 500

Change = Mapping[str, Any]


class WantedChange(NamedTuple):
    """A change that a test expects.

    Args:
        kind: the kind of the record.
        name: the email of a user, else the name of the record.
        change: created, changed or removed; None is any of them.
        fields: the expected values of fields after the change.
    """

    kind: str
    name: str
    change: str | None
    fields: Mapping[str, Any]

    def check(self) -> None:
        """Check the arguments.

        Raises:
            ValueError: If the kind, the change or a field is unknown, or the name is not a text.
        """
        check_choice("kind of record", self.kind, KINDS)
        check_type("name", self.name, str)
        if self.change is not None:
            check_choice("change", self.change, CHANGES)
        for field in self.fields:
            check_choice(f"field of a {self.kind}", field, FIELDS[self.kind])

    def describe_absence(self, changes: Sequence[Change], place: str, redactor: Redactor) -> str:
        """Return why the change is not among those of a site; an empty string if it is.

        Args:
            changes: the changes of the site.
            place: the site and the earlier state, for the message.
            redactor: redacts keys in the message.
        """
        own = [change for change in changes if self._is_of_record(change)]
        differences = [self._differences(change, redactor) for change in own]
        if any(not differing for differing in differences):
            return ""
        lines = [f"expected {self._describe(redactor)} on {place}, and it {'differs' if own else 'did not change'}"]
        for change, differing in zip(own, differences, strict=True):
            lines += [f"  {describe_change(change)}", *(f"      {line}" for line in differing)]
        if not own:
            nearest = self._nearest(changes)
            lines += ["the nearest records that did change:" if nearest else "no record changed"]
            lines += [f"  {describe_change(change)}" for change in nearest]
        return redactor("\n".join(lines))

    def _is_of_record(self, change: Change) -> bool:
        return change["kind"] == self.kind and self._key(change["name"]) == self._key(self.name)

    def _key(self, name: str) -> str:
        return email_key(name) if self.kind == "user" else name

    def _differences(self, change: Change, redactor: Redactor) -> list[str]:
        after = {name: values[1] for name, values in change["fields"].items()}
        parts: list[tuple[str, Any, Any]] = []
        if self.change is not None:
            parts.append(("change", self.change, change["change"]))
        # The groups of a user are a tuple in Python, and a list in a change.
        wanted = {name: [*value] if isinstance(value, tuple) else value for name, value in self.fields.items()}
        parts += [(name, value, after.get(name, NOTHING)) for name, value in wanted.items()]
        return [
            describe_difference(name, value, seen, redactor)
            for name, value, seen in parts
            if seen is NOTHING or value != seen
        ]

    def _describe(self, redactor: Redactor) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        what = {"created": "the creation", "removed": "the removal"}.get(self.change or "", "a change")
        return f"{what} of the {self.kind} {self.name}{' with ' * bool(fields)}{fields}"

    def _nearest(self, changes: Sequence[Change]) -> list[Change]:
        likely = sorted(changes, key=lambda change: change["kind"] != self.kind)[:MAX_COMPARED]
        return nlargest(MAX_SHOWN_NEAREST, likely, key=self._similarity)

    def _similarity(self, change: Change) -> tuple[bool, float]:
        ratio = SequenceMatcher(None, self._key(self.name), self._key(change["name"])).ratio()
        return change["kind"] == self.kind, ratio


def describe_changed(changes: Sequence[Change], place: str, redactor: Redactor) -> str:
    """Return the message about records that should not have changed; an empty string without any."""
    if not changes:
        return ""
    number = f"{len(changes)} records" if len(changes) > 1 else "1 record"
    lines = [f"expected no changes on {place}, and {number} changed:"]
    lines += [f"  {line}" for line in describe_changes(changes, MAX_SHOWN_CHANGES)]
    return redactor("\n".join(lines))
