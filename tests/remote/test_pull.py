"""The command pull: a site of another server becomes a seed, complete or not at all, and without its key."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from support.examples import examples
from support.other_server import Scripted, ok, scripted
from support.ports import held_port

import mockscope
from mockscope import Call, LiveServer, Mockscope, MockSite, strategies
from mockscope._vendor import BUILTIN_GROUPS
from mockscope.cli.root import cli
from mockscope.remote.client import SiteClient

HOST: Final = "central_perk"
KEY: Final = "e179017a-62b0-4996-8a38-e91aa9f1"
COMMAND: Final = (sys.executable, "-m", "mockscope", "pull")


class Done(NamedTuple):
    """The end of a command."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def site(server: LiveServer) -> Iterator[MockSite]:
    """A site of seven users on four pages, with groups and dashboards."""
    with server.site(HOST, api_key=KEY, page_size=2) as site:
        for name, access in [("NY Knicks", "View"), ("R&D/Ops 50%", "Discovery")]:
            site.add_group(name, access=access)
        for place, first_name in enumerate(["Monica", "Chandler", "Joey", "Rachel", "Phoebe", "Mike"]):
            site.add_user(
                first_name=first_name,
                last_name="Hannigan",
                email=f"{first_name}+{place}@example.com",
                groups=["NY Knicks", "All Users"][: place % 3],
                last_login_at="2014-02-06T23:46:07.118Z" if place % 2 else None,
            )
        site.add_dashboard("Revenue", owner=site.admin.email, access={"NY Knicks": "View", "All Users": "Edit"})
        site.add_dashboard("Churn", access={"R&D/Ops 50%": "Edit"})
        site.add_dashboard("Nobody's", access={})
        yield site


def pull(url: str, *options: str | Path, host: str = HOST, key: str | None = KEY, **environment: str) -> Done:
    """Run the command in this process."""
    result = CliRunner().invoke(
        cli,
        ["pull", url, "--site", host, *map(str, options)],
        env={"MOCKSCOPE_API_KEY": key, **environment},
        standalone_mode=False,
    )
    if isinstance(result.exception, click.ClickException):
        return Done(2, result.stdout, result.exception.format_message())
    if result.exception is not None:
        raise result.exception
    assert result.return_value in (0, 1)
    return Done(result.return_value, result.stdout, result.stderr)


