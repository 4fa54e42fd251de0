"""A peer that is not installed is a row that says so, and nothing is started for it."""

from pathlib import Path
from typing import Never

import pytest
from checkout import ROOT

from benchmarks import patches, peers
from benchmarks.figures import QUICK, SERVERS, WIREMOCK, Figure
from benchmarks.patches import INSTALL
from benchmarks.peers import JAVA, compared, jar_at, lacks


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
            (f"{kind}, against {server}", [], f"needs {lacks(server, None)}")
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
        f"WireMock, WireMock without its journal ({JAVA})"
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
    assert lacks(WIREMOCK, jar) == JAVA
    monkeypatch.setenv("PATH", f"{tmp_path}")
    assert (lacks(WIREMOCK, jar), lacks(WIREMOCK, None)) == ("", JAVA)
