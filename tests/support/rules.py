"""The rules of the contract, from docs/rules.yaml."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from support.paths import ROOT

BASES: Final = ("stated", "forced", "inferred", "chosen")


class Rule(NamedTuple):
    """A row of docs/rules.yaml.

    Args:
        family: The heading of the row.
        id: The id, which never changes.
        summary: The sentence of `mockscope check`, without a full stop.
        sentence: The behaviour of mockscope.
        basis: The part of the rule that has each basis; an empty text if the whole rule has it.
        policy: The names of the policy switches that change the behaviour.
    """

    family: str
    id: str
    summary: str
    sentence: str
    basis: Mapping[str, str]
    policy: tuple[str, ...]


@cache
def read_rules(path: Path = ROOT / "docs/rules.yaml") -> list[Rule]:
    """Return the rows of docs/rules.yaml in their order."""
    families = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Rule(
            family,
            row["id"],
            row["summary"],
            row["sentence"].strip(),
            _basis(row["basis"]),
            tuple(row.get("policy", ())),
        )
        for family, rows in families.items()
        for row in rows
    ]


def _basis(basis: str | dict[str, str]) -> dict[str, str]:
    return {basis: ""} if isinstance(basis, str) else basis
