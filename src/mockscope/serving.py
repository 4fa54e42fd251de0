"""The command serve: its options, and what it tells whoever started it."""

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from mockscope import __version__
from mockscope.shell import (
    FILE,
    check_apart,
    check_spared,
    is_given,
    is_kept,
    name_of,
    not_empty,
    say,
    seed_or_demo,
    state_file,
)

if TYPE_CHECKING:
    from mockscope.double import Mockscope
    from mockscope.tls import Authority

NOT_KEPT: Final = 1
# So many users load in a moment.
MANY: Final = 20_000
T = TypeVar("T")


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    # An empty name would be every address of the machine.
    callback=not_empty,
    envvar="MOCKSCOPE_HOST",
    help="Address to bind to.",
)
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
    type=FILE,
    envvar="MOCKSCOPE_SEED",
    help="Seed file, YAML or JSON. Without it: the demo site with the people of the vendor's page.",
)
@click.option(
    "--state",
    type=FILE,
    envvar="MOCKSCOPE_STATE",
    help="File to keep the sites in, YAML or JSON: loaded instead of the seed if it is there, written at the end.",
)
@click.option(
    "--ready-file",
    type=FILE,
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
@click.option(
    "--strict/--no-strict",
    default=False,
    show_default=True,
    envvar="MOCKSCOPE_STRICT",
    help="Whether to print at the end what went well although nobody promises it, and the faults that never came.",
)
@click.option(
    "--contract/--no-contract",
    default=False,
    show_default=True,
    envvar="MOCKSCOPE_CONTRACT",
    help="Whether to print at the end what in the requests is not as openapi.yaml says.",
)
@click.option(
    "--calls-kept",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    envvar="MOCKSCOPE_CALLS_KEPT",
    help="How many calls each site keeps, and how many are kept that reached no site.",
)
@click.option(
    "--control/--no-control",
    default=True,
    show_default=True,
    envvar="MOCKSCOPE_CONTROL",
    help="Whether the control API answers under /_mockscope/v1/.",
)
@click.option(
    "--control-token",
    envvar="MOCKSCOPE_CONTROL_TOKEN",
    help="Bearer token for the control API. Without it: none on loopback, elsewhere a made-up one.",
)
@click.option(
    "--tls/--no-tls",
    default=False,
    show_default=True,
    envvar="MOCKSCOPE_TLS",
    help="Whether to speak HTTPS, with a certificate of an authority made on the spot.",
)
@click.option(
    "--proxy/--no-proxy",
    default=False,
    show_default=True,
    envvar="MOCKSCOPE_PROXY",
    help="Whether to run a proxy too, which answers for the vendor's hosts.",
)
@click.option(
    "--proxy-port",
    type=click.IntRange(0, 65535),
    default=8766,
    show_default=True,
    envvar="MOCKSCOPE_PROXY_PORT",
    help="Port of the proxy; 0: the kernel chooses.",
)
@click.option(
    "--proxy-others",
    type=click.Choice(["refuse", "pass"]),
    default="refuse",
    show_default=True,
    envvar="MOCKSCOPE_PROXY_OTHERS",
    help="What the proxy does with hosts that are neither the vendor's nor loopback.",
)
@click.option(
    "--ca-file",
    type=FILE,
    envvar="MOCKSCOPE_CA_FILE",
    help="File to write the authority's certificate to.",
)
@click.pass_context
def serve(
    context: click.Context,
    *,
    host: str,
    port: int,
    seed: Path | None,
    state: Path | None,
    ready_file: Path | None,
    log: str,
    hints: bool,
    strict: bool,
    contract: bool,
    calls_kept: int,
    control: bool,
    control_token: str | None,
    tls: bool,
    proxy: bool,
    proxy_port: int,
    proxy_others: Literal["refuse", "pass"],
    ca_file: Path | None,
) -> None:
    """Serve the API until SIGINT or SIGTERM.

    Every option can also be set in the environment: --ready-file is MOCKSCOPE_READY_FILE.
    """
    # Until uvicorn takes over, a signal ends the process just as quietly.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    logging.basicConfig(level=logging.WARNING, format="mockscope: %(message)s")
    _check_pairs(context, control=control, tls=tls, proxy=proxy)
    with _staying():
        from mockscope.gate import Gate, SecurePort
        from mockscope.instruments.log import RequestLog, json_line, text_line
        from mockscope.server import serve_in_foreground, url_of

        _check_files(context, seed, state, ready_file, ca_file)
        kept = state_file(state)
        double = _load(
            state if kept is not None and kept.exists() else seed,
            hint_header=hints,
            strict=strict,
            contract=contract,
            calls_kept=calls_kept,
            control=control,
            control_token=control_token,
        )
    if kept is not None:
        double.save = lambda: kept.save(list(double.directory))
    if log == "text":
        double.observers.append(RequestLog(sys.stderr, text_line))
    elif log == "json":
        double.observers.append(RequestLog(sys.stderr, json_line))
    listener = _listener(host, port)
    url = url_of(listener, is_secure=tls)
    gates: dict[Gate, socket.socket] = {}
    trust: dict[str, str] = {}
    if tls or proxy:
        authority = _authority(ca_file)
        # Whoever reads the ready file may be in another folder.
        trust = {"ca_file": str((ca_file or authority.ca_file).absolute()), "trust": str(authority.directory)}
        if tls:
            gates[SecurePort(authority.server_context(host))] = listener
        if proxy:
            from mockscope.proxy import Proxy

            door = _listener(host, proxy_port)
            gates[Proxy(authority.server_context(), others=proxy_others)] = door
            trust = {"proxy": url_of(door)} | trust
    with _ready_file(ready_file) as write_ready:

        def announce() -> None:
            write_ready(_readiness(double, url) | trust)
            click.echo(_banner(double, url, trust, tells_token=control_token is None))
            sys.stdout.flush()

        try:
            serve_in_foreground(double, listener, host, announce, gates)
        finally:
            _end(double)


def _check_pairs(context: click.Context, *, control: bool, tls: bool, proxy: bool) -> None:
    """Have no option be without effect."""
    for parameter, has_effect, need in (
        ("control_token", control, "the control API, and --no-control leaves it out"),
        ("proxy_port", proxy, "--proxy: otherwise there is no proxy"),
        ("proxy_others", proxy, "--proxy: otherwise there is no proxy"),
        ("ca_file", tls or proxy, "--tls or --proxy: otherwise there is no authority"),
    ):
        if is_given(context, parameter) and not has_effect:
            raise click.UsageError(f"{name_of(context, parameter)} needs {need}")


def _check_files(
    context: click.Context, seed: Path | None, state: Path | None, ready_file: Path | None, ca_file: Path | None
) -> None:
    """Have no file lost by an option that was mistaken for another."""
    names = {parameter: name_of(context, parameter) for parameter in ("seed", "state", "ready_file", "ca_file")}
    written = {names["ready_file"]: ready_file, names["ca_file"]: ca_file}
    # A state may be the seed: it is loaded then, and kept there.
    check_apart({names["seed"]: seed, **written})
    check_apart({names["state"]: state, **written})
    # Not above: most servers have neither, and start sooner.
    if ready_file is not None:
        from mockscope.ready import parse

        check_spared(names["ready_file"], ready_file, "ready file", parse)
    if ca_file is not None:
        from mockscope.tls import read_own

        check_spared(names["ca_file"], ca_file, "certificate that mockscope made", read_own)


@contextmanager
def _staying() -> Iterator[None]:
    """Load what stays until the end: the collector need not look through it, neither meanwhile nor later."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _listener(host: str, port: int) -> socket.socket:
    from mockscope.server import bind

    try:
        listener = bind(host, port)
        # Taken ports show at bind or, where another process shares the address, only here.
        listener.listen()
    except OSError as error:
        raise click.ClickException(f"can't listen on {host} port {port}: {error.strerror or error}") from None
    return listener


def _authority(ca_file: Path | None) -> "Authority":
    from mockscope.tls import Authority

    authority = Authority()
    if ca_file is not None:
        try:
            ca_file.write_bytes(authority.pem)
        except OSError as error:
            raise click.ClickException(f"can't write the CA file {ca_file}: {error.strerror or error}") from None
    return authority


def _end(double: "Mockscope") -> None:
    """Keep the state, and print what strict mode and the contract object to."""
    kept = is_kept(double.save)
    for site in double.sites.values():
        for finding in site.objections():
            say(f"{site.host}: {finding}")
    if not kept:
        sys.exit(NOT_KEPT)


def _load(seed: Path | None, **options: Any) -> "Mockscope":
    from mockscope.contracting import ExtraMissing
    from mockscope.double import Mockscope
    from mockscope.seeding import load_sites

    try:
        with seed_or_demo(seed) as path:
            double = Mockscope(**options)
            double.put(*load_sites(path, track=_with_bar))
            return double
    except ExtraMissing as error:
        raise click.ClickException(str(error)) from None


def _with_bar(items: "Iterable[T]", length: int, doing: str) -> "Iterable[T]":
    """Show a bar to somebody who watches, where it takes long enough to be seen."""
    if length < MANY or not sys.stderr.isatty():
        yield from items
        return
    with click.progressbar(
        items, length=length, label=f"mockscope: {doing}", file=sys.stderr, update_min_steps=length // 100
    ) as bar:
        yield from bar


@contextmanager
def _ready_file(path: Path | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What writes the ready file, for a block at the end of which it goes; without a path it writes nothing."""
    if path is None:
        yield lambda content: None
        return
    from mockscope.ready import ReadyFile  # here, not above: most servers have none

    def write(content: Mapping[str, Any]) -> None:
        with _writing(path):
            file.write(content)

    with ExitStack() as stack:
        with _writing(path):
            file = stack.enter_context(ReadyFile(path))
        yield write


@contextmanager
def _writing(ready_file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"can't write the ready file {ready_file}: {error.strerror or error}") from None


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
        **({"control_token": double.control_token} if double.control_token else {}),
    }


def _banner(double: "Mockscope", url: str, trust: Mapping[str, str], *, tells_token: bool) -> str:
    lines = [f"mockscope {__version__} answers at {url} (Ctrl-C ends it)", ""]
    headers = [f"Http-X-Partner-Auth: {site.host}:{site.api_key}" for site in double.directory]
    lines += [f"    {header}" for header in headers[:10]]
    if len(headers) > 10:
        lines.append(f"    ... and {len(headers) - 10} more sites")
    if headers:
        believing = f"--cacert {quote(trust['ca_file'])} " if url.startswith("https:") else ""
        lines += ["", "Try:", "", f"    curl {believing}-H {quote(headers[0])} {url}/api/v1/users", ""]
    else:
        lines += ["The seed has no sites: every request is answered 403.", ""]
    if "proxy" in trust:
        lines += [f"The vendor's hosts are answered through the proxy {trust['proxy']};", "clients must believe:", ""]
        lines += [f"    {trust['ca_file']}", ""]
    if tells_token and double.control_token:
        lines += ["The control API wants:", "", f"    Authorization: Bearer {double.control_token}", ""]
    return "\n".join(lines)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
