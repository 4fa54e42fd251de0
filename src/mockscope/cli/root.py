"""The command line: the table of commands, and the line and status of every error."""

import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final, cast

import click

from mockscope import __version__
from mockscope.cli.output import FAILED, print_error, print_usage_error

WRONG_USE: Final = 2
# As a shell has it for SIGINT.
INTERRUPTED: Final = 130
# The errors of a full disk or a closed pipe. Any other one is a bug, and worth its traceback.
UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE)
# The module of each command, and an example. A module is imported on first use: its libraries would slow down others.
COMMANDS: Final = {
    "serve": ("mockscope.cli.serve:serve", "mockscope serve --seed friends.yaml --port 0"),
    "exec": ("mockscope.cli.exec:execute", "mockscope exec --seed friends.yaml -- python sync.py"),
    "env": ("mockscope.cli.env:env", 'eval "$(mockscope env --ready-file ready.json)"'),
    "wait": ("mockscope.cli.wait:wait", "mockscope wait --ready-file ready.json --timeout 10"),
    "pull": ("mockscope.cli.pull:pull", "mockscope pull https://example.com --site my_site --output seed.yaml"),
    "check": ("mockscope.cli.check:check", "mockscope check http://127.0.0.1:8765 --site my_site --dry-run"),
    "contract": ("mockscope.cli.contract:contract", "mockscope contract --seed friends.yaml --max-examples 10"),
    "openapi": ("mockscope.cli.root:openapi", "mockscope openapi --format json > openapi.json"),
    "explain": ("mockscope.cli.root:explain", "mockscope explain USER-CREATE-2"),
    "show": ("mockscope.cli.show:show", "mockscope show failures/test_sync.py__test_joey-1f2e3d4c.mockscope.json"),
    "export-schema": ("mockscope.cli.root:export_schema", "mockscope export-schema > mockscope-seed.schema.json"),
}


class Commands(Mapping[str, click.Command]):
    """The commands of the table, each imported when it is looked up."""

    def __getitem__(self, name: str) -> click.Command:
        place, example = COMMANDS[name]
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        command.epilog = f"Example: {example}"
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Root(click.Group):
    """The group of all commands. Wrong use is one line on stderr, and status 2 unless a command has another."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command, and exit. Outside of standalone mode, behave like click."""
        run: Any = partial(super().main, *args, **options | {"standalone_mode": False})
        if not options.get("standalone_mode", True):
            return run()
        try:
            status = run()
            # Python would do this at the exit, and report a failure with a traceback.
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(WRONG_USE)
        except click.ClickException as error:
            print_usage_error(error)
            sys.exit(WRONG_USE)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            _discard_output()
            # A reader that closes its pipe, like head, wants no more output. This is not an error.
            if error.errno != errno.EPIPE:
                print_error(f"can't write: {error.strerror}")
            sys.exit(FAILED)
        sys.exit(status)


# The table is read-only: nothing adds commands.
@click.group(cls=Root, commands=cast(Any, Commands()), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mockscope %(version)s")
def cli() -> None:
    """A test double of Periscope Data's User and Group Management API."""


def main() -> None:
    """Run the console script."""
    for name in ("stdout", "stderr"):
        # A stream that was closed before the start (``>&-``) is replaced by the null device. No file has been opened
        # yet: it would get the number of the stream.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (it is open until the end)
    cli.main(prog_name="mockscope")


def _discard_output() -> None:
    """Discard the rest of standard output. Python would try to write it again at exit, and fail again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


@click.command()
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def openapi(form: str) -> None:
    """Print the contract, openapi.yaml."""
    from mockscope.contract import document

    # As bytes: neither the locale nor the platform's line ends may touch it.
    text = document.openapi_yaml()
    sys.stdout.buffer.write(document.to_json(text) if form == "json" else text)


@click.command("export-schema")
def export_schema() -> None:
    """Print the JSON Schema of the seed format, for editors."""
    from mockscope.seeds.files import schema

    click.echo(json.dumps(schema(), indent=2))


@click.command()
@click.argument("id")
def explain(id: str) -> None:
    """Explain a rule, such as USER-CREATE-2, or a hint."""
    from mockscope.contract import rules

    try:
        click.echo(rules.explain(id))
    except LookupError as error:
        raise click.UsageError(str(error)) from None
