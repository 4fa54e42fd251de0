"""The command line: which commands there are, and errors to one line. What the commands do lives elsewhere."""

import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, cast

import click

from mockscope import __version__
from mockscope.shell import say, say_wrong

NOT_WRITTEN: Final = 1
WRONG_USE: Final = 2
# What comes of writing, to standard output among others. Any other failure is our own, and worth its trace.
UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE)
# name -> where it lives. Each is loaded when it is asked for, since what one command needs slows down the others.
COMMANDS: Final = {
    "serve": "mockscope.serving:serve",
    "exec": "mockscope.beside:execute",
    "env": "mockscope.beside:env",
    "wait": "mockscope.beside:wait",
    "pull": "mockscope.outside:pull",
    "check": "mockscope.judging:check",
    "contract": "mockscope.fuzzing:contract",
    "openapi": "mockscope.cli:openapi",
    "export-schema": "mockscope.cli:export_schema",
}


def main() -> None:
    """The console script. Wrong use of any kind is one line on stderr, and status 2 unless a command has another."""
    _open_closed_streams()
    try:
        status = cli.main(prog_name="mockscope", standalone_mode=False)
        # At the exit, where it would be done otherwise, a failure could only be told with a trace.
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(WRONG_USE)
    except click.ClickException as error:
        say_wrong(error)
        sys.exit(WRONG_USE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(0)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _give_up_output()
        # Whoever left a pipe, as head does, has seen enough.
        if error.errno != errno.EPIPE:
            say(f"can't write: {error.strerror}")
        sys.exit(NOT_WRITTEN)
    sys.exit(status)


def _open_closed_streams() -> None:
    """Have what is written to a stream that was closed before the start (``>&-``) go nowhere, as with the null device.

    Before any other file is opened: that one would get the number of the stream.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (it is open until the end)


def _give_up_output() -> None:
    """Have what is left of standard output go nowhere: at the exit it would be tried once more, and said once more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class Commands(Mapping[str, click.Command]):
    """The commands of the table, each loaded when it is looked up."""

    def __getitem__(self, name: str) -> click.Command:
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


# click would let others add to them, and nobody does.
@click.group(commands=cast(Any, Commands()), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mockscope %(version)s")
def cli() -> None:
    """A test double of Periscope Data's User and Group Management API."""


@click.command()
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def openapi(form: str) -> None:
    """Print the contract, openapi.yaml."""
    from mockscope import _spec

    # As bytes: neither the locale nor the platform's line ends may touch it.
    sys.stdout.buffer.write(_spec.openapi_json() if form == "json" else _spec.openapi_yaml())


@click.command("export-schema")
def export_schema() -> None:
    """Print the JSON Schema of the seed format, for editors."""
    from mockscope.seeding import schema

    click.echo(json.dumps(schema(), indent=2))
