"""The command show: the inspector on the report of a failed test."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockscope.cli import output
from mockscope.cli.options import FILE, PORT

if TYPE_CHECKING:
    from mockscope.server.live import LiveServer


@click.command()
@click.argument("file", type=FILE)
@click.option("--port", type=PORT, default=0, show_default=True, help="Port; 0: the kernel chooses.")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
def show(*, file: Path, port: int, opens: bool) -> None:
    """Show the report of a failed test in the inspector."""
    from mockscope.server.live import ListenError, serve_in_foreground

    server = load_server(file, port)
    with ExitStack() as stack:
        try:
            listeners = server.open_ports(stack)
        except ListenError as error:
            raise click.ClickException(f"can't listen on {error.filename}: {error.strerror}") from None

        def announce() -> None:
            click.echo(f"mockscope shows {file} at {server.inspector_url} (Ctrl-C ends it)")
            sys.stdout.flush()
            if opens:
                output.open_in_browser(server.inspector_url)

        serve_in_foreground(server, listeners, announce)


def load_server(file: Path, port: int) -> "LiveServer":
    """Return a server of the sites of a report.

    Raises:
        ClickException: If the file cannot be read, or is not a report.
    """
    from mockscope._support.collector import collector_off
    from mockscope.server.live import LiveServer
    from mockscope.sites.report_file import ReportError, parse_report
    from mockscope.sites.reported_sites import add_reported_sites
    from mockscope.web.read_only import ReadOnlyMiddleware

    server = LiveServer(port=port)
    try:
        with collector_off():
            add_reported_sites(server.registry, parse_report(file.read_bytes()))
    except OSError as error:
        raise click.ClickException(f"can't read the report {file}: {error.strerror or error}") from None
    except ReportError as error:
        raise click.ClickException(f"can't show {file}: {error}") from None
    server.app.add_middleware(ReadOnlyMiddleware)
    return server
