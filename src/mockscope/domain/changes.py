"""The records of a site that differ before and after one write, or since a version."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from mockscope.domain.model import Dashboard, Group, User, email_key
from mockscope.domain.store import Table

Record = User | Group | Dashboard
# A record before and after. None: it did not exist.
Pair = tuple[Record | None, Record | None]
# The earlier names of renamed records, by name. None: the record with this name, if there is one, had none.
EarlierNames = Mapping[str, str | None]

# In the order of an export.
KINDS: Final = ("group", "user", "dashboard")

# msgspec does not know the type of a dashboard's access. It is a mapping.
_encoder: Final = msgspec.json.Encoder(enc_hook=dict)


class Renames(NamedTuple):
    """The renamed records of each table of a store."""

    users: EarlierNames = MappingProxyType({})
    groups: EarlierNames = MappingProxyType({})
    dashboards: EarlierNames = MappingProxyType({})


NO_RENAMES: Final = Renames()


class RecordChanges(msgspec.Struct, frozen=True, gc=False):
    """The records that differ, before and after. They are rendered on demand."""

    pairs: tuple[Pair, ...]

    def __bool__(self) -> bool:
        return bool(self.pairs)

    @property
    def size_bytes(self) -> int:
        """The size of the records as JSON."""
        return len(_encoder.encode(self.pairs))

    def render(self) -> list[dict[str, Any]]:
        """Return the changes as plain data: those of groups, users and dashboards, each in the order of the API.

        A change has ``kind``, ``name``, ``change`` and ``fields``. ``name`` is the name before the change or, of a
        created record, after it. ``fields`` has the value before and the value after of each field that differs. Of a
        created or removed record it has all fields, with None on the other side.
        """
        return [_render(pair) for pair in sorted(self.pairs, key=_sort_key)]


def rename(name: str, new_name: str) -> EarlierNames:
    """Return the earlier names of a table in which one record is renamed."""
    return {name: None, new_name: name}


def pair_records(before: Mapping[str, Any], after: Mapping[str, Any], names: EarlierNames) -> list[Pair]:
    """Return the records of a table that differ, each before and after.

    Args:
        before: the records before, by key; None for a key without one.
        after: the records after, with the same keys.
        names: the renamed records.
    """
    pairs: list[Pair] = []
    if names:
        before, after = dict(before), dict(after)
        for new_name, name in names.items():
            # Either of them may be gone since it was renamed.
            if name is not None and before.get(name) and after.get(new_name):
                pairs.append((before.pop(name), after.pop(new_name)))
        # The rest has the same keys again.
        before, after = dict.fromkeys(after) | before, dict.fromkeys(before) | after
    pairs += [(old, after[key]) for key, old in before.items()]
    return [(old, new) for old, new in pairs if old != new]


def add_later_names(names: dict[str, str | None], later: EarlierNames) -> None:
    """Change the earlier names of a table for records that were renamed later. Its cost grows with the latter only."""
    names.update({new: name and names.get(name, name) for new, name in later.items()})


def invert_names(names: EarlierNames, table: Table[Any]) -> EarlierNames:
    """Return the earlier names of a table whose records get back the names that they had.

    Args:
        names: the names that they had.
        table: the table now. A record that was renamed and then removed is not renamed back.
    """
    back = {name: new for new, name in names.items() if name is not None and new in table}
    return dict.fromkeys(names) | back


def _render(pair: Pair) -> dict[str, Any]:
    kind, name = _kind_and_name(pair)
    # One pair at a time: the codec does not release the interpreter lock, and there may be 100,000.
    old, new = (record or {} for record in msgspec.json.decode(_encoder.encode(pair)))
    fields = {field: [old.get(field), new.get(field)] for field in old or new}
    if old and new:
        fields = {field: values for field, values in fields.items() if values[0] != values[1]}
    change = "created" if not old else "removed" if not new else "changed"
    return {"kind": kind, "name": name, "change": change, "fields": fields}


def _kind_and_name(pair: Pair) -> tuple[str, str]:
    match pair[0] or pair[1]:
        case User(email=email):
            return "user", email
        case Group(name=name):
            return "group", name
        case Dashboard(name=name):
            return "dashboard", name
    raise ValueError("a pair has at least one record")


def _sort_key(pair: Pair) -> tuple[int, str]:
    kind, name = _kind_and_name(pair)
    return KINDS.index(kind), email_key(name) if kind == "user" else name
