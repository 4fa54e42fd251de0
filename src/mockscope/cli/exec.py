"""The commands for programs that run beside a server: exec, env and wait."""

import signal
import time
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Final, Literal

import click

from mockscope.cli import options
from mockscope.cli.options import FILE, MOST_SECONDS, Number
from mockscope.cli.ready_file import parse
from mockscope.server.certificates import CA_FILE

NO: Final = 1
POLL_SECONDS: Final = 0.02
RESPONSE_SECONDS: Final = 5
MIN_RESPONSE_SECONDS: Final = 0.5

ready_file_option: Final = click.option(
    "--ready-file",
    type=FILE,
    required=True,
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
@options.proxy_others_option
@click.pass_context
def execute(
    context: click.Context, *, seed: Path | None, keep_state: Path | None, proxy_others: Literal["refuse", "pass"]
) -> int:
    """Run a command beside a server, and exit with its status.

    Its environment has MOCKSCOPE_URL, MOCKSCOPE_SITE, MOCKSCOPE_API_KEY and MOCKSCOPE_AUTH, and a proxy that answers
    for the vendor's hosts, with the files that make clients trust it.
    """
    # Until the command is there to receive it, Ctrl-C ends the process as it ends any other.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    command = context.args
    if not command:
        raise click.UsageError("exec needs a command: mockscope exec -- COMMAND")
    if not command[0]:
        raise click.UsageError("exec needs a command, and the name of the one that was given is empty")
    from mockscope.cli.child_process import run
    from mockscope.seeds.files import parse_sites
    from mockscope.server.live import LiveServer

    options.check_spared("--keep-state", keep_state, "seed", lambda text: parse_sites(text, str(keep_state)))
    with options.seed_or_demo(seed) as path:
        server = LiveServer(path, proxy=True, proxy_others=proxy_others)
    if not server.registry.directory:
        raise click.ClickException(f"the seed {seed} has no sites, and exec needs one")
    kept = options.state_file(keep_state)
    server.start()
    try:
        with options.writing("the certificates"):
            status = run(command, server, options.say)
    finally:
        server.stop()
    options.say_findings(server)
    if not options.is_kept(None if kept is None else partial(kept.save, server.registry.directory)):
        return status or NO
    return status


@click.command()
@ready_file_option
def env(*, ready_file: Path) -> None:
    """Print the environment of a running server, for eval."""
    from mockscope.cli.child_process import variables

    try:
        ready = parse(ready_file.read_bytes())
    except OSError as error:
        raise click.ClickException(f"can't read the ready file {ready_file}: {error.strerror or error}") from None
    except ValueError as error:
        raise click.ClickException(f"{ready_file} is not a ready file: {error}") from None
    for name, value in variables(ready).items():
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
def wait(*, ready_file: Path, timeout: float) -> int:
    """Wait until a server answers; exit status 1 if it does not."""
    # Ctrl-C is not a success: a script that waits must not go on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    latest = time.monotonic() + timeout
    while (reason := _absence(ready_file, latest)) is not None:
        if time.monotonic() >= latest:
            options.say(f"{reason} after {timeout:g} seconds")
            return NO
        # Another process writes the file, and nothing signals when.
        time.sleep(POLL_SECONDS)
    return 0


def _absence(path: Path, latest: float) -> str | None:
    """Return why a server is not there, or None if it is."""
    try:
        ready = parse(path.read_bytes())
    except OSError as error:
        return f"can't read the ready file {path} ({error.strerror or error})"
    except ValueError as error:
        return f"{path} is not a ready file ({error})"
    from urllib3 import PoolManager
    from urllib3.exceptions import HTTPError

    authority = None if ready.trust is None else str(Path(ready.trust) / CA_FILE)
    patience = min(RESPONSE_SECONDS, max(MIN_RESPONSE_SECONDS, latest - time.monotonic()))
    try:
        with PoolManager(ca_certs=authority) as client:
            # This path is reserved: the request is in no log and among nobody's calls.
            response = client.request("HEAD", f"{ready.url}/openapi.yaml", timeout=patience, retries=False)
    except HTTPError as error:
        return f"nothing answers at {ready.url} ({error.__cause__ or error})"
    # Another server may have the port of one that was killed.
    is_ours = response.headers.get("server") == "mockscope"
    return None if is_ours else f"the server at {ready.url} is not a mockscope"