@contextmanager
def pulling(url: str, *options: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """Run the command in a process of its own."""
    with subprocess.Popen(
        [*COMMAND, url, "--site", HOST, *map(str, options)],
        env=os.environ | {"MOCKSCOPE_API_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def visible(export: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the part of an export that the API shows: no key, switches, owners or dashboards that no group may see."""
    return [
        {
            "host": site["host"],
            "groups": site["groups"],
            "removed_groups": site.get("removed_groups", []),
            "users": site["users"],
            "dashboards": [
                {"name": board["name"], "access": board["access"]} for board in site["dashboards"] if board["access"]
            ],
        }
        for site in export["sites"]
    ]


# -- the whole site --------------------------------------------------------------------------------------------


def crowd(server: LiveServer, users: int = 1234) -> MockSite:
    """Return a site with 150 groups, each of which sees dashboards."""
    seed = {
        "host": HOST,
        "generate": {"users": users - 1, "groups": 148, "seed": 4},
        "users": [
            {
                "email": "mike@example.com",
                "first_name": "Mike",
                "last_name": "Hannigan",
                "groups": ["Administrators", "All Users"],
            }
        ],
        "groups": [{"name": "All Users", "access": "View"}],
    }
    site = server.site(HOST, api_key=KEY, seed={"mockscope": 1, "sites": [seed]})
    names = list(site.groups)
    for place, name in enumerate(names):
        access = {name: "Edit", names[place - 1]: "View", names[place - 7]: "View"}
        site.add_dashboard(f"Board {place}", owner="mike@example.com", access=access)
    return site


def test_a_large_site_is_pulled_unchanged(server: LiveServer, tmp_path: Path) -> None:
    site = crowd(server)
    seed = tmp_path / "seed.yaml"
    done = subprocess.run(
        [*COMMAND, server.url, "--site", HOST],
        env=os.environ | {"MOCKSCOPE_API_KEY": KEY},
        capture_output=True,
        timeout=300,
        check=False,
    )
    seed.write_bytes(done.stdout)

    assert (done.returncode, done.stderr) == (0, b"")
    export = Mockscope(seed).export()
    assert visible(export) == visible(server.export())
    [made] = export["sites"]
    assert [len(made[kind]) for kind in ("users", "groups", "dashboards")] == [1234, 150, 150]
    assert KEY.encode() not in done.stdout
    # 13 pages of users, 2 of groups, and each group.
    assert len(site.calls) == 13 + 2 + 150


def test_the_pulled_seed_lacks_only_fields_that_the_api_does_not_show(server: LiveServer, site: MockSite) -> None:
    [made] = parsed(pull(server.url).out)["sites"]

    assert list(made) == ["host", "groups", "users", "dashboards"]
    assert made["dashboards"] == [
        {"name": "Churn", "access": {"R&D/Ops 50%": "Edit"}},
        {"name": "Revenue", "access": {"All Users": "Edit", "NY Knicks": "View"}},
    ]


def test_missing_built_in_groups_are_named(server: LiveServer) -> None:
    server.site(HOST, api_key=KEY, protect_builtin_groups=False)
    with SiteClient(server.url, HOST, KEY) as client:
        assert client.request("DELETE", "/api/v1/groups/All%20Users").status == 200
    done = pull(server.url, "--format", "json")

    [made] = json.loads(done.out)["sites"]
    assert (made["removed_groups"], [group["name"] for group in made["groups"]]) == (["All Users"], ["Administrators"])
    assert visible(Mockscope(json.loads(done.out)).export()) == visible(server.export())


@settings(max_examples=examples(40), deadline=None)
@given(seed=strategies.sites(strategies.policies()))
def test_any_site_is_pulled_unchanged(seed: dict[str, Any]) -> None:
    with mockscope.serve({"mockscope": 1, "sites": [seed]}) as server:
        as_yaml = pull(server.url, host=seed["host"], key=seed["api_key"])
        as_json = pull(server.url, "--format", "json", host=seed["host"], key=seed["api_key"])
        assert (as_yaml.status, as_yaml.err, as_json.status, as_json.err) == (0, "", 0, "")
        wanted = visible(server.export())

    assert visible(Mockscope(json.loads(as_json.out)).export()) == wanted
    assert visible(Mockscope(parsed(as_yaml.out)).export()) == wanted


def parsed(seed: str) -> Any:
    return yaml.load(seed, Loader=yaml.CSafeLoader)


def test_a_group_named_with_dots_is_requested_with_encoded_dots(server: LiveServer, site: MockSite) -> None:
    site.add_group("..", access="View")
    pull(server.url)

    assert [call.path for call in site.calls if call.operation == "get_group"][:1] == ["/api/v1/groups/%2E%2E"]


# -- people replaced -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_anonymized_output_holds_no_name_and_no_email(server: LiveServer, form: str) -> None:
    crowd(server, 300)
    done = pull(server.url, "--anonymize", "--format", form)
    again = pull(server.url, "--anonymize", "--format", form)

    assert (done.status, done.err) == (0, "")
    assert again.out == done.out
    [site] = server.export()["sites"]
    names = {
        *(value for user in site["users"] for value in (user["email"], user["first_name"], user["last_name"])),
        *(user["email"].partition("@")[0] for user in site["users"]),
        *(record["name"] for kind in ("groups", "dashboards") for record in site[kind]),
        *("example.com", HOST, KEY),
    } - set(BUILTIN_GROUPS)
    assert len(names) > 1000
    shown, sought = done.out.casefold(), {name.casefold() for name in names}
    assert sought & set(re.findall(r"\w+", shown)) == set()
    # One that is shorter is in some longer word by chance.
    assert sorted(name for name in sought if len(name) > 3 and name in shown) == []
    [made] = Mockscope(parsed(done.out)).export()["sites"]
    assert [len(made[kind]) for kind in ("users", "groups", "dashboards")] == [300, 150, 150]


def test_the_replacements_depend_on_the_key_or_the_salt(server: LiveServer, site: MockSite) -> None:
    before = pull(server.url, "--anonymize").out
    salted = pull(server.url, "--anonymize", "--salt-env", "SALT", SALT="a").out
    site.rotate_key("another-key")
    after = pull(server.url, "--anonymize", key="another-key").out
    salted_after = pull(server.url, "--anonymize", "--salt-env", "SALT", key="another-key", SALT="a").out

    assert len({before, salted, after}) == 3
    assert salted_after == salted


def test_anonymized_warnings_name_nobody() -> None:
    with odd({"email": "joey", "groups": []}) as server:
        assert pull(server.url, "--anonymize").err == (
            "mockscope: 1 user: left out, because the email is not a valid email address\n"
        )


# -- where it goes ---------------------------------------------------------------------------------------------


def test_the_output_s_name_gives_the_format_by_default(server: LiveServer, site: MockSite, tmp_path: Path) -> None:
    statuses = [
        pull(server.url, "--output", tmp_path / "a.json").status,
        pull(server.url, "--output", tmp_path / "a.yaml").status,
        pull(server.url, "--output", tmp_path / "b.json", "--format", "yaml").status,
    ]
    first = [(tmp_path / name).read_text()[:1] for name in ("a.json", "a.yaml", "b.json")]

    assert (statuses, first) == ([0, 0, 0], ["{", "#", "#"])


def test_a_file_with_people_is_private_and_an_anonymized_one_is_not(
    server: LiveServer, site: MockSite, tmp_path: Path
) -> None:
    (tmp_path / "old.yaml").write_text("old")
    (tmp_path / "old.yaml").chmod(0o640)
    mask = os.umask(0o022)
    try:
        for name, options in [("people", []), ("nobody", ["--anonymize"]), ("old", ["--force"])]:
            assert pull(server.url, "--output", tmp_path / f"{name}.yaml", *options).status == 0
    finally:
        os.umask(mask)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"people.yaml": 0o600, "nobody.yaml": 0o644, "old.yaml": 0o640}


def test_an_unwritable_output_is_refused_before_any_request(server: LiveServer, site: MockSite, tmp_path: Path) -> None:
    assert pull(server.url, "--output", tmp_path) == (2, "", f"cannot write {tmp_path}: it is not a regular file")
    assert pull(server.url, "--output", ".") == (2, "", "cannot write .: it is not a regular file")
    missing = tmp_path / "missing" / "seed.yaml"
    assert pull(server.url, "--output", missing) == (2, "", f"cannot write {missing}: No such file or directory")
    assert (len(site.calls), list(tmp_path.iterdir())) == (0, [])


def test_an_output_ends_with_a_summary(server: LiveServer, site: MockSite, tmp_path: Path) -> None:
    out = tmp_path / "seed.yaml"

    summary = f"mockscope: {out}: 7 users, 4 groups, 2 dashboards of the site {HOST}\n"
    assert pull(server.url, "--output", out) == (0, "", summary)
    assert pull(server.url, "--output", out, "--anonymize").err != summary
    assert HOST not in pull(server.url, "--output", out, "--anonymize").err


@pytest.mark.parametrize("name", ["seed.yaml", "seed.json"])
def test_a_file_not_written_by_pull_is_replaced_only_with_force(
    server: LiveServer, site: MockSite, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    out.write_text("mockscope: 1\n")

    refused = f"{out} exists, and pull has not written it: name another file, or add --force"
    assert pull(server.url, "--output", out) == (2, "", refused)
    assert (out.read_text(), len(site.calls)) == ("mockscope: 1\n", 0)
    assert pull(server.url, "--output", out, "--force").status == 0
    # JSON has no comments to mark it with.
    again = pull(server.url, "--output", out)
    assert again.status == (0 if name == "seed.yaml" else 2)


def test_an_output_that_is_a_link_is_followed(server: LiveServer, site: MockSite, tmp_path: Path) -> None:
    link, out = tmp_path / "link.yaml", tmp_path / "seed.yaml"
    out.touch()
    link.symlink_to(out)

    assert pull(server.url, "--output", link).status == 0
    assert (link.is_symlink(), out.read_text() == pull(server.url).out) == (True, True)


def test_a_closed_pipe_is_an_error_of_one_line(server: LiveServer, site: MockSite) -> None:
    with pulling(server.url) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(300)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read().splitlines()[0]) == (
            1,
            "mockscope: cannot write: Broken pipe",
        )


def test_a_terminal_shows_progress(server: LiveServer, site: MockSite) -> None:
    ours, theirs = pty.openpty()
    with (
        open(ours, "rb", buffering=0) as terminal,
        subprocess.Popen(
            [*COMMAND, server.url, "--site", HOST],
            env=os.environ | {"MOCKSCOPE_API_KEY": KEY, "TERM": "xterm"},
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        ) as process,
    ):
        status = process.wait(300)
        os.close(theirs)
        shown = read_terminal(terminal).decode()

    assert status == 0
    for label, count in [("users", 7), ("groups", 4), ("dashboards of groups", 4)]:
        assert re.search(rf"{label} +\[#+\] +{count}/{count}", shown), shown


def read_terminal(terminal: Any) -> bytes:
    read = b""
    # The other end is closed: the rest is read, and then reading fails.
    while more := read_some(terminal):
        read += more
    return read


def read_some(terminal: Any) -> bytes:
    try:
        return bytes(terminal.read(65536))
    except OSError:
        return b""


# -- failures on the way ---------------------------------------------------------------------------------------


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockscope.remote.pull.RETRY_SECONDS", (0, 0, 0))


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("fault", [{"status": 502}, {"transport": "truncate"}, {"transport": "reset"}])
@pytest.mark.parametrize(("operation", "nth"), [("list_users", 2), ("list_groups", 1), ("get_group", 3)])
def test_a_request_that_fails_temporarily_is_retried(
    server: LiveServer, site: MockSite, operation: Any, nth: int, fault: Any
) -> None:
    whole = pull(server.url).out
    site.calls.clear()
    site.faults.add(operation, nth=nth, **fault)

    assert pull(server.url) == (0, whole, "")
    assert len(site.calls) == 4 + 2 + 4 + 1


@pytest.mark.usefixtures("no_waits")
def test_a_server_that_keeps_failing_is_an_error_and_the_output_is_unchanged(
    server: LiveServer, site: MockSite, tmp_path: Path
) -> None:
    out = tmp_path / "seed.yaml"
    assert pull(server.url, "--output", out).status == 0
    before = out.read_bytes()
    site.calls.clear()
    site.faults.add("list_groups", status=500, times=None)

    assert pull(server.url, "--output", out) == (
        1,
        "",
        f"mockscope: {server.url} answers 500 to GET /api/v1/groups: the server failed: try again later\n",
    )
    assert [call.operation for call in site.calls][4:] == ["list_groups"] * 4
    assert (out.read_bytes(), list(tmp_path.iterdir())) == (before, [out])


def test_the_waits_between_retries_grow(site: MockSite, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("mockscope.remote.pull.time.sleep", waits.append)
    site.faults.add("list_groups", status=503, times=None)

    assert pull(site.url).status == 1
    assert waits == [1, 2, 4]


def test_ctrl_c_is_one_line_and_writes_nothing(server: LiveServer, site: MockSite, tmp_path: Path) -> None:
    asked = threading.Event()

    def strikes(call: Call) -> bool:
        asked.set()
        return True

    site.faults.add("list_groups", transport="hang", where=strikes)
    with pulling(server.url, "--output", tmp_path / "seed.yaml") as process:
        assert asked.wait(300)
        process.send_signal(signal.SIGINT)
        streams = process.communicate(timeout=300)

    assert (process.returncode, *streams) == (1, "", "mockscope: interrupted before the whole site was read\n")
    assert list(tmp_path.iterdir()) == []


def test_a_url_with_a_path_of_the_api_is_refused_with_the_right_url(server: LiveServer, site: MockSite) -> None:
    done = pull(f"{server.url}/api/v1")

    assert done == (2, "", f"'{server.url}/api/v1' must end before /api/v1: write {server.url}")
    assert len(site.calls) == 0


def test_an_invalid_timeout_is_one_line_and_no_request_is_sent(
    server: LiveServer, site: MockSite, tmp_path: Path
) -> None:
    for value, wrong in [("nan", "'nan' is not a number."), ("inf", "inf is not in the range 0<x<=86400.")]:
        done = pull(server.url, "--output", tmp_path / "seed.yaml", "--timeout", value)
        assert done == (2, "", f"Invalid value for '--timeout': {wrong}")
    assert (list(tmp_path.iterdir()), len(site.calls)) == ([], 0)


def test_a_failed_pull_leaves_no_file(server: LiveServer, site: MockSite, tmp_path: Path) -> None:
    done = pull(server.url, "--output", tmp_path / "seed.yaml", key="another-key")

    assert done == (
        1,
        "",
        f"mockscope: {server.url} answers 403 to GET /api/v1/users: there is no site {HOST}, or this is not its key\n",
    )
    assert list(tmp_path.iterdir()) == []


# -- failures ------------------------------------------------------------------------------------------------


def users(*records: Any, following: Any = None, total: Any = None) -> bytes:
    total = len(records) if total is None else total
    return ok(json.dumps({"total_users": total, "next_page_start": following, "users": records}).encode())


def refused(*script: bytes) -> str:
    """Return the error for a server with such responses."""
    with scripted(script) as server:
        done = pull(server.url)
    assert (done.status, done.out) == (1, "")
    [line] = done.err.splitlines()
    return line.removeprefix("mockscope: ").replace(server.url, "URL")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            "404 Not Found",
            f"404 to GET /api/v1/users: the API is not enabled for the site {HOST}, or it is not at this URL",
        ),
        ("400 Bad", "400 to GET /api/v1/users: if the port is for HTTPS, write https://"),
        ("500 Oh", "500 to GET /api/v1/users: the server failed: try again later"),
        ("302 Found", "302 to GET /api/v1/users: use the URL that it redirects to: /login"),
        ("204 No", "204 to GET /api/v1/users: this API does not use that status"),
        ("418 Tea", "418 to GET /api/v1/users: this API does not use that status"),
    ],
)
def test_an_unusable_response_is_explained(status: str, reason: str) -> None:
    assert refused(ok(b"", "Location: /login", status=status)) == f"URL answers {reason}"


