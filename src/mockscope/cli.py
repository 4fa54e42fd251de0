"""The command line: which commands there are, and errors to one line. What the commands do lives elsewhere."""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, cast

import click

from mockscope import __version__
from mockscope.shell import say_wrong

WRONG_USE: Final = 2
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
    try:
        sys.exit(cli.main(prog_name="mockscope", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(WRONG_USE)
    except click.ClickException as error:
        say_wrong(error)
        sys.exit(WRONG_USE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(0)


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
