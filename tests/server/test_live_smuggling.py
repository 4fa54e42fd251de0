"""The request shapes that hide one request in the body of another, and odd paths."""

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Final

import pytest
from support.byte_streams import AUTH_LINE, Result, Stream, exchange

from mockscope.server.event_loop import uvicorn_config

HIDDEN: Final = (
    f"DELETE /api/v1/users HTTP/1.1\r\nHost: localhost\r\n{AUTH_LINE}\r\nHttp-X-Email: ross@example.com\r\n\r\n"
)
LENGTH: Final = len(HIDDEN)
BEHIND_LAST_CHUNK: Final = f"0\r\n\r\n{HIDDEN}"
IN_A_CHUNK: Final = f"{LENGTH:x}\r\n{HIDDEN}\r\n0\r\n\r\n"

# By Content-Length, the hidden request is in the body, or the length is ambiguous.
LENGTHS: Final = (
    f"Content-Length: {LENGTH}",
    f"Content-Length: {LENGTH}\r\nContent-Length: 0",
    f"Content-Length: 0\r\nContent-Length: {LENGTH}",
    f"Content-Length: 0, {LENGTH}",
    f"Content-Length: {LENGTH}, {LENGTH}",
    f"Content-Length: +{LENGTH}",
    f"Content-Length: -{LENGTH}",
    f"Content-Length: 0x{LENGTH:x}",
    f"Content-Length: {LENGTH}.0",
    f"Content-Length: {LENGTH} 0",
    f"Content-Length: {LENGTH};q=1",
    f"Content-Length: {2**64}",
    f"Content-Length: {2**64 + LENGTH}",
    f"Content-Length : {LENGTH}",
    f"Content-Length\t: {LENGTH}",
    f"Content-Length:\r\n {LENGTH}",
    f"Content-Length:\v{LENGTH}",
    "Content-Length: \u0663",
    f"\0Content-Length: {LENGTH}",
    f"X: a\rContent-Length: {LENGTH}",
)
# By Content-Length the hidden request is in the body; where chunks count, it is behind them.
CODINGS: Final = (
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding:chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    'Transfer-Encoding: "chunked"',
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: chunked\v",
    "Transfer-Encoding: \0chunked",
    "Transfer_Encoding: chunked",
    "X: a\nTransfer-Encoding: chunked",
    "X: a\rTransfer-Encoding: chunked",
    "X: a\r\n\tTransfer-Encoding: chunked",
)
# The hidden request is in a chunk, with any Content-Length.
CHUNKED: Final = ("Content-Length: 4", "Content-Length: 0", "content-length: 4\r\nContent-Length: 4")
# Chunks that end for one reader and go on for another one.
CHUNKS: Final = (
    f"0x0\r\n\r\n{HIDDEN}",
    f"+0\r\n\r\n{HIDDEN}",
    f"-1\r\n\r\n{HIDDEN}",
    f" 0\r\n\r\n{HIDDEN}",
    f"0\n\n{HIDDEN}",
    f"0\r\r{HIDDEN}",
    f"\r\n0\r\n\r\n{HIDDEN}",
    f"1\r\nab\r\n0\r\n\r\n{HIDDEN}",
    f"1\r\na0\r\n\r\n{HIDDEN}",
    f"{2**64:x}\r\n\r\n{HIDDEN}",
    f"1;a\n\r\na\r\n0\r\n\r\n{HIDDEN}",
    f"g\r\n\r\n{HIDDEN}",
)


def posted(lines: str, body: str) -> bytes:
    head = f"POST /api/v1/users?test_mode=true HTTP/1.1\r\nHost: localhost\r\n{AUTH_LINE}\r\n{lines}\r\n\r\n"
    return (head + body).encode()


def sent(data: bytes) -> Result:
    return asyncio.run(exchange(Stream([data], "open"), uvicorn_config))


def statuses(received: bytes) -> Sequence[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d+)", received)


@pytest.fixture(autouse=True)
def quiet_uvicorn(caplog: pytest.LogCaptureFixture) -> None:
    """Silence the warning that uvicorn logs for each broken request."""
    caplog.set_level(logging.CRITICAL, "uvicorn.error")


@pytest.mark.parametrize(
    "data",
    [
        *(pytest.param(posted(lines, HIDDEN), id=f"length-{number}") for number, lines in enumerate(LENGTHS)),
        *(
            pytest.param(
                posted(f"{coding}\r\nContent-Length: {len(BEHIND_LAST_CHUNK)}", BEHIND_LAST_CHUNK),
                id=f"coding-{number}",
            )
            for number, coding in enumerate(CODINGS)
        ),
        *(
            pytest.param(posted(f"{lines}\r\nTransfer-Encoding: chunked", IN_A_CHUNK), id=f"chunked-{number}")
            for number, lines in enumerate(CHUNKED)
        ),
        *(
            pytest.param(posted("Transfer-Encoding: chunked", body), id=f"chunks-{number}")
            for number, body in enumerate(CHUNKS)
        ),
    ],
)
def test_a_request_smuggled_in_a_body_is_not_executed(data: bytes) -> None:
    result = sent(data)

    assert [call["path"] for call in result.calls if call["method"] != "POST"] == []
    assert "ross@example.com" in str(result.export)
    assert statuses(result.received) == [b"400"]


def test_the_smuggled_request_would_be_executed_alone() -> None:
    result = sent(HIDDEN.encode())

    assert statuses(result.received) == [b"200"]
    assert "ross@example.com" not in str(result.export)


@pytest.mark.parametrize(
    "path",
    [
        "/_mockscope/v1/../v1/sites",
        "/_mockscope//v1/sites",
        "//_mockscope/v1/sites",
        "/./_mockscope/v1/sites",
        "/x/../_mockscope/v1/sites",
        "/%5fmockscope/v1/sites",
        "/_mockscope%2fv1%2fsites",
        "/_mockscope/v1%2fsites",
        "/_MOCKSCOPE/v1/sites",
        "/_mockscope/v1/sites;x",
        "/_mockscope/v1/sites%00",
        "/_mockscope/v1/sites%20",
        "/_mockscope\\v1\\sites",
        "/_mockscope/v1/sites/%2e%2e/save",
        "/_mockscope/../etc/passwd",
        "/_mockscope/%2e%2e/%2e%2e/etc/passwd",
        "/_mockscope/..%2f..%2fetc%2fpasswd",
        "/docs/../../../etc/passwd",
        "/docs/%2e%2e/app.py",
        "/openapi.yaml/",
        "/openapi.yaml/..",
        "/%6fpenapi.yaml",
        "/api/v1/../../_mockscope/v1/sites",
        "/api/v1/users/..%2f..%2f_mockscope/v1/sites",
        "/api/v1/users/../groups",
        "/api/v1/groups/../users",
        "/api/v1/groups//",
        "/api/v1/groups/..",
        "/api/v1/groups/%2e%2e",
        "/api//v1/users",
        "/API/V1/USERS",
        "/api/v1/users\\",
        "/..",
        "/%",
        "/?/_mockscope/v1/sites",
        "/#/_mockscope/v1/sites",
        "/" + "../" * 500,
    ],
)
def test_an_odd_path_is_404(path: str) -> None:
    result = sent(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{AUTH_LINE}\r\n\r\n".encode())

    assert statuses(result.received) == [b"404"]
