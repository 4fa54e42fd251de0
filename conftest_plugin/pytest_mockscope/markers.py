"""The marker: its arguments, and their checks at collection."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mockscope.server_url import find_url
from pytest_mockscope.settings import check_validator

if TYPE_CHECKING:
    from mockscope import MockSite

MARKER_LINE: Final = (
    "mockscope(host=None, api_key=None, seed=None, scenario=None, strict=None, contract=None, faults=None, "
    "timeline=None, **policy): the site of the fixture mockscope: its host, its key, a seed or a scenario for its "
    "records, strict mode, validation by the contract, planned faults, changes by other clients, and policy switches; "
    "module, class and test add up, the nearest wins"
)
# The policy switches are spelled here so that collecting a test run need not import mockscope; a test compares.
POLICY: Final = (
    "page_size",
    "test_mode_create_status",
    "unknown_groups",
    "implicit_all_users",
    "creator_must_be_admin",
    "protect_builtin_groups",
    "require_json_content_type",
)
MARKER_NAMES: Final = (
    *("host", "api_key", "seed", "scenario", "strict", "contract", "faults", "timeline"),
    *POLICY,
)
# The types of the marker's arguments that are not None. The fixture validates policy switches.
KINDS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "host": ((str,), "text"),
    "api_key": ((str,), "text"),
    "seed": ((str, Path, Mapping), "a path or plain data"),
    "scenario": ((str,), "the name of a scenario"),
    "strict": ((bool,), "True or False"),
    "contract": ((bool,), "True or False"),
    "faults": ((list, tuple), "a list of planned faults"),
    "timeline": ((list, tuple), "a list of planned changes"),
}
ANYTHING: Final = (object,), "anything"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    items = [each for each in report.result or () if isinstance(each, pytest.Item)]
    if problems := [problem for item in items for problem in _marker_problems(item)]:
        # A report, because pytest-xdist shows an exception as INTERNALERROR only.
        report.outcome, report.longrepr, report.result = "failed", "\n".join(dict.fromkeys(problems)), []
    return report


def _marker_problems(item: pytest.Item) -> Iterator[str]:
    """Yield the reason why the markers of a test are wrong, if there is one."""
    if item.get_closest_marker("mockscope") is None:
        return
    try:
        options = site_options(item)
        if options.get("contract") and not find_url(item.config)[0]:
            check_validator("contract=True")
        faults, timeline = options.get("faults") or (), options.get("timeline") or ()
        if faults or timeline or options.get("scenario") is not None:
            from mockscope import Mockscope  # imported late: most runs need neither

            site = Mockscope().site(scenario=options.get("scenario"))
            plan_rows(site, "faults", faults)
            plan_rows(site, "timeline", timeline)
    except (ValueError, pytest.UsageError) as error:
        yield f"{item.nodeid.partition('[')[0]}: {error}"


def plan_rows(site: MockSite, key: str, rows: Sequence[Any]) -> None:
    """Plan the faults or the changes of a marker.

    Args:
        site: The site.
        key: faults or timeline, the argument of the marker.
        rows: The faults or changes, as plain data.

    Raises:
        ValueError: If one of them is wrong.
    """
    kind = "fault" if key == "faults" else "change"
    for row in rows:
        try:
            site.faults.add_plain(row, key)
        except ValueError as error:
            raise ValueError(f"the mockscope marker: the {kind} {row!r} is not valid: {error}") from None


def site_options(item: pytest.Item) -> dict[str, Any]:
    """Return the arguments of the markers of a test, merged from module to test.

    Raises:
        ValueError: If an argument is positional, has an unknown name, or a value of the wrong kind.
    """
    merged: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("mockscope"))):
        if marker.args:
            raise ValueError("the mockscope marker takes named arguments only")
        for name, value in marker.kwargs.items():
            if name not in MARKER_NAMES:
                near = get_close_matches(name, MARKER_NAMES, n=1)
                guess = f"did you mean {near[0]}?" if near else f"known: {', '.join(MARKER_NAMES)}"
                raise ValueError(f"the mockscope marker knows no {name}; {guess}")
            kinds, wanted = KINDS.get(name, ANYTHING)
            if value is not None and not isinstance(value, kinds):
                raise ValueError(f"{name} of the mockscope marker is {wanted}, not {value!r}")
        if {"seed", "scenario"} <= marker.kwargs.keys():
            raise ValueError("the mockscope marker takes one of seed and scenario: a scenario has its own records")
        if not marker.kwargs.keys().isdisjoint(("seed", "scenario")):
            merged = {name: value for name, value in merged.items() if name not in ("seed", "scenario")}
        merged |= marker.kwargs
    return merged
