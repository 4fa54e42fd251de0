"""The three ways to turn contract=True on: in a test run, on the command line, in the control API."""

import os
import signal
import subprocess
import sys

import pytest
import requests
from support.messages import STRICT_HEADING
from support.nested import run, run_alone

import mockscope

# Without Schemathesis's plugin, which would have loaded the validator.
pytestmark = pytest.mark.usefixtures("few_plugins")

VIOLATING = """
import pytest
import requests

def rename(site, **fields):
    return requests.put(
        f"{site.url}/api/v1/users", headers=site.headers | {"Http-X-Email": "admin@example.com"}, json=fields
    ).status_code

def test_violating(mockscope):
    assert rename(mockscope, first_name=5) == 400

def test_innocent(mockscope):
    assert rename(mockscope, first_name="Joey", nickname="Joe") == 200
"""
FINDING = (
    "*400 update_user admin@example.com (USER-UPDATE-2, call *): body /first_name: "
    '5 is not of type "string" (PersonName/type)'
)
CONTRACT = "mockscope, contract: openapi.yaml does not say that this may be sent"


def test_without_contract_a_violation_is_an_ordinary_refusal(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VIOLATING)

    run(pytester).assert_outcomes(passed=2)


@pytest.mark.parametrize(("arguments", "ini"), [(["--mockscope-contract"], "false"), (["-n1"], "true")])
def test_option_and_ini_value_fail_the_test_at_its_teardown(
    pytester: pytest.Pytester, arguments: list[str], ini: str
) -> None:
    pytester.makepyfile(VIOLATING)
    pytester.makeini(f"[pytest]\nmockscope_contract = {ini}\n")

    result = run_alone(pytester, *arguments)

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_violating*", CONTRACT, FINDING])
    result.stdout.fnmatch_lines(["*Captured mockscope teardown*", "* 400  update_user *"])
    result.stdout.no_fnmatch_line(STRICT_HEADING)


def test_a_marker_turns_it_on_for_one_test_and_off_for_another(pytester: pytest.Pytester) -> None:
    on = VIOLATING.replace("def test_v", "@pytest.mark.mockscope(contract=True)\ndef test_v")
    pytester.makepyfile(test_on=on, test_off=on.replace("contract=True", "contract=False"))

    run(pytester, "test_on.py").assert_outcomes(passed=2, errors=1)
    run(pytester, "test_off.py", "--mockscope-contract").assert_outcomes(passed=2)


def test_strict_and_contract_findings_have_separate_headings(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VIOLATING + "    assert rename(mockscope, first_name=5) == 400\n")

    result = run(pytester, "--mockscope-contract", "--mockscope-strict", "-k", "innocent")

    result.assert_outcomes(passed=1, errors=1, deselected=1)
    result.stdout.fnmatch_lines(
        [STRICT_HEADING, "*: field-unknown: The service knows no field nickname *", CONTRACT, FINDING]
    )


@pytest.mark.parametrize(
    ("marker", "arguments", "status", "wish"),
    [
        ("", ["--mockscope-contract"], pytest.ExitCode.USAGE_ERROR, "ERROR: mockscope_contract"),
        ("@pytest.mark.mockscope(contract=True)\n", [], pytest.ExitCode.INTERRUPTED, "*test_violating: contract=True"),
    ],
)
def test_a_missing_validator_stops_the_run_before_the_first_test(
    pytester: pytest.Pytester, marker: str, arguments: list[str], status: pytest.ExitCode, wish: str
) -> None:
    pytester.makeconftest("import sys\nsys.modules['jsonschema_rs'] = None")
    pytester.makepyfile(test_it=VIOLATING.replace("def test_v", f"{marker}def test_v"))

    result = run_alone(pytester, *arguments)

    assert result.ret == status
    stream = result.stderr if status == pytest.ExitCode.USAGE_ERROR else result.stdout
    stream.fnmatch_lines([f"{wish} needs jsonschema-rs: pip install 'mockscope[[]contract]'"])


# -- mockscope serve -------------------------------------------------------------------------------------------

DEMO = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}
SERVE = (sys.executable, "-m", "mockscope", "serve", "--port", "0", "--log", "off")


@pytest.mark.parametrize(("options", "twins"), [(["--contract"], {}), ([], {"MOCKSCOPE_CONTRACT": "true"})])
def test_serve_prints_violations_of_the_contract_at_its_end(options: list[str], twins: dict[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOCKSCOPE_")}
    with subprocess.Popen(
        [*SERVE, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=kept | twins
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[4]
        response = requests.get(f"{url}/api/v1/groups?page=2", headers=DEMO, timeout=300)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=300)

    assert (process.returncode, errors) == (
        0,
        f"mockscope: example_site: 200 list_groups (HTTP-7, call {response.headers['X-Request-Id']}): "
        "query page: this operation takes next_page_start\n",
    )


def test_serve_names_the_missing_validator_in_one_line() -> None:
    script = "import sys; sys.modules['jsonschema_rs'] = None; from mockscope.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "serve", "--contract"], capture_output=True, text=True, timeout=300, check=False
    )

    message = "mockscope: contract=True needs jsonschema-rs: pip install 'mockscope[contract]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


# -- the control API -------------------------------------------------------------------------------------------


def test_the_control_api_turns_the_contract_on_and_lists_findings() -> None:
    with mockscope.serve() as server:
        sites = f"{server.url}/_mockscope/v1/sites"
        made = requests.post(sites, json={"host": "made", "contract": True}, timeout=300)
        changed = requests.post(sites, json={"host": "changed"}, timeout=300)
        assert (made.json()["contract"], changed.json()["contract"]) == (True, False)
        changed = requests.patch(f"{sites}/changed", json={"contract": True}, timeout=300)
        assert (changed.status_code, changed.json()["contract"]) == (200, True)

        site = server.sites["changed"]
        response = requests.get(f"{site.url}/api/v1/groups?page=2", headers=site.headers, timeout=300)
        found = requests.get(f"{sites}/changed/findings", timeout=300).json()
        requests.patch(f"{sites}/changed", json={"contract": False}, timeout=300)

    assert found == {
        "findings": [
            {
                "problem": "parameter-paging: There is no parameter page: a page has a fixed size, and next_page_start "
                "leads to the next. This is the first page. Send next_page_start, with the value that the page before "
                "has under that name.",
                "rule": "HTTP-7",
                "call": response.headers["X-Request-Id"],
                "where": None,
            }
        ]
    }


def test_the_control_api_refuses_the_contract_without_the_validator() -> None:
    script = """
import sys, requests
sys.modules["jsonschema_rs"] = None
import mockscope
with mockscope.serve() as server:
    site = server.site("example_site")
    sites = f"{server.url}/_mockscope/v1/sites"
    for answer in (
        requests.post(sites, json={"host": "another", "contract": True}),
        requests.patch(f"{sites}/example_site", json={"contract": True, "enabled": False}),
    ):
        print(answer.status_code, answer.json())
    print(list(server.sites), site.contract, site.enabled)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)

    refused = "400 {'message': \"contract=True needs jsonschema-rs: pip install 'mockscope[contract]'\"}"
    assert done.stdout.splitlines() == [refused, refused, "['example_site'] False True"]
