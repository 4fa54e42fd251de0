"""A run of the checks against a server, and the removal of the records that the run created."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, NamedTuple

from mockscope.conformance.check_factories import Check
from mockscope.conformance.checks import authentication, groups, paging, test_mode, transport, users
from mockscope.conformance.outcome import FULL, HOLDS, READ_ONLY, Level, Outcome, OutcomeException, RunAborted, Verdict
from mockscope.conformance.request_filter import RequestFilter
from mockscope.conformance.run_records import ALL_RUNS, Record, find_leftovers, remove_records
from mockscope.conformance.session import MAX_PAGES, Session
from mockscope.remote.client import SiteClient, Unreachable

# In the order of the rules.
FAMILIES: Final = (transport, authentication, paging, users, groups, test_mode)
CHECKS: Final[tuple[Check, ...]] = tuple(check for family in FAMILIES for check in family.CHECKS)


class CheckResult(NamedTuple):
    """A check and its outcome."""

    check: Check
    outcome: Outcome


class RuleResult(NamedTuple):
    """A rule and the results of its checks."""

    rule: str
    results: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the rule: ``differs`` if one check differs, else ``holds`` if one check holds."""
        words = {result.outcome.verdict for result in self.results}
        return "differs" if "differs" in words else "holds" if "holds" in words else "not-seen"


@dataclass(frozen=True, slots=True)
class Report:
    """The results of a run."""

    at: datetime
    level: Level
    url: str
    host: str
    results: tuple[CheckResult, ...]
    # The policy switches with which a mock responds like this server.
    policy: Mapping[str, object]
    # The records that this run created and could not remove.
    left: tuple[Record, ...]
    # The records of other runs that the lists contain.
    leftovers: tuple[Record, ...]

    @property
    def rules(self) -> list[RuleResult]:
        """The results, grouped by rule."""
        return [RuleResult(rule, tuple(found)) for rule, found in groupby(self.results, lambda each: each.check.rule)]

    @property
    def differs(self) -> bool:
        """Return whether a check differs."""
        return any(result.outcome.verdict == "differs" for result in self.results)


def check(
    client: SiteClient,
    level: Level,
    *,
    rules: Collection[str] = (),
    policy: Mapping[str, object] | None = None,
    max_pages: int = MAX_PAGES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Run the checks against a server.

    Args:
        client: The client for the site.
        level: The writes that the checks may send.
        rules: The ids of the rules to check. Without any, all rules are checked.
        policy: The expected policy switches, as far as they are not mockscope's defaults.
        max_pages: The maximum number of pages of a list that are read.
        progress: Called after each check with the number of finished checks, and the number of all checks.

    Raises:
        RunAborted: If the server does not have this API or the site, or refuses the key. Also if the server stops
            responding, even while the records of the run are removed.
        ValueError: If a policy switch is unknown.
    """
    at = datetime.now(UTC)
    session = Session(client, level, policy=policy, max_pages=max_pages)
    checks = [check for check in CHECKS if not rules or check.rule in rules]
    # Checks that only read come before records are created. Checks that read all responses come last.
    ordered = sorted(checks, key=lambda check: (check.runs_last, check.level))
    outcomes: dict[Check, Outcome] = {}
    session.open()
    left = session.leaked_records
    try:
        for number, each in enumerate(ordered, start=1):
            outcomes[each] = _outcome(each, session)
            progress(number, len(ordered))
    finally:
        if level is FULL:
            left = _clean_up(session)
    results = tuple(CheckResult(check, outcomes[check]) for check in checks)
    policy = session.policy.differences
    return Report(at, level, client.url, client.host, results, policy, tuple(left), tuple(session.leftovers))


def find_leftovers_on(client: SiteClient, *, max_pages: int = MAX_PAGES) -> list[Record]:
    """Return the records that earlier runs left on a site.

    Raises:
        RunAborted: If the server does not have this API or the site, or refuses the key.
        Unreachable: If the server does not respond.
    """
    session = Session(client, READ_ONLY, max_pages=max_pages)
    session.open()
    return find_leftovers(session.request, ALL_RUNS, max_pages=max_pages)


def remove_leftovers(client: SiteClient, records: list[Record], *, max_pages: int = MAX_PAGES) -> list[Record]:
    """Remove the records that earlier runs left on a site. Return the records that are still there.

    Raises:
        Unreachable: If the server does not respond.
    """
    return remove_records(RequestFilter(client, FULL, ALL_RUNS).request, records, ALL_RUNS, max_pages=max_pages)


def _outcome(check: Check, session: Session) -> Outcome:
    if check.level > session.level:
        return Outcome("not-seen", f"it needs --{check.level.label}")
    try:
        check.run(session)
    except OutcomeException as ended:
        return ended.outcome
    except Unreachable as error:
        return Outcome("not-seen", f"no response: {error}")
    return HOLDS


def _clean_up(session: Session) -> list[Record]:
    try:
        return session.remove_created()
    except (Unreachable, RunAborted) as error:
        raise RunAborted(f"records of this check may be left, for --clean-up to remove: {error}") from None
