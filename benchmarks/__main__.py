"""python -m benchmarks: measure, print, and fail where a figure has collapsed."""

import json
import os
import platform
import signal
import sys
import tempfile
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from subprocess import SubprocessError
from types import FrameType
from typing import Any, Final

import click

from benchmarks import latency, layers, peers, processes, state, throughput, transports
from benchmarks.children import Failed
from benchmarks.figures import FULL, QUICK, Figure, Form, collapsed, markdown_table, plain_data, plain_table

PACKAGES: Final = ("mockscope", "starlette", "uvicorn", "uvloop", "httptools", "msgspec", "sortedcontainers", "pytest")
PARTS: Final = ("throughput", "latency", "layers", "processes", "state", "transports", "peers")

Part = Callable[[int, Path, Callable[[str], None]], list[Figure]]


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Rounds; figures are medians.")
@click.option("--quick", is_flag=True, help="Three rounds and a tenth of the sizes: enough to see a collapse.")
@click.option("--part", type=click.Choice(PARTS), help="Only this part.")
@click.option(
    "--wiremock-jar",
    type=click.Path(exists=True, path_type=Path),
    envvar="MOCKSCOPE_WIREMOCK_JAR",
    help="WireMock's standalone jar, or a directory that holds it; without it WireMock is left out.",
)
@click.option(
    "--mockoon",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="MOCKSCOPE_MOCKOON",
    help="The directory in which npm installed @mockoon/cli; without it Mockoon is left out.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write everything to this file.")
@click.option("--markdown", is_flag=True, help="Print the table of docs/performance.md.")
def main(
    *,
    rounds: int,
    quick: bool,
    part: str | None,
    wiremock_jar: Path | None,
    mockoon: Path | None,
    json_file: Path | None,
    markdown: bool,
) -> None:
    """Measure mockscope against a bare ASGI application, and against its peers, on this machine.

    The exit status is 1 where a ratio, or the memory of a user, is off its goal by more than a factor of two in every
    round.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    rounds, form = (3, QUICK) if quick else (rounds, FULL)
    programs = peers.Programs(peers.jar_at(wiremock_jar), peers.mockoon_at(mockoon))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="mockscope-benchmarks-") as work:
        for name, measure in _parts(form, programs).items():
            if part in (None, name):
                figures += measure(rounds, Path(work), _tell)
    much = "--quick" if quick else f"--rounds {rounds}"
    about = _about(f"python -m benchmarks {much}" + (f" --part {part}" if part else ""), programs)
    if json_file is not None:
        json_file.write_text(json.dumps(about | {"figures": plain_data(figures)}, indent=2) + "\n", encoding="utf-8")
    if markdown:
        for what, value in _listed(about).items():
            click.echo(textwrap.fill(f"- {what}: {value}", width=120, subsequent_indent="  ", break_on_hyphens=False))
        click.echo()
        click.echo(markdown_table(figures))
    else:
        click.echo(plain_table(figures))
    for figure in (fallen := collapsed(figures)):
        click.echo(f"collapsed: {figure.name}: {figure.value:.2f}, and the goal is {figure.goal}", err=True)
    sys.exit(1 if fallen else 0)


def _parts(form: Form, programs: peers.Programs) -> dict[str, Part]:
    measures: tuple[Part, ...] = (
        partial(throughput.measure, form=form),
        partial(latency.measure, form=form),
        layers.measure,
        partial(processes.measure, form=form),
        state.measure,
        transports.measure,
        partial(peers.measure, form=form, programs=programs),
    )
    return dict(zip(PARTS, measures, strict=True))


def _about(command: str, programs: peers.Programs) -> dict[str, Any]:
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "packages": {name: version(name) for name in PACKAGES} | peers.versions(programs),
    }


def _listed(about: dict[str, Any]) -> dict[str, str]:
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    return {
        "Command": f"`{about['command']}`, {about['date']}",
        "Python": f"{about['python']} on {about['machine']}",
        "Packages": packages,
    }


def _tell(what: str) -> None:
    click.echo(f"... {what}", err=True)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        main()
    except (Failed, SubprocessError) as error:
        sys.exit(f"benchmarks: {error}")
