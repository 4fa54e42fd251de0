"""Requests a second of each operation, as ratios to the bare application, interleaved in one run."""

import http.client
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple
from urllib.parse import quote

from benchmarks.children import BARE, HOST, MOCKSCOPE, ROOT, UNRECORDED_MOCKSCOPE, Failed, Server, cpus, pinned, serving
from benchmarks.figures import (
    DRY_RUN,
    LARGE,
    LOG_PRICE,
    LOGGED,
    MIDDLE,
    NOISE,
    RECORDING_PRICE,
    SCALED,
    SMALL,
    UNRECORDED,
    Figure,
    create,
    first_page,
    get_one,
    page_at_cursor,
    page_at_new_cursor,
    quotient,
    ratio,
)

SECONDS: Final = 1
CONNECTIONS: Final = 32
DRAWN: Final = 512
# A run creates fewer than this many users; each run numbers its own from another multiple of it.
NUMBERS_A_RUN: Final = 1_000_000

PATH: Final = "/api/v1/users"
SITE: Final = "benchmark-site"
API_KEY: Final = "benchmark-key"
ADMINISTRATOR: Final = "admin@example.com"
AUTH: Final = {"Http-X-Partner-Auth": f"{SITE}:{API_KEY}"}


class Load(NamedTuple):
    """What is asked of which server. Each request is sent whole; one is tried first and must get ``status``."""

    name: str
    server: str
    requests: list[bytes]
    status: int = 200


class Run(NamedTuple):
    """What one run of wrk came to."""

    rate: float
    cpu_microseconds: float


class Sample(NamedTuple):
    """One run against the two runs of the bare application around it."""

    ratio: float
    cpu_ratio: float
    rate: float


