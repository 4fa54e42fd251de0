"""What the commands share: a seed or the demo, a state file, numbers, and errors as one line for whoever typed it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from mockscope.saving import StateFile

# The people of the vendor's page, so that its examples work when pasted.
DEMO: Final = Path(__file__).with_name("demo.json")
# A day: who says more means for ever, and sockets count in milliseconds that must fit into 32 bits.
MOST_SECONDS: Final = 86_400
MOST_REQUESTS: Final = 1_000_000


class Number(click.FloatRange):
    """A number in a range; what is no number is out of none, and refused all the same."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click has it, but for what is no number."""
        number = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


# How long something may take, and how many requests a second there may be.
SECONDS: Final = Number(0, MOST_SECONDS, min_open=True)
RATE: Final = Number(0, MOST_REQUESTS, min_open=True)


def say(line: str) -> None:
    """Tell the user something on stderr."""
    click.echo(f"mockscope: {line}", err=True)


def say_wrong(error: click.ClickException) -> None:
    """Tell the user in one line what was wrong."""
    say(" ".join(error.format_message().split()))


@contextmanager
def seed_or_demo(seed: Path | None) -> Iterator[Path]:
    """The file of a seed, for a block that loads it; None is the demo.

    Args:
        seed: the seed that was asked for.

    Raises:
        ClickException: what was given can't be loaded, or can't be read.
    """
    try:
        if seed is not None:
            yield seed
        else:
            yield DEMO
    except ValueError as error:
        # A seed that can't be loaded, or a token that can't stand in a header.
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"can't read the seed {seed}: {error.strerror or error}") from None


def state_file(path: Path | None) -> "StateFile | None":
    """The file that the state is kept in, if one was asked for.

    Raises:
        ClickException: it can't be written.
    """
    if path is None:
        return None
    from mockscope.saving import StateFile  # here, not above: most servers keep no state

    try:
        return StateFile(path)
    except OSError as error:
        raise click.ClickException(f"can't write the state file {path}: {error.strerror or error}") from None


def is_kept(save: Callable[[], object] | None) -> bool:
    """Write the state, if it is to be kept at all; where that fails say so, and return False."""
    try:
        if save is not None:
            save()
    except OSError as error:
        say(f"the state was not written: {error.strerror or error}")
        return False
    return True
