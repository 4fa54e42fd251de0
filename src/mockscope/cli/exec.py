"""The command exec: a command with a server of its own."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockscope.cli import options, output
from mockscope.cli.options import FILE

if TYPE_CHECKING:
    from mockscope.server.live import LiveServer


@click.command(
    "exec",
    options_metavar="[OPTIONS] [--] COMMAND [ARGUMENTS]...",
    context_settings={"allow_extra_args": True, "allow_interspersed_args": False},
)
@click.option("--seed", type=FILE, help="Seed file. Without it: the demo site.")
@options.scenario_option
@click.option("--faults", type=FILE, help="File with faults, timeline, strict or contract for the command's site.")
@click.option("--keep-state", type=FILE, help="File to write the sites to at the end.")
@options.log_option("off")
@options.strict_option
@options.contract_option
@click.option("--har", type=FILE, help="File to write the calls to at the end, as an HTTP Archive.")
@options.proxy_others_option
@click.pass_context
def execute(
    context: click.Context,
    /,
    *,
    seed: Path | None,
    scenario: str | None,
    faults: Path | None,
    keep_state: Path | None,
    log: str,
    har: Path | None,
    **settings: Any,
) -> int:
    """Run a command beside a server, and exit with its status. Needs POSIX.

    Its environment has MOCKSCOPE_URL, MOCKSCOPE_SITE, MOCKSCOPE_API_KEY and MOCKSCOPE_AUTH, and a proxy that answers
    for the vendor's hosts, with the files that make clients trust it.
    """
    # Until the command is there to receive it, Ctrl-C ends the process as it ends any other.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not hasattr(os, "killpg"):
        raise click.UsageError("exec needs POSIX, for process groups: start mockscope serve, and set MOCKSCOPE_URL")
    command = context.args
    if not command:
        raise click.UsageError("exec needs a command: mockscope exec -- COMMAND")
    if not command[0]:
        raise click.UsageError("exec needs a command, and the name of the one that was given is empty")
    if scenario is not None and seed is not None:
        raise click.UsageError("a scenario has records of its own: leave --seed out")
    from mockscope.cli.child_process import run
    from mockscope.instruments.request_log import RENDERERS, RequestLog, configure_logging

    _check_files(seed=seed, faults=faults, keep_state=keep_state, har=har)
    server = _load(seed, scenario, faults, settings)
    kept = output.state_file(keep_state)
    output.check_output(har)
    if log != "off":
        stream = configure_logging(log)
        server.observers.append(RequestLog(stream, RENDERERS[log], has_colour=output.has_colour(stream)))
    server.start()
    try:
        with output.writing("the certificates"):
            status = run(command, server, output.print_line)
    finally:
        server.stop()
    output.print_findings(server)
    is_saved = output.save_state(None if kept is None else lambda: kept.save(server.registry.present_sites()))
    is_written = har is None or output.save_har(har, server)
    return status or (0 if is_saved and is_written else output.FAILED)


def _check_files(**files: Path | None) -> None:
    """Refuse to use one file for two purposes, or to write over a file of another kind."""
    from mockscope.seeds.files import parse_seed

    names = {f"--{name.replace('_', '-')}": path for name, path in files.items()}
    keep_state = names.pop("--keep-state")
    options.check_distinct(names)
    options.check_distinct({"--keep-state": keep_state, "--faults": files["faults"], "--har": files["har"]})
    options.check_overwrite("--keep-state", keep_state, "seed", lambda text: parse_seed(text, str(keep_state)))
    options.check_overwrite("--har", files["har"], "HAR file of mockscope", output.parse_own_har)


def _load(seed: Path | None, scenario: str | None, faults: Path | None, settings: dict[str, Any]) -> "LiveServer":
    """Return a server with the sites of a seed. The first one, the command's, has the plan of the file with faults."""
    from mockscope.seeds.files import load_plan, load_seed
    from mockscope.seeds.plan import NO_PLAN
    from mockscope.server.live import LiveServer

    plan = NO_PLAN
    if faults is not None:
        with options.seed_or_demo(faults, kind="file"):
            plan = load_plan(faults)
    with options.seed_or_demo(seed, scenario) as path:
        server = LiveServer(proxy=True, **settings)
        sites = load_seed(path)
        if not sites:
            raise click.ClickException(f"the seed {seed} has no sites, and exec needs one")
        server.registry.put(sites[0]._replace(plan=plan.over(sites[0].plan)), *sites[1:])
    return server
