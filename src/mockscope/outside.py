"""The command pull, and what it shares with the others that talk to a server elsewhere. No other command may."""

import os
import re
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import click

from mockscope.shell import FILE, RATE, SECONDS, check_apart, say

if TYPE_CHECKING:
    from mockscope.pulling import Harvest, Partial
    from mockscope.target import Target

DONE: Final = 0
COULD_NOT: Final = 1
KEY_VARIABLE: Final = "MOCKSCOPE_API_KEY"
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A file with people in it is for whoever made it; one without is for whoever may read the folder.
PRIVATE: Final = 0o600
PUBLIC: Final = 0o666


@click.command()
@click.argument("url", required=False, metavar="URL")
@click.option("--site", help="The host of the site, as in the auth header.")
@click.option(
    "--api-key-env",
    default=KEY_VARIABLE,
    show_default=True,
    metavar="NAME",
    help="The environment variable that holds the API key.",
)
@click.option("--output", type=FILE, help="File to write to. Without it: standard output.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    help="Without it: JSON for an output that ends in .json, else YAML.",
)
@click.option("--anonymize", is_flag=True, help="Replace people, and the names of groups, dashboards and the site.")
@click.option(
    "--salt-env",
    metavar="NAME",
    help="The environment variable that holds what the replacements depend on. Without it: the API key.",
)
@click.option("--rate", type=RATE, help="Requests a second at most.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=30,
    show_default=True,
    help="How many seconds one answer may take.",
)
@click.option("--ca-file", type=FILE, help="Certificates to believe instead of the system's.")
@click.option("--resume", is_flag=True, help="Go on where the same command ended before it was done.")
@click.option(
    "--partial",
    type=FILE,
    help="File that keeps what was read until all is. Without it: .OUTPUT.partial beside the output.",
)
def pull(
    *,
    url: str | None,
    site: str | None,
    api_key_env: str,
    output: Path | None,
    form: Literal["yaml", "json"] | None,
    anonymize: bool,
    salt_env: str | None,
    rate: float | None,
    timeout: float,
    ca_file: Path | None,
    resume: bool,
    partial: Path | None,
) -> int:
    """Write the users, groups and dashboards of a site elsewhere as a seed, without its key.

    URL is where the server is, without /api/v1: e.g. https://app.periscopedata.com
    """
    if url is None:
        raise click.UsageError("Missing argument 'URL'.")
    if site is None:
        raise click.UsageError("Missing option '--site'.")
    if salt_env is not None and not anonymize:
        raise click.UsageError("--salt-env needs --anonymize: nothing else depends on it")
    if output is not None and partial is None:
        partial = output.parent / f".{output.name}.partial"
    check_apart({"--output": output, "--partial": partial})
    if resume and partial is None:
        raise click.UsageError("--resume needs --output or --partial: otherwise nothing is kept to go on from")
    api_key = from_environment(api_key_env, "the API key")
    salt = from_environment(salt_env, "the salt") if salt_env else f"{site}:{api_key}"
    out = Output(output, PUBLIC if anonymize else PRIVATE)
    from mockscope.anonymizing import anonymized
    from mockscope.pulling import Harvest, PullError, harvest, seed_of, written

    read = Harvest()
    with target_of(url, site, api_key, rate=rate, timeout=timeout, ca_file=ca_file) as target:
        kept = _partial(partial, target, api_key)
        try:
            if kept is not None:
                read = _begun(kept, resume=resume)
            with Progress() as progress:
                harvest(target, read, keep=None if kept is None else kept.keep, progress=progress)
            seed, odd = seed_of(read, site)
            out.write(written(anonymized(seed, salt.encode()) if anonymize else seed, form or out.form))
        except (PullError, OSError, KeyboardInterrupt) as error:
            say(_reason(error))
            _say_what_is_kept(read, kept)
            return COULD_NOT
    for line in odd.lines(naming=not anonymize):
        say(line)
    if kept is not None:
        kept.end()
    return DONE


