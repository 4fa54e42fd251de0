"""The HTTP clients that people use, each behind one function of the same signature, so that a test is written once."""

import asyncio
import atexit
import base64
import http.client
import io
import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any, Final, NamedTuple

import aiohttp
import httpx
import httpx2
import pytest
import requests

from support.bounds import WAIT_SECONDS

JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Response:
    """A response. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, decoded. Every response must declare JSON (HTTP-1)."""
        assert self.headers["content-type"] == JSON
        return json.loads(self.body)


Ask = Callable[[str, str, Mapping[str, str], bytes | None], Response]


class Client(NamedTuple):
    """A client: its function, and the form in which people write a name that is not ASCII in its URL."""

    ask: Ask
    typed: Callable[[str], str]


def needs(binary: str) -> pytest.MarkDecorator:
    """Skip a test if a program is not installed."""
    return pytest.mark.skipif(shutil.which(binary) is None, reason=f"{binary} is not installed")


def _to_response(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    return Response(status, {name.lower(): value for name, value in headers.items()}, body)


# -- libraries -------------------------------------------------------------------------------------------------


def ask_requests(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    response = requests.request(method, url, headers=dict(headers), data=body, timeout=WAIT_SECONDS)
    return _to_response(response.status_code, response.headers, response.content)


def ask_httpx(library: ModuleType, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    response = library.request(method, url, headers=headers, content=body, timeout=WAIT_SECONDS, verify=False)
    return _to_response(response.status_code, response.headers, response.content)


def ask_httpx_async(
    library: ModuleType, method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> Response:
    async def ask() -> Response:
        async with library.AsyncClient(timeout=WAIT_SECONDS, verify=False) as client:
            response = await client.request(method, url, headers=headers, content=body)
            return _to_response(response.status_code, response.headers, response.content)

    return asyncio.run(ask())


def ask_aiohttp(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    async def ask() -> Response:
        timeout = aiohttp.ClientTimeout(total=WAIT_SECONDS)
        # aiohttp warns of large bodies that are bytes.
        data = None if body is None else io.BytesIO(body)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, headers=headers, data=data) as response,
        ):
            return _to_response(response.status, response.headers, await response.read())

    return asyncio.run(ask())


def ask_urllib(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
            return _to_response(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _to_response(error.code, dict(error.headers), error.read())


def ask_http_client(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=WAIT_SECONDS)
    try:
        connection.request(method, parts._replace(scheme="", netloc="").geturl(), body=body, headers=dict(headers))
        response = connection.getresponse()
        return _to_response(response.status, dict(response.headers), response.read())
    finally:
        connection.close()


# -- programs --------------------------------------------------------------------------------------------------


def ask_curl(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    command = ["curl", "--silent", "--show-error", "--max-time", str(WAIT_SECONDS), "--dump-header", "/dev/stderr"]
    command += ["--head"] if method == "HEAD" else ["--request", method]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run([*command, url], input=body, capture_output=True, timeout=WAIT_SECONDS, check=True)
    # The last head is the response's; an interim one, 100 Continue, may precede it.
    lines = done.stderr.decode().strip().split("\r\n\r\n")[-1].splitlines()
    status = int(lines[0].split()[1])
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return _to_response(status, fields, b"" if method == "HEAD" else done.stdout)


NODE: Final = """
import { createInterface } from "node:readline";
for await (const line of createInterface({ input: process.stdin })) {
  const { method, url, headers, body, patience } = JSON.parse(line);
  const sent = body === null ? undefined : Buffer.from(body, "base64");
  const response = await fetch(url, { method, headers, body: sent, signal: AbortSignal.timeout(patience) });
  const content = Buffer.from(await response.arrayBuffer()).toString("base64");
  console.log(JSON.stringify([response.status, Object.fromEntries(response.headers), content]));
}
"""


@cache
def _node() -> subprocess.Popen[str]:
    """Return one node process for all tests, because it takes half a second to start."""
    command = ["node", "--input-type=module", "--eval", NODE]
    node = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    atexit.register(node.communicate)
    return node


def ask_node(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
    node = _node()
    assert node.stdin
    assert node.stdout
    sent = None if body is None else base64.b64encode(body).decode()
    question = {"method": method, "url": url, "headers": dict(headers), "body": sent, "patience": WAIT_SECONDS * 1000}
    node.stdin.write(json.dumps(question) + "\n")
    node.stdin.flush()
    line = node.stdout.readline()
    if not line:
        _node.cache_clear()
        raise ConnectionError("node's fetch failed: its error is on stderr")
    status, fields, response = json.loads(line)
    return _to_response(status, fields, base64.b64decode(response))


# -- the table -------------------------------------------------------------------------------------------------


def quoted(name: str) -> str:
    """Return a name as one segment of a path."""
    return urllib.parse.quote(name, safe="")


def left_to_the_client(name: str) -> str:
    return name


def _quoted_blanks(name: str) -> str:
    # curl takes no blank in a URL, and sends everything else as it was typed.
    return name.replace(" ", "%20")


CLIENTS: Final = [
    pytest.param(Client(ask_requests, left_to_the_client), id="requests"),
    pytest.param(Client(partial(ask_httpx, httpx), left_to_the_client), id="httpx"),
    pytest.param(Client(partial(ask_httpx_async, httpx), left_to_the_client), id="httpx-async"),
    pytest.param(Client(partial(ask_httpx, httpx2), left_to_the_client), id="httpx2"),
    pytest.param(Client(partial(ask_httpx_async, httpx2), left_to_the_client), id="httpx2-async"),
    pytest.param(Client(ask_aiohttp, left_to_the_client), id="aiohttp"),
    # The standard library refuses a URL that is not quoted already.
    pytest.param(Client(ask_urllib, quoted), id="urllib"),
    pytest.param(Client(ask_http_client, quoted), id="http.client"),
    pytest.param(Client(ask_curl, _quoted_blanks), id="curl", marks=needs("curl")),
    pytest.param(Client(ask_node, left_to_the_client), id="node", marks=needs("node")),
]

through_every_client: Final = pytest.mark.parametrize("client", CLIENTS)


# -- below any client ------------------------------------------------------------------------------------------


class Wire:
    """A connection on which a test sends raw bytes. Use it in a ``with`` block."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        assert parts.hostname
        assert parts.port
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=WAIT_SECONDS)
        # Each send is a packet of its own.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream: io.BufferedReader = self.socket.makefile("rb")

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def response(self, *, to_head: bool = False) -> Response:
        """Read the next response; an interim one (100 Continue) counts."""
        status_line = self._stream.readline()
        assert status_line.startswith(b"HTTP/1.1 "), status_line
        headers: dict[str, str] = {}
        while line := self._stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        length = 0 if to_head else int(headers.get("content-length", "0"))
        return Response(int(status_line.split()[1]), headers, self._stream.read(length))

    def is_over(self) -> bool:
        """Return whether the server closes or resets the connection without sending anything."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def rest(self) -> bytes:
        """Return all bytes until the server closes the connection."""
        return self._stream.read()


def head(method: str, path: str, *headers: Mapping[str, str], version: str = "1.1") -> bytes:
    """Return the head of a request."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost"]
    lines += [f"{name}: {value}" for fields in headers for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def message(method: str, path: str, body: bytes, *headers: Mapping[str, str]) -> bytes:
    """Return a request with a body."""
    return head(method, path, *headers, {"Content-Length": str(len(body))}) + body
