"""The command pull, and what the commands share that talk to a server elsewhere."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import click

from mockscope._support import addresses, atomic_file
from mockscope._support.text import escape_control
from mockscope.cli.options import FILE, RATE, SECONDS, say

if TYPE_CHECKING:
    from mockscope.remote.client import SiteClient

Command = Callable[..., Any]

DONE: Final = 0
COULD_NOT: Final = 1
KEY_VARIABLE: Final = "MOCKSCOPE_API_KEY"
KEY_HELP: Final = "The environment variable that holds the API key."
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def server_options(*, required: bool = True, timeout: float = 30) -> Callable[[Command], Command]:
    """Return a decorator that adds the argument and the options of all commands that talk to a server elsewhere.

    Args:
        required: Demand the URL and the site.
        timeout: The default of ``--timeout``.
    """
    parameters = (
        click.argument("url", required=required, metavar="URL" if required else "[URL]"),
        click.option("--site", required=required, metavar="HOST", help="The host of the site, as in the auth header."),
        click.option("--api-key-env", default=KEY_VARIABLE, show_default=True, metavar="NAME", help=KEY_HELP),
        click.option(
            "--timeout",
            type=SECONDS,
            default=timeout,
            show_default=True,
            help="The most seconds that one response may take.",
        ),
        click.option("--ca-file", type=FILE, help="Certificates to trust instead of the system's."),
    )

    def add_all(command: Command) -> Command:
        for add in reversed(parameters):
            command = add(command)
        return command

    return add_all


@click.command()
@server_options()
@click.option("--output", type=FILE, help="File to write to. Without it: standard output.")
@click.option("--force", is_flag=True, help="Replace an output that pull has not written itself.")
@click.option(
    "--format", "form", type=click.Choice(["yaml", "json"]), help="Without it: by the output's name, else YAML."
)
@click.option("--anonymize", is_flag=True, help="Replace people, and the names of groups, dashboards and the site.")
@click.option("--salt-env", metavar="NAME", help="Variable that the replacements depend on. Without it: the API key.")
@click.option("--rate", type=RATE, help="Requests a second at most.")
def pull(
    *,
    url: str,
    site: str,
    api_key_env: str,
    output: Path | None,
    force: bool,
    form: Literal["yaml", "json"] | None,
    anonymize: bool,
    salt_env: str | None,
    **options: Any,
) -> int:
    """Write a site elsewhere as a seed, without its key.

    The seed has the users, groups and dashboards. URL is where the server is, without /api/v1.
    """
    if salt_env is not None and not anonymize:
        raise click.UsageError("--salt-env needs --anonymize: nothing else depends on it")
    api_key = from_environment(api_key_env, "the API key")
    salt = from_environment(salt_env, "the salt") if salt_env else f"{site}:{api_key}"
    form = form or ("json" if output is not None and output.suffix == ".json" else "yaml")
    check_output(output)
    from mockscope.remote.anonymize import anonymize_seed
    from mockscope.remote.pull import PullError, is_replaceable, pull_site, render_seed, to_seed

    if output is not None and not force and output.exists() and not is_replaceable(output.read_bytes()):
        raise click.UsageError(f"{output} exists, and pull has not written it: name another file, or add --force")
    try:
        with client_of(url, site, api_key, **options) as client, Progress() as progress:
            seed, warnings = to_seed(pull_site(client, progress), site)
        seed = anonymize_seed(seed, salt.encode()) if anonymize else seed
        write_output(output, render_seed(seed, form), private=not anonymize)
    except KeyboardInterrupt:
        say("interrupted before the whole site was read")
        return COULD_NOT
    except (PullError, OSError) as error:
        say(reason_of(error))
        return COULD_NOT
    for line in warnings.lines(naming=not anonymize):
        say(line)
    if output is not None:
        [made] = seed["sites"]
        counts = ", ".join(f"{len(made[kind])} {kind}" for kind in ("users", "groups", "dashboards"))
        say(f"{output}: {counts} of the site {made['host']}")
    return DONE


def from_environment(name: str, what: str) -> str:
    """Return a secret from an environment variable.

    Raises:
        UsageError: If it is not set.
    """
    value = os.environ.get(name, "").strip()
    if not value and not VARIABLE.fullmatch(name):
        # The value may be the secret itself.
        raise click.UsageError(f"{what} must be in the environment, but the value is not a valid variable name")
    if not value:
        raise click.UsageError(f"{what} must be in the environment variable {name}, which is not set")
    return value


def client_of(url: str, site: str, api_key: str, **options: Any) -> "SiteClient":
    """Return a client for the site that a command was told; the options are the client's.

    Raises:
        UsageError: If the client refuses them.
    """
    from mockscope.remote.client import SiteClient

    try:
        return SiteClient(url, site, api_key, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def is_loopback(url: str) -> bool:
    """Return whether a URL reaches this machine alone."""
    try:
        return addresses.is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def reason_of(error: Exception) -> str:
    """Return an error as one line: one of writing, or one whose message says all."""
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write: {error.strerror}"
    return escape_control(str(error))


def check_output(path: Path | None) -> None:
    """Raise an error before any work if a file cannot be written; None is standard output.

    Raises:
        ClickException: If it cannot.
    """
    try:
        if path is not None:
            atomic_file.check(_resolved(path))
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from None


def write_output(path: Path | None, content: bytes, *, private: bool) -> None:
    """Write a file as a whole or not at all; None is standard output.

    Raises:
        OSError: If it cannot be written.
    """
    if path is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        atomic_file.write(_resolved(path), content, private=private)


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


class Progress:
    """Progress bars on standard error, one for each label, if it is a terminal."""

    def __init__(self) -> None:
        self._label = ""
        # click has no public name for the type.
        self._bar: Any = None

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        return self._show

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def _show(self, label: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None or label != self._label:
            self.__exit__()
            self._label = label
            self._bar = click.progressbar(length=total or done, label=label, show_pos=True, file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(done - self._bar.pos)
