"""The arithmetic of the benchmarks, and that docs/performance.md speaks of the figures that there are."""

import pytest
from checkout import ROOT

from benchmarks.figures import (
    FIXTURE,
    FULL,
    GOALS,
    LARGE,
    QUICK,
    QUICK_GOALS,
    Figure,
    Goal,
    collapsed,
    generated,
    get_one,
    goals,
    markdown_table,
    plain_data,
    plain_table,
    quotient,
    ratio,
    scaled,
)

DOCUMENT = ROOT / "docs" / "performance.md"


def test_a_ratio_is_taken_to_the_mean_of_both_neighbours() -> None:
    assert ratio(600.0, (1000.0, 1400.0)) == 0.5


def test_a_figure_is_the_median_so_that_one_disturbed_round_changes_nothing() -> None:
    assert Figure("any", "ms", [1.0, 1.2, 90.0]).value == 1.2


def test_a_quotient_compares_figures_round_by_round() -> None:
    over, under = Figure("over", "of bare", [0.4, 0.9]), Figure("under", "of bare", [0.8, 0.6])

    assert quotient("price", over, under, unit="times") == Figure("price", "times", [0.5, 1.5])


def test_a_quotient_of_different_rounds_is_an_error() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        quotient("price", Figure("over", "ms", [1.0]), Figure("under", "ms", [1.0, 2.0]), unit="times")


@pytest.mark.parametrize(
    ("goal", "value", "met", "fallen"),
    [
        (Goal(0.5), 0.5, True, False),
        (Goal(0.5), 0.49, False, False),
        (Goal(0.6), 0.30, False, False),
        (Goal(0.6), 0.29, False, True),
        (Goal(1.0, at_most=True), 1.0, True, False),
        (Goal(1.0, at_most=True), 2.0, False, False),
        (Goal(1.0, at_most=True), 2.1, False, True),
        (Goal(0, at_most=True), 0, True, False),
        (Goal(0, at_most=True), 1, False, True),
    ],
)
def test_a_goal_is_met_missed_or_missed_by_more_than_a_factor_of_two(
    *, goal: Goal, value: float, met: bool, fallen: bool
) -> None:
    assert (goal.met(value), goal.collapsed(value)) == (met, fallen)


def test_only_figures_with_a_goal_can_collapse() -> None:
    name = get_one(100)

    assert collapsed([Figure(name, "of bare", [0.1]), Figure("no goal", "ms", [9e9])]) == [
        Figure(name, "of bare", [0.1])
    ]


def test_the_table_shows_median_span_goal_and_what_is_beside_it() -> None:
    figures = [
        Figure(get_one(100), "of bare", [0.7, 0.8, 0.9], "1,234/s, CPU 1.50"),
        Figure("memory", "bytes", [512.4]),
        Figure("GET one, against WireMock", "times the rate", [], "needs Java"),
    ]

    assert markdown_table(figures).splitlines() == [
        "| figure | median | lowest to highest | goal |  | beside it |",
        "| --- | --- | --- | --- | --- | --- |",
        "| GET one, 100 users | 0.80 of bare | 0.70 to 0.90 | at least 0.8 | met | 1,234/s, CPU 1.50 |",
        "| memory | 512 bytes | 512 to 512 |  |  |  |",
        "| GET one, against WireMock | not there |  | at least 1 |  | needs Java |",
    ]
    assert plain_table(figures).splitlines() == [
        "figure                     median        lowest to highest  goal               beside it",
        "GET one, 100 users         0.80 of bare  0.70 to 0.90       at least 0.8  met  1,234/s, CPU 1.50",
        "memory                     512 bytes     512 to 512",
        "GET one, against WireMock  not there                        at least 1         needs Java",
    ]


def test_what_is_off_in_some_rounds_alone_has_not_collapsed() -> None:
    slow, noisy = (Figure(get_one(100), "of bare", samples) for samples in ([0.1, 0.2, 0.39], [0.1, 0.2, 0.41]))
    assert (collapsed([slow]), collapsed([noisy])) == ([slow], [])


def test_a_time_that_is_compared_with_nothing_does_not_collapse() -> None:
    assert collapsed([Figure(name, unit, [9e9]) for name, unit in ((FIXTURE, "ms"), (generated(LARGE), "s"))]) == []


def test_what_is_not_there_has_no_median_and_has_not_collapsed() -> None:
    absent = Figure("GET one, against WireMock", "times the rate", [], "needs Java")

    assert collapsed([absent]) == []
    assert plain_data([absent]) == [
        {
            "name": "GET one, against WireMock",
            "unit": "times the rate",
            "median": None,
            "samples": [],
            "goal": "at least 1",
            "met": None,
            "beside": "needs Java",
        }
    ]


def test_a_figure_that_is_small_is_shown_with_what_there_is_of_it() -> None:
    [line] = markdown_table([Figure("a snapshot", "ms", [0.0284, 0.0191, 0.1234])]).splitlines()[2:]

    assert line == "| a snapshot | 0.028 ms | 0.019 to 0.12 |  |  |  |"


def test_figures_of_a_large_site_are_held_against_figures_of_a_small_one() -> None:
    assert scaled(10**6)["GET one, 1,000,000 against 100 users"] == ("GET one, 1,000,000 users", "GET one, 100 users")


def test_the_quick_form_keeps_each_goal_at_its_own_sizes() -> None:
    assert list(QUICK_GOALS.values()) == list(GOALS.values())
    assert goals(FULL._replace(large=7)).keys() - GOALS.keys() == {
        "GET one, 7 users",
        "create, from 7 users",
        *scaled(7),
        "resident memory a user, 7 users loaded",
        "resident memory a user, 7 users, every page listed once",
        "mockscope serve, 7 generated users: start to first answer",
    }
    assert Figure(get_one(QUICK.large), "of bare", [0.1]).goal == Goal(0.8)


def test_the_document_shows_every_figure_that_has_a_goal_with_that_goal() -> None:
    cells = [[cell.strip() for cell in line.split("|")] for line in DOCUMENT.read_text().splitlines()]
    documented = {cell[1]: cell[4] for cell in cells if len(cell) == 8 and cell[4].startswith("at ")}

    assert documented == {name: str(goal) for name, goal in GOALS.items()}
