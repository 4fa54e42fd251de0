"""The results of random byte streams, from mockscope's server and from plain uvicorn over the same application.

Statuses, headers, bodies, the state of the connection, the recorded calls and the site's export are compared. The
intended differences are those of `streams.reference`, the JSON of a 400, and how much of a broken body is recorded.
"""

import logging
import re
from typing import Final

import pytest
import uvloop
from support.byte_streams import both, stream

STATUS: Final = re.compile(rb"HTTP/1\.1 (\d+)")


def differing(numbers: range) -> dict[int, list[str]]:
    """Return the differences between the two servers, by the number of the stream.

    All kinds of responses must occur, because two servers that always fail are equal too.
    """
    found: dict[int, list[str]] = {}
    statuses: set[bytes] = set()

    async def compare() -> None:
        for number in numbers:
            ours, plain = await both(stream(number))
            if names := ours.differences(plain):
                found[number] = names
            statuses.update(STATUS.findall(ours.received))

    uvloop.run(compare())
    assert statuses == {b"100", b"200", b"201", b"400", b"403", b"404", b"405", b"409"}
    return found


@pytest.fixture(autouse=True)
def quiet_uvicorn(caplog: pytest.LogCaptureFixture) -> None:
    """Silence the warning that uvicorn logs for each broken request."""
    caplog.set_level(logging.CRITICAL, "uvicorn.error")


def test_a_hundred_random_streams_have_the_results_of_plain_uvicorn() -> None:
    assert differing(range(100)) == {}


@pytest.mark.slow
def test_four_thousand_random_streams_have_the_results_of_plain_uvicorn() -> None:
    assert differing(range(4000)) == {}


def test_a_stream_is_the_same_for_the_same_number() -> None:
    assert [stream(number) for number in range(50)] == [stream(number) for number in range(50)]