def measure(rounds: int, work: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Measure every load, and the memory that a user takes.

    Args:
        rounds: how often.
        work: a directory for seeds, loads and logs.
        tell: called with what is being done.

    Raises:
        Failed: wrk is not there, or something did not answer as it should.
    """
    if shutil.which("wrk") is None:
        raise Failed("the load comes from wrk, which is not installed: apt install wrk")
    server_cpu, load_cpu = cpus()
    with ExitStack() as stack:

        def start(name: str, *command: str) -> Server:
            tell(f"starting {name}")
            return stack.enter_context(serving(command, work / f"{name}.log", cpu=server_cpu))

        servers = {"bare": start("bare", *BARE)}
        for users in (SMALL, MIDDLE, LARGE):
            servers[_site(users)] = start(_site(users), *_mockscope(work, users))
        servers["unrecorded"] = start("unrecorded", *_mockscope(work, SMALL, command=UNRECORDED_MOCKSCOPE))
        servers["logged"] = start("logged", *_mockscope(work, SMALL, log="text"))
        # Both before any load, so that no created user is in it.
        memory = [_memory("resident memory a user, loaded", servers)]
        loads = _loads(servers, random.Random(1))
        memory.append(_memory("resident memory a user, every page listed once", servers))
        samples: dict[str, list[Sample]] = {load.name: [] for load in loads}
        for turn in range(rounds):
            tell(f"round {turn + 1} of {rounds}")
            with serving(_mockscope(work, SMALL), work / "created.log", cpu=server_cpu) as created:
                # Creates from a small site need one that is small again: a fresh server each round.
                servers["created"] = created
                for name, sample in _round(loads, servers, turn, work, load_cpu):
                    samples[name].append(sample)
    return [*_figures(samples), *memory]


def _round(
    loads: list[Load], servers: dict[str, Server], turn: int, work: Path, cpu: int
) -> Iterator[tuple[str, Sample]]:
    """Each load once, in an order of its own, with the bare application before and after each."""
    bare = Load("bare", "bare", [_request("GET", "/")])

    def run(load: Load) -> Run:
        return _run(load, servers[load.server], turn, work / "load", cpu)

    before = run(bare)
    for load in random.Random(turn).sample(loads, len(loads)):
        measured, after = run(load), run(bare)
        yield (
            load.name,
            Sample(
                ratio(measured.rate, (before.rate, after.rate)),
                ratio(measured.cpu_microseconds, (before.cpu_microseconds, after.cpu_microseconds)),
                measured.rate,
            ),
        )
        before = after


def _run(load: Load, server: Server, turn: int, file: Path, cpu: int) -> Run:
    file.write_bytes(b"\0".join(load.requests))
    _try(load, server)
    used = server.cpu_seconds
    with pinned(cpu):
        process = subprocess.run(
            [
                *("wrk", "--threads", "1", "--connections", f"{CONNECTIONS}", "--duration", f"{SECONDS}s"),
                *("--script", f"{ROOT / 'benchmarks' / 'load.lua'}", f"http://{HOST}:{server.port}"),
                *("--", f"{file}", f"{turn * NUMBERS_A_RUN}", f"{turn}"),
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS + 60,
        )
    used = server.cpu_seconds - used
    if process.returncode:
        raise Failed(f"wrk ended with {process.returncode}: {process.stdout}{process.stderr}")
    done = json.loads(process.stdout.splitlines()[-1])
    if done["failed"] or not done["requests"]:
        raise Failed(f"{load.name}: {done['failed']} of {done['requests']} requests failed")
    return Run(done["requests"] / done["microseconds"] * 1e6, used / done["requests"] * 1e6)


def _try(load: Load, server: Server) -> None:
    """wrk only tells success from failure, so the exact status is looked at once beforehand."""
    request = load.requests[0].replace(b"#########", b"%09d" % random.randrange(10**8, 10**9))
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    connection.request(method, target, body or None, dict(line.split(": ", 1) for line in lines))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != load.status:
        raise Failed(f"{load.name}: {answer.status} {text[:300]!r}")


def _figures(samples: dict[str, list[Sample]]) -> list[Figure]:
    figures = {
        name: Figure(
            name,
            "of bare",
            [sample.ratio for sample in runs],
            f"{median(sample.rate for sample in runs):,.0f}/s, CPU {median(sample.cpu_ratio for sample in runs):.2f}",
        )
        for name, runs in samples.items()
    }
    prices = [
        quotient(RECORDING_PRICE, figures[get_one(SMALL)], figures[UNRECORDED], unit="times the rate"),
        quotient(LOG_PRICE, figures[LOGGED], figures[get_one(SMALL)], unit="times the rate"),
    ]
    scaled = [
        quotient(name, figures[large], figures[small], unit="times the rate") for name, (large, small) in SCALED.items()
    ]
    return [*figures.values(), *prices, *scaled]


def _memory(name: str, servers: dict[str, Server]) -> Figure:
    large, small = servers[_site(LARGE)].resident_bytes, servers[_site(SMALL)].resident_bytes
    aside = f"{large / 2**20:,.0f} MiB against {small / 2**20:,.0f}"
    return Figure(name, "bytes", [(large - small) / (LARGE - SMALL)], aside)


# -- servers and their sites -----------------------------------------------------------------------------------


def _site(users: int) -> str:
    return f"site-of-{users}"


def _mockscope(work: Path, users: int, *, log: str = "off", command: tuple[str, ...] = MOCKSCOPE) -> tuple[str, ...]:
    seed = work / f"{users}.json"
    administrator = {
        "first_name": "Rachel",
        "last_name": "Green",
        "email": ADMINISTRATOR,
        "groups": ["Administrators", "All Users"],
    }
    site = {
        "host": SITE,
        "api_key": API_KEY,
        "users": [administrator],
        "generate": {"users": users - 1, "groups": 12, "seed": 1},
    }
    seed.write_text(json.dumps({"mockscope": 1, "sites": [site]}))
    return (*command, "--seed", f"{seed}", "--log", log)


# -- loads -----------------------------------------------------------------------------------------------------


def _loads(servers: dict[str, Server], draw: random.Random) -> list[Load]:
    loads = [Load(NOISE, "bare", [_request("GET", "/")])]
    people: dict[int, list[str]] = {}
    for users in (SMALL, MIDDLE, LARGE):
        emails, cursors = _drawn(servers[_site(users)], draw)
        people[users] = emails
        loads += [
            Load(get_one(users), _site(users), _gets(emails)),
            Load(first_page(users), _site(users), [_request("GET", PATH, AUTH)]),
            Load(page_at_cursor(users), _site(users), [_request("GET", _next(cursor), AUTH) for cursor in cursors]),
        ]
    loads += [
        Load(
            page_at_new_cursor(users),
            _site(users),
            [_request("GET", _next(_numbered(email)), AUTH) for email in people[users]],
        )
        for users in (MIDDLE, LARGE)
    ]
    return [
        *loads,
        Load(create(SMALL), "created", _creates(people[SMALL]), 201),
        Load(create(LARGE), _site(LARGE), _creates(people[LARGE]), 201),
        Load(DRY_RUN, _site(MIDDLE), _creates(people[MIDDLE], query="?test_mode=true")),
        Load(UNRECORDED, "unrecorded", _gets(people[SMALL])),
        Load(LOGGED, "logged", _gets(people[SMALL])),
    ]


def _drawn(server: Server, draw: random.Random) -> tuple[list[str], list[str]]:
    """Emails of users, and cursors that a full page follows, drawn with all pages alike; every page is listed."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    pages: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        connection.request("GET", _next(cursor), headers=AUTH)
        page = json.loads(connection.getresponse().read())
        # All sizes are whole multiples of a page.
        pages.append((page["users"][0]["email"], draw.choice(page["users"])["email"]))
        cursor = page["next_page_start"]
    connection.close()
    drawn = draw.choices(pages, k=DRAWN)
    return [email for _, email in drawn], [first for first, _ in drawn]


def _gets(emails: list[str]) -> list[bytes]:
    return [_request("GET", PATH, AUTH | {"Http-X-Email": email}) for email in emails]


def _creates(emails: list[str], *, query: str = "") -> list[bytes]:
    """New users all over the order of emails: a number is put into emails that are there."""
    return [
        _request(
            "POST",
            PATH + query,
            AUTH | {"Content-Type": "application/json"},
            {
                "first_name": "Joey",
                "last_name": "Tribbiani",
                "email": _numbered(email),
                "groups": ["All Users"],
                "invited_by_email": ADMINISTRATOR,
            },
        )
        for email in emails
    ]


def _next(cursor: str) -> str:
    return f"{PATH}?next_page_start={quote(cursor, safe='#')}"


def _numbered(email: str) -> str:
    """An email right behind another in the order, and a new one each time: wrk puts a number in."""
    return email.replace("@", ".#########@")


def _request(method: str, target: str, headers: dict[str, str] | None = None, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    sent = {"Host": HOST, **(headers or {}), **({"Content-Length": f"{len(content)}"} if content else {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + content


__all__ = ["measure"]