def test_a_redirect_without_a_location_is_explained() -> None:
    assert refused(ok(status="301 Moved")).endswith("use the URL that it redirects to: the response has no Location")


STRANGE: Final = "is not one of this API:"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([ok(b"<html>")], f"the response to GET /api/v1/users {STRANGE} it is not JSON"),
        ([ok(b"[]")], f"the response to GET /api/v1/users {STRANGE} it is not an object"),
        ([ok(b"{}")], f"the response to GET /api/v1/users {STRANGE} the body has no list users"),
        ([users({"name": "Joey"})], f"the response to GET /api/v1/users {STRANGE} some users have no email"),
        ([users("joey")], f"the response to GET /api/v1/users {STRANGE} some users have no email"),
        ([users({"email": 1})], f"the response to GET /api/v1/users {STRANGE} some users have no email"),
        (
            [users(following=7)],
            f"the response to GET /api/v1/users {STRANGE} next_page_start is neither a string nor null",
        ),
        ([users(), ok(b'{"groups": [{}]}')], f"the response to GET /api/v1/groups {STRANGE} some groups have no name"),
        (
            [users(), ok(b'{"groups": [{"name": "a b"}]}'), ok(b'{"dashboards": [{}]}')],
            f"the response to GET /api/v1/groups/a%20b {STRANGE} dashboards is not a list of objects with a name",
        ),
        (
            [users(), ok(b'{"groups": [{"name": "a"}]}'), ok(status="403 No")],
            f"URL answers 403 to GET /api/v1/groups/a: there is no site {HOST}, or this is not its key",
        ),
    ],
)
def test_a_server_without_this_api_is_explained(script: list[bytes], reason: str) -> None:
    assert refused(*script) == reason


