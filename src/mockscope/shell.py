"""What the commands share: a seed or the demo, a state file, and errors as one line for whoever typed the command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from mockscope.saving import StateFile

# The people of the vendor's page, so that its examples work when pasted.
DEMO: Final = Path(__file__).with_name("demo.json")


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
