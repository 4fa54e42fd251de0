"""The cost of a request to mockscope, against other servers that keep their calls or their state.

pytest-httpserver, WireMock and Mockoon return mockscope's own responses as canned ones. moto keeps users of IAM.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks import loads
from benchmarks.figures import Figure, Goal
from benchmarks.loads import AUTH, NEW_HEAD, NUMBER, PATH, Load, draw_emails, mockscope, request
from benchmarks.plan import Plan
from benchmarks.servers import HOST, Server, running
from benchmarks.throughput import reset
from benchmarks.wrk import Wrk, send_once
from mockscope._vendor import EMAIL_HEADER

USERS: Final = 100
KINDS: Final = ("GET one user", "page of 100", "create")
# A peer may need most of a second for one page.
PEER_SECONDS: Final = 2
WARM_UP_SECONDS: Final = 8
# The requirements of each peer.
NEEDS: Final = {
    "pytest-httpserver": "pip install -e '.[dev,benchmarks]'",
    "moto's server": "pip install -e '.[dev,benchmarks]'",
    "WireMock": "Java, and --npm with wiremock in it",
    "Mockoon": "Node.js, and --npm with @mockoon/cli in it",
}
JSON: Final = {"Content-Type": "application/json"}
# moto reads the scope and does not verify the signature.
IAM: Final = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/iam/aws4_request, "
    "SignedHeaders=host, Signature=none",
    "Content-Type": "application/x-www-form-urlencoded",
}

# A response, with the method, path and headers of the request that gets it.
Canned = Mapping[str, Any]


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure mockscope against each peer that is installed."""
    commands = {name: _command(name, plan) for name in NEEDS}
    for name in [name for name, command in commands.items() if command is None]:
        for kind in KINDS:
            yield Figure(f"{kind}, {name}", "x mockscope's CPU", [], f"needs {NEEDS[name]}", Goal(1))
    if not any(commands.values()):
        return
    wrk = Wrk(plan.work)
    with running(mockscope(plan.work, USERS), plan.work / "mockscope.log", cpu=wrk.server_cpu) as server:
        emails = draw_emails(server.port, 1)
        ours = [loads.get_user(emails), Load("page of 100", [request("GET", PATH, AUTH | NEW_HEAD)])]
        ours.append(loads.create_user(emails))
        canned = _canned(emails[0], [send_once(load, server.port, name=server.name).decode() for load in ours])
        reset(server)
        for name, command in commands.items():
            if command is None:
                continue
            plan.tell(f"against {name}")
            _prepare(name, plan.work, canned)
            with running(command, plan.work / f"{name}.log", cpu=wrk.server_cpu) as peer:
                theirs = _moto_loads(peer) if name == "moto's server" else ours
                yield from _compared(plan, wrk, name, [*zip(ours, theirs, strict=True)], server, peer)


def _compared(
    plan: Plan, wrk: Wrk, name: str, pairs: Sequence[tuple[Load, Load]], server: Server, peer: Server
) -> Iterator[Figure]:
    for ours, theirs in pairs:
        # Virtual machines compile while they run.
        wrk.run(theirs, peer, WARM_UP_SECONDS)
        ratios, rates = [], []
        for _ in range(plan.rounds):
            before, done, after = (
                wrk.run(*each, PEER_SECONDS) for each in ((ours, server), (theirs, peer), (ours, server))
            )
            reset(server)
            ratios.append(done.cpu_microseconds / fmean((before.cpu_microseconds, after.cpu_microseconds)))
            rates.append((fmean((before.rate, after.rate)), done.rate))
        here, there = (median(column) for column in zip(*rates, strict=True))
        note = f"rate {here:,.0f}/s against {there:,.0f}/s"
        yield Figure(f"{ours.name}, {name}", "x mockscope's CPU", ratios, note, Goal(1))