def test_pages_in_a_circle_are_an_error() -> None:
    joey, monica = {"email": "joey@example.com"}, {"email": "monica@example.com"}

    around = "the pages of users repeat: a page after {} users had no new ones"
    assert refused(users(joey, following="a"), users(monica, following="a")) == around.format(2)
    assert refused(users(joey, following="a"), users(joey, following="b")) == around.format(1)
    assert refused(users(joey, following="")) == around.format(1)


def test_endless_pages_are_an_error() -> None:
    pages = [users({"email": f"joey{n}@example.com"}, following=f"{n}", total=1) for n in range(1, 200)]

    assert refused(*pages) == "the pages of users do not end: 102 were read, more than the site counts"


@pytest.mark.parametrize(
    "body",
    [b'{"total_users": ' + b"9" * 5000 + b"}", b"[" * 200_000, b'{"users": [' * 50_000],
    ids=["a number of 5,000 digits", "lists in lists", "objects in lists"],
)
def test_json_that_python_cannot_parse_is_one_line(body: bytes) -> None:
    assert refused(ok(body)) == "the response to GET /api/v1/users is not one of this API: it is not JSON"


ESCAPES: Final = "\x1b]0;how\x07\x1b[31m you\x9b31m \u202e doin'"


def test_control_characters_of_a_server_are_escaped() -> None:
    record = {
        "email": "joey@example.com",
        "first_name": ESCAPES,
        "tfa_enabled": ESCAPES,
        "groups": ["All Users", ESCAPES],
    }
    details = (detail({"name": ESCAPES, "access": ESCAPES}), detail(access=ESCAPES), detail(access=ESCAPES))
    for form in ("yaml", "json"):
        with odd(record, details=details) as server:
            done = pull(server.url, "--format", form)
        assert (done.status, re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.out + done.err)) == (0, [])
        assert ESCAPES in [user["first_name"] for user in parsed(done.out)["sites"][0]["users"]]
    moved = refused(ok(b"", f"Location: {ESCAPES}", status="302 Found"))
    assert moved.startswith(
        r"URL answers 302 to GET /api/v1/users: use the URL that it redirects to: \x1b]0;how\x07\x1b[31m you"
    )
    assert re.findall(r"[\x00-\x1f\x7f-\x9f]", moved) == []


