"""The command check: options to a run, and its report to the terminal or a file."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from mockscope._support.suggestions import find_nearest
from mockscope.cli.options import FILE, MAX_REQUESTS, Number, check_distinct
from mockscope.cli.output import (
    Progress,
    check_output,
    describe_error,
    print_error,
    print_line,
    print_usage_error,
    write_output,
)
from mockscope.cli.remote_options import is_loopback, new_client, read_secret, server_options

if TYPE_CHECKING:
    from mockscope.conformance.check import Report
    from mockscope.conformance.run_records import Record
    from mockscope.remote.client import SiteClient

PASSED: Final = 0
FAILED: Final = 1
DIFFERENT: Final = 2
# Requests a second, for a server that is not on this machine.
DEFAULT_RATE: Final = 5.0
RATE_HELP: Final = "Requests a second at most; 0: no limit. Without it: 5, and on this machine no limit."
PAGES: Final = click.IntRange(min=1)


class CheckCommand(click.Command):
    """A command that exits with status 2 if something differs. Wrong use is status 1."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Parse the arguments as click does."""
        try:
            return super().make_context(*args, **options)
        except click.ClickException as error:
            print_usage_error(error)
            raise click.exceptions.Exit(FAILED) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command as click does; an interruption is status 1 too."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            print_usage_error(error)
        except (click.Abort, KeyboardInterrupt):
            print_error("interrupted before all was checked")
        return FAILED


@click.command(cls=CheckCommand)
@server_options()
@click.option("--read-only", is_flag=True, help="Send GET only. This is the default.")
@click.option("--dry-run", is_flag=True, help="Send writes as well, each of them with test_mode=true.")
@click.option("--full", is_flag=True, help="Create, change and delete records of its own as well. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--clean-up", is_flag=True, help="Check nothing: remove what earlier checks have left on the site.")
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Check this rule only. May be given several times.")
@click.option("--policy", type=FILE, help="File with switches to judge by, instead of mockscope's defaults.")
@click.option("--write-policy", type=FILE, help="File for a policy with which mockscope answers like this server.")
@click.option("--report", "form", type=click.Choice(["json", "junit"]), help="A report instead of the table.")
@click.option("--report-file", type=FILE, help="File for the report; the table is printed as well.")
@click.option("--no-exchanges", is_flag=True, help="Leave requests, responses and the site's host out of the report.")
@click.option("--max-pages", type=PAGES, default=50, show_default=True, help="The most pages of a list that are read.")
@click.option("--rate", type=Number(0, MAX_REQUESTS), help=RATE_HELP)
def check(
    *,
    url: str,
    site: str,
    api_key_env: str,
    yes: bool,
    rules: tuple[str, ...],
    policy: Path | None,
    write_policy: Path | None,
    form: Literal["json", "junit"] | None,
    report_file: Path | None,
    no_exchanges: bool,
    max_pages: int,
    rate: float | None,
    timeout: float,
    ca_file: Path | None,
    **levels: bool,
) -> int:
    """Judge a server by the rules.

    URL is the server's URL without /api/v1, e.g. https://app.periscopedata.com. The exit status is 0 if nothing
    differs, and 2 if something differs. It is 1 for wrong use, or if the run did not reach its end.
    """
    if sum(levels.values()) > 1:
        raise click.UsageError("--read-only, --dry-run, --full and --clean-up exclude each other")
    if report_file is not None and form is None:
        raise click.UsageError("--report-file needs --report: json or junit")
    check_distinct({"--report-file": report_file, "--write-policy": write_policy})
    api_key = read_secret(api_key_env, "the API key")
    import yaml

    from mockscope.conformance.check import check as run_checks
    from mockscope.conformance.outcome import Level, RunAborted
    from mockscope.conformance.report import to_json, to_junit, to_table, without_exchanges
    from mockscope.remote.client import Unreachable

    _check_rules(rules)
    settings: dict[str, Any] = {"rules": rules, "policy": _read_switches(policy), "max_pages": max_pages}
    check_output(report_file)
    check_output(write_policy)
    rate = rate if rate is not None or is_loopback(url) else DEFAULT_RATE
    full = levels["full"]
    level = Level.FULL if full else Level.DRY_RUN if levels["dry_run"] else Level.READ_ONLY
    with new_client(url, site, api_key, rate=rate, timeout=timeout, ca_file=ca_file) as client, _interruptible():
        try:
            if levels["clean_up"]:
                return _clean_up(client, max_pages, is_sure=yes)
            if full:
                _confirm(f"create, change and delete records of its own on {site} at {url}", is_sure=yes)
            with Progress() as show:
                report = run_checks(client, level, progress=lambda done, total: show("checks", done, total), **settings)
            if write_policy is not None:
                # The same form as in a seed.
                text = yaml.safe_dump({"policy": {**report.policy}}, sort_keys=False)
                write_output(write_policy, text.encode(), private=False)
            if no_exchanges:
                report = without_exchanges(report)
            if form is not None:
                text = (to_json if form == "json" else to_junit)(report)
                # Exchanges contain personal data.
                write_output(report_file, text.encode("utf-8", "replace"), private=True)
            if form is None or report_file is not None:
                click.echo(_escape_unencodable(to_table(report)), nl=False)
        except (RunAborted, Unreachable, OSError) as error:
            print_error(describe_error(error))
            return FAILED
    return _status(report, is_full=full)


