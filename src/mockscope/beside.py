"""The commands for programs that run beside a server: exec, env and wait."""

import os
import signal
import ssl
import time
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from shlex import quote
from typing import Final, Literal
from urllib.parse import urlsplit

import click

from mockscope.ready import Ready, parse
from mockscope.shell import FILE, MOST_SECONDS, Number, check_spared, is_kept, say, seed_or_demo, state_file
from mockscope.tls import CA_FILE

NO: Final = 1
POLL_SECONDS: Final = 0.02
# How long one answer may take, and how long it may take in any case.
PATIENCE: Final = 5
LEAST_PATIENCE: Final = 0.5

ready_file_option: Final = click.option(
    "--ready-file",
    type=FILE,
    envvar="MOCKSCOPE_READY_FILE",
    help="The ready file of the server.",
)


@click.command(
    "exec",
    options_metavar="[OPTIONS] [--] COMMAND [ARGUMENTS]...",
    context_settings={"allow_extra_args": True, "allow_interspersed_args": False},
)
@click.option("--seed", type=FILE, help="Seed file. Without it: the demo site.")
@click.option("--keep-state", type=FILE, help="File to write the sites to at the end.")
@click.option(
    "--proxy-others",
    type=click.Choice(["refuse", "pass"]),
    default="refuse",
    show_default=True,
    help="What the proxy does with hosts that are neither the vendor's nor loopback.",
)
@click.pass_context
def execute(
    context: click.Context, *, seed: Path | None, keep_state: Path | None, proxy_others: Literal["refuse", "pass"]
) -> int:
    """Run a command that meets the mock, and end with its exit status.

    In its environment are MOCKSCOPE_URL, MOCKSCOPE_SITE, MOCKSCOPE_API_KEY and MOCKSCOPE_AUTH, and a proxy that answers
    for the vendor's hosts, with the files that make clients believe it.
    """
    # Until the command is there to take it, Ctrl-C ends the process as it ends any other.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    command = context.args
    if not command:
        raise click.UsageError("exec needs a command: mockscope exec -- COMMAND")
    if not command[0]:
        raise click.UsageError("exec needs a command, and the name of the one that was given is empty")
    from mockscope.running import run
    from mockscope.seeding import parse_sites
    from mockscope.server import LiveServer

    check_spared("--keep-state", keep_state, "seed", lambda text: parse_sites(text, str(keep_state)))
    with seed_or_demo(seed) as path:
        server = LiveServer(path, proxy=True, proxy_others=proxy_others)
    if not server.directory:
        raise click.ClickException(f"the seed {seed} has no sites, and exec needs one")
    kept = state_file(keep_state)
    with server:
        try:
            status = run(command, server, say)
        except OSError as error:
            raise click.ClickException(f"can't write the certificates: {error.strerror or error}") from None
    if not is_kept(None if kept is None else partial(kept.save, list(server.directory))):
        return status or NO
    return status


@click.command()
@ready_file_option
def env(*, ready_file: Path | None) -> None:
    """Print the environment in which programs meet a running server, for eval."""
    from mockscope.running import variables

    path = _named(ready_file)
    try:
        ready = parse(path.read_bytes())
    except OSError as error:
        raise click.ClickException(f"can't read the ready file {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise click.ClickException(f"{path} is no ready file: {error}") from None
    site = next(iter(ready.sites), None)
    for name, value in variables(
        ready.url,
        site=None if site is None else site.host,
        api_key=None if site is None else site.api_key,
        proxy=ready.proxy,
        trust=None if ready.trust is None else Path(ready.trust),
        java=os.environ.get("JAVA_TOOL_OPTIONS", ""),
    ).items():
        click.echo(f"export {name}={quote(value)}")


@click.command()
@ready_file_option
@click.option(
    "--timeout",
    type=Number(0, MOST_SECONDS),
    default=30,
    show_default=True,
    help="How many seconds to wait at most.",
)
def wait(*, ready_file: Path | None, timeout: float) -> int:
    """Wait until a server answers; exit status 1 if it does not."""
    # Ctrl-C is no success: a script that waits must not go on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    path = _named(ready_file)
    latest = time.monotonic() + timeout
    while (reason := _silence(path, latest)) is not None:
        if time.monotonic() >= latest:
            say(f"{reason} after {timeout:g} seconds")
            return NO
        # Another process writes the file: nothing here is told when.
        time.sleep(POLL_SECONDS)
    return 0


def _silence(path: Path, latest: float) -> str | None:
    """Why a server is not there; None: it is."""
    try:
        ready = parse(path.read_bytes())
    except OSError as error:
        return f"can't read the ready file {path} ({error.strerror or error})"
    except ValueError as error:
        return f"{path} is no ready file ({error})"
    try:
        name = _ask(ready, min(PATIENCE, max(LEAST_PATIENCE, latest - time.monotonic())))
    except (OSError, HTTPException) as error:
        return f"nothing answers at {ready.url} ({error})"
    # Another one may have the port of a server that was killed.
    return None if name == "mockscope" else f"what answers at {ready.url} is no mockscope"


def _ask(ready: Ready, patience: float) -> str | None:
    """The name that a server gives itself."""
    parts = urlsplit(ready.url)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=None if ready.trust is None else Path(ready.trust) / CA_FILE)
        connection: HTTPConnection = HTTPSConnection(parts.netloc, timeout=patience, context=context)
    else:
        connection = HTTPConnection(parts.netloc, timeout=patience)
    try:
        # Reserved, so that it is in no log and among nobody's calls.
        connection.request("HEAD", "/openapi.yaml")
        response = connection.getresponse()
        response.read()
        return response.getheader("server")
    finally:
        connection.close()


def _named(path: Path | None) -> Path:
    if path is None:
        raise click.UsageError("Missing option '--ready-file'.")
    return path
