"""The size of a run: how often and how much is measured."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Plan(NamedTuple):
    """The size of a run.

    Args:
        rounds: The number of samples of a figure.
        large: The users of the largest site.
        seeded: The users in a seed file.
        work: A directory for seeds, requests and logs.
        npm: The directory where npm installed the peers that it has.
        tell: A function that prints the progress.
    """

    rounds: int
    large: int
    seeded: int
    work: Path
    npm: Path | None
    tell: Callable[[str], None]
