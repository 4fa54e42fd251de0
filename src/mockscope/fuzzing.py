"""The command contract: which server is tried with openapi.yaml, with which words, and what the end means."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote as percent_encoded
from urllib.parse import urlsplit

import click

from mockscope.outside import COULD_NOT, KEY_VARIABLE, from_environment, is_loopback, target_of
from mockscope.shell import FILE, RATE, SECONDS, say, seed_or_demo

if TYPE_CHECKING:
    from mockscope.bench import MockSite
    from mockscope.target import Target

INTERRUPTED: Final = 130
NAP_SECONDS: Final = 0.1
NOT_HERE: Final = "contract needs Schemathesis: pip install 'mockscope[contract]'"


@click.command()
@click.argument("url", required=False, metavar="[URL]")
@click.option("--seed", type=FILE, help="Seed file for the mock. Without it, and without a URL: the demo.")
@click.option("--site", metavar="HOST", help="Host of the site; of a seed, the first one unless it is said.")
@click.option(
    "--api-key-env",
    metavar="NAME",
    default=KEY_VARIABLE,
    show_default=True,
    help="Environment variable that holds the site's key, for a URL and in the curl lines.",
)
@click.option(
    "--max-examples",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many cases of fuzzing for each operation, and how many chains of calls.",
)
@click.option("--seed-number", type=int, help="The seed that an earlier run has printed, to see the same cases again.")
@click.option("--rate", type=RATE, help="Requests a second at most.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=10,
    show_default=True,
    help="How many seconds one answer may take.",
)
@click.option("--ca-file", type=FILE, help="Certificates to believe instead of the system's.")
@click.option("--report", "reports", type=click.Choice(["junit", "har"]), multiple=True, help="A report to write.")
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
    answer is held against it. A curl line shows how to see again what was found.
    """
    if url is not None and seed is not None:
        raise click.UsageError("give a URL or a seed, not both")
    if url is None and reset:
        raise click.UsageError("--reset needs a URL: the mock is reset anyway")
    if find_spec("schemathesis") is None:
        raise click.ClickException(NOT_HERE)
    from mockscope.target import Pace

    options = {
        "max_examples": max_examples,
        "seed": seed_number,
        "timeout": timeout,
        "reports": _files(reports, report_dir),
    }
    try:
        with _ended_by_ctrl_c() as sleep:
            if url is None:
                return _try_mock(seed, site, api_key_env, options | {"turn": Pace(rate, sleep).wait})
            _check(url, site, is_agreed=yes)
            key = from_environment(api_key_env, "the API key")
            target = target_of(url, site or "", key, rate=rate, timeout=timeout, ca_file=ca_file, sleep=sleep)
            hidden = {"key": key, "variable": api_key_env}
            return _try_server(target, hidden, options | {"ca_file": ca_file}, resets=reset)
    except (KeyboardInterrupt, click.Abort):
        # Who was interrupted has not seen that nothing is wrong.
        return INTERRUPTED


@contextmanager
def _ended_by_ctrl_c() -> Iterator[Callable[[float], None]]:
    """For a block, a way to wait that Ctrl-C ends in every thread; by itself it ends what the main thread does."""
    is_over = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal is_over
        is_over = True
        raise KeyboardInterrupt

    def sleep(seconds: float) -> None:
        latest = time.monotonic() + seconds
        # No lock and no event: a signal may come while the main thread holds it.
        while not is_over and (left := latest - time.monotonic()) > 0:
            time.sleep(min(left, NAP_SECONDS))
        if is_over:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, end)
    try:
        yield sleep
    finally:
        signal.signal(signal.SIGINT, before)


def _check(url: str, site: str | None, *, is_agreed: bool) -> None:
    if site is None:
        raise click.UsageError("a URL needs --site HOST: the host of the site, as in the auth header")
    if not is_agreed and not is_loopback(url):
        raise click.UsageError(
            f"contract creates, changes and deletes records of the site {site} at {url}: add --yes if they may all go"
        )


# -- the mock --------------------------------------------------------------------------------------------------