def _command(name: str, plan: Plan) -> tuple[str, ...] | None:
    """Return the command line of a peer, without the port; None if it is not installed."""
    if name == "pytest-httpserver" and find_spec("pytest_httpserver"):
        return (sys.executable, "-m", "benchmarks.canned", "--responses", f"{plan.work / 'responses.json'}")
    if name == "moto's server" and find_spec("moto") and find_spec("flask_cors"):
        return (sys.executable, "-m", "moto.server", "--host", HOST)
    modules = (plan.npm or plan.work) / "node_modules"
    if name == "WireMock" and shutil.which("java") and (jars := sorted(modules.glob("wiremock/**/wiremock*.jar"))):
        served = ("--bind-address", HOST, "--root-dir", f"{plan.work}", "--disable-banner")
        return ("java", "-jar", f"{jars[-1]}", *served)
    if name == "Mockoon" and shutil.which("node") and (modules / "@mockoon").is_dir():
        # --repair adds what the data file leaves out.
        started = ("--data", f"{plan.work / 'mockoon.json'}", "--repair", "--hostname", HOST, "--disable-log-to-file")
        return ("node", f"{modules / '@mockoon' / 'cli' / 'bin' / 'run.js'}", "start", *started)
    return None


def _canned(email: str, bodies: Sequence[str]) -> list[Canned]:
    """Return mockscope's responses to the three kinds of requests, the most specific one first."""
    kinds = (("GET", AUTH | {EMAIL_HEADER: email}, 200), ("GET", AUTH, 200), ("POST", AUTH, 201))
    return [
        {"method": method, "path": PATH, "headers": headers, "status": status, "body": body}
        for (method, headers, status), body in zip(kinds, bodies, strict=True)
    ]


def _prepare(name: str, work: Path, canned: Sequence[Canned]) -> None:
    """Write the responses in the format of a peer."""
    if name == "pytest-httpserver":
        (work / "responses.json").write_text(json.dumps(canned))
    elif name == "WireMock":
        (work / "mappings").mkdir(exist_ok=True)
        for number, each in enumerate(canned, 1):
            stub = {
                "priority": number,
                "request": {
                    "method": each["method"],
                    "urlPath": each["path"],
                    "headers": {header: {"equalTo": value} for header, value in each["headers"].items()},
                },
                "response": {"status": each["status"], "headers": JSON, "body": each["body"]},
            }
            (work / "mappings" / f"{number}.json").write_text(json.dumps(stub))
    elif name == "Mockoon":
        (work / "mockoon.json").write_text(json.dumps({"name": "users", "routes": _mockoon_routes(canned)}))


def _mockoon_routes(canned: Sequence[Canned]) -> list[dict[str, Any]]:
    routes: dict[str, list[dict[str, Any]]] = {}
    for each in canned:
        rule = {"target": "header", "operator": "equals"}
        response = {
            "statusCode": each["status"],
            "headers": [{"key": name, "value": value} for name, value in JSON.items()],
            "body": each["body"],
            "disableTemplating": True,
            "rules": [rule | {"modifier": name, "value": value} for name, value in each["headers"].items()],
            "rulesOperator": "AND",
        }
        routes.setdefault(each["method"], []).append(response)
    # Without a default response the first one would match everything.
    default = {"statusCode": 404, "default": True}
    return [
        {"method": method.lower(), "endpoint": PATH.removeprefix("/"), "responses": [*responses, default]}
        for method, responses in routes.items()
    ]


def _moto_loads(server: Server) -> list[Load]:
    """Create users of IAM, and return the loads that come closest to those of mockscope."""
    for number in range(USERS):
        load = Load("CreateUser", [_iam("CreateUser", UserName=f"user.{number}")])
        send_once(load, server.port, name=server.name)
    return [
        Load("GetUser", [_iam("GetUser", UserName="user.50")]),
        Load("ListUsers", [_iam("ListUsers", MaxItems="100")]),
        Load("CreateUser", [_iam("CreateUser", UserName=f"user.{NUMBER}")]),
    ]


def _iam(action: str, **fields: str) -> bytes:
    form = urlencode({"Action": action, "Version": "2010-05-08", **fields}, safe="#")
    return request("POST", "/", IAM | NEW_HEAD, form.encode())
