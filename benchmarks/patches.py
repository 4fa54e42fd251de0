"""mockscope against patches of clients within a process: responses, respx, and moto's."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Final, NamedTuple

import requests

from benchmarks.children import Failed
from benchmarks.figures import SMALL, Figure, against, ratio, without_socket
from benchmarks.sites import PATH, SITE, seed
from benchmarks.transports import CALLS, CLIENTS, VENDOR, Run, Speed, Watch
from mockscope import LiveServer

UNIT: Final = "times the rate"
INSTALL: Final = "pip install -e '.[dev,benchmarks]'"


class Patch(NamedTuple):
    """A peer: the modules that it needs, the client of ours it is held against, and how to open the patched one."""

    modules: tuple[str, ...]
    client: str
    open: Callable[[Mapping[str, str], bytes], AbstractContextManager[Run]]


def lacking() -> dict[str, str]:
    """The peers that are not there, and what would bring them."""
    return {name: INSTALL for name, patch in PATCHES.items() if not all(find_spec(each) for each in patch.modules)}


def measure(rounds: int, tell: Callable[[str], None]) -> list[Figure]:
    """Measure clients of mockscope, without a socket and over loopback, against each patch that is there.

    Args:
        rounds: how often.
        tell: called with what is being done.

    Raises:
        Failed: a client was answered otherwise than it should.
    """
    missing = lacking()
    figures = []
    for name, patch in PATCHES.items():
        if name in missing:
            figures += [Figure(against(way, name), UNIT, [], f"needs {missing[name]}") for way in _ways(patch)]
            continue
        tell(f"{patch.client} against {name}")
        with LiveServer(seed(SMALL)) as server:
            figures += _figures(name, patch, server, rounds)
    return figures


def _ways(patch: Patch) -> tuple[str, str]:
    return without_socket(patch.client), f"{patch.client}, over loopback"


def _figures(name: str, patch: Patch, server: LiveServer, rounds: int) -> list[Figure]:
    site = server.sites[SITE]
    email = list(site.users)[SMALL // 2]
    headers = {**site.headers, "Http-X-Email": email}
    client = CLIENTS[patch.client]
    # The canned answer of the others.
    answer = requests.get(f"{server.url}{PATH}", headers=headers, timeout=10).content
    if client.stand_in is None:
        raise Failed(f"{patch.client} needs a socket")
    with ExitStack() as stack:
        here = stack.enter_context(client.open(server.url, headers, client.stand_in(server)))
        there = stack.enter_context(client.open(server.url, headers, None))
        theirs = stack.enter_context(patch.open(headers, answer))
        runs = dict(zip(_ways(patch), (here, there), strict=True))
        return [_against(against(way, name), run, theirs, rounds) for way, run in runs.items()]


def _against(name: str, run: Run, theirs: Run, rounds: int) -> Figure:
    """A way against the patch's rates right before and after it. The first round does not count."""
    samples, rates = [], []
    before = theirs()
    for _ in range(rounds + 1):
        ours, after = run(), theirs()
        samples.append(ratio(ours.rate, (before.rate, after.rate)))
        rates.append((ours.rate, after.rate))
        before = after
    one, other = (median(each) for each in zip(*rates[1:], strict=True))
    return Figure(name, UNIT, samples[1:], f"{one:,.0f}/s against {other:,.0f}")


# -- the patches, by name because nothing else needs them to be installed --------------------------------------


@contextmanager
def _responses(headers: Mapping[str, str], answer: bytes) -> Iterator[Run]:
    library = import_module("responses")
    with CLIENTS["requests"].open(VENDOR, headers, None) as run:

        def patched() -> Speed:
            with library.RequestsMock() as mock:
                mock.add("GET", f"{VENDOR}{PATH}", body=answer, content_type="application/json")
                return run()

        yield patched


@contextmanager
def _respx(headers: Mapping[str, str], answer: bytes) -> Iterator[Run]:
    library = import_module("respx")
    with CLIENTS["httpx"].open(VENDOR, headers, None) as run:

        def patched() -> Speed:
            with library.mock(base_url=VENDOR) as mock:
                mock.get(PATH).respond(content=answer, content_type="application/json")
                return run()

        yield patched


@contextmanager
def _moto(headers: Mapping[str, str], answer: bytes) -> Iterator[Run]:
    """A user of IAM by moto's own client, which comes with it: there is none that it and mockscope share."""
    moto, boto3 = import_module("moto"), import_module("boto3")

    def patched() -> Speed:
        with moto.mock_aws():
            client = boto3.client("iam", region_name="us-east-1")
            client.create_user(UserName="monica")
            watch = Watch()
            for _ in range(CALLS):
                got = client.get_user(UserName="monica")
            return watch.speed(got["ResponseMetadata"]["HTTPStatusCode"])

    yield patched


PATCHES: Final = {
    "responses": Patch(("responses",), "requests", _responses),
    "respx": Patch(("respx",), "httpx", _respx),
    "moto in this process": Patch(("moto", "boto3"), "requests", _moto),
}


__all__ = ["INSTALL", "lacking", "measure"]
