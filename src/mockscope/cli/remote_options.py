"""The options of the commands that send requests to a server elsewhere, and the client that they give."""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from mockscope._support import addresses
from mockscope.cli.options import FILE, SECONDS

if TYPE_CHECKING:
    from mockscope.remote.client import SiteClient

Command = Callable[..., Any]

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


def read_secret(name: str, what: str) -> str:
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


def new_client(url: str, site: str, api_key: str, **options: Any) -> "SiteClient":
    """Return a client for a site; the options are those of the client.

    Raises:
        UsageError: If the client refuses them.
    """
    from mockscope.remote.client import SiteClient

    try:
        return SiteClient(url, site, api_key, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def is_loopback(url: str) -> bool:
    """Return whether a URL is on a loopback address."""
    try:
        return addresses.is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
