"""Many workers run many tests in any order, with faults and left-over threads, and stay isolated."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_plugins")]

WORKERS = 8
TESTS_A_WORKER = 200

CONFTEST = """
import random

def pytest_collection_modifyitems(items):
    # The same order in every worker, as xdist demands, and none that anybody wrote down.
    random.Random(7).shuffle(items)
"""

CROWD = """
import threading

import pytest
import requests

# The leftover of the test before in this worker: a thread that sends on a signal, and its owner.
left_behind = []

def send_when_told(told, url, headers, statuses):
    told.wait(300)
    statuses.append(requests.delete(url, headers=headers).status_code)

@pytest.mark.parametrize("number", range({tests}))
def test_one_of_many(mockscope, mockscope_server, request, number):
    email = f"joey{{number}}@example.com"
    url = f"{{mockscope.url}}/api/v1/users"
    headers = mockscope.headers | {{"Http-X-Email": email}}
    mockscope.add_user(email)
    fault = mockscope.faults.add("get_user", status=503, nth=1 + number % 2)

    first = requests.get(url, headers=headers).status_code
    if left_behind:
        told, thread, statuses, owner = left_behind.pop()
        told.set()
        thread.join()
        assert statuses == [403]
        late = mockscope_server.calls.last
        assert (late.hint.code, owner in late.hint.cause) == ("site-removed", True)
    second = requests.get(url, headers=headers).status_code

    assert sorted([first, second]) == [200, 503]
    assert (fault.hits, fault.left) == (1, 0)
    assert list(mockscope.users) == ["admin@example.com", email]
    mockscope.calls.assert_sequence(["get_user", "get_user"])
    told, statuses = threading.Event(), []
    thread = threading.Thread(target=send_when_told, args=(told, url, headers, statuses), daemon=True)
    thread.start()
    left_behind.append((told, thread, statuses, request.node.nodeid))
"""


def test_tests_of_eight_workers_are_isolated_and_late_requests_are_named(pytester: pytest.Pytester) -> None:
    tests = WORKERS * TESTS_A_WORKER
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(CROWD.format(tests=tests))

    result = pytester.runpytest_subprocess("-n", f"{WORKERS}", "-q", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=tests)