def test_an_unreachable_server_is_named() -> None:
    with held_port() as port:
        url = f"http://127.0.0.1:{port}"

        assert pull(url) == (1, "", f"mockscope: {url}: connection refused: no server listens there\n")


def test_a_missing_response_times_out() -> None:
    with scripted([None]) as server:
        assert pull(server.url, "--timeout", "0.1").err == f"mockscope: {server.url}: no response within 0.1 seconds\n"


# -- records that a seed cannot hold ---------------------------------------------------------------------------


@contextmanager
def odd(*records: Mapping[str, Any], groups: Any = None, details: tuple[bytes, ...] = (), **more: Any) -> Iterator[Any]:
    """Run a server with these users. Each user is valid but for the given fields."""
    whole = {"first_name": "Joey", "last_name": "Tribbiani", "last_login_at": None, "password_updated_at": None}
    people = [{**whole, "groups": ["All Users"], "tfa_enabled": False, **record} for record in records]
    names = [{"name": name, "access": "Sql"} for name in BUILTIN_GROUPS] if groups is None else groups
    listed = ok(json.dumps({"total_groups": len(names), "next_page_start": None, "groups": names}).encode())
    responses = details or (detail(), detail())
    with scripted([users(*people, **more), listed, *responses]) as server:
        yield server


