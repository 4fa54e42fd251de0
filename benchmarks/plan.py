"""The size of a run: the number of rounds, and the sizes of sites."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Plan(NamedTuple):
    """The size of a run.

    Args:
        rounds: The number of samples of a figure.
        large: The number of users of the largest site.
        seeded: The number of users in a seed file.
        work: A directory for seeds, requests and logs.
        npm: The directory where npm installed peers.
        tell: A function that prints the progress.
    """

    rounds: int
    large: int
    seeded: int
    work: Path
    npm: Path | None
    tell: Callable[[str], None]
