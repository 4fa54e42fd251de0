"""The records of a site as read-only mappings."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Generic, TypeVar

from mockscope.domain.site import Site
from mockscope.domain.store import Table

R = TypeVar("R")


class Records(Mapping[str, R], Generic[R]):
    """The live records of a site by name, in API order. ``in`` and ``get`` ignore case where the API does.

    Args:
        site: the site.
        table: one of its tables.
    """

    def __init__(self, site: Site, table: Table[R]) -> None:
        self._site = site
        self._table = table

    def __getitem__(self, name: str) -> R:
        if not isinstance(name, str):
            # A KeyError, so that `in` and get() take any value.
            raise KeyError(f"{name!r} is not an email or a name; the first record is list(site.users.values())[0]")
        with self._site.lock:
            record = self._table.get(self._table.key_of(name))
        if record is None:
            raise KeyError(name)
        return record

    def __len__(self) -> int:
        # Without the lock, a write that renames a record could be seen half-done.
        with self._site.lock:
            return len(self._table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._copy())

    def values(self) -> ValuesView[R]:
        """Return a copy of the present records."""
        return self._copy().values()

    def items(self) -> ItemsView[str, R]:
        """Return a copy of the present records, with their names."""
        return self._copy().items()

    def __repr__(self) -> str:
        return f"{{{', '.join(self)}}}"

    # Mapping would look up each name separately, and a record may be deleted between two look-ups.
    def _copy(self) -> dict[str, R]:
        with self._site.lock:
            return {self._table.name_of(record): record for record in self._table.records()}
