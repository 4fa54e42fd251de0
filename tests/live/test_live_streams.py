"""Random byte streams get the same from mockscope's server as from plain uvicorn over the same application.

Statuses, headers, bodies, the state of the connection, the recorded calls and the site's export are compared. The
intended differences are those of `streams.reference`, the JSON of a 400, and how much of a broken body is recorded.
"""

import logging

import pytest
import uvloop
from streams import both, stream


def differing(numbers: range) -> dict[int, list[str]]:
    """Return what the two servers make differently, by the number of the stream."""
    found: dict[int, list[str]] = {}

    async def compare() -> None:
        for number in numbers:
            ours, stock = await both(stream(number))
            if names := ours.differences(stock):
                found[number] = names

    uvloop.run(compare())
    return found


@pytest.fixture(autouse=True)
def quiet_uvicorn(caplog: pytest.LogCaptureFixture) -> None:
    """uvicorn logs a warning for each broken request."""
    caplog.set_level(logging.CRITICAL, "uvicorn.error")


@pytest.mark.slow
def test_a_hundred_random_streams_are_no_different_from_plain_uvicorn() -> None:
    assert differing(range(100)) == {}


@pytest.mark.slow
def test_four_thousand_random_streams_are_no_different_from_plain_uvicorn() -> None:
    assert differing(range(4000)) == {}


def test_a_stream_is_the_same_for_the_same_number() -> None:
    assert [stream(number) for number in range(50)] == [stream(number) for number in range(50)]
