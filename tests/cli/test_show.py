"""The command show: what the control API answers about a report is what it answered about the sites."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import requests
from support.bounds import WAIT_SECONDS
from support.commands import invoke
from support.control_client import BASE, DEMO, HOST, path_of

from mockscope import LiveServer, LogNormal, MockSite, __version__, connect, save_report, serve
from mockscope.cli.show import load_server

KEY: Final = DEMO["sites"][0]["api_key"]
OTHER_KEY: Final = "another-key-in-a-header"
COMMAND: Final = (sys.executable, "-m", "mockscope", "show")


def use(site: MockSite) -> None:
    """Let a site have all that a report can hold: calls of each kind, changes, faults with hits, and findings."""
    users, groups = f"{site.url}/api/v1/users", f"{site.url}/api/v1/groups"
    joey = site.headers | {"Http-X-Email": "joey@example.com"}
    site.clock.freeze("2014-03-01T00:00:00.5Z")
    site.faults.add("delete_user", transport="reset", after_commit=True)
    site.faults.add("get_group", status=503, body="busy: \0 …", headers={"Retry-After": "1"}, times=None, nth=2)
    site.faults.add("list_groups", delay=LogNormal(median=60.0), where=lambda call: "slow" in call.params, times=2)
    site.faults.add("update_user", action=lambda call, response: None)
    site.faults.rate_limit(100, per=60, operation="list_users")
    site.faults.add_change("rotate_key", before={"operation": "create_group"}, api_key=OTHER_KEY)
    site.faults.add_change("delete_user", at="2014-02-28T00:00:00Z", email="nobody@example.com")
    requests.get(users, headers=site.headers, params={"limit": "3", "q": "%" + "…"})
    requests.get(users, headers=joey)
    requests.post(users, headers=site.headers, data=b"\xff\xfe not JSON")
    requests.post(
        f"{users}?test_mode=true", headers=site.headers, json={"email": "gunther@example.com", "groups": "Sales"}
    )
    requests.put(users, headers=joey, json={"first_name": f"<img src=x onerror=alert(1)> {KEY}"})
    with pytest.raises(requests.ConnectionError):
        requests.delete(users, headers=site.headers | {"Http-X-Email": "monica@example.com"})
    requests.put(f"{groups}/Sales", headers=site.headers, json={"name": "Sales/1", "access": "Sql"})
    for name in ("Sales%2F1", "Sales%2F1", "x" * 70_000):
        requests.get(f"{groups}/{name}", headers=site.headers)
    requests.post(users, headers=site.headers, json={"first_name": "x" * 70_000})
    requests.get(users, headers={"Http-X-Partner-Auth": f"nowhere:{KEY}"})
    requests.post(groups, headers=site.headers, json={"name": "Friends"})
    site.add_dashboard("Coffee", owner="rachel@example.com", access={"Sales/1": "Edit"})
    site.set_policy(page_size=3)


def paths(site: MockSite) -> Iterator[str]:
    """Yield the paths of all that is read of a site."""
    of = path_of(site.host)
    yield from (f"{of}/{part}" for part in ("calls", "changes", "faults", "clock", "users", "groups", "dashboards"))
    yield from (
        f"{of}/calls?{query}" for query in ("status=4xx", "q=joey&limit=1", "order=oldest&limit=2", "open=true")
    )
    yield from (f"{of}/calls?{query}" for query in ("test_mode=true", "fault=fault-1", "email=joey@example.com"))
    yield from (f"{of}/users?{query}" for query in ("q=a&limit=2", "start=m"))
    yield from (f"{of}/calls/{call.id}" for call in site.calls)
    yield from (f"{of}/calls?before={site.calls[3].id}&limit=2", f"{of}/findings?active=true", f"{of}/calls/har")
    yield from (f"{of}/{path}" for path in ("faults/fault-3", "users/joey@example.com", "groups/Sales%2F1"))
    yield from (of, f"{of}/snapshots", f"{of}/findings")


class Shown(NamedTuple):
    """A server that shows a report.

    Args:
        server: The server.
        file: The report.
        answers: What the control API answered about the sites of the report, by path.
    """

    server: LiveServer
    file: Path
    answers: dict[str, bytes]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    file = tmp_path_factory.mktemp("reports") / "new" / "report.mockscope.json"
    with serve() as live:
        site, other = live.site(HOST, KEY, seed=DEMO), live.site("a:b/c", "a-key-of-another-form")
        site.label, site.strict = "tests/test_friends.py::test_joey", True
        use(site)
        answers = {path: read(live, path) for path in (*paths(site), path_of(other.host), f"{BASE}/calls")}
        save_report(file, [site, other], test=site.label, calls=live.calls)
        remote = connect(live.url)
        save_report(file.with_name("remote.json"), remote.sites.values(), test=site.label, calls=remote.calls)
        site.strict = False
    redact = site.calls.redactor.redact_bytes
    # Without a block, which would fail on the findings of the report.
    server = load_server(file, 0).start()
    yield Shown(server, file, {path: redact(answer) for path, answer in answers.items()})
    server.stop()


def read(server: LiveServer, path: str) -> bytes:
    response = requests.get(f"{server.url}{path}", timeout=WAIT_SECONDS)
    assert (path, response.status_code) == (path, 200)
    return response.content


def test_a_report_is_read_like_the_sites_that_it_is_about(shown: Shown) -> None:
    answers = {path: json.loads(read(shown.server, path)) for path in shown.answers}

    assert answers == {path: json.loads(answer) for path, answer in shown.answers.items()}
    # All that a report can hold is among the answers.
    calls = answers[f"{path_of(HOST)}/calls"]["calls"]
    assert {"rule", "hint", "fault", "changes", "body_base64"} <= {key for call in calls for key in call if call[key]}
    assert {call["operation"] for call in calls if call["status"] is None} == {"delete_user"}
    assert [fault["hits"] for fault in answers[f"{path_of(HOST)}/faults"]["faults"]] == [1, 1, 0, 1, 0, 1, 0]
    assert {each["kind"] for each in answers[f"{path_of(HOST)}/changes"]["changes"]} == {"user", "group", "dashboard"}
    assert len(answers[f"{path_of(HOST)}/findings"]["findings"]) > 2


def test_the_report_of_a_server_elsewhere_is_the_same(shown: Shown) -> None:
    own, remote = (json.loads(file.read_bytes()) for file in (shown.file, shown.file.with_name("remote.json")))

    # These ran on.
    for clock in (own, own["sites"][1]["clock"], remote, remote["sites"][1]["clock"]):
        del clock["time" if "time" in clock else "now"]
    assert remote == own


def test_a_report_has_no_key(shown: Shown) -> None:
    content = "".join(file.read_text() for file in shown.file.parent.iterdir())

    assert [key for key in (KEY, OTHER_KEY, "a-key-of-another-form") if key in content] == []


def test_the_page_knows_that_it_shows_a_report(shown: Shown) -> None:
    [mode] = re.findall('name="mockscope-mode" content="(.*?)"', read(shown.server, "/_mockscope/").decode())
    report = json.loads(read(shown.server, f"{BASE}/report"))

    assert mode == "report"
    assert report.pop("time").endswith("Z")
    assert report == {"test": "tests/test_friends.py::test_joey", "mockscope": __version__, "version": 1}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"{path_of(HOST)}/calls"),
        ("POST", f"{BASE}/reset"),
        ("PATCH", f"{path_of(HOST)}/users/joey@example.com"),
        ("GET", "/api/v1/users"),
        ("GET", "/nowhere"),
        ("POST", "/"),
    ],
)
def test_a_report_cannot_be_changed_or_called(shown: Shown, method: str, path: str) -> None:
    response = requests.request(method, f"{shown.server.url}{path}", timeout=WAIT_SECONDS)

    assert (response.status_code, response.json()) == (
        403,
        {
            "message": "This server shows the report of a test, which is read-only: read it by GET below /_mockscope/. "
            "For a server that answers the API, run mockscope serve."
        },
    )
    assert len(json.loads(read(shown.server, f"{BASE}/calls"))["calls"]) == 3


def test_a_live_server_has_no_report(server: LiveServer) -> None:
    response = requests.get(f"{server.url}{BASE}/report", timeout=WAIT_SECONDS)

    assert (response.status_code, response.json()) == (
        404,
        {"message": "This server has live sites, and no report: mockscope show FILE shows one."},
    )
    assert b'name="mockscope-mode" content="live"' in read(server, "/_mockscope/")


def changed(shown: Shown, folder: Path, **fields: object) -> Path:
    """Return a copy of the report with other fields."""
    file = folder / "edited.mockscope.json"
    file.write_text(json.dumps(json.loads(shown.file.read_bytes()) | fields))
    return file


def test_calls_in_progress_stay_so_and_are_not_waited_for(shown: Shown, tmp_path: Path) -> None:
    calls = json.loads(shown.file.read_bytes())["calls"]
    under_way = [call | {"duration_ms": None, "is_open": True, "status": None} for call in calls]

    with load_server(changed(shown, tmp_path, calls=under_way, sites=[]), 0) as server:
        listed = json.loads(read(server, f"{BASE}/calls?open=true&order=oldest"))["calls"]

    assert listed == under_way


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"format": "other"}, "it is not a report of mockscope: its format is 'other'"),
        (
            {"version": 2, "mockscope": "9.0"},
            f"version 2 of the format is not known to mockscope {__version__}, which knows version 1: "
            "use mockscope 9.0, which wrote it, or a later one",
        ),
        ({"sites": "none"}, "it is damaged: Expected `array`, got `str` - at `$.sites`"),
        (
            {"time": "yesterday"},
            "it is damaged: time: 'yesterday' is not a time; write it like 2014-02-06T23:46:07.118Z",
        ),
        ({"calls": [{}]}, "it is damaged: calls: *"),
    ],
)
def test_a_report_that_cannot_be_shown_is_refused(
    shown: Shown, tmp_path: Path, fields: dict[str, object], problem: str
) -> None:
    file = changed(shown, tmp_path, **fields)

    done = invoke("show", str(file))

    assert (done.returncode, done.stdout) == (2, "")
    assert fnmatch(done.stderr, f"mockscope: can't show {file}: {problem.replace('[', '[[]')}\n"), done.stderr


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"faults": [{}]}, "sites[[]0[]]: *id*"),
        (
            {"records": {"mockscope": 1, "sites": [{"host": "a", "users": [{"email": "joey"}]}]}},
            "sites[[]0[]]: seed.sites*",
        ),
        ({"records": {"mockscope": 1, "sites": []}}, "sites[[]0[]]: *"),
        ({"findings": [{"problem": "", "call": None, "other": 1}]}, "sites[[]0[]]: *other*"),
        ({"clock": {"now": "12:00", "frozen": True, "autojump": False}}, "sites[[]0[]]: '12:00' is not a time; *"),
    ],
)
def test_a_damaged_site_is_named(shown: Shown, tmp_path: Path, change: dict[str, object], problem: str) -> None:
    first, *others = json.loads(shown.file.read_bytes())["sites"]
    file = changed(shown, tmp_path, sites=[first | change, *others])

    done = invoke("show", str(file))

    assert fnmatch(done.stderr, f"mockscope: can't show {file}: it is damaged: {problem}\n"), done.stderr


def test_two_sites_of_one_host_are_refused(shown: Shown, tmp_path: Path) -> None:
    sites = json.loads(shown.file.read_bytes())["sites"]

    done = invoke("show", str(changed(shown, tmp_path, sites=[*sites, sites[1]])))

    assert "it is damaged: sites[2]: there is a site a:b/c already" in done.stderr


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is not a report of mockscope: *"),
        (b"\xff", "it is not a report of mockscope: *"),
        (b"[" * 100_000, "it is not a report of mockscope: *"),
        (b'{"log": {}}', "it is not a report of mockscope: Object missing required field `format`"),
        (b'{"format": "mockscope report", "version": 1, "mockscope": "', "it is not a report of mockscope: *"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)

    done = invoke("show", str(file))

    assert fnmatch(done.stderr, f"mockscope: can't show {file}: {problem}\n"), done.stderr


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = invoke("show", str(tmp_path / "none.json"))

    assert done.stderr == f"mockscope: can't read the report {tmp_path / 'none.json'}: No such file or directory\n"


def test_the_command_prints_the_url_and_ends_with_ctrl_c(shown: Shown) -> None:
    with subprocess.Popen([*COMMAND, str(shown.file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        [url] = re.findall(rb"at (http://127.0.0.1:\d+/_mockscope/) \(Ctrl-C ends it\)", process.stdout.readline())
        page = requests.get(url.decode(), timeout=WAIT_SECONDS)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=WAIT_SECONDS)

    assert (page.status_code, rest, process.returncode) == (200, (b"", b""), 0)
