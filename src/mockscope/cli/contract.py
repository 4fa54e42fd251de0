"""The command ``contract``: Schemathesis' own command line with our hooks, on the mock or on the server at a URL."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from json import dumps
from pathlib import Path
from shlex import join, quote
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote as percent_encoded
from xml.sax.saxutils import escape

import click

from mockscope._vendor import ADMINISTRATORS, AUTH_HEADER, USERS_PATH
from mockscope.cli.options import FILE, FOLDER, RATE, check_usage, seed_or_demo
from mockscope.cli.output import FAILED, exit_with_error, print_line, writing
from mockscope.cli.remote_options import is_loopback, new_client, read_secret, server_options
from mockscope.contract import document
from mockscope.remote.client import SiteClient, Unreachable
from mockscope.remote.exchange import KeyRedactor

CONFIGURATION: Final = Path(__file__).parents[1] / "contract" / "schemathesis.toml"
# The administrators in schemathesis.toml, which are replaced by those of the site.
EXAMPLE: Final = ["mike@example.com"]
REPORTS: Final = {"junit": "junit.xml", "har": "har.json"}


@click.command(context_settings={"show_default": True})
@server_options(required=False, timeout=10)
@click.option("--seed", type=FILE, help="Seed file for the mock. Without it, and without a URL: the demo.")
@click.option(
    "--max-examples", type=click.IntRange(1), default=50, help="Number of cases for each operation, and of chains."
)
@click.option("--seed-number", type=int, help="The seed that an earlier run printed, to draw the same cases again.")
@click.option("--rate", type=RATE, help="Maximum number of requests a second.")
@click.option("--report", "reports", type=click.Choice(list(REPORTS)), multiple=True, help="A report to write.")
@click.option("--report-dir", type=FOLDER, default="contract-report", help="Folder for the reports.")
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
    """Test the mock or a server against openapi.yaml.

    Schemathesis sends valid and invalid requests, singly and in chains that follow the links of the document. Each
    response is checked against the document. A curl line reproduces each failure.
    """
    danger = f"contract creates, changes and deletes records of the site {site} at {url}: add --yes if they may all go"
    check_usage(
        # The message does not show the URL: without a scheme, it may hold a password.
        (url and "://" not in url, "a URL begins with http:// or https://; a seed is given as --seed FILE"),
        (url and seed, "give a URL or a seed, not both"),
        (reset and not url, "--reset needs a URL: the mock is reset anyway"),
        (url and not site, "a URL needs --site HOST: the host of the site, as in the auth header"),
        (url and not yes and not is_loopback(url), danger),
        (not find_spec("schemathesis"), "contract needs Schemathesis: pip install 'mockscope[contract]'"),
    )
    files = {report: (report_dir / REPORTS[report]).absolute() for report in reports}
    named: dict[str, object] = {"max-examples": max_examples, "request-timeout": timeout, "seed": seed_number}
    named |= {"rate-limit": _rate_limit(rate), **{f"report-{kind}-path": file for kind, file in files.items()}}
    options = [f"--{name}={value}" for name, value in named.items() if value is not None]
    if files:
        with writing(f"reports to {report_dir}"):
            report_dir.mkdir(parents=True, exist_ok=True)
    if ca_file:
        # Our hooks read it too.
        os.environ["REQUESTS_CA_BUNDLE"] = str(ca_file.absolute())
    context = click.get_current_context()
    try:
        if url is None:
            client = context.with_resource(_mock(seed, site))
        else:
            key = read_secret(api_key_env, "the API key")
            client = context.with_resource(new_client(url, str(site), key, rate=rate, timeout=timeout, ca_file=ca_file))
        status = _run(client, api_key_env, options, files.values(), reset=reset or url is None)
    except Unreachable as error:
        exit_with_error(str(error))
    if url is None and status == FAILED:
        port = client.url.rpartition(":")[2]
        serving = join(["mockscope", "serve", "--port", port, *(["--seed", str(seed)] if seed else [])])
        # Without a key in the seed, the next server has another one.
        print_line(
            f"the curl lines need a server, and this one ends: {serving}; and in {api_key_env} the key that it prints"
        )
    return status


def _rate_limit(rate: float | None) -> str:
    """Return the rate as Schemathesis has it: a whole number a second, a minute, an hour or a day.

    Without a rate, a request that got 429 is sent again after Retry-After.
    """
    if rate is None:
        return "auto"
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    return next((f"{int(rate * seconds)}/{unit}" for unit, seconds in units.items() if rate * seconds >= 1), "1/d")


@contextmanager
def _mock(seed: Path | None, host: str | None) -> Iterator[SiteClient]:
    """Serve the mock, and yield a client for one of its sites."""
    from mockscope.server.live import LiveServer

    with seed_or_demo(seed) as path:
        server = LiveServer(path)
    check_usage(
        (not server.sites, "the seed has no sites, and contract needs one"),
        (host and host not in server.sites, f"the seed has no site {host}; it has {', '.join(server.sites)}"),
    )
    site = server.sites[host or next(iter(server.sites))]
    # Schemathesis also sends requests that are not HTTP.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    # A proxy in the environment would not reach this machine.
    os.environ |= {"NO_PROXY": "*", "no_proxy": "*"}
    with server, new_client(server.url, site.host, site.api_key) as client:
        yield client


def _administrators(client: SiteClient) -> list[str]:
    """Return the emails of the administrators on the first page of users. A page of another shape has none."""
    page = client.request("GET", USERS_PATH)
    if page.status == 403:
        exit_with_error(f"{client.url} answers 403: the site {client.host} is not there, or this is not its key")
    try:
        emails = [user["email"] for user in page.json["users"] if ADMINISTRATORS in user["groups"]]
        return [email for email in emails if email.isascii() and email.isprintable()]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []


def _reset(client: SiteClient) -> str:
    """Reset the site, and return the URL that does it."""
    path = f"/_mockscope/v1/sites/{percent_encoded(client.host, safe='')}/reset"
    token = os.environ.get("MOCKSCOPE_CONTROL_TOKEN")
    headers = [("Authorization", f"Bearer {token}")] if token else []
    status = client.request("POST", path, json={}, headers=headers, auth=False).status
    if status != 200:
        exit_with_error(f"{client.url} answers {status} to {path}: --reset needs mockscope's control API there")
    return client.url + path


def _run(client: SiteClient, variable: str, options: Iterable[str], reports: Iterable[Path], *, reset: bool) -> int:
    """Run ``schemathesis run`` with our configuration and hooks, and return the exit status of the command."""
    shown = _key_hidden(client, variable)
    configuration = CONFIGURATION.read_text("utf-8").replace(dumps(EXAMPLE), dumps(_administrators(client) or EXAMPLE))
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "mockscope.contract.hooks",
        "MOCKSCOPE_AUTH": f"{client.host}:{client.api_key}",
        "MOCKSCOPE_CONTRACT_RESET_URL": _reset(client) if reset else "",
        "PYTHONIOENCODING": "utf-8",
    }
    with TemporaryDirectory(prefix="mockscope-") as folder:
        Path(folder, "openapi.yaml").write_bytes(document.openapi_yaml())
        Path(folder, CONFIGURATION.name).write_text(configuration, encoding="utf-8")
        arguments = ["run", "openapi.yaml", f"--url={client.url}", *options, *["--force-color"] * sys.stdout.isatty()]
        status = _schemathesis(arguments, folder, environment, shown)
    for path in filter(Path.exists, reports):
        path.write_text(shown(path.read_text(encoding="utf-8")), encoding="utf-8")
    return status


def _key_hidden(client: SiteClient, variable: str) -> Callable[[str], str]:
    """Return a function that replaces the key in texts, in curl lines by a variable of the shell."""
    redact = KeyRedactor(client.host, client.api_key)
    line = quote(f"{AUTH_HEADER}: {client.host}:{client.api_key}")
    runnable = f'{quote(f"{AUTH_HEADER}: {client.host}:")}"${variable}"'
    # In JUnit some characters are escaped.
    return lambda text: redact(text.replace(line, runnable).replace(escape(line), escape(runnable)))


def _schemathesis(arguments: list[str], folder: str, environment: dict[str, str], shown: Callable[[str], str]) -> int:
    """Run Schemathesis in a folder to its end, print each line as it may be shown, and return the exit status."""
    command = [sys.executable, "-m", "schemathesis.cli", *arguments]
    interrupts: list[int] = []

    def forward(number: int, frame: object) -> None:
        interrupts.append(number)
        process.send_signal(number)

    # umask: only this user may read the reports. process_group: the process gets each signal once, from forward().
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8", umask=0o077, process_group=0
    ) as process:
        signal.signal(signal.SIGINT, forward)
        signal.signal(signal.SIGTERM, forward)
        for line in process.stdout or ():
            # Schemathesis prints characters that not every encoding has.
            click.echo(shown(line).encode(sys.stdout.encoding, "replace"), nl=False)
    # The first signal decides the status: a second one changes the status of Schemathesis.
    return 128 + interrupts[0] if interrupts else FAILED if process.returncode else 0
