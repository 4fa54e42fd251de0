"""The arithmetic of the benchmarks, and the requests that they send."""

import re
from pathlib import Path

import pytest
from support.paths import ROOT

import mockscope
from benchmarks import loads, peers
from benchmarks.figures import Figure, Goal, markdown_table, plain_table
from benchmarks.plan import Plan
from benchmarks.servers import BenchmarkError
from benchmarks.wrk import Cost, parse_cost, send_once

LAST_LINE = '{"requests": 1000, "microseconds": 2000000, "failed": 0}'
NUMBERED_LOADS = (loads.get_user, loads.get_page, loads.create_user, loads.create_user_in_test_mode)


@pytest.mark.parametrize(
    ("goal", "value", "met", "collapsed"),
    [
        (Goal(0.5), 0.5, True, False),
        (Goal(0.5), 0.49, False, False),
        (Goal(0.5), 0.24, False, True),
        (Goal(2, at_most=True), 2, True, False),
        (Goal(2, at_most=True), 4, False, False),
        (Goal(2, at_most=True), 4.1, False, True),
    ],
)
def test_a_figure_collapses_when_it_misses_its_goal_by_more_than_a_factor_of_two(
    *, goal: Goal, value: float, met: bool, collapsed: bool
) -> None:
    figure = Figure("GET one user", "x bare's CPU", [value], goal=goal)

    assert (goal.is_met(value), figure.has_collapsed) == (met, collapsed)


def test_a_single_slow_round_is_not_a_collapse() -> None:
    assert not Figure("GET one user", "x bare's CPU", [4.1, 3.9, 4.1], goal=Goal(2, at_most=True)).has_collapsed


def test_a_time_does_not_collapse() -> None:
    assert not Figure("fixture", "ms", [9.0], goal=Goal(1, at_most=True)).has_collapsed


def test_the_table_shows_median_span_and_goal() -> None:
    figures = [
        Figure("create", "x bare's CPU", [3.0, 2.0, 2.5], "30.1 µs", Goal(4, at_most=True)),
        Figure("create, WireMock", "x mockscope's CPU", [], "needs Java", Goal(1)),
    ]

    assert plain_table(figures).splitlines() == [
        "figure            median             lowest to highest  goal             note",
        "create            2.50 x bare's CPU  2.00 to 3.00       at most 4   met  30.1 µs",
        "create, WireMock  not there                             at least 1       needs Java",
    ]
    assert markdown_table(figures).splitlines()[2:] == [
        "| create | 2.50 x bare's CPU | 2.00 to 3.00 | at most 4 | met | 30.1 µs |",
        "| create, WireMock | not there |  | at least 1 |  | needs Java |",
    ]


def test_the_cost_of_a_request_is_read_from_the_last_line_of_wrk() -> None:
    assert parse_cost(f"Running 2s test\n{LAST_LINE}\n", 0.5, "create") == Cost(500.0, 500.0)


@pytest.mark.parametrize("output", ["", f"{LAST_LINE}\nKilled\n", LAST_LINE.replace('"failed": 0', '"failed": 1')])
def test_a_run_of_wrk_without_figures_or_with_a_failed_request_is_an_error(output: str) -> None:
    with pytest.raises(BenchmarkError, match=r"^create, sent to mockscope: "):
        parse_cost(output, 0.03, "create, sent to mockscope")


def test_every_load_gets_its_status() -> None:
    with mockscope.serve(loads.seed(10)) as server:
        port = int(server.url.rpartition(":")[2])
        for number, load in enumerate((*NUMBERED_LOADS, loads.get_user_repeated)):
            send_once(load([loads.ADMIN]), port, number, name="mockscope")
        calls = server.sites[loads.SITE].calls

    assert [(call.operation, call.status) for call in calls] == [
        ("get_user", 200),
        ("list_users", 200),
        ("create_user", 201),
        ("create_user", 200),
        ("get_user", 200),
    ]


def test_no_head_is_sent_twice_but_where_the_load_says_so() -> None:
    emails = ["joey@example.com", "phoebe@example.com"]
    heads = [request.partition(b"\r\n\r\n")[0] for load in NUMBERED_LOADS for request in load(emails).requests]

    assert [head for head in heads if loads.NUMBER.encode() not in head] == []


def test_a_peer_that_is_not_installed_is_a_row_that_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    plan = Plan(1, large=1, seeded=1, work=tmp_path, npm=None, tell=lambda progress: None)

    assert {figure.name: figure.note for figure in peers.measure(plan)} == {
        f"{kind}, {name}": f"needs {needs}" for name, needs in peers.NEEDS.items() for kind in peers.KINDS
    }
    assert re.search(r"^benchmarks = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
