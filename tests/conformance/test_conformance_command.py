"""The command check as a user sees it: output, files, questions, and exit status."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

import pytest
import yaml
from support.conformance_runs import SEED, Deviation, Forward, Request, Response, deviating_server, marked_on, refusal
from support.deviations import DEVIATIONS
from support.messages import CHECK_INTERRUPTED
from support.yaml_documents import load_yaml

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.cli import main
from mockscope.remote.client import SiteClient

KEY: Final = "e179017a-62b0-4996-8a38-e91aa9f1"
# Switches that are all turned.
TURNED: Final[dict[str, Any]] = {
    "page_size": 10,
    "test_mode_create_status": 201,
    "unknown_groups": "create",
    "implicit_all_users": True,
    "creator_must_be_admin": True,
    "protect_builtin_groups": False,
    "require_json_content_type": True,
}


class Done(NamedTuple):
    """The end of a command: its status and its output."""

    status: int
    output: str
    errors: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run mockscope check in a folder of the test's own, with the key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOCKSCOPE_API_KEY", KEY)
    Path("small.yaml").write_text("policy: {page_size: 10}\n")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["mockscope", "check", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    [seeded] = SEED["sites"]
    return server.site(host=seeded["host"], api_key=KEY, seed=SEED)


@pytest.fixture
def place(site: MockSite) -> list[str]:
    """The arguments that name the site, which has small pages."""
    return [site.url, "--site", site.host, "--policy", "small.yaml"]


@pytest.fixture
def deviant() -> Iterator[list[str]]:
    """The arguments that name a site of a deviating server."""
    with deviating(DEVIATIONS["an_unknown_user_is_404"].deviate()) as arguments:
        yield arguments


class deviating:
    """Run a deviating server; yield the arguments that name its site."""

    def __init__(self, deviate: Deviation) -> None:
        [site] = SEED["sites"]
        self._block = deviating_server(deviate, {"mockscope": 1, "sites": [{**site, "api_key": KEY}]})

    def __enter__(self) -> list[str]:
        _, self.site = self._block.__enter__()
        return [self.site.url, "--site", self.site.host, "--policy", "small.yaml"]

    def __exit__(self, *exc_info: Any) -> None:
        self._block.__exit__(*exc_info)


class Terminal(io.StringIO):
    """A terminal with a user who types."""

    def isatty(self) -> bool:
        return True


# -- output ----------------------------------------------------------------------------------------------------


def test_the_table_has_a_line_per_rule_and_the_totals(run: Run, place: list[str]) -> None:
    done = run(*place, "--rule", "PAGE-1", "--rule", "USER-CREATE-4", "--rule", "TEST-3", "--rule", "HTTP-10")

    assert done == Done(
        0,
        "HTTP-10        not seen  Responses of mockscope have a request id and may have a hint "
        "(these headers are mockscope's own, and other servers need not have them)\n"
        "PAGE-1         holds     Users come in order of email, groups in order of name (2 hold)\n"
        "USER-CREATE-4  not seen  An email that is taken is 409 (it needs --dry-run)\n"
        "TEST-3         holds     Test mode is test_mode=true, and GET ignores it (1 holds, 1 not seen)\n"
        "\n"
        "read-only: 4 rules: 2 hold, 0 differ, 2 not seen\n",
        "",
    )


def test_a_difference_is_shown_with_its_exchange_and_a_curl_line(run: Run, deviant: list[str]) -> None:
    done = run(*deviant, "--rule", "USER-GET-1")

    shown = re.sub(r"[0-9a-f]{8}-\d+@", "12345678-1@", done.output)
    assert (done.status, done.errors) == (2, "")
    assert shown == (
        "USER-GET-1  differs   Http-X-Email selects one user, and an unknown email is 400 (1 differs, 2 hold)\n"
        "\n"
        "USER-GET-1: An unknown email is 400\n"
        "  expected: the status is 400\n"
        "\n"
        "  > GET /api/v1/users\n"
        "  > User-Agent: mockscope/0.1.0\n"
        "  > Http-X-Partner-Auth: central:perk:…a9f1\n"
        "  > Http-X-Email: mockscope-check-12345678-1@example.com\n"
        "  < 404\n"
        "  < content-type: application/json; charset=utf-8\n"
        "  < content-length: 44\n"
        '  < {"message": "Could it be any more refused?"}\n'
        "  curl -i -H 'Http-X-Partner-Auth: central:perk:'\"$MOCKSCOPE_API_KEY\" "
        f"-H 'Http-X-Email: mockscope-check-12345678-1@example.com' {deviant[0]}/api/v1/users\n"
        "\n"
        "For more: mockscope explain USER-GET-1\n"
        "\n"
        "read-only: 1 rule: 0 hold, 1 differs, 0 not seen\n"
    )


@pytest.mark.parametrize("name", ["a_long_line_is_400", "a_long_head_is_400"])
def test_a_long_request_is_cut_in_the_output(run: Run, name: str) -> None:
    with deviating(DEVIATIONS[name].deviate()) as arguments:
        done = run(*arguments, "--rule", "HTTP-8")

    lines = done.output.splitlines()
    assert (done.status, [line for line in lines if len(line) > 2200]) == (2, [])
    assert [line for line in lines if line.endswith("characters more")] != []
    assert re.fullmatch(r"  # a request of \d+ bytes is too long for a curl line", lines[-5])


@pytest.mark.parametrize("level", ["--read-only", "--dry-run", "--full"])
def test_the_mock_passes_at_every_level(run: Run, place: list[str], site: MockSite, level: str) -> None:
    before = site.export()

    done = run(*place, level, "--yes")

    assert (done.status, done.errors, site.export()) == (0, "", before)
    assert done.output.splitlines()[-1].startswith(f"{level[2:]}: 52 rules: ")


def test_the_key_may_come_from_another_variable(
    run: Run, place: list[str], site: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", site.rotate_key())

    assert run(*place, "--rule", "PAGE-1", "--api-key-env", "OTHER_KEY").status == 0
    assert run(*place, "--rule", "PAGE-1").status == 1


# -- reports ---------------------------------------------------------------------------------------------------


def test_the_json_report_has_every_rule_and_check(run: Run, deviant: list[str]) -> None:
    done = run(*deviant, "--report", "json")
    report = json.loads(done.output)

    assert list(report) == ["mockscope_check", "at", "level", "url", "site", "rules", "policy"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", report["at"])
    assert {name: report[name] for name in ("mockscope_check", "level", "url", "site", "policy")} == {
        "mockscope_check": 1,
        "level": "read-only",
        "url": deviant[0],
        "site": "central:perk",
        "policy": {"page_size": 10},
    }
    assert len(report["rules"]) == 52
    [rule] = [rule for rule in report["rules"] if rule["rule"] == "USER-GET-1"]
    [exchange] = rule["checks"][1].pop("exchanges")
    assert (rule["sentence"], rule["outcome"], rule["checks"][1]) == (
        "Http-X-Email selects one user, and an unknown email is 400",
        "differs",
        {"title": "An unknown email is 400", "outcome": "differs", "reason": "the status is 400", "switch": {}},
    )
    assert {name: exchange[name] for name in ("method", "path", "status")} == {
        "method": "GET",
        "path": "/api/v1/users",
        "status": 404,
    }
    assert (done.status, list(exchange)) == (2, ["method", "path", "status", "text", "curl"])


def test_the_junit_report_has_a_case_for_each_check(run: Run, deviant: list[str]) -> None:
    done = run(*deviant, "--report", "junit", "--rule", "USER-GET-1", "--rule", "USER-CREATE-4")
    [suite] = ElementTree.fromstring(done.output)

    assert {name: suite.attrib[name] for name in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "mockscope check",
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    found = [
        (case.get("classname"), case.get("name"), [(each.tag, each.get("message")) for each in case]) for case in suite
    ]
    assert found == [
        ("USER-GET-1", "A user is found by Http-X-Email, whatever next_page_start", []),
        ("USER-GET-1", "An unknown email is 400", [("failure", "expected: the status is 400")]),
        ("USER-GET-1", "A blank header is 400", []),
        ("USER-CREATE-4", "An email that is taken is 409", [("skipped", "it needs --dry-run")]),
    ]
    assert (suite[1][0].text or "").startswith(
        "USER-GET-1: Http-X-Email selects one user, and an unknown email is 400\n\n> GET /api/v1/users\n"
    )
    assert "< 404" in (suite[1][0].text or "")
    assert suite[3][0].text == "USER-CREATE-4: An email that is taken is 409"


@pytest.mark.parametrize("form", ["json", "junit"])
def test_a_report_in_a_file_leaves_the_table_on_the_terminal(run: Run, deviant: list[str], form: str) -> None:
    done = run(*deviant, "--report", form, "--report-file", "report", "--rule", "USER-GET-1")

    first = "USER-GET-1  differs   Http-X-Email selects one user, and an unknown email is 400 (1 differs, 2 hold)"
    assert (done.status, done.output.splitlines()[0]) == (2, first)
    # There are people in it.
    assert (Path("report").stat().st_mode & 0o777, "USER-GET-1" in Path("report").read_text()) == (0o600, True)


@pytest.mark.parametrize("form", ["json", "junit", None])
def test_no_report_holds_the_key(run: Run, form: str | None) -> None:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        # A server that repeats the key.
        response = await forward(request)
        return replace(
            response, headers=(*response.headers, (b"x-key", KEY.encode())), body=KEY.encode() + response.body
        )

    async def later(request: Request, forward: Forward, site: MockSite) -> Response:
        is_first = request.method == "GET" and request.bare == "/api/v1/users" and not request.email
        return await (forward(request) if is_first else deviate(request, forward, site))

    with deviating(later) as arguments:
        done = run(*arguments, *(["--report", form] if form else []))

    assert done.status == 2
    assert "…a9f1" in done.output
    assert KEY not in done.output


@pytest.mark.parametrize("form", ["json", "junit", None])
def test_a_report_without_exchanges_names_no_person_and_no_site(run: Run, deviant: list[str], form: str | None) -> None:
    done = run(*deviant, "--dry-run", "--no-exchanges", *(["--report", form] if form else []))

    assert done.status == 2
    assert "the status is 400" in done.output
    assert re.findall(r"central:perk|[\w.+-]+@example|Rachel|Green", done.output) == []


def test_every_report_has_the_reason_of_a_rule_that_cannot_be_seen(run: Run, place: list[str]) -> None:
    reason = "no response of the API shows what an access allows"

    for form in ("json", "junit"):
        shown = run(*place, "--rule", "GROUP-3", "--report", form).output
        assert (shown.count(reason), "It cannot be seen from outside" in shown) == (1, True)


def test_a_report_without_exchanges_has_a_placeholder_for_the_site(run: Run, deviant: list[str]) -> None:
    assert json.loads(run(*deviant, "--no-exchanges", "--report", "json").output)["site"] == "<site-host>"


@pytest.mark.parametrize("form", ["json", "junit", None])
def test_control_characters_of_a_server_are_escaped(run: Run, form: str | None) -> None:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return replace(response, body=b"\x1b[2J\xc2\x9b\ttea") if response.status == 404 else response

    with deviating(deviate) as arguments:
        done = run(*arguments, "--rule", "HTTP-1", *(["--report", form] if form else []))

    shown = json.loads(done.output)["rules"][0]["checks"][0]["exchanges"][0]["text"] if form == "json" else done.output
    assert (done.status, re.findall(r"[\x1b\x9b]", done.output)) == (2, [])
    assert re.findall(r"(?:<|&lt;) .*tea", shown) == [rf"{'&lt;' if form == 'junit' else '<'} \x1b[2J\x9b   tea"]


def test_text_outside_the_output_s_encoding_is_escaped() -> None:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return replace(response, body="Джои, né Tribbiani".encode()) if response.status == 404 else response

    with deviating(deviate) as arguments:
        done = subprocess.run(
            [sys.executable, "-m", "mockscope", "check", *arguments[:3], "--rule", "HTTP-1"],
            capture_output=True,
            timeout=300,
            check=False,
            env=os.environ | {"MOCKSCOPE_API_KEY": KEY, "PYTHONIOENCODING": "cp1252"},
        )

    assert (done.returncode, done.stderr) == (2, b"")
    shown = [line for line in done.stdout.decode("cp1252").splitlines() if "Tribbiani" in line]
    assert set(shown) == {r"  < \u0414\u0436\u043e\u0438, né Tribbiani"}


# -- policies --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_written_policy_makes_the_mock_behave_like_the_server(run: Run, server: LiveServer) -> None:
    [seeded] = SEED["sites"]
    site = server.site(host=seeded["host"], api_key=KEY, seed=SEED, **TURNED)

    done = run(site.url, "--site", site.host, "--full", "--yes", "--write-policy", "policy.yaml")

    written = load_yaml(Path("policy.yaml").read_text())
    assert (done.status, written) == (2, {"policy": TURNED})
    assert [switch for switch, value in TURNED.items() if f"  {switch}: {json.dumps(value)}\n" not in done.output] == []
    Path("seed.yaml").write_text(yaml.safe_dump({"mockscope": 1, "sites": [{**seeded, **written}]}))
    alike = server.site(api_key=KEY, seed=Path("seed.yaml"))
    assert alike.policy == site.policy
    again = run(alike.url, "--site", alike.host, "--full", "--yes", "--policy", "policy.yaml")
    assert (again.status, again.errors) == (0, "")


@pytest.mark.parametrize("form", ["json", "junit", None])
@pytest.mark.parametrize("more", [[], ["--no-exchanges"]])
def test_every_report_names_the_policy_switch_of_a_difference(
    run: Run, site: MockSite, place: list[str], form: str | None, more: list[str]
) -> None:
    site.set_policy(test_mode_create_status=201)

    done = run(*place, "--dry-run", "--rule", "TEST-2", *(["--report", form] if form else []), *more)

    words = "a mock answers like this with the switch test_mode_create_status: 201"
    assert (done.status, done.output.count('"test_mode_create_status": 201' if form == "json" else words)) == (
        2,
        # The JSON report names the policy a second time.
        2 if form == "json" else 1,
    )


def test_a_default_mock_needs_no_policy(run: Run, server: LiveServer) -> None:
    site = server.site(api_key=KEY)

    assert run(site.url, "--site", site.host, "--write-policy", "policy.yaml").status == 0
    assert Path("policy.yaml").read_text() == "policy: {}\n"


def test_readings_that_a_dry_run_cannot_tell_apart_write_no_switch(run: Run, site: MockSite, place: list[str]) -> None:
    site.set_policy(unknown_groups="ignore")

    done = run(*place, "--dry-run", "--write-policy", "policy.yaml", "--rule", "USER-CREATE-2")

    assert (done.status, Path("policy.yaml").read_text()) == (2, "policy: {}\n")
    assert "(--full finds out whether it is left out or created)" in done.output
    Path("ignore.yaml").write_text("{page_size: 10, unknown_groups: ignore}")
    assert run(*place, "--policy", "ignore.yaml", "--dry-run", "--rule", "USER-CREATE-2").status == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("policy: {page_sise: 5}", "policy: "),
        ("policy: {page_size: 0}", "policy.page_size must be a whole number between 1 and 1000, not 0"),
        ("- page_size", ""),
        ("{", ""),
    ],
)
def test_an_invalid_policy_is_refused(run: Run, place: list[str], text: str, reason: str) -> None:
    Path("bad.yaml").write_text(text)

    done = run(*place, "--policy", "bad.yaml")

    assert (done.status, done.output) == (1, "")
    assert done.errors.startswith(f"mockscope: bad.yaml is not a policy: {reason}")
    assert len(done.errors.splitlines()) == 1


# -- on the way ------------------------------------------------------------------------------------------------


def test_a_terminal_shows_progress(run: Run, place: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    assert run(*place, "--rule", "USER-GET-1").status == 0
    shown = terminal.getvalue()
    assert [count for count in ("0/3", "1/3", "2/3", "3/3") if not re.search(rf"checks +\[.*\] +{count}", shown)] == []


@pytest.mark.parametrize(
    ("url", "rate", "expected"),
    [
        ("http://127.0.0.1:1", [], None),
        ("https://app.periscopedata.com", [], 5),
        ("https://app.periscopedata.com", ["--rate", "0"], 0),
        ("http://127.0.0.1:1", ["--rate", "0.5"], 0.5),
    ],
)
def test_requests_to_another_machine_are_slow_by_default(
    run: Run, url: str, rate: list[str], expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []

    class Noted(SiteClient):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            sent.append(options)
            super().__init__("http://127.0.0.1:1", *arguments[1:], **options)

    monkeypatch.setattr("mockscope.remote.client.SiteClient", Noted)

    done = run(url, "--site", "s", *rate)

    assert done == Done(1, "", "mockscope: http://127.0.0.1:1: connection refused: no server listens there\n")
    assert [options["rate"] for options in sent] == [expected]


def test_a_slow_response_times_out(run: Run, site: MockSite, place: list[str]) -> None:
    site.faults.add("list_users", delay=30)

    assert run(*place, "--timeout", "0.2") == Done(1, "", f"mockscope: {site.url}: no response within 0.2 seconds\n")


def test_max_pages_limits_the_pages_read(run: Run, site: MockSite, place: list[str]) -> None:
    done = run(*place, "--rule", "PAGE-5", "--max-pages", "2", "--report", "json")

    [rule] = json.loads(done.output)["rules"]
    assert {check["title"]: check["outcome"] for check in rule["checks"]} == {
        "Users: the page is counted": "holds",
        "Groups: the page is counted": "holds",
        "Users: the site is counted": "not-seen",
        "Groups: the site is counted": "holds",
        "Users: an empty page is counted": "not-seen",
        "Groups: an empty page is counted": "holds",
    }
    assert [call.operation for call in site.calls].count("list_users") == 2


def test_a_private_authority_is_trusted_by_option(run: Run) -> None:
    with mockscope.serve(tls=True) as server:
        site = server.site(api_key=KEY)
        url = server.url
        arguments = [url, "--site", site.host, "--rule", "PAGE-1", "--rule", "USER-CREATE-5", "--full", "--yes"]
        strange = run(*arguments)
        known = run(*arguments, "--ca-file", str(server.ca_file))

    assert (strange.status, strange.output) == (1, "")
    assert strange.errors.startswith(f"mockscope: {url}: certificate verification failed: ")
    assert (known.status, known.errors) == (0, "")


# -- confirmation ----------------------------------------------------------------------------------------------


def test_a_full_run_asks_for_confirmation_and_stops_at_no(
    run: Run, site: MockSite, place: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))

    done = run(*place, "--full")

    assert (done.status, done.output, len(site.calls)) == (1, "", 0)
    asked = f"This will create, change and delete records of its own on central:perk at {site.url}. Go on? [y/N]: "
    assert done.errors.startswith(asked)


def test_a_full_run_asks_for_confirmation_and_starts_at_yes(
    run: Run, site: MockSite, place: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))

    assert run(*place, "--full", "--rule", "USER-CREATE-5").status == 0


def test_a_full_run_without_a_terminal_needs_yes(run: Run, site: MockSite, place: list[str]) -> None:
    done = run(*place, "--full")

    assert done == Done(
        1,
        "",
        f"mockscope: this would create, change and delete records of its own on central:perk at {site.url}, "
        "and there is no terminal to ask at: add --yes\n",
    )
    assert len(site.calls) == 0


def test_leftovers_of_earlier_runs_are_named_and_kept(run: Run, site: MockSite, place: list[str]) -> None:
    site.add_user("mockscope-check-0123abcd-1@example.com")
    before = site.export()

    done = run(*place, "--rule", "PAGE-1")

    assert (done.status, done.errors) == (
        0,
        "mockscope: left by another check, killed or running: "
        "the user mockscope-check-0123abcd-1@example.com; --clean-up removes it\n",
    )
    assert site.export() == before


def test_leftovers_of_earlier_runs_are_removed_by_option(run: Run, site: MockSite, place: list[str]) -> None:
    before = site.export()
    site.add_user("mockscope-check-0123abcd-1@example.com")
    left = "mockscope: left by earlier checks: the user mockscope-check-0123abcd-1@example.com\n"

    asked = run(*place, "--clean-up")
    assert (asked.status, asked.errors.startswith(left), marked_on(site) != []) == (1, True, True)
    assert run(*place, "--clean-up", "--yes") == Done(0, "", f"{left}mockscope: removed\n")
    assert site.export() == before
    assert run(*place, "--clean-up") == Done(0, "", "mockscope: no check has left anything there\n")


def test_records_created_in_test_mode_are_named_and_can_be_removed(run: Run) -> None:
    block = deviating(DEVIATIONS["groups_are_created_in_test_mode"].deviate())
    with block as arguments:
        done = run(*arguments, "--dry-run", "--rule", "TEST-4")
        [name] = marked_on(block.site)
        again = run(*arguments, "--clean-up", "--yes")

    assert (done.status, done.errors) == (
        2,
        f"mockscope: made in test mode, and still there: the group {name}; --clean-up removes it\n",
    )
    assert (again.status, again.errors.endswith("mockscope: removed\n"), marked_on(block.site)) == (0, True, [])


def test_records_that_cannot_be_removed_are_named_and_fail_the_run(run: Run) -> None:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return refusal(500) if request.method == "DELETE" else await forward(request)

    block = deviating(deviate)
    with block as arguments:
        full = run(*arguments, "--full", "--yes", "--rule", "USER-CREATE-5")
        [name] = marked_on(block.site)
        again = run(*arguments, "--clean-up", "--yes")

    line = f"mockscope: could not be removed: the user {name}; --clean-up tries again\n"
    assert (full.status, full.errors) == (1, line)
    assert (again.status, again.errors.endswith(line)) == (1, True)


# -- how it ends -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (
            Response(200, b"<h1>Central Perk</h1>", ((b"content-type", b"text/html"),)),
            "the server does not have this API",
        ),
        (Response(200, b'{"coffee": []}'), "the server does not have this API"),
        (Response(302, b"", ((b"location", b"/login"),)), "the server redirects to /login"),
        (Response(302, b"", ((b"location", b"/\x9b31m"),)), r"the server redirects to /\x9b31m"),
        (Response(200, b'{"users": [], "total_users": ' + b"9" * 5000 + b"}"), "the server does not have this API"),
        (Response(200, b"[" * 100_000), "the server does not have this API"),
        (Response(500, b"{}"), "the server does not list the users"),
        (refusal(403), "the site does not exist, or this is not its key"),
        (refusal(404), "the server does not have this API, or it is not enabled for the site"),
    ],
)
@pytest.mark.parametrize("level", ["--read-only", "--full", "--clean-up"])
def test_an_unexpected_server_cannot_be_checked(run: Run, response: Response, reason: str, level: str) -> None:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        return response

    with deviating(deviate) as arguments:
        done = run(*arguments, level, "--yes")

    assert done == Done(1, "", f"mockscope: {reason} (GET /api/v1/users: {response.status})\n")


def test_an_unreachable_server_cannot_be_checked(run: Run) -> None:
    with mockscope.serve() as server:
        url = server.url

    assert run(url, "--site", "central:perk") == Done(
        1, "", f"mockscope: {url}: connection refused: no server listens there\n"
    )


def test_an_unwritable_policy_file_is_refused_before_any_request(run: Run, site: MockSite, place: list[str]) -> None:
    done = run(*place, "--write-policy", "no/policy.yaml")

    assert done == Done(1, "", "mockscope: cannot write no/policy.yaml: No such file or directory\n")
    assert len(site.calls) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "Missing argument 'URL'."),
        (["http://127.0.0.1:1"], "Missing option '--site'."),
        (
            ["central perk", "--site", "s"],
            "'central perk' is not the URL of a server: write it like https://example.com",
        ),
        (
            ["http://127.0.0.1:1/api/v1/", "--site", "s"],
            "'http://127.0.0.1:1/api/v1/' must end before /api/v1: write http://127.0.0.1:1",
        ),
        (
            ["http://127.0.0.1:1", "--site", "s", "--full", "--dry-run"],
            "--read-only, --dry-run, --full and --clean-up exclude each other",
        ),
        (
            ["http://127.0.0.1:1", "--site", "s", "--report-file", "r"],
            "--report-file needs --report: json or junit",
        ),
        (["http://127.0.0.1:1", "--site", "s", "--rule", "PAGE-9"], "there is no rule PAGE-9: did you mean PAGE-6?"),
        (
            ["http://127.0.0.1:1", "--site", "s", "--api-key-env", "NO_KEY"],
            "the API key must be in the environment variable NO_KEY, which is not set",
        ),
        (
            ["http://127.0.0.1:1", "--site", "s", "--report", "junit", "--report-file", "r", "--write-policy", "./r"],
            "--report-file and --write-policy need a file each",
        ),
        (
            ["http://127.0.0.1:1", "--site", "s", "--ful"],
            "No such option '--ful'. (Did you mean one of: '--full', '--rule'?)",
        ),
        (["http://127.0.0.1:1", "--site", "s", "s"], "Got unexpected extra argument (s)"),
        (
            ["http://127.0.0.1:1", "--site", "s", "--policy", "none.yaml"],
            "cannot read the policy none.yaml: No such file or directory",
        ),
    ],
)
def test_wrong_use_is_one_line_with_a_status_of_its_own(run: Run, arguments: list[str], line: str) -> None:
    assert run(*arguments) == Done(1, "", f"mockscope: {line}\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["http://127.0.0.1:1", "--site", "s", "--api-key-env", KEY],
            "the API key must be in the environment, but the value is not a valid variable name",
        ),
        ([f"http://127.0.0.1:1/?key={KEY}", "--site", "s"], "the URL must not contain the key"),
        ([f"http://127.0.0.1:1/{KEY}/", "--site", "s"], "the URL must not contain the key"),
        ([f"s:{KEY}", "--site", "s"], "the URL must not contain the key"),
        (
            ["http://127.0.0.1:1", "--site", f"s:{KEY}", "--full"],
            "the host of the site must not contain the key: leave out the colon and what follows",
        ),
    ],
)
def test_a_key_in_the_wrong_place_is_not_printed(run: Run, arguments: list[str], line: str) -> None:
    assert run(*arguments) == Done(1, "", f"mockscope: {line}\n")


def test_help_has_exit_status_0(run: Run) -> None:
    done = run("--help")

    assert (done.status, done.errors, "--dry-run" in done.output) == (0, "", True)


def test_an_early_interrupt_does_not_report_success(
    run: Run, place: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mockscope.cli.check.new_client", interrupted)

    assert run(*place) == Done(1, "", f"{CHECK_INTERRUPTED}\n")