def detail(*boards: Mapping[str, Any], access: str = "Sql") -> bytes:
    return ok(json.dumps({"name": "any", "access": access, "dashboards": boards}).encode())


def pulled(server: Scripted) -> tuple[dict[str, Any], list[str]]:
    """Return the seed's site, and the warnings."""
    done = pull(server.url)
    assert done.status == 0, done.err
    [site] = Mockscope(parsed(done.out)).export()["sites"]
    return site, [line.removeprefix("mockscope: ") for line in done.err.splitlines()]


@pytest.mark.parametrize(
    ("record", "kept", "warning"),
    [
        ({"last_name": " "}, {"last_name": "-"}, 'last_name written as "-", because the value is blank'),
        (
            {"first_name": None},
            {"first_name": "-"},
            'first_name written as "-", because the value must be a string, and is null',
        ),
        (
            {"last_login_at": "2014-02-06"},
            {"last_login_at": None},
            "last_login_at written as null, because the value is not a time with an offset",
        ),
        (
            {"password_updated_at": 7},
            {"password_updated_at": None},
            "password_updated_at written as null, because the value is not a time with an offset",
        ),
        (
            {"tfa_enabled": None},
            {"tfa_enabled": False},
            "tfa_enabled written as false, because the value is neither true nor false",
        ),
        ({"groups": None}, {"groups": []}, "groups is not a list of names, so that only the names in it are kept"),
        (
            {"groups": ["All Users", 7]},
            {"groups": ["All Users"]},
            "groups is not a list of names, so that only the names in it are kept",
        ),
    ],
)
def test_invalid_fields_of_a_user_are_replaced_with_a_warning(
    record: dict[str, Any], kept: dict[str, Any], warning: str
) -> None:
    with odd({"email": "joey@example.com", **record}) as server:
        site, warnings = pulled(server)

    whole = {
        "first_name": "Joey",
        "last_name": "Tribbiani",
        "email": "joey@example.com",
        "groups": ["All Users"],
        "last_login_at": None,
        "password_updated_at": None,
        "tfa_enabled": False,
    }
    assert site["users"] == [whole | kept]
    assert warnings == [f"1 user: {warning} ('joey@example.com')"]


