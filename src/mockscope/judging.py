"""The command check: options to a run, and what came of it to the terminal or a file."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from mockscope.outside import (
    KEY_VARIABLE,
    PRIVATE,
    PUBLIC,
    Output,
    Progress,
    from_environment,
    is_loopback,
    target_of,
)
from mockscope.shell import FILE, MOST_REQUESTS, SECONDS, Number, check_apart, say, say_wrong

if TYPE_CHECKING:
    from mockscope.checking.names import Record
    from mockscope.checking.outcome import Level
    from mockscope.checking.run import Report
    from mockscope.target import Target

HOLDS: Final = 0
COULD_NOT: Final = 1
DIFFERS: Final = 2
# Requests a second, for a server that is not on this machine.
POLITE: Final = 5.0

Form = Literal["json", "junit", "html"]


class Judging(click.Command):
    """A command whose status 2 is kept for what differs: whatever keeps it from judging is status 1."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """As click has it, but for the status of wrong use."""
        try:
            return super().make_context(*args, **options)
        except click.ClickException as error:
            say_wrong(error)
            raise click.exceptions.Exit(COULD_NOT) from None

    def invoke(self, ctx: click.Context) -> Any:
        """As click has it, but for the status of wrong use, and of who interrupts it."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            say_wrong(error)
        except (click.Abort, KeyboardInterrupt):
            say("ended before all was checked")
        return COULD_NOT


@click.command(cls=Judging)
@click.argument("url", required=False, metavar="URL")
@click.option("--site", help="The host of the site, as in the auth header.")
@click.option(
    "--api-key-env",
    default=KEY_VARIABLE,
    show_default=True,
    metavar="NAME",
    help="The environment variable that holds the API key.",
)
@click.option("--read-only", is_flag=True, help="Send GET alone. This is what it does unless told otherwise.")
@click.option("--dry-run", is_flag=True, help="Send writes as well, each of them with test_mode=true.")
@click.option("--full", is_flag=True, help="Create, change and delete records of its own as well. Asks before it does.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--clean-up", is_flag=True, help="Check nothing: remove what earlier checks have left on the site.")
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Check this rule alone. May be there several times.")
@click.option(
    "--policy",
    type=FILE,
    help="File with switches to judge by, instead of mockscope's own readings.",
)
@click.option(
    "--write-policy",
    type=FILE,
    help="File for the switches under which mockscope answers like this server.",
)
@click.option("--report", "form", type=click.Choice(["json", "junit", "html"]), help="A report instead of the table.")
@click.option(
    "--report-file",
    type=FILE,
    help="File for the report; the table is printed all the same.",
)
@click.option("--no-exchanges", is_flag=True, help="Leave requests, answers and the site's host out of the report.")
@click.option(
    "--max-pages",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many pages of a list are read at most.",
)
@click.option(
    "--rate",
    type=Number(0, MOST_REQUESTS),
    help="Requests a second at most; 0: no limit. Without it: 5, and on this machine no limit.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=30,
    show_default=True,
    help="How many seconds one answer may take.",
)
@click.option("--ca-file", type=FILE, help="Certificates to believe instead of the system's.")
def check(
    *,
    url: str | None,
    site: str | None,
    api_key_env: str,
    read_only: bool,
    dry_run: bool,
    full: bool,
    yes: bool,
    clean_up: bool,
    rules: tuple[str, ...],
    policy: Path | None,
    write_policy: Path | None,
    form: Form | None,
    report_file: Path | None,
    no_exchanges: bool,
    max_pages: int,
    rate: float | None,
    timeout: float,
    ca_file: Path | None,
) -> int:
    """Judge a server by the rules: the mock, or whatever else answers at URL.

    URL is where the server is, without /api/v1: e.g. https://app.periscopedata.com. The exit status is 0 where nothing
    differs, 1 where it could not run to its end or was used wrongly, and 2 where something differs.
    """
    if url is None:
        raise click.UsageError("Missing argument 'URL'.")
    if site is None:
        raise click.UsageError("Missing option '--site'.")
    if read_only + dry_run + full + clean_up > 1:
        raise click.UsageError("--read-only, --dry-run, --full and --clean-up exclude each other")
    if report_file is not None and form is None:
        raise click.UsageError("--report-file needs --report: json, junit or html")
    check_apart({"--report-file": report_file, "--write-policy": write_policy})
    api_key = from_environment(api_key_env, "the API key")
    _check_rules(rules)
    readings = _readings(policy)
    # Exchanges have people in them.
    report_to = None if form is None else Output(report_file, PRIVATE)
    policy_to = None if write_policy is None else Output(write_policy, PUBLIC)
    from mockscope.checking.guardian import spelled
    from mockscope.checking.outcome import CouldNotRun, Level
    from mockscope.checking.report import table
    from mockscope.target import Unreachable

    options = {"rate": _rate(rate, url), "timeout": timeout, "ca_file": ca_file}
    with target_of(url, site, api_key, **options) as target, _sigterm_is_ctrl_c():
        try:
            if clean_up:
                return _clean_up(target, api_key, max_pages, is_sure=yes)
            if full:
                _ask_first(f"create, change and delete records of its own on {site} at {url}", is_sure=yes)
            level = Level.FULL if full else Level.DRY_RUN if dry_run else Level.READ_ONLY
            report = _run(target, api_key, level, options, rules=rules, policy=readings, most_pages=max_pages)
            with_exchanges = not no_exchanges
            if policy_to is not None:
                policy_to.write(_policy_of(report))
            if form is not None and report_to is not None:
                report_to.write(_written(report, form, with_exchanges=with_exchanges))
            if form is None or report_file is not None:
                click.echo(_printable(table(report, with_exchanges=with_exchanges)), nl=False)
        except (CouldNotRun, Unreachable) as error:
            say(str(error))
            return COULD_NOT
        except OSError as error:
            say(f"can't write: {error.strerror or error}")
            return COULD_NOT
    if report.left and full:
        return _say_left(report.left)
    if report.left:
        say(f"made in test mode, and still there: {spelled(report.left)}; --clean-up removes it")
    return DIFFERS if report.differs else HOLDS