def _status(report: "Report", *, is_full: bool) -> int:
    """Print which records are left on the site; return the exit status."""
    if report.leftovers:
        print_line(f"left by another check, killed or running: {_join(report.leftovers)}; --clean-up removes it")
    if report.left and is_full:
        return _print_leftovers(report.left)
    if report.left:
        print_line(f"made in test mode, and still there: {_join(report.left)}; --clean-up removes it")
    return DIFFERENT if report.differs else PASSED


def _check_rules(rules: tuple[str, ...]) -> None:
    from mockscope.conformance.policy import RULES

    for rule in rules:
        if rule not in RULES:
            near = find_nearest(rule, RULES)
            raise click.UsageError(f"there is no rule {rule}{f': did you mean {near}?' if near else ''}")


def _read_switches(path: Path | None) -> dict[str, object]:
    """Return the switches in a file: one that --write-policy wrote, or a bare mapping."""
    if path is None:
        return {}
    import yaml

    from mockscope.domain.policy import Policy

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        switches = found.get("policy", found) or {}
        Policy().with_changes(**switches)
    except OSError as error:
        raise click.ClickException(f"cannot read the policy {path}: {error.strerror or error}") from None
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise click.ClickException(f"{path} is not a policy: {error}") from None
    return dict(switches)


def _confirm(what: str, *, is_sure: bool) -> None:
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"this would {what}, and there is no terminal to ask at: add --yes")
    click.confirm(f"This will {what}. Go on?", abort=True, err=True)


def _clean_up(client: "SiteClient", max_pages: int, *, is_sure: bool) -> int:
    from mockscope.conformance.check import find_leftovers_on, remove_leftovers

    found = find_leftovers_on(client, max_pages=max_pages)
    if not found:
        print_line("no check has left anything there")
        return PASSED
    print_line(f"left by earlier checks: {_join(found)}")
    _confirm(f"delete them from {client.host} at {client.url}", is_sure=is_sure)
    left = remove_leftovers(client, found, max_pages=max_pages)
    if left:
        return _print_leftovers(left)
    print_line("removed")
    return PASSED


def _join(records: "Iterable[Record]") -> str:
    return ", ".join(map(str, records))


def _print_leftovers(records: "Iterable[Record]") -> int:
    print_error(f"could not be removed: {_join(records)}; --clean-up tries again")
    return FAILED


def _escape_unencodable(text: str) -> str:
    """Escape characters that standard output cannot encode. Exchanges may contain any character."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make SIGTERM and SIGHUP interrupt a block like Ctrl-C, so that the records of the run are removed."""
    numbers = [number for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)) if number is not None]
    # nohup has SIGHUP ignored.
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