def from_environment(name: str, what: str) -> str:
    """A secret that must be in the environment.

    Raises:
        UsageError: it is not there.
    """
    value = os.environ.get(name, "").strip()
    if not value and not VARIABLE.fullmatch(name):
        # It may be the secret itself.
        raise click.UsageError(f"{what} must be in the environment, and what was given is no name of a variable")
    if not value:
        raise click.UsageError(f"{what} must be in the environment variable {name}, and that is not set")
    return value


def target_of(url: str, site: str, api_key: str, **options: Any) -> "Target":
    """The server that a command was told to talk to; the options are the target's.

    Raises:
        UsageError: it can't be one.
    """
    from mockscope.target import Target

    try:
        return Target(url, site, api_key, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def is_loopback(url: str) -> bool:
    """Whether a URL is that of this machine alone."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


class Output:
    """Where the result goes: standard output, or a file that is replaced as a whole or not at all.

    Args:
        path: the file; None is standard output.
        mode: who may read a file that was not there before.

    Raises:
        ClickException: the file can't be written.
    """

    def __init__(self, path: Path | None, mode: int) -> None:
        self._mode = mode
        self._suffix = "" if path is None else path.suffix
        self._path = None if path is None else Path(os.path.realpath(path))
        try:
            if self._path is not None:
                self._check(self._path)
        except OSError as error:
            raise click.ClickException(f"can't write {path}: {error.strerror or error}") from None

    @property
    def form(self) -> Literal["yaml", "json"]:
        """The form that its name asks for."""
        return "json" if self._suffix == ".json" else "yaml"

    def write(self, content: bytes) -> None:
        """Write all of it.

        Raises:
            OSError: it could not be written.
        """
        if self._path is None:
            stream = sys.stdout.buffer
            stream.write(content)
            stream.flush()
            return
        part = self._part(self._path)
        try:
            self._write(self._path, part, content)
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)

    def _check(self, path: Path) -> None:
        # Better now than when everything was read.
        if path.exists() and not path.is_file():
            raise OSError(None, "it is no regular file")
        part = self._part(path)
        self._write(path, part, b"")
        part.unlink()

    def _write(self, path: Path, part: Path, content: bytes) -> None:
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._mode), "wb") as file:
            if path.exists():
                os.chmod(part, path.stat().st_mode & 0o777)
            file.write(content)

    @staticmethod
    def _part(path: Path) -> Path:
        return path.with_name(f".{path.name}.{os.getpid()}")


class Progress:
    """Bars on standard error, one for each thing that is done, where somebody looks on; nothing elsewhere."""

    def __init__(self) -> None:
        self._label = ""
        # click has no public name for what it makes.
        self._bar: Any = None

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        return self._show

    def __exit__(self, *exc_info: object) -> None:
        self._finish()

    def _show(self, label: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None or label != self._label:
            self._finish()
            self._label = label
            self._bar = click.progressbar(length=total or done, label=label, show_pos=True, file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(done - self._bar.pos)

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _partial(path: Path | None, target: "Target", api_key: str) -> "Partial | None":
    from mockscope.pulling import Partial

    return None if path is None else Partial(path, target, api_key)


def _begun(kept: "Partial", *, resume: bool) -> "Harvest":
    """What was read before, if that is to be gone on from."""
    from mockscope.pulling import Harvest, PartialError

    try:
        if resume:
            return kept.resume()
        kept.start()
    except PartialError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"can't write {kept.path}: {error.strerror or error}") from None
    return Harvest()


def _reason(error: BaseException) -> str:
    """Why it ended before it was done."""
    if isinstance(error, KeyboardInterrupt):
        return "ended before all was read"
    if isinstance(error, OSError) and error.strerror:
        return f"can't write: {error.strerror}"
    return str(error)


def _say_what_is_kept(read: "Harvest", kept: "Partial | None") -> None:
    if not read.totals:
        if kept is not None:
            kept.end()
    elif kept is None:
        say("what was read is lost: with --output or --partial it is kept for --resume")
    else:
        say(f"what was read is kept in {kept.path}: the same command with --resume goes on from there")
