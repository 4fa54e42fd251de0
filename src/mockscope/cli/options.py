"""The options that commands share, and checks of their values."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from math import isnan
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

# The people of the vendor's page, so that its examples work unchanged.
DEMO: Final = Path(__file__).parents[1] / "demo.json"
# A day. Sockets count milliseconds in 32 bits.
MAX_SECONDS: Final = 86_400
MAX_REQUESTS: Final = 1_000_000


class Number(click.FloatRange):
    """A number in a range. NaN is not one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert as click does, and refuse NaN."""
        number = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


PORT: Final = click.IntRange(0, 65535)
SECONDS: Final = Number(0, MAX_SECONDS, min_open=True)
RATE: Final = Number(0, MAX_REQUESTS, min_open=True)


class _File(click.Path):
    """A path that is not empty. An empty path would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(not_empty(ctx, param, value), param, ctx)


def not_empty(context: click.Context | None, parameter: click.Parameter | None, value: str) -> str:
    """Refuse an empty value, which an unset variable of a shell expands to.

    Raises:
        BadParameter: If the value is empty.
    """
    if not value:
        raise click.BadParameter("it is empty: give a value, or leave the option out", context, parameter)
    return value


FILE: Final = _File(path_type=Path)
FOLDER: Final = click.Path(path_type=Path, file_okay=False)
ready_file_option: Final = click.option(
    "--ready-file",
    type=FILE,
    required=True,
    envvar="MOCKSCOPE_READY_FILE",
    help="The ready file of the server.",
)
proxy_others_option: Final = click.option(
    "--proxy-others",
    type=click.Choice(["refuse", "pass"]),
    default="refuse",
    show_default=True,
    help="What the proxy does with hosts that are neither the vendor's nor loopback.",
)


def _known_scenario(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an unknown scenario.

    Raises:
        BadParameter: If it is unknown. The message names the nearest one.
    """
    # Imported late: most commands take no seed.
    from mockscope.seeds.scenarios import scenario_file

    try:
        if value is not None:
            scenario_file(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None
    return value


scenario_option: Final = click.option(
    "--scenario",
    metavar="NAME",
    callback=_known_scenario,
    help="In place of a seed: user-vanishes, key-rotated or lost-response.",
)
strict_option: Final = click.option(
    "--strict/--no-strict",
    default=None,
    help="On exit, list calls that only worked by accident, and faults never hit. Default: as the seed says.",
)
contract_option: Final = click.option(
    "--contract/--no-contract",
    default=None,
    help="On exit, list requests that violate openapi.yaml. Default: as the seed says.",
)


def _log_json(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """With --log json, write every line on standard error as JSON from now on.

    The option is eager, so that errors in other options are JSON too.
    """
    if value == "json":
        from mockscope.instruments.request_log import JSONLines

        sys.stderr = JSONLines(sys.stderr)
    return value


def log_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option for the request log."""
    kinds = click.Choice(["text", "full", "json", "off"])
    return click.option(
        "--log",
        type=kinds,
        default=default,
        show_default=True,
        callback=_log_json,
        is_eager=True,
        help="Request log on stderr.",
    )


def check_usage(*conditions: tuple[object, str]) -> None:
    """Refuse wrong use.

    Args:
        conditions: Conditions, each with the message if it is true.

    Raises:
        UsageError: If a condition is true.
    """
    for is_wrong, message in conditions:
        if is_wrong:
            raise click.UsageError(message)


def is_given(context: click.Context, parameter: str) -> bool:
    """Return whether the user gave a value for a parameter, even if it is the default."""
    return context.get_parameter_source(parameter) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def option_name(context: click.Context, parameter: str) -> str:
    """Return the option of a parameter, or the environment variable that its value came from."""
    [found] = [each for each in context.command.params if each.name == parameter]
    if context.get_parameter_source(parameter) is ParameterSource.ENVIRONMENT:
        return str(found.envvar or f"{context.auto_envvar_prefix}_{parameter.upper()}")
    return found.opts[0]


def check_distinct(files: Mapping[str, Path | None]) -> None:
    """Refuse to use one file for two purposes.

    Args:
        files: The files by the name of their option; None for one that was not given.

    Raises:
        UsageError: If two of them are the same.
    """
    for (name, path), (other_name, other) in combinations(files.items(), 2):
        if path is not None and other is not None and os.path.realpath(path) == os.path.realpath(other):
            raise click.UsageError(f"{name} and {other_name} need a file each")


def check_overwrite(name: str, path: Path | None, what: str, parse: Callable[[bytes], object]) -> None:
    """Refuse to write over a file that is neither empty nor of the kind that mockscope writes there.

    Args:
        name: The name of the option.
        path: The file, if one was given.
        what: The kind of file.
        parse: Parses such a file, or raises ValueError.

    Raises:
        ClickException: If the file is of another kind, or cannot be read.
    """
    if path is None or not os.path.isfile(path):
        return
    try:
        if content := path.read_bytes():
            parse(content)
    except OSError as error:
        raise click.ClickException(f"can't read the existing file {path}: {error.strerror or error}") from None
    except ValueError:
        raise click.UsageError(
            f"{name} would be written over {path}, which is not a {what}: name another file, or remove it"
        ) from None


@contextmanager
def seed_or_demo(seed: Path | None, scenario: str | None = None, *, kind: str = "seed") -> Iterator[Path]:
    """Yield the file of a seed or scenario, or of the demo if none was given, for a block that loads it.

    Raises:
        ClickException: If the block cannot read or load the seed.
    """
    path = seed or DEMO
    if scenario is not None:
        from mockscope.seeds.scenarios import scenario_file

        path = scenario_file(scenario)
    try:
        yield path
    except (ValueError, ImportError) as error:
        # A seed that can't be loaded, a token that can't stand in a header, or a validator that is not installed.
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"can't read the {kind} {path}: {error.strerror or error}") from None
