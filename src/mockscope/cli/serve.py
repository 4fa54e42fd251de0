"""The command serve: its options, and the output for the person who started it."""

import gc
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mockscope import __version__
from mockscope._support.collector import collector_off
from mockscope._support.signals import ending_signals, ignore_signals
from mockscope._vendor import AUTH_HEADER, USERS_PATH
from mockscope.cli import options as cli_options
from mockscope.cli import output
from mockscope.cli.options import FILE, PORT

if TYPE_CHECKING:
    from mockscope.server.live import LiveServer

# Fewer users than this load at once, and need no progress bar.
MIN_TRACKED: Final = 20_000
MAX_HEADERS: Final = 10
T = TypeVar("T")


# Arguments are allowed, to refuse them with a message of our own: most often one is a seed.
@click.command(context_settings={"auto_envvar_prefix": "MOCKSCOPE", "show_default": True, "allow_extra_args": True})
# An empty host would be every address of the machine.
@click.option("--host", default="127.0.0.1", callback=cli_options.not_empty, help="Address to bind to.")
@click.option("--port", type=PORT, default=8765, help="Port; 0: the kernel chooses.")
@click.option("--seed", type=FILE, help="Seed file, YAML or JSON. Without it: the people of the vendor's page.")
@cli_options.scenario_option
@click.option("--state", type=FILE, help="File to keep the sites in: loaded instead of the seed, written at the end.")
@click.option("--ready-file", type=FILE, help="JSON file to write once the port accepts. Removed at the end.")
@cli_options.log_option("text")
@click.option("--hints/--no-hints", default=True, help="Whether responses carry the X-Mockscope-Hint header.")
@cli_options.strict_option
@cli_options.contract_option
@click.option("--calls-kept", type=click.IntRange(1), default=10_000, help="How many calls each site keeps.")
@click.option("--control/--no-control", default=True, help="Whether the control API answers under /_mockscope/v1/.")
@click.option(
    "--control-token", help="Token for the control API. Without it: none on loopback, elsewhere a random one."
)
@click.option("--tls/--no-tls", help="Whether to speak HTTPS, with a certificate of an authority made on the spot.")
@click.option("--proxy/--no-proxy", help="Whether to run a proxy too, which answers for the vendor's hosts.")
@click.option("--proxy-port", type=PORT, default=8766, help="Port of the proxy; 0: the kernel chooses.")
@cli_options.proxy_others_option
@click.option("--open/--no-open", help="Whether to open the inspector in a browser.")
@click.option("--ca-file", type=FILE, help="File to write the authority's certificate to.")
@click.pass_context
def serve(
    context: click.Context,
    /,
    *,
    seed: Path | None,
    scenario: str | None,
    state: Path | None,
    ready_file: Path | None,
    log: str,
    hints: bool,
    ca_file: Path | None,
    open: bool,
    **settings: Any,
) -> None:
    """Serve the API until SIGINT, SIGTERM or SIGHUP.

    Every option can also be set in the environment: --ready-file is MOCKSCOPE_READY_FILE.
    """
    early = _handle_early_signals()
    if context.args:
        argument = context.args[0]
        raise click.UsageError(f"unexpected argument {argument}; a seed is given as --seed {quote(argument)}")
    _check_dependencies(context, control=settings["control"], tls=settings["tls"], proxy=settings["proxy"], open=open)
    for name, path in (("seed", seed), ("state", state)):
        if scenario is not None and path is not None:
            option = cli_options.option_name(context, name)
            raise click.UsageError(f"a scenario has records of its own: leave {option} out")
    _check_files(context, seed=seed, state=state, ready_file=ready_file, ca_file=ca_file)
    with collector_off():
        from mockscope.cli.ready_file import ReadyFile
        from mockscope.instruments.request_log import RENDERERS, RequestLog, configure_logging
        from mockscope.server.live import ListenError, serve_in_foreground

        stream = configure_logging(log)
        kept = output.state_file(state)
        source = state if kept is not None and kept.exists() else seed
        server = _load(source, scenario, hint_header=hints, **settings)
        # The garbage collector must not scan the records later either.
        gc.freeze()
    if kept is not None:
        server.registry.save = lambda: kept.save(server.registry.present_sites())
    if log != "off":
        server.observers.append(RequestLog(stream, RENDERERS[log], has_colour=output.has_colour(stream)))
    with ExitStack() as stack:
        try:
            listeners = server.open_ports(stack)
        except ListenError as error:
            raise click.ClickException(f"can't listen on {error.filename}: {error.strerror}") from None
        trust: dict[str, str] = {}
        if settings["tls"] or settings["proxy"]:
            if ca_file is not None:
                with output.writing(f"the CA file {ca_file}"):
                    ca_file.write_bytes(server.authority.pem)
            # Absolute, because the reader of the ready file may be in another folder.
            trust["ca_file"] = str((ca_file or server.ca_file).absolute())
            trust["trust"] = str(server.authority.directory)
        with output.writing(f"the ready file {ready_file}"):
            file = stack.enter_context(ReadyFile(ready_file))

        def announce() -> None:
            if early:
                # A signal came during the start, but an import or a finalizer caught the SystemExit of its handler.
                signal.raise_signal(early[0])
                return
            if settings["proxy"]:
                trust["proxy"] = server.proxy_url
            with output.writing(f"the ready file {ready_file}"):
                file.write(_ready_content(server) | trust)
            click.echo(_banner(server, trust, shows_token=settings["control_token"] is None))
            sys.stdout.flush()
            if open:
                output.open_in_browser(server.inspector_url)

        try:
            serve_in_foreground(server, listeners, announce)
        finally:
            is_saved = output.save_state(server.registry.save)
            output.print_findings(server)
            if not is_saved:
                sys.exit(output.FAILED)


