"""A peer that is not installed is a row that says so, and nothing is started for it."""

import signal
from pathlib import Path
from typing import Never

import pytest
from checkout import ROOT
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import patches, peers
from benchmarks.figures import MOCKOON, QUICK, SERVERS, WIREMOCK, Figure
from benchmarks.patches import INSTALL
from benchmarks.peers import JAVA, NODE, NOWHERE, Programs, compared, jar_at, lacks, mockoon_at, versions


def not_started(*arguments: object, **options: object) -> Never:
    raise AssertionError("a server was started")


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a peer nor wrk is there, and no server may start."""
    for module in (peers, patches):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(peers, "serving", not_started)
    monkeypatch.setattr(patches, "LiveServer", not_started)
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("bare_machine")
def test_peers_that_are_not_there_are_rows_and_one_line(tmp_path: Path) -> None:
    told: list[str] = []
    figures = peers.measure(1, tmp_path, told.append, QUICK)

    assert [(figure.name, list(figure.samples), figure.aside) for figure in figures] == [
        *(
            (f"{kind}, against {server}", [], f"needs {lacks(server, NOWHERE)}")
            for kind in ("GET one", "page of 100", "create")
            for server in SERVERS
        ),
        ("requests, without a socket, against responses", [], f"needs {INSTALL}"),
        ("requests, over loopback, against responses", [], f"needs {INSTALL}"),
        ("httpx, without a socket, against respx", [], f"needs {INSTALL}"),
        ("httpx, over loopback, against respx", [], f"needs {INSTALL}"),
        ("requests, without a socket, against moto in this process", [], f"needs {INSTALL}"),
        ("requests, over loopback, against moto in this process", [], f"needs {INSTALL}"),
    ]
    assert told == [
        f"not there: pytest-httpserver, moto's server, responses, respx, moto in this process ({INSTALL}); "
        f"WireMock, WireMock without its journal ({JAVA}); Mockoon ({NODE})"
    ]


def test_a_row_of_a_peer_without_rates_says_what_it_needs() -> None:
    assert compared("GET one", [], JAVA) == Figure("GET one", "times the rate", [], f"needs {JAVA}")


def test_the_line_that_installs_peers_names_an_extra_that_there_is() -> None:
    assert INSTALL == "pip install -e '.[dev,benchmarks]'"
    assert "\nbenchmarks = [" in (ROOT / "pyproject.toml").read_text()


def test_a_jar_is_a_file_or_the_newest_one_of_a_directory(tmp_path: Path) -> None:
    for name in ("wiremock-standalone-3.12.0.jar", "wiremock-standalone-3.13.2.jar", "other-9.jar"):
        (tmp_path / name).touch()

    assert jar_at(tmp_path) == tmp_path / "wiremock-standalone-3.13.2.jar"
    assert jar_at(tmp_path / "other-9.jar") == tmp_path / "other-9.jar"


def test_without_a_jar_there_is_none(tmp_path: Path) -> None:
    assert [jar_at(place) for place in (None, tmp_path, tmp_path / "not-there.jar")] == [None, None, None]


def test_wiremock_needs_java_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "wiremock.jar"
    jar.touch()
    (tmp_path / "java").touch(mode=0o755)

    monkeypatch.setenv("PATH", "")
    assert lacks(WIREMOCK, Programs(jar=jar)) == JAVA
    monkeypatch.setenv("PATH", f"{tmp_path}")
    assert (lacks(WIREMOCK, Programs(jar=jar)), lacks(WIREMOCK, NOWHERE)) == ("", JAVA)


@pytest.fixture
def mockoon(tmp_path: Path) -> Path:
    """Mockoon's package, as npm installs it in the temporary directory."""
    package = tmp_path / "node_modules" / "@mockoon" / "cli"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "@mockoon/cli", "version": "9.9.0"}')
    return package


def test_mockoon_is_where_npm_installed_it(tmp_path: Path, mockoon: Path) -> None:
    assert mockoon_at(tmp_path) == mockoon
    assert [mockoon_at(place) for place in (None, mockoon, tmp_path / "not-there")] == [None, None, None]


def test_mockoon_needs_node_too(tmp_path: Path, mockoon: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node").touch(mode=0o755)

    monkeypatch.setenv("PATH", "")
    assert lacks(MOCKOON, Programs(mockoon=mockoon)) == NODE
    monkeypatch.setenv("PATH", f"{tmp_path}")
    assert (lacks(MOCKOON, Programs(mockoon=mockoon)), lacks(MOCKOON, NOWHERE)) == ("", NODE)


def test_the_versions_of_what_pip_does_not_bring_are_read_where_it_is(mockoon: Path) -> None:
    found = versions(Programs(Path("wiremock-standalone-3.13.2.jar"), mockoon))

    assert {name: found[name] for name in found.keys() - versions(NOWHERE).keys()} == {
        "WireMock": "3.13.2",
        "Mockoon": "9.9.0",
    }


@pytest.mark.parametrize("is_by_option", [True, False])
def test_both_are_found_by_option_and_by_variable(
    *, is_by_option: bool, tmp_path: Path, mockoon: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "wiremock-standalone-3.13.2.jar"
    jar.touch()
    given: list[Programs] = []

    def measure(rounds: int, work: Path, tell: object, form: object, programs: Programs) -> list[Figure]:
        given.append(programs)
        return []

    monkeypatch.setattr(peers, "measure", measure)
    # The handlers of this process are the test run's.
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    done = CliRunner().invoke(
        command.main,
        ["--part", "peers", *(("--wiremock-jar", f"{jar}", "--mockoon", f"{tmp_path}") if is_by_option else ())],
        env={} if is_by_option else {"MOCKSCOPE_WIREMOCK_JAR": f"{jar}", "MOCKSCOPE_MOCKOON": f"{tmp_path}"},
    )

    assert (done.exit_code, given) == (0, [Programs(jar, mockoon)])
