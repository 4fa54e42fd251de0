"""The command ``contract``: Schemathesis' own command line with our hooks, on the mock or on the server at a URL."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from json import dumps
from pathlib import Path
from shlex import quote
from shutil import get_terminal_size
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote as percent_encoded
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import click

from mockscope import _spec
from mockscope.contract import AUTH_VARIABLE, RESET_VARIABLE
from mockscope.domain.model import ADMINISTRATORS
from mockscope.outside import COULD_NOT, client_of, from_environment, is_loopback, server_options
from mockscope.shell import FILE, RATE, say, seed_or_demo

if TYPE_CHECKING:
    from mockscope.remote.client import Client
    from mockscope.remote.exchange import Exchange

FOUND: Final = 1
INTERRUPTED: Final = 130
CONFIGURATION: Final = Path(__file__).with_name("contract") / "schemathesis.toml"
# The administrators in it.
EXAMPLE: Final = '["mike@example.com"]'
REPORTS: Final = {"junit": "junit.xml", "har": "har.json"}


@click.command()
@server_options(required=False, timeout=10)
@click.option("--seed", type=FILE, help="Seed file for the mock. Without it, and without a URL: the demo.")
@click.option(
    "--max-examples",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many cases of fuzzing for each operation, and how many chains of calls.",
)
@click.option("--seed-number", type=int, help="The seed that an earlier run printed, to draw the same cases again.")
@click.option("--rate", type=RATE, help="Maximum number of requests a second.")
@click.option("--report", "reports", type=click.Choice(list(REPORTS)), multiple=True, help="A report to write.")
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default="contract-report",
    show_default=True,
    help="Folder for the reports.",
)
@click.option("--reset", is_flag=True, help="Reset the site at the URL before each case, by mockscope's control API.")
@click.option("--yes", is_flag=True, help="Yes, the records of the site at the URL may be changed and deleted.")
def contract(
    *,
    url: str | None,
    seed: Path | None,
    site: str | None,
    api_key_env: str,
    max_examples: int,
    seed_number: int | None,
    rate: float | None,
    timeout: float,
    ca_file: Path | None,
    reports: tuple[str, ...],
    report_dir: Path,
    reset: bool,
    yes: bool,
) -> int:
    """Try openapi.yaml with Schemathesis: on the mock, or on the server at URL.

    Good and bad requests of every kind are sent, singly and in chains that follow the links of the document, and each
    response is checked against it. A curl line shows how to see again what was found.
    """
    if url is not None and seed is not None:
        raise click.UsageError("give a URL or a seed, not both")
    if url is None and reset:
        raise click.UsageError("--reset needs a URL: the mock is reset anyway")
    if find_spec("schemathesis") is None:
        raise click.ClickException("contract needs Schemathesis: pip install 'mockscope[contract]'")
    if url is not None and site is None:
        raise click.UsageError("a URL needs --site HOST: the host of the site, as in the auth header")
    if url is not None and not yes and not is_loopback(url):
        raise click.UsageError(
            f"contract creates, changes and deletes records of the site {site} at {url}: add --yes if they may all go"
        )
    files = {report: report_dir / REPORTS[report] for report in reports}
    options = [f"--max-examples={max_examples}", f"--request-timeout={timeout}", f"--rate-limit={_rate_limit(rate)}"]
    options += [] if seed_number is None else [f"--seed={seed_number}"]
    options += [] if ca_file is None else [f"--tls-verify={ca_file}"]
    options += [f"--report-{report}-path={path}" for report, path in files.items()]
    run = partial(_run, variable=api_key_env, options=options, reports=files.values())
    try:
        if files:
            report_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"can't write reports to {report_dir}: {error.strerror or error}") from None
    try:
        if url is None:
            return _try_mock(seed, site, api_key_env, run)
        key = from_environment(api_key_env, "the API key")
        with client_of(url, site or "", key, rate=rate, timeout=timeout, ca_file=ca_file) as client:
            return _try_server(client, run, reset=reset, ca_file=ca_file)
    except (KeyboardInterrupt, click.Abort):
        # Status 0 would say that nothing was found.
        return INTERRUPTED


def _rate_limit(rate: float | None) -> str:
    """Return the rate as Schemathesis has it: a whole number a second, a minute, an hour or a day.

    Without a rate, a request that got 429 is sent again after Retry-After.
    """
    if rate is None:
        return "auto"
    for unit, seconds in (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)):
        if limit := int(rate * seconds):
            return f"{limit}/{unit}"
    return "1/d"


class Site(NamedTuple):
    """The site to try, emails of its administrators, and what else Schemathesis needs in its environment."""

    url: str
    host: str
    key: str
    administrators: Sequence[str]
    environment: Mapping[str, str]


Run = Callable[[Site], int]


def _try_mock(seed: Path | None, host: str | None, variable: str, run: Run) -> int:
    from mockscope.server import LiveServer

    with seed_or_demo(seed) as path:
        server = LiveServer(path)
    if not server.sites:
        raise click.ClickException("the seed has no sites, and contract needs one")
    if host is not None and host not in server.sites:
        raise click.UsageError(f"the seed has no site {host}; it has {', '.join(server.sites)}")
    site = server.sites[next(iter(server.sites)) if host is None else host]
    # Schemathesis also sends what is not HTTP.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with server:
        administrators = [user.email for user in site.users.values() if ADMINISTRATORS in user.groups]
        # No proxy that the environment names leads to this machine.
        environment = {RESET_VARIABLE: server.url + _reset_path(site.host), "NO_PROXY": "*", "no_proxy": "*"}
        status = run(Site(server.url, site.host, site.api_key, administrators, environment))
        if status == FOUND:
            serving = (
                f"mockscope serve --port {urlsplit(server.url).port}{f' --seed {quote(str(seed))}' if seed else ''}"
            )
            # Without a key in the seed, the next server has another one.
            say(f"the curl lines need a server, and this one ends: {serving}; and in {variable} the key that it prints")
    return status


def _try_server(client: "Client", run: Run, *, reset: bool, ca_file: Path | None) -> int:
    from mockscope.remote.client import Unreachable

    environment = {"REQUESTS_CA_BUNDLE": str(ca_file)} if ca_file else {}
    path = _reset_path(client.host)
    token = os.environ.get("MOCKSCOPE_CONTROL_TOKEN")
    headers = [("Authorization", f"Bearer {token}")] if token else []
    try:
        users = client.request("GET", "/api/v1/users")
        if users.status == 403:
            say(f"{client.url} answers 403: the site {client.host} is not there, or this is not its key")
            return COULD_NOT
        if reset:
            environment[RESET_VARIABLE] = client.url + path
            status = client.request("POST", path, json={}, headers=headers, auth=False).status
            if status != 200:
                say(f"{client.url} answers {status} to {path}: --reset needs mockscope's control API there")
                return COULD_NOT
    except Unreachable as error:
        say(str(error))
        return COULD_NOT
    if not is_loopback(client.url):
        say(f"warning: records of the site {client.host} at {client.url} are created, changed and deleted now")
    return run(Site(client.url, client.host, client.api_key, _administrators(users), environment))


def _administrators(users: "Exchange") -> list[str]:
    """Return the emails of the administrators on a page of users. A page of another shape has none."""
    try:
        emails = [user["email"] for user in users.json["users"] if ADMINISTRATORS in user["groups"]]
        return [email for email in emails if email.isascii() and email.isprintable()]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []


def _reset_path(host: str) -> str:
    return f"/_mockscope/v1/sites/{percent_encoded(host, safe='')}/reset"


def _run(site: Site, *, variable: str, options: Sequence[str], reports: Iterable[Path]) -> int:
    """Run ``schemathesis run`` with our configuration and hooks, and return the exit status of the command."""
    from mockscope.remote.client import AUTH_HEADER
    from mockscope.remote.exchange import KeyRedactor

    redact = KeyRedactor(site.host, site.key)
    line = quote(f"{AUTH_HEADER}: {site.host}:${variable}")
    runnable = f'{quote(f"{AUTH_HEADER}: {site.host}:")}"${variable}"'

    def shown(text: str) -> str:
        # In JUnit some characters are escaped.
        return redact(text.replace(line, runnable).replace(escape(line), escape(runnable)))

    with TemporaryDirectory(prefix="mockscope-") as folder:
        document, configuration = Path(folder, "openapi.yaml"), Path(folder, "schemathesis.toml")
        document.write_bytes(_spec.openapi_yaml())
        words = dumps(site.administrators) if site.administrators else EXAMPLE
        configuration.write_text(CONFIGURATION.read_text(encoding="utf-8").replace(EXAMPLE, words), encoding="utf-8")
        environment = {
            "SCHEMATHESIS_HOOKS": "mockscope.contract.hooks",
            AUTH_VARIABLE: f"{site.host}:${variable}",
            variable: site.key,
            # Nothing is left where the command was typed.
            "HYPOTHESIS_STORAGE_DIRECTORY": folder,
            "COLUMNS": str(get_terminal_size().columns),
            "PYTHONIOENCODING": "utf-8",
        }
        arguments = [f"--config-file={configuration}", "run", str(document), f"--url={site.url}", *options]
        status = _schemathesis(arguments, {**os.environ, **environment, **site.environment}, shown)
    for path in reports:
        if path.exists():
            path.write_text(shown(path.read_text(encoding="utf-8")), encoding="utf-8")
    return status


def _schemathesis(arguments: Sequence[str], environment: Mapping[str, str], shown: Callable[[str], str]) -> int:
    """Run Schemathesis to its end, print each line as it may be shown, and return the exit status of the command."""
    command = [sys.executable, "-m", "schemathesis.cli", *arguments, *["--force-color"] * sys.stdout.isatty()]
    interrupts: list[int] = []

    def forward(number: int, frame: object) -> None:
        interrupts.append(number)
        process.send_signal(number)

    # Nobody else may read the reports. In a process group of its own it gets a signal once: from here.
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", umask=0o077, process_group=0
    ) as process:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, forward)
        for line in process.stdout or ():
            # Schemathesis has signs that not every encoding has.
            click.echo(shown(line).encode(sys.stdout.encoding, "replace"), nl=False)
    # Interrupted once more, Schemathesis has another status.
    return 128 + interrupts[0] if interrupts else FOUND if process.returncode else 0
