"""Generated requests get the same responses without a socket as over loopback."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import grammar
from support.examples import examples
from support.transport_clients import CARRIERS, SEED, End, recorded, shown, twins

from mockscope import strategies


@pytest.fixture(scope="module", params=["requests", "httpx", "httpx2 on asyncio"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[End, End]]:
    with twins(CARRIERS[request.param]) as ends:
        yield ends


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data())
def test_generated_request_sequences_get_the_same_responses(ends: tuple[End, End], data: st.DataObject) -> None:
    there, here = ends
    policy = data.draw(strategies.policies())
    for end in ends:
        end.server.reset()
        end.site.load(SEED)
        end.site.set_policy(**policy)
    for _ in range(data.draw(st.integers(1, 4))):
        # Both hold the same.
        asked = data.draw(grammar.requests(there.site))
        responses = [end.ask(asked.method, asked.url(end.server.url), asked.headers, asked.content) for end in ends]
        assert shown(responses[1]) == shown(responses[0])
    calls = [[recorded(call, end.server) for call in end.server.all_calls()] for end in ends]
    assert calls[1] == calls[0]
    assert here.site.export() == there.site.export()