def _check_rules(rules: tuple[str, ...]) -> None:
    from mockscope.checking.rows import RULES
    from mockscope.nearness import nearest

    for rule in rules:
        if rule not in RULES:
            near = nearest(rule, RULES)
            raise click.UsageError(f"there is no rule {rule}{f': did you mean {near}?' if near else ''}")


def _readings(path: Path | None) -> dict[str, object]:
    """The switches in a file, which may be one that --write-policy wrote, or a bare mapping."""
    if path is None:
        return {}
    import msgspec
    import yaml

    from mockscope.domain.policy import Policy

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        policy = Policy().with_changes(**(found.get("policy", found) or {}))
    except OSError as error:
        raise click.ClickException(f"can't read the policy {path}: {error.strerror or error}") from None
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise click.ClickException(f"{path} is no policy: {error}") from None
    return msgspec.structs.asdict(policy)


def _rate(rate: float | None, url: str) -> float | None:
    """How many requests a second: as said, or else politely where somebody else may be behind it."""
    if rate is None:
        return None if is_loopback(url) else POLITE
    return rate or None


def _ask_first(what: str, *, is_sure: bool) -> None:
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"this would {what}, and nobody can be asked here: say --yes")
    click.confirm(f"This will {what}. Go on?", abort=True, err=True)


def _run(target: "Target", api_key: str, level: "Level", options: dict[str, Any], **settings: Any) -> "Report":
    from mockscope.checking.outcome import Level
    from mockscope.checking.run import check, check_guarded

    with Progress() as show:

        def progress(done: int, total: int) -> None:
            show("checks", done, total)

        if level is Level.FULL:
            return check_guarded(target, api_key, target_options=options, progress=progress, **settings)
        return check(target, api_key, level, progress=progress, **settings)


def _clean_up(target: "Target", api_key: str, most_pages: int, *, is_sure: bool) -> int:
    from mockscope.checking.guardian import spelled
    from mockscope.checking.run import left_on, remove_from

    found = left_on(target, api_key, most_pages=most_pages)
    if not found:
        say("no check has left anything there")
        return HOLDS
    say(f"left by earlier checks: {spelled(found)}")
    _ask_first(f"delete them from {target.host} at {target.url}", is_sure=is_sure)
    left = remove_from(target, found, most_pages=most_pages)
    if left:
        return _say_left(left)
    say("removed")
    return HOLDS


def _say_left(records: "Iterable[Record]") -> int:
    from mockscope.checking.guardian import spelled

    say(f"could not be removed: {spelled(records)}; --clean-up tries again")
    return COULD_NOT


def _policy_of(report: "Report") -> bytes:
    from mockscope.checking.policy import as_yaml

    return as_yaml(report.policy).encode()


def _written(report: "Report", form: Form, *, with_exchanges: bool) -> bytes:
    from mockscope.checking.report import to_html, to_json, to_junit

    write = {"json": to_json, "junit": to_junit, "html": to_html}[form]
    return write(report, with_exchanges=with_exchanges).encode("utf-8", "replace")


def _printable(text: str) -> str:
    """A text with escapes for what the output's encoding does not have: exchanges hold whatever a server says."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    """For a block, SIGTERM ends a run as Ctrl-C does: what it made is removed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
