"""The arguments scenario, faults and timeline of the marker, and their precedence over options and seed."""

import pytest

CLIENTS = """
import pytest, requests

JOEY = {"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com"}
JOEY["invited_by_email"] = "monica@example.com"
pytestmark = pytest.mark.mockscope(scenario="lost-response")

def send(site, method, headers={}, **options):
    return requests.request(method, site.url + "/api/v1/users", headers=site.headers | headers, **options)

def test_naive(mockscope):
    with pytest.raises(requests.ConnectionError):
        send(mockscope, "POST", json=JOEY)
    send(mockscope, "POST", json=JOEY).raise_for_status()

def test_careful(mockscope):
    with pytest.raises(requests.ConnectionError):
        send(mockscope, "POST", json=JOEY)
    send(mockscope, "GET", headers={"Http-X-Email": "joey@example.com"}).raise_for_status()

def test_nothing_happens(mockscope):
    pass

@pytest.mark.mockscope(faults=[], timeline=[{"do": "disable", "before": {}}], strict=False)
def test_the_marker_goes_before_the_scenario(mockscope):
    assert [fault.id for fault in mockscope.faults] == ["change-1"]
    assert send(mockscope, "GET").status_code == 404
    mockscope.reset()
    assert [fault.left for fault in mockscope.faults] == [1]

SEED = {"mockscope": 1, "sites": [{"host": "central_perk", "strict": True, "faults": [{"status": 503}]}]}

@pytest.mark.mockscope(seed=SEED)
def test_a_nearer_seed_replaces_the_scenario(mockscope):
    assert (mockscope.strict, list(mockscope.users)) == (True, [])
    assert send(mockscope, "GET").status_code == 503
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_a_naive_client_fails_in_a_scenario_and_a_careful_one_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CLIENTS)

    result = run(pytester, "-rA")

    result.assert_outcomes(passed=4, failed=1, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "FAILED *::test_naive*",
            "*requests.exceptions.HTTPError: 409 *",
            "PASSED *::test_careful",
            "ERROR *::test_nothing_happens*",
            "*fault was hit less often than planned: fault-1: reset after the commit for create_user, 1 time; hit 0 *",
        ]
    )


@pytest.mark.parametrize(
    ("ini", "arguments", "strict"),
    [
        ("mockscope_strict = false", [], False),
        pytest.param("", [], True, marks=pytest.mark.slow),
        pytest.param("", ["--mockscope-strict"], True, marks=pytest.mark.slow),
    ],
)
def test_an_option_goes_before_the_seed(
    pytester: pytest.Pytester, ini: str, arguments: list[str], *, strict: bool
) -> None:
    pytester.makeini(f"[pytest]\nmockscope_seed = seed.yaml\n{ini}\n")
    pytester.makefile(".yaml", seed="mockscope: 1\nsites: [{host: example_site, strict: true}]\n")
    pytester.makepyfile(f"def test_it(mockscope):\n    assert mockscope.strict is {strict}\n")

    run(pytester, *arguments).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("scenario='lost-respons'", "*there is no scenario 'lost-respons'; did you mean lost-response?"),
        pytest.param(
            "scenario='lost-response', seed='a.yaml'",
            "*takes one of seed and scenario: a scenario has its own records",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "timeline=[{'do': 'disable'}]",
            "*: the change {'do': 'disable'} is not valid: disable needs one of at and before",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "faults=[{'do': 'disable', 'before': {}}]",
            "*: the fault {'do': 'disable', 'before': {}} is not valid: a change by another client belongs in timeline",
            marks=pytest.mark.slow,
        ),
        (
            "timeline=[{'status': 503}]",
            "*: the change {'status': 503} is not valid: a change by another client needs do, such as delete_user; *",
        ),
    ],
)
def test_a_wrong_scenario_or_timeline_stops_the_collection(
    pytester: pytest.Pytester, arguments: str, problem: str
) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.mockscope({arguments})\ndef test_it(mockscope): pass\n")

    result = run(pytester)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([problem])
