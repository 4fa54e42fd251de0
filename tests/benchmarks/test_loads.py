"""What wrk tells, how a peer's and a tenth's rates become figures, and the sender that knows how many it sends."""

import subprocess
from typing import cast

import pytest
from checkout import ROOT

import mockscope
from benchmarks import sites
from benchmarks.children import Failed, Server
from benchmarks.figures import CREATE_P99, MOCKOON, ONE, Figure
from benchmarks.latency import Caller, Tenth, in_a_row, is_whole, p99
from benchmarks.peers import Pair, Peer, compared, environment
from benchmarks.throughput import as_varied
from benchmarks.wrk import Load, Report, Run, attempt, report

# The server is one of this process.
NO_PROCESS = cast("subprocess.Popen[bytes]", None)
LAST_LINE = '{"requests": 12, "microseconds": 1000500, "failed": 0, "p99_microseconds": 812.5}'


def test_the_last_line_of_wrk_is_what_came_of_a_run() -> None:
    assert report(f"Running 1s test\n  1 threads and 32 connections\n{LAST_LINE}\n") == Report(12, 1_000_500, 0, 812.5)


@pytest.mark.parametrize("output", ["", "unable to connect\n", f"{LAST_LINE}\nKilled\n"])
def test_a_run_of_wrk_that_told_nothing_is_a_failure(output: str) -> None:
    with pytest.raises(Failed, match="wrk told no figures"):
        report(output)


def test_the_script_of_wrk_writes_each_field_of_the_report() -> None:
    script = (ROOT / "benchmarks" / "load.lua").read_text()

    assert [name for name in Report._fields if f'"{name}": %' not in script] == []


def test_the_slowest_are_held_against_those_of_the_bare_application_before_and_after() -> None:
    rounds = [
        (Run(9.0, 1.0, 1000.0), Run(4.0, 2.0, 3000.0), Run(9.0, 1.0, 2000.0)),
        (Run(9.0, 1.0, 2000.0), Run(4.0, 2.0, 6000.0), Run(9.0, 1.0, 2000.0)),
    ]

    assert p99(rounds) == Figure(CREATE_P99, "times bare's", [2.0, 3.0], "4.50 ms against 2.00")


def test_a_machine_that_slows_down_is_taken_out_of_the_last_tenth() -> None:
    # Half the rate, and so it was for the bare application: the ratio to it is what it was.
    repeats = [(Tenth(0.5, 8000.0, 100.0), Tenth(0.5, 4000.0, 110.0))]

    assert in_a_row("creates", repeats) == Figure("creates", "times the rate", [1.0], "8,000/s, then 4,000/s, CPU 1.10")


def test_a_large_site_is_asked_for_no_more_different_things_than_the_small_one() -> None:
    small = Load("small", "one", [b"a", b"b", b"a"])
    large = Load("large", "other", [b"c", b"d", b"c", b"e"], 201)

    assert as_varied(large, small) == Load("large", "other", [b"c", b"d"], 201)
    assert as_varied(small, large) == Load("small", "one", [b"a", b"b"])


def test_a_peer_is_compared_round_by_round() -> None:
    assert compared("GET one", [(9000.0, 300.0), (8000.0, 200.0)], "") == Figure(
        "GET one", "times the rate", [30.0, 40.0], "8,500/s against 250"
    )


def test_a_peer_that_answers_otherwise_is_named() -> None:
    peer = Peer((), {ONE: sites.gets(["joey@example.com"])}, is_canned=True)
    with mockscope.serve() as server:
        asked = Server(NO_PROCESS, port_of(server))
        with pytest.raises(Failed, match=r"^Mockoon, GET one: 403 "):
            attempt(Pair(MOCKOON, peer, asked, asked).load(ONE), asked)


def test_mockoon_is_given_each_answer_for_its_headers_and_404_for_others() -> None:
    def answer(method: str, status: int, body: str, **headers: str) -> dict[str, object]:
        return {"method": method, "path": "/api/v1/users", "headers": headers, "status": status, "body": body}

    def response(status: int, body: str, *headers: tuple[str, str]) -> dict[str, object]:
        return {
            "statusCode": status,
            "headers": [{"key": "Content-Type", "value": "application/json"}],
            "body": body,
            "disableTemplating": True,
            "rules": [
                {"target": "header", "operator": "equals", "modifier": name, "value": value} for name, value in headers
            ],
            "rulesOperator": "AND",
        }

    monica = answer("GET", 200, "{}", key="k", email="monica@example.com")
    answers = [monica, answer("GET", 200, "[]", key="k"), answer("POST", 201, "{}", key="k")]

    otherwise = {"statusCode": 404, "default": True}
    assert environment(answers) == {
        "name": "users",
        "routes": [
            {
                "method": "get",
                "endpoint": "api/v1/users",
                "responses": [
                    response(200, "{}", ("key", "k"), ("email", "monica@example.com")),
                    response(200, "[]", ("key", "k")),
                    otherwise,
                ],
            },
            {
                "method": "post",
                "endpoint": "api/v1/users",
                "responses": [response(201, "{}", ("key", "k")), otherwise],
            },
        ],
    }


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length:2\r\n\r\n{}", True),
        (b"HTTP/1.1 200 OK\r\nx: 1\r\n\r\n{}", False),
    ],
)
def test_an_answer_is_whole_once_all_that_it_announces_is_there(*, answer: bytes, whole: bool) -> None:
    assert is_whole(answer) is whole


def port_of(server: mockscope.LiveServer) -> int:
    return int(server.url.rpartition(":")[2])


def test_every_request_is_sent_once() -> None:
    emails = [f"joey.{number}@example.com" for number in range(100)]
    with mockscope.serve() as server:
        site = server.site(sites.SITE, api_key=sites.API_KEY)
        with Caller(port_of(server)) as caller:
            rate = caller.ask(sites.gets(emails), b"400")

        assert rate > 0
        assert sorted(str(call.email) for call in site.calls) == sorted(emails)


def test_an_answer_that_should_not_be_is_a_failure() -> None:
    with mockscope.serve() as server:
        server.site(sites.SITE, api_key=sites.API_KEY)
        with Caller(port_of(server)) as caller, pytest.raises(Failed, match=r"b'HTTP/1\.1 400 Bad Request"):
            caller.ask(sites.gets(["joey@example.com"]), b"200")


def test_a_create_that_was_sent_to_a_site_is_deleted_by_the_delete_of_the_same_email() -> None:
    with mockscope.serve() as server:
        site = server.site(sites.SITE, api_key=sites.API_KEY)
        [create] = sites.creates(["joey@example.com"])
        email = sites.numbered("joey@example.com")
        with Caller(port_of(server)) as caller:
            caller.ask([create.replace(sites.NUMBER.encode(), b"000000007")], b"201")
            assert "joey.000000007@example.com" in site.users
            caller.ask(sites.deletes([email.replace(sites.NUMBER, "000000007")]), b"200")

        assert list(site.users) == ["admin@example.com"]
