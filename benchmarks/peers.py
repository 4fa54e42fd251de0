"""mockscope against other doubles on the same work: as servers under wrk, and within a process.

What is not installed is a row that says so.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import mean, median
from sys import executable
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from benchmarks import patches, sites, wrk
from benchmarks.children import HOST, Server, cpus, serving
from benchmarks.figures import (
    CREATE,
    HTTPSERVER,
    MOCKOON,
    MOTO,
    ONE,
    PAGE,
    SERVERS,
    SMALL,
    WIREMOCK,
    WIREMOCK_WITHOUT,
    Figure,
    Form,
    against,
)
from benchmarks.sites import AUTH, DRAWN, NUMBER, PATH, SITE, request
from benchmarks.wrk import Load
from mockscope import Mockscope

PACKAGES: Final = ("pytest-httpserver", "moto", "responses", "respx")
MODULES: Final = {HTTPSERVER: ("pytest_httpserver",), MOTO: ("moto", "flask", "flask_cors")}
JAVA: Final = "Java, and --wiremock-jar"
NODE: Final = "Node.js, and --mockoon with @mockoon/cli in it"
# What is compiled while it runs.
WARMED: Final = (WIREMOCK, WIREMOCK_WITHOUT, MOCKOON)

KINDS: Final = (ONE, PAGE, CREATE)
JSON: Final = {"Content-Type": "application/json"}
# moto looks at the scope alone, and checks no signature.
IAM: Final = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/iam/aws4_request, "
    "SignedHeaders=host, Signature=none",
    "Content-Type": "application/x-www-form-urlencoded",
}


class Programs(NamedTuple):
    """Where those are that pip doesn't bring: WireMock's jar, and Mockoon's package. None where there is none."""

    jar: Path | None = None
    mockoon: Path | None = None


NOWHERE: Final = Programs()


class Peer(NamedTuple):
    """A server: how it is started and filled, and whole requests by what is measured."""

    command: tuple[str, ...]
    requests: Mapping[str, list[bytes]]
    created: int = 201
    fill: Callable[[Server], None] | None = None
    is_canned: bool = False


class Pair(NamedTuple):
    """A peer in two processes, of which only one is written to: what is read stays as large as it was.

    One with canned answers, on which nothing is ever written, is one process.
    """

    name: str
    peer: Peer
    read: Server
    written: Server

    def asked(self, kind: str) -> Server:
        """The one that is asked."""
        return self.written if kind == CREATE else self.read

    def load(self, kind: str) -> Load:
        """What it is asked."""
        return Load(f"{self.name}, {kind}", "", self.peer.requests[kind], self.peer.created if kind == CREATE else 200)


def measure(
    rounds: int, work: Path, tell: Callable[[str], None], form: Form, programs: Programs = NOWHERE
) -> list[Figure]:
    """Measure mockscope against each peer that is there.

    Args:
        rounds: how often.
        work: a directory for seeds, loads and logs.
        tell: called with what is being done.
        form: how much.
        programs: where those are that pip doesn't bring.

    Raises:
        Failed: wrk is not there, or something did not answer as it should.
    """
    lacking = {name: lack for name in SERVERS if (lack := lacks(name, programs))}
    if missing := lacking | patches.lacking():
        tell(f"not there: {_listed(missing)}")
    rates: dict[tuple[str, str], list[tuple[float, float]]] = {(kind, name): [] for kind in KINDS for name in SERVERS}
    if present := [name for name in SERVERS if name not in lacking]:
        for kind, name, ours, theirs in _rates(present, rounds, work, tell, form, programs):
            rates[kind, name].append((ours, theirs))
    figures = [compared(against(kind, name), pairs, lacking.get(name, "")) for (kind, name), pairs in rates.items()]
    return [*figures, *patches.measure(rounds, tell)]


def jar_at(place: Path | None) -> Path | None:
    """WireMock's jar: the file itself, or the last one of a directory. None where there is none."""
    if place is not None and place.is_dir():
        return max(place.glob("wiremock*.jar"), default=None)
    return place if place is not None and place.is_file() else None


def mockoon_at(place: Path | None) -> Path | None:
    """Mockoon's package below the directory that npm installed it in. None where there is none."""
    package = None if place is None else place / "node_modules" / "@mockoon" / "cli"
    return package if package is not None and (package / "package.json").is_file() else None


