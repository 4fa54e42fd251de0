"""The limits of a fault's arguments: the last accepted value, and the first refused one."""

from collections.abc import Callable

import pytest

from mockscope import Call, CannedResponse, Clock, Fault, Faults, LogNormal, Uniform
from mockscope.instruments.fault import MAX_DELAY_SECONDS
from mockscope.instruments.hints import MAX_VALUE_CHARS, HintTemplate
from mockscope.instruments.rate_limits import RateLimit, apply_limits


def planned(**rule: object) -> Callable[[object], object]:
    """Plan a fault with one argument more."""
    [(name, _)] = [(name, value) for name, value in rule.items() if value is ...]
    return lambda value: Faults("a test", Clock()).add(**{**rule, name: value})  # type: ignore[arg-type]


def limited(**rule: object) -> Callable[[object], object]:
    return lambda value: Faults("a test", Clock()).rate_limit(
        **{name: value if given is ... else given for name, given in rule.items()}  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("take", "taken", "refused"),
    [
        (CannedResponse, 200, 199),
        (CannedResponse, 599, 600),
        (planned(delay=...), 1e-9, -1e-9),
        (planned(delay=...), MAX_DELAY_SECONDS, MAX_DELAY_SECONDS + 1),
        (planned(status=503, times=...), 1, 0),
        (planned(status=503, nth=...), 1, 0),
        (planned(status=503, probability=...), 1, 1.0000001),
        (planned(status=503, probability=...), 1e-9, 0),
        (planned(transport="truncate", after_bytes=...), 0, -1),
        (planned(transport="bad_json", after_bytes=...), 0, -1),
        (lambda high: Uniform(low=1, high=high), 1, 0.999),
        (lambda low: Uniform(low=low, high=1), 0, -0.001),
        (lambda high: Uniform(low=1, high=high), MAX_DELAY_SECONDS, MAX_DELAY_SECONDS + 1),
        (lambda sigma: LogNormal(median=1, sigma=sigma), 0, -0.001),
        (lambda sigma: LogNormal(median=1, sigma=sigma), 10, 10.001),
        (lambda median: LogNormal(median=median), MAX_DELAY_SECONDS, MAX_DELAY_SECONDS + 1),
        (limited(calls=..., per=60), 1, 0),
        (limited(calls=1, per=...), 1e-9, 0),
        (limited(calls=1, per=...), MAX_DELAY_SECONDS, MAX_DELAY_SECONDS + 1),
    ],
)
def test_the_limit_is_accepted_and_the_next_value_refused(
    take: Callable[[object], object], taken: object, refused: object
) -> None:
    take(taken)
    with pytest.raises(ValueError, match=r"."):
        take(refused)


def test_delays_drawn_from_a_distribution_stay_within_their_limits() -> None:
    assert next(Uniform(low=1, high=1).delays()) == 1
    delays = LogNormal(median=MAX_DELAY_SECONDS, sigma=10).delays()
    assert max(next(delays) for _ in range(20)) == MAX_DELAY_SECONDS


@pytest.mark.parametrize(("times", "hits"), [(1, 1), (2, 2), (None, 4)])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_fault_hits_from_its_first_call_as_often_as_planned(times: int | None, hits: int, nth: int) -> None:
    faults = Faults("a test", Clock())
    fault = faults.add("list_users", status=503, times=times, nth=nth)
    call = Call("1", "GET", "/api/v1/users", operation="list_users")

    struck = [faults.select(call, faults.planned_faults) is fault for _ in range(3 + nth)]

    assert struck == [False] * (nth - 1) + [True] * hits + [False] * (4 - hits)


@pytest.mark.parametrize(("number", "retry_after"), [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (2000, 2)])
def test_retry_after_is_rounded_up(number: int, retry_after: int) -> None:
    limit = RateLimit("rate-limit-1", "*", 1, max(number, 1) / 1000)
    assert apply_limits([limit], 0.0).passes

    assert apply_limits([limit], 0.0).retry_after == retry_after
    assert not apply_limits([limit], (max(number, 1) - 1) / 1000).passes
    assert apply_limits([limit], max(number, 1) / 1000).passes


def test_a_long_value_in_a_hint_is_cut() -> None:
    whole, cut = (
        HintTemplate.PATH_UNKNOWN.fill(path="x" * n, nearest="") for n in (MAX_VALUE_CHARS, MAX_VALUE_CHARS + 1)
    )

    assert whole.cause == f"There is no {'x' * MAX_VALUE_CHARS}."
    assert cut.cause == f"There is no {'x' * (MAX_VALUE_CHARS - 1)}…."


def test_left_returns_none_for_a_fault_without_a_number_of_hits() -> None:
    assert (Fault(id="a", status=503, times=None).left, Fault(id="a", status=503).left) == (None, 1)
