"""The command env: the environment of a running server."""

from pathlib import Path
from shlex import quote

import click

from mockscope.cli.options import ready_file_option
from mockscope.cli.ready_file import parse


@click.command()
@ready_file_option
def env(*, ready_file: Path) -> None:
    """Print the environment of a running server, for eval."""
    from mockscope.cli.environment import environment_variables

    try:
        ready = parse(ready_file.read_bytes())
    except OSError as error:
        raise click.ClickException(f"can't read the ready file {ready_file}: {error.strerror or error}") from None
    except ValueError as error:
        raise click.ClickException(f"{ready_file} is not a ready file: {error}") from None
    for name, value in environment_variables(ready).items():
        click.echo(f"export {name}={quote(value)}")