def lacks(name: str, programs: Programs) -> str:
    """What a server would need and has not; empty where all is there."""
    if name in MODULES:
        return "" if all(find_spec(module) for module in MODULES[name]) else patches.INSTALL
    if name == MOCKOON:
        return "" if programs.mockoon is not None and shutil.which("node") else NODE
    return "" if programs.jar is not None and shutil.which("java") else JAVA


def versions(programs: Programs) -> dict[str, str]:
    """The versions of the peers that are there."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if programs.jar is not None:
        found[WIREMOCK] = programs.jar.stem.rpartition("-")[2]
    if programs.mockoon is not None:
        found[MOCKOON] = json.loads((programs.mockoon / "package.json").read_text())["version"]
    return found


def _listed(missing: Mapping[str, str]) -> str:
    needed = {need: [name for name in missing if missing[name] == need] for need in missing.values()}
    return "; ".join(f"{', '.join(names)} ({need})" for need, names in needed.items())


def compared(name: str, rates: list[tuple[float, float]], lack: str) -> Figure:
    """The figure of both rates, ours first, round by round; without any, what is lacking."""
    if not rates:
        return Figure(name, "times the rate", [], f"needs {lack}")
    ours, theirs = (median(each) for each in zip(*rates, strict=True))
    return Figure(name, "times the rate", [one / other for one, other in rates], f"{ours:,.0f}/s against {theirs:,.0f}")


# -- servers under wrk -----------------------------------------------------------------------------------------


def _rates(
    names: list[str], rounds: int, work: Path, tell: Callable[[str], None], form: Form, programs: Programs
) -> Iterator[tuple[str, str, float, float]]:
    """What was asked, of which peer, how fast mockscope was before and after, and how fast the peer."""
    wrk.find()
    server_cpu, load_cpu = cpus()
    # Nobody may be created twice on a server.
    numbers = count()
    with ExitStack() as stack:

        def start(name: str, peer: Peer) -> Pair:
            tell(f"starting {name}")
            read = opened(peer, work / f"{name}, read.log")
            return Pair(name, peer, read, read if peer.is_canned else opened(peer, work / f"{name}, written to.log"))

        def opened(peer: Peer, log: Path) -> Server:
            server = stack.enter_context(serving(peer.command, log, cpu=server_cpu))
            stack.callback(server.resume)
            with server.awake():
                if peer.fill is not None:
                    peer.fill(server)
            return server

        ask = partial(wrk.run, file=work / "load", cpu=load_cpu)

        def run(pair: Pair, kind: str) -> float:
            server = pair.asked(kind)
            # Nobody else: after its last request a Java machine goes on for a second, compiling and collecting.
            with server.awake():
                return ask(pair.load(kind), server, next(numbers)).rate

        def warm_up(pair: Pair, kind: str) -> None:
            server = pair.asked(kind)
            with server.awake():
                # A machine that is still cold drops a few connections.
                ask(pair.load(kind), server, next(numbers), seconds=form.warm_seconds, may_fail=True)

        def answer(pair: Pair, kind: str) -> str:
            with pair.asked(kind).awake():
                return wrk.attempt(pair.load(kind), pair.asked(kind)).decode()

        mockscope = start("mockscope", _mockscope(work))
        answers = [answer(mockscope, kind) for kind in KINDS]
        peers = {name: start(name, _peer(name, work, programs, mockscope.peer, answers)) for name in names}
        for name in [name for name in names if name in WARMED]:
            tell(f"warming up {name}")
            for kind in KINDS:
                warm_up(peers[name], kind)
        for turn in range(rounds):
            tell(f"round {turn + 1} of {rounds}")
            for kind in KINDS:
                yield from _in_turns(kind, mockscope, peers, random.Random(turn).sample(names, len(names)), run)


def _in_turns(
    kind: str, mockscope: Pair, peers: Mapping[str, Pair], order: list[str], run: Callable[[Pair, str], float]
) -> Iterator[tuple[str, str, float, float]]:
    before = run(mockscope, kind)
    for name in order:
        theirs, after = run(peers[name], kind), run(mockscope, kind)
        yield kind, name, mean((before, after)), theirs
        before = after


# -- what each is asked ----------------------------------------------------------------------------------------


def _mockscope(work: Path) -> Peer:
    command = sites.mockscope(work, SMALL)
    people = list(Mockscope(work / f"{SMALL}.json").sites[SITE].users)
    emails = random.Random(1).choices(people, k=DRAWN)
    page = [request("GET", PATH, AUTH)]
    return Peer(command, {ONE: sites.gets(emails), PAGE: page, CREATE: sites.creates(emails)})


def _peer(name: str, work: Path, programs: Programs, ours: Peer, answers: list[str]) -> Peer:
    if name == MOTO:
        return _moto()
    one, page, created = answers
    # The one user who is asked for is the one of the answer.
    email = json.loads(one)["email"]
    answered = [
        {"method": "GET", "path": PATH, "headers": {**AUTH, "Http-X-Email": email}, "status": 200, "body": one},
        {"method": "GET", "path": PATH, "headers": AUTH, "status": 200, "body": page},
        {"method": "POST", "path": PATH, "headers": AUTH, "status": 201, "body": created},
    ]
    if name == HTTPSERVER:
        command = _httpserver(work, answered)
    elif name == MOCKOON:
        command = _mockoon(work, programs.mockoon, answered)
    else:
        command = _wiremock(name, work, programs.jar, answered)
    return Peer(command, {**ours.requests, ONE: sites.gets([email])}, is_canned=True)


def _httpserver(work: Path, answered: list[dict[str, Any]]) -> tuple[str, ...]:
    file = work / "answers.json"
    file.write_text(json.dumps(answered))
    return (executable, "-m", "benchmarks.canned", "--answers", f"{file}")


def _wiremock(name: str, work: Path, jar: Path | None, answered: list[dict[str, Any]]) -> tuple[str, ...]:
    folder = work / name
    (folder / "mappings").mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(answered, 1):
        headers = {header: {"equalTo": value} for header, value in each["headers"].items()}
        stub = {
            # The lower, the sooner it is looked at.
            "priority": number,
            "request": {"method": each["method"], "urlPath": each["path"], "headers": headers},
            "response": {"status": each["status"], "headers": JSON, "body": each["body"]},
        }
        (folder / "mappings" / f"{number}.json").write_text(json.dumps(stub))
    lean = ("--no-request-journal", "--disable-request-logging") if name == WIREMOCK_WITHOUT else ()
    return ("java", "-jar", f"{jar}", "--bind-address", HOST, "--root-dir", f"{folder}", "--disable-banner", *lean)


def _mockoon(work: Path, package: Path | None, answered: list[dict[str, Any]]) -> tuple[str, ...]:
    file = work / "mockoon.json"
    file.write_text(json.dumps(environment(answered)))
    # --repair fills in what the file leaves out, and would be asked for otherwise.
    options = ("--data", f"{file}", "--repair", "--hostname", HOST, "--disable-log-to-file")
    return ("node", f"{package}/bin/run.js", "start", *options)


def environment(answered: list[dict[str, Any]]) -> dict[str, Any]:
    """The canned answers as Mockoon has them in its file, the first that fits before the others."""
    routes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in answered:
        rule = {"target": "header", "operator": "equals"}
        response = {
            "statusCode": each["status"],
            "headers": [{"key": name, "value": value} for name, value in JSON.items()],
            "body": each["body"],
            "disableTemplating": True,
            "rules": [rule | {"modifier": name, "value": value} for name, value in each["headers"].items()],
            "rulesOperator": "AND",
        }
        routes.setdefault((each["method"], each["path"]), []).append(response)
    # Where no answer is the default the first one is, and would fit everything.
    default = {"statusCode": 404, "default": True}
    return {
        "name": "users",
        "routes": [
            {"method": method.lower(), "endpoint": path.removeprefix("/"), "responses": [*responses, default]}
            for (method, path), responses in routes.items()
        ],
    }


def _moto() -> Peer:
    """Users of IAM, which are the nearest that it has: as many, and a page of a hundred of them."""
    people = [f"user.{number}" for number in range(SMALL)]
    requests = {
        ONE: [_iam("GetUser", UserName=name) for name in people],
        PAGE: [_iam("ListUsers", MaxItems="100")],
        CREATE: [_iam("CreateUser", UserName=f"{name}.{NUMBER}") for name in people],
    }
    return Peer((executable, "-m", "moto.server", "--host", HOST), requests, 200, partial(_people_for_moto, people))


def _people_for_moto(people: list[str], server: Server) -> None:
    for name in people:
        wrk.attempt(Load("a user for moto", "", [_iam("CreateUser", UserName=name)]), server)


def _iam(action: str, **fields: str) -> bytes:
    form = urlencode({"Action": action, "Version": "2010-05-08", **fields}, safe="#")
    return request("POST", "/", IAM, form.encode())


__all__ = ["Programs", "compared", "environment", "jar_at", "lacks", "measure", "mockoon_at", "versions"]