def test_a_time_in_another_format_is_parsed() -> None:
    with odd({"email": "joey@example.com", "last_login_at": "2014-02-07T01:46:07+02:00"}) as server:
        site, warnings = pulled(server)

    assert (site["users"][0]["last_login_at"], warnings) == ("2014-02-06T23:46:07.000Z", [])


def test_invalid_users_are_left_out_with_a_warning() -> None:
    emails = ["joey", "a b@example.com", "joey@example.com", "Joey@Example.com", "ä@example.com", "@", "x@y@z"]
    with odd(*({"email": email} for email in emails)) as server:
        site, warnings = pulled(server)

    assert [user["email"] for user in site["users"]] == ["joey@example.com"]
    assert warnings == [
        "5 users: left out, because the email is not a valid email address "
        "('joey', 'a b@example.com', 'ä@example.com', 2 more)",
        "1 user: left out, because another user has the same email in another case ('Joey@Example.com')",
    ]


def test_a_group_known_only_from_users_is_requested() -> None:
    details = (detail(), detail(access="View"), detail(), ok(status="404 Not Found"))
    record = {"email": "joey@example.com", "groups": ["All Users", "Late", "Gone", "All Users"]}
    with odd(record, details=details) as server:
        site, warnings = pulled(server)

    assert [request.split()[1] for request in server.requests[0][2:]] == [
        b"/api/v1/groups/Administrators",
        b"/api/v1/groups/All%20Users",
        b"/api/v1/groups/Late",
        b"/api/v1/groups/Gone",
    ]
    assert site["groups"] == [
        {"name": "Administrators", "access": "Sql"},
        {"name": "All Users", "access": "View"},
        {"name": "Late", "access": "Sql"},
    ]
    assert site["users"][0]["groups"] == ["All Users", "Late"]
    assert warnings == ["1 membership: left out, because the site has no such group ('joey@example.com in Gone')"]