def _try_mock(seed: Path | None, host: str | None, variable: str, options: dict[str, Any]) -> int:
    from mockscope.server import LiveServer

    with seed_or_demo(seed) as path:
        server = LiveServer(path)
    site = _chosen(server.sites, host)
    # It takes a second, and is not needed to say what is wrong.
    from mockscope.schemathesis_setup import HiddenKey, Words, trial

    users = [{"email": user.email, "groups": user.groups} for user in site.users.values()]
    # Among other things Schemathesis tries whether what is no HTTP is refused.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with server, _never_by_proxy():
        words = Words.of(users, site.groups)
        hidden = HiddenKey(site.host, site.api_key, variable)
        status = trial(server.url, words, hidden, reset=site.reset, **options)
        port = urlsplit(server.url).port
    if status == 1:
        serving = f"mockscope serve --port {port}{f' --seed {quote(str(seed))}' if seed else ''}"
        # Where the seed has no key, the next server has another.
        say(f"the curl lines want a server, and this one is gone: {serving}; and in {variable} the key that it prints")
    return _meaning(status)


def _chosen(sites: Mapping[str, "MockSite"], host: str | None) -> "MockSite":
    if not sites:
        raise click.ClickException("the seed has no sites, and contract needs one")
    if host is None:
        return next(iter(sites.values()))
    if host not in sites:
        raise click.UsageError(f"the seed has no site {host}; it has {', '.join(sites)}")
    return sites[host]


@contextmanager
def _never_by_proxy() -> Iterator[None]:
    """What is sent to this machine goes there, whichever proxy the environment names."""
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(before, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# -- a server elsewhere ----------------------------------------------------------------------------------------


def _try_server(target: "Target", secret: dict[str, str], options: dict[str, Any], *, resets: bool) -> int:
    from mockscope.target import Unreachable

    with target:
        try:
            users, groups = (_listed(target, what) for what in ("users", "groups"))
            reset = _resetting(target) if resets else None
        except (Unreachable, _Unfit) as error:
            say(str(error))
            return COULD_NOT
        from mockscope.schemathesis_setup import HiddenKey, Words, trial  # as above

        words = Words.of(users, [group["name"] for group in groups if isinstance(group.get("name"), str)])
        if not is_loopback(target.url):
            say(f"warning: records of the site {target.host} at {target.url} are created, changed and deleted now")
        hidden = HiddenKey(target.host, **secret)
        return _meaning(trial(target.url, words, hidden, turn=target.pace.wait, reset=reset, **options))


class _Unfit(Exception):
    """A server that can't be tried; the message says why."""


def _listed(target: "Target", what: str) -> Sequence[Mapping[str, Any]]:
    """The first page of what the site holds. A server that answers nonsense is found out later."""
    exchange = target.ask("GET", f"/api/v1/{what}")
    if exchange.status == 403:
        raise _Unfit(f"{target.url} answers 403: the site {target.host} is not there, or this is not its key")
    try:
        page = exchange.json
    except ValueError:
        return []
    found = page.get(what) if isinstance(page, dict) else None
    return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []


def _resetting(target: "Target") -> Callable[[], None]:
    """What resets the site; it has done so once when this returns."""
    path = f"/_mockscope/v1/sites/{percent_encoded(target.host, safe='')}/reset"
    token = os.environ.get("MOCKSCOPE_CONTROL_TOKEN")
    headers = [("Authorization", f"Bearer {token}")] if token else []

    def reset() -> None:
        status = target.ask("POST", path, json={}, headers=headers, auth=None).status
        if status != 200:
            raise _Unfit(f"{target.url} answers {status} to {path}: --reset needs mockscope's control API there")

    reset()
    return reset


def _files(forms: Sequence[str], folder: Path) -> dict[str, Path]:
    """The file of each report, in a folder that is there.

    Raises:
        ClickException: the folder can't be made.
    """
    try:
        if forms:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"can't write reports to {folder}: {error.strerror or error}") from None
    names = {"junit": "junit.xml", "har": "har.json"}
    return {form: folder / names[form] for form in dict.fromkeys(forms)}


def _meaning(status: int) -> int:
    """Our exit status for Schemathesis's: 0 where nothing was found; what could not run is no success either."""
    return status if status in (0, INTERRUPTED) else 1
