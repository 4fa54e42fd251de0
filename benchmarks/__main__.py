"""Measure the cost of a request, of a client and of a start on this machine.

Run ``python -m benchmarks`` from a checkout with the ``dev`` extra, on Linux with two CPUs and wrk.

- ``--part NAME`` measures one part: ``throughput`` (the processor time of a request, divided by that of a bare ASGI
  application in the same run), ``clients``, ``startup``, ``control``, ``changes``, ``inspector`` or ``peers``. It can
  be given more than once.
- ``--rounds N`` sets the number of samples. Every figure is their median.
- ``--quick`` takes three rounds and a tenth of the sizes. It finds a collapse, and is too short for comparisons.
"""

import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from subprocess import SubprocessError
from types import FrameType
from typing import Final

import click

from benchmarks import changes, clients, control, inspector, peers, startup, throughput
from benchmarks.figures import Figure, markdown_table, plain_table
from benchmarks.plan import Plan
from benchmarks.servers import BenchmarkError

PACKAGES: Final = ("mockscope", "starlette", "uvicorn", "uvloop", "httptools", "pytest")
PARTS: Final[dict[str, Callable[[Plan], Iterator[Figure]]]] = {
    "throughput": throughput.measure,
    "clients": clients.measure,
    "startup": startup.measure,
    "control": control.measure,
    "changes": changes.measure,
    "inspector": inspector.measure,
    "peers": peers.measure,
}


@click.command(help=__doc__.partition("\n")[0])
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True, help="Samples of each figure.")
@click.option("--quick", is_flag=True, help="Take three rounds and a tenth of the sizes, to find a collapse.")
@click.option(
    "--part",
    "parts",
    type=click.Choice(tuple(PARTS)),
    multiple=True,
    help="Measure only this part; repeatable.",
)
@click.option(
    "--npm",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="MOCKSCOPE_BENCHMARKS_NPM",
    help="The directory where npm installed @mockoon/cli and wiremock. Without it they are left out.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write every sample to this file.")
@click.option("--markdown", is_flag=True, help="Print the table as in README.md.")
def main(
    *, rounds: int, quick: bool, parts: tuple[str, ...], npm: Path | None, json_file: Path | None, markdown: bool
) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    with tempfile.TemporaryDirectory(prefix="mockscope-benchmarks-") as work:
        plan = Plan(rounds, large=1_000_000, seeded=100_000, work=Path(work), npm=npm, tell=_tell)
        if quick:
            plan = plan._replace(rounds=3, large=100_000, seeded=10_000)
        figures = [figure for name, measure in PARTS.items() if name in (parts or PARTS) for figure in measure(plan)]
    machine = f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs"
    about = ", ".join([f"{plan.rounds} rounds", machine, *(f"{name} {version(name)}" for name in PACKAGES)])
    if json_file is not None:
        json_file.write_text(json.dumps({"about": about, "figures": [each.to_json() for each in figures]}, indent=2))
    click.echo(f"{about}\n\n{markdown_table(figures) if markdown else plain_table(figures)}")
    collapsed = [figure.name for figure in figures if figure.has_collapsed]
    for name in collapsed:
        click.echo(f"collapsed: {name}", err=True)
    sys.exit(1 if collapsed else 0)


def _tell(progress: str) -> None:
    click.echo(f"... {progress}", err=True)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        main()
    except (BenchmarkError, SubprocessError) as error:
        sys.exit(f"benchmarks: {error}")