def test_invalid_groups_are_left_out_or_get_the_lowest_access() -> None:
    names = [*BUILTIN_GROUPS, "Deleted", " ", "Odd"]
    details = (detail(), detail(), ok(status="404 Not Found"), detail(access="Owner"))
    with odd(groups=[{"name": name, "access": "SQL"} for name in names], details=details) as server:
        site, warnings = pulled(server)

    assert site["groups"] == [
        {"name": "Administrators", "access": "Sql"},
        {"name": "All Users", "access": "Sql"},
        {"name": "Odd", "access": "View"},
    ]
    assert warnings == [
        "1 group: left out, because it was deleted in the meantime ('Deleted')",
        "1 group: left out, because the name is blank (' ')",
        "1 group: access 'Owner' written as View, because a seed does not support it ('Odd')",
    ]


def test_dashboards_of_one_name_are_merged() -> None:
    first = detail(
        {"name": "Revenue", "access": "edit"}, {"name": "Revenue", "access": "View"}, {"name": "", "access": "Edit"}
    )
    second = detail({"name": "Revenue", "access": "Explore"})
    with odd(details=(first, second)) as server:
        site, warnings = pulled(server)

    assert site["dashboards"] == [
        {"name": "Revenue", "owner": None, "access": {"Administrators": "Edit", "All Users": "View"}}
    ]
    assert warnings == [
        "1 dashboard: merged, because several have the same name ('Revenue')",
        "1 dashboard: left out, because the name is blank ('')",
        "1 dashboard: access 'Explore' written as View, because a seed does not support it ('Revenue')",
    ]


def test_a_site_that_changes_during_the_pull_gets_a_warning() -> None:
    with odd({"email": "joey@example.com"}, total=3) as server:
        _, warnings = pulled(server)

    assert warnings == ["the site counts 3 users, but lists 1: it was changed in the meantime"]


# -- wrong use -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'URL'."),
        (["http://127.0.0.1"], "Missing option '--site'."),
        (["central_perk", "--site", HOST], "is not the URL of a server"),
        (["http://127.0.0.1", "--site", "central perk"], "the host must be visible ASCII"),
        (
            ["http://127.0.0.1", "--site", HOST, "--api-key-env", "NO_KEY"],
            "the API key must be in the environment vari",
        ),
        (["http://127.0.0.1", "--site", HOST, "--salt-env", "A"], "--salt-env needs --anonymize"),
        (["http://127.0.0.1", "--site", HOST, "--anonymize", "--salt-env", "NO_SALT"], "the salt must be in the env"),
        (["http://127.0.0.1", "--site", HOST, "--rate", "0"], "Invalid value for '--rate'"),
        (
            ["https://127.0.0.1", "--site", HOST, "--ca-file", "missing.pem"],
            "cannot read certificates from missing.pem",
        ),
    ],
)
def test_wrong_use_is_one_line_and_exit_status_2(arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | {"MOCKSCOPE_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr
    assert KEY not in done.stderr


def test_the_key_may_come_from_another_variable(server: LiveServer, site: MockSite) -> None:
    assert pull(server.url, "--api-key-env", "OTHER", key=None, OTHER=KEY).status == 0


def test_a_server_with_tls_is_verified_with_the_named_certificates() -> None:
    with mockscope.serve(tls=True) as server:
        server.site(HOST, api_key=KEY)

        assert pull(server.url, "--ca-file", server.ca_file).status == 0


def test_requests_keep_the_rate(server: LiveServer, site: MockSite) -> None:
    start = time.monotonic()
    assert pull(server.url, "--rate", "50").status == 0

    assert time.monotonic() - start >= (len(site.calls) - 1) / 50