def _handle_early_signals() -> list[int]:
    """Make a signal that arrives before the server is ready end the process, and ignore later signals.

    Returns:
        The signals that arrived.
    """
    early: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        early.append(number)
        ignore_signals(numbers)
        sys.exit(0)

    numbers = ending_signals()
    for number in numbers:
        signal.signal(number, leave)
    return early


def _check_dependencies(context: click.Context, *, control: bool, tls: bool, proxy: bool, open: bool) -> None:
    """Refuse options without effect."""
    for parameter, has_effect, need in (
        ("control_token", control, "the control API, and --no-control leaves it out"),
        ("open", control or not open, "the inspector, and --no-control leaves it out"),
        ("proxy_port", proxy, "--proxy: otherwise there is no proxy"),
        ("proxy_others", proxy, "--proxy: otherwise there is no proxy"),
        ("ca_file", tls or proxy, "--tls or --proxy: otherwise there is no authority"),
    ):
        if cli_options.is_given(context, parameter) and not has_effect:
            raise click.UsageError(f"{cli_options.option_name(context, parameter)} needs {need}")


def _check_files(
    context: click.Context, *, seed: Path | None, state: Path | None, ready_file: Path | None, ca_file: Path | None
) -> None:
    """Refuse to write over a file of another purpose."""
    names = {
        parameter: cli_options.option_name(context, parameter)
        for parameter in ("seed", "state", "ready_file", "ca_file")
    }
    written = {names["ready_file"]: ready_file, names["ca_file"]: ca_file}
    # A state may be the seed: it is loaded then, and kept there.
    cli_options.check_distinct({names["seed"]: seed, **written})
    cli_options.check_distinct({names["state"]: state, **written})
    from mockscope.cli.ready_file import parse

    cli_options.check_overwrite(names["ready_file"], ready_file, "ready file", parse)
    if ca_file is not None:
        from mockscope.server.certificates import parse_own_certificate

        cli_options.check_overwrite(names["ca_file"], ca_file, "certificate that mockscope made", parse_own_certificate)


def _load(seed: Path | None, scenario: str | None, **options: Any) -> "LiveServer":
    from mockscope.seeds.files import load_seed
    from mockscope.server.live import LiveServer

    with cli_options.seed_or_demo(seed, scenario) as path:
        server = LiveServer(**options)
        server.registry.put(*load_seed(path, progress=_with_bar))
    return server


def _with_bar(items: "Iterable[T]", length: int, doing: str) -> "Iterable[T]":
    """Iterate over items with a progress bar, if there is a terminal and there are many items."""
    hidden = length < MIN_TRACKED or not sys.stderr.isatty()
    label, steps = f"mockscope: {doing}", max(1, length // 100)
    with click.progressbar(items, length, label, hidden, file=sys.stderr, update_min_steps=steps) as bar:
        yield from bar


def _ready_content(server: "LiveServer") -> dict[str, Any]:
    return {
        "url": server.url,
        "pid": os.getpid(),
        "version": __version__,
        "sites": [
            {
                "host": site.host,
                "api_key": site.api_key,
                "admin": next((user.email for user in site.administrators()), None),
            }
            for site in server.registry.directory
        ],
        **({"control_token": server.control_token} if server.control_token else {}),
    }


def _banner(server: "LiveServer", trust: Mapping[str, str], *, shows_token: bool) -> str:
    url = server.url
    lines = [f"mockscope {__version__} answers at {url} (Ctrl-C ends it)", ""]
    headers = [f"{AUTH_HEADER}: {site.host}:{site.api_key}" for site in server.registry.directory]
    lines += [f"    {header}" for header in headers[:MAX_HEADERS]]
    if len(headers) > MAX_HEADERS:
        lines.append(f"    ... and {len(headers) - MAX_HEADERS} more sites")
    if headers:
        trusting = f"--cacert {quote(trust['ca_file'])} " if url.startswith("https:") else ""
        lines += ["", "Try:", "", f"    curl {trusting}-H {quote(headers[0])} {url}{USERS_PATH}", ""]
    else:
        lines += ["The seed has no sites: every request is answered 403.", ""]
    if "proxy" in trust:
        lines += [f"The vendor's hosts are answered through the proxy {trust['proxy']};", "clients must trust:", ""]
        lines += [f"    {trust['ca_file']}", ""]
    if shows_token and server.control_token:
        lines += ["The control API wants:", "", f"    Authorization: Bearer {server.control_token}", ""]
    if server.registry.settings.control:
        # A given token is known, and is not printed.
        page = server.inspector_url if shows_token else server.inspector_url.partition("#")[0]
        lines += ["See what happens:", "", f"    {page}", ""]
    return "\n".join(lines)
