"""The command line: options to calls, errors to one line. What the commands do lives elsewhere."""

import gc
import json
import logging
import os
import signal
import sys
from importlib.resources import as_file, files
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from mockscope import __version__, _spec
from mockscope.domain.state import SeedError

if TYPE_CHECKING:
    from mockscope.double import Mockscope

WRONG_USE: Final = 2


def main() -> None:
    """The console script. Wrong use of any kind is one line on stderr and exit status 2."""
    try:
        sys.exit(cli.main(prog_name="mockscope", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(WRONG_USE)
    except click.ClickException as error:
        click.echo(f"mockscope: {' '.join(error.format_message().split())}", err=True)
        sys.exit(WRONG_USE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mockscope %(version)s")
def cli() -> None:
    """A test double of Periscope Data's User and Group Management API."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, envvar="MOCKSCOPE_HOST", help="Address to bind to.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    envvar="MOCKSCOPE_PORT",
    help="Port; 0: the kernel chooses.",
)
@click.option(
    "--seed",
    type=click.Path(path_type=Path),
    envvar="MOCKSCOPE_SEED",
    help="Seed file, YAML or JSON. Without it: the demo site with the people of the vendor's page.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path),
    envvar="MOCKSCOPE_READY_FILE",
    help="JSON file to write once the port accepts: url, pid, version, sites. Removed at the end.",
)
@click.option(
    "--log",
    type=click.Choice(["text", "json", "off"]),
    default="text",
    show_default=True,
    envvar="MOCKSCOPE_LOG",
    help="Request log on stderr: one line a request, for people or for machines.",
)
@click.option(
    "--hints/--no-hints",
    default=True,
    show_default=True,
    envvar="MOCKSCOPE_HINTS",
    help="Whether answers carry the X-Mockscope-Hint header.",
)
def serve(*, host: str, port: int, seed: Path | None, ready_file: Path | None, log: str, hints: bool) -> None:
    """Serve the API until SIGINT or SIGTERM.

    Every option can also be set in the environment: --ready-file is MOCKSCOPE_READY_FILE.
    """
    # Until uvicorn takes over, a signal ends the process just as quietly.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    logging.basicConfig(level=logging.WARNING, format="mockscope: %(message)s")
    from mockscope.instruments.log import RequestLog, json_line, text_line
    from mockscope.server import bind, serve_in_foreground, url_of

    double = _load(seed, hint_header=hints)
    if log == "text":
        double.observers.append(RequestLog(sys.stderr, text_line))
    elif log == "json":
        double.observers.append(RequestLog(sys.stderr, json_line))
    try:
        listener = bind(host, port)
        # Taken ports show at bind or, where another process shares the address, only here.
        listener.listen()
    except OSError as error:
        raise click.ClickException(f"can't listen on {host} port {port}: {error.strerror or error}") from None
    url = url_of(listener)
    with _ReadyFile(ready_file) as ready:
        # What was loaded stays: the collector need not look through it again and again.
        gc.collect()
        gc.freeze()

        def announce() -> None:
            ready.write(_readiness(double, url))
            click.echo(_banner(double, url))
            sys.stdout.flush()

        serve_in_foreground(double, listener, announce)


@cli.command()
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def openapi(form: str) -> None:
    """Print the contract, openapi.yaml."""
    # As bytes: neither the locale nor the platform's line ends may touch it.
    sys.stdout.buffer.write(_spec.openapi_json() if form == "json" else _spec.openapi_yaml())


@cli.command("export-schema")
def export_schema() -> None:
    """Print the JSON Schema of the seed format, for editors."""
    from mockscope.seeding import schema

    click.echo(json.dumps(schema(), indent=2))


def _load(seed: Path | None, *, hint_header: bool) -> "Mockscope":
    from mockscope.double import Mockscope

    try:
        if seed is not None:
            return Mockscope(seed, hint_header=hint_header)
        with as_file(files("mockscope") / "demo.yaml") as demo:
            return Mockscope(demo, hint_header=hint_header)
    except SeedError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"can't read the seed {seed}: {error.strerror or error}") from None


class _ReadyFile:
    """A file that is there, whole, exactly while the port accepts."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def __enter__(self) -> "_ReadyFile":
        if self._path is not None:
            try:
                # One left behind by a server that was killed would tell a waiting script the wrong port.
                self._path.unlink(missing_ok=True)
                self._part.touch()
            except OSError as error:
                raise click.ClickException(f"can't write the ready file {self._path}: {error.strerror}") from None
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)

    @property
    def _part(self) -> Path:
        assert self._path is not None
        return self._path.with_name(f".{self._path.name}.{os.getpid()}")

    def write(self, content: dict[str, Any]) -> None:
        if self._path is not None:
            self._part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            self._part.replace(self._path)


def _readiness(double: "Mockscope", url: str) -> dict[str, Any]:
    return {
        "url": url,
        "pid": os.getpid(),
        "version": __version__,
        "sites": [
            {
                "host": site.host,
                "api_key": site.api_key,
                "admin": next((user.email for user in site.administrators()), None),
            }
            for site in double.directory
        ],
    }


def _banner(double: "Mockscope", url: str) -> str:
    lines = [f"mockscope {__version__} answers at {url} (Ctrl-C ends it)", ""]
    headers = [f"Http-X-Partner-Auth: {site.host}:{site.api_key}" for site in double.directory]
    lines += [f"    {header}" for header in headers[:10]]
    if len(headers) > 10:
        lines.append(f"    ... and {len(headers) - 10} more sites")
    if headers:
        lines += ["", "Try:", "", f"    curl -H {quote(headers[0])} {url}/api/v1/users", ""]
    else:
        lines += ["The seed has no sites: every request is answered 403.", ""]
    return "\n".join(lines)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
