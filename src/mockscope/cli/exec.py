"""The command exec: a command with a server of its own."""

import signal
from functools import partial
from pathlib import Path
from typing import Literal

import click

from mockscope.cli import options, output
from mockscope.cli.options import FILE


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

    options.check_overwrite("--keep-state", keep_state, "seed", lambda text: parse_sites(text, str(keep_state)))
    with options.seed_or_demo(seed) as path:
        server = LiveServer(path, proxy=True, proxy_others=proxy_others)
    if not server.registry.directory:
        raise click.ClickException(f"the seed {seed} has no sites, and exec needs one")
    kept = output.state_file(keep_state)
    server.start()
    try:
        with output.writing("the certificates"):
            status = run(command, server, output.print_line)
    finally:
        server.stop()
    output.print_findings(server)
    if not output.save_state(None if kept is None else partial(kept.save, server.registry.directory)):
        return status or output.FAILED
    return status
