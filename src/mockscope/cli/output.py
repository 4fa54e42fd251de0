"""The output of commands: lines and progress bars on standard error, and files."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import IOBase, TextIOWrapper
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import click
from click.core import ParameterSource

from mockscope import __version__
from mockscope._support import atomic_file
from mockscope._support.text import escape_control
from mockscope.cli.options import option_name

if TYPE_CHECKING:
    from mockscope.seeds.state_file import StateFile
    from mockscope.server.live import LiveServer

FAILED: Final = 1


def has_colour(stream: IOBase | TextIO) -> bool:
    """Return whether a stream shows colours: NO_COLOR decides, then FORCE_COLOR, then whether it is a terminal."""
    if os.environ.get("NO_COLOR") or not isinstance(stream, TextIOWrapper):
        # JSONLines is not a file.
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def print_line(line: str, *, colour: str | None = None) -> None:
    """Print a line for the user on standard error.

    Args:
        line: the line.
        colour: the colour of its first word, which is ``mockscope``.
    """
    is_coloured = has_colour(sys.stderr)
    click.echo(
        f"{click.style('mockscope:', colour) if is_coloured else 'mockscope:'} {line}", err=True, color=is_coloured
    )


def print_error(line: str) -> None:
    """Print the reason why something failed."""
    print_line(line, colour="red")


def exit_with_error(line: str) -> NoReturn:
    """Print the reason why a command failed, and end it with status 1."""
    print_error(line)
    raise click.exceptions.Exit(FAILED)


def print_findings(server: "LiveServer") -> None:
    """Print the findings of strict mode and of the contract, site by site."""
    for site in server.sites.values():
        for finding in site.active_findings():
            print_line(f"{site.host}: {finding}")


def print_usage_error(error: click.ClickException) -> None:
    """Print an error of wrong use in one line."""
    if isinstance(error, click.BadParameter) and error.ctx and error.param and error.param.name:
        source = error.ctx.get_parameter_source(error.param.name)
        if source is ParameterSource.ENVIRONMENT:
            # click would name the option, although the value came from the environment.
            error.param_hint = option_name(error.ctx, error.param.name)
    print_error(" ".join(error.format_message().split()))


def open_in_browser(url: str) -> None:
    """Open a page in the browser of the user."""
    # In a thread, because some browsers return when they are closed.
    Thread(target=_open_in_browser, args=(url,), daemon=True).start()


def _open_in_browser(url: str) -> None:
    import webbrowser  # imported late: most servers do not need it

    if not webbrowser.open(url):
        logging.getLogger("mockscope").warning("no browser could be opened: open the inspector yourself")


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn an OSError of a block into one line for the user.

    Raises:
        ClickException: If the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"can't write {what}: {error.strerror or error}") from None


def state_file(path: Path | None) -> "StateFile | None":
    """Return the state file for a path, or None without a path.

    Raises:
        ClickException: If it cannot be written.
    """
    if path is None:
        return None
    from mockscope.seeds.state_file import StateFile  # imported late: most servers keep no state

    with writing(f"the state file {path}"):
        return StateFile(path)


def save_state(save: Callable[[], object] | None) -> bool:
    """Write the state, if there is a state file. Return False, and print the reason, if writing failed."""
    try:
        if save is not None:
            save()
    except OSError as error:
        print_error(f"the state was not written: {error.strerror or error}")
        return False
    return True


def parse_own_har(text: bytes) -> None:
    """Check that a text is an HTTP Archive that mockscope wrote.

    Raises:
        ValueError: If it is not.
    """
    archive = json.loads(text)
    try:
        creator = archive["log"]["creator"]["name"]
    except (LookupError, TypeError):
        creator = None
    if creator != "mockscope":
        raise ValueError("not an HTTP Archive of mockscope")


def save_har(path: Path, server: "LiveServer") -> bool:
    """Write the calls of a server as an HTTP Archive. Return False, and print the reason, if writing failed."""
    from mockscope.instruments.har import to_har

    try:
        write_output(path, to_har(server.all_calls(), version=__version__).encode(), private=True)
    except OSError as error:
        print_error(f"the HTTP Archive was not written: {error.strerror or error}")
        return False
    return True


def describe_error(error: Exception) -> str:
    """Return the message of an error as one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write: {error.strerror}"
    return escape_control(str(error))


def check_output(path: Path | None) -> None:
    """Raise an error before any work if a file cannot be written; None is standard output.

    Raises:
        ClickException: If it cannot.
    """
    try:
        if path is not None:
            atomic_file.check(_resolved(path))
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from None


def write_output(path: Path | None, content: bytes, *, private: bool) -> None:
    """Write a file as a whole or not at all; None is standard output.

    Raises:
        OSError: If it cannot be written.
    """
    if path is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        atomic_file.write(_resolved(path), content, private=private)


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


class Progress:
    """Progress bars on standard error, one for each label, if it is a terminal."""

    def __init__(self) -> None:
        self._label = ""
        # click has no public name for the type.
        self._bar: Any = None

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        return self._show

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def _show(self, label: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None or label != self._label:
            self.__exit__()
            self._label = label
            self._bar = click.progressbar(length=total or done, label=label, show_pos=True, file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(done - self._bar.pos)
