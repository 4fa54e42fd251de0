"""Calls as an HTTP Archive. A library writes the format; here is only what of a call goes where."""

import io
from collections.abc import Iterable
from http.client import responses
from typing import Final
from urllib.parse import parse_qsl, quote

from harfile import Content, Creator, HarFile, PostData, Record, Request, Response, Timings

from mockscope.instruments.call import Entry

# What is at home there is asked by HTTPS, though a redirect leads it here by plain HTTP.
VENDOR_DOMAIN: Final = ".periscopedata.com"
# What a host with a port may hold beside letters and digits.
URL_MARKS: Final = ":[]%-._~!$&'()*+,;="


def to_har(entries: Iterable[Entry], *, version: str) -> str:
    """The text of an HTTP Archive (HAR 1.2).

    Args:
        entries: the calls.
        version: of mockscope.
    """
    text = io.StringIO()
    with HarFile(text, creator=Creator("mockscope", version)) as har:
        for entry in entries:
            # A clock that was moved back in between would tell of less than no time.
            milliseconds = max(0.0, entry.duration or 0.0) * 1000
            har.add_entry(
                startedDateTime=entry.received_at,
                time=milliseconds,
                request=_request(entry),
                response=_response(entry),
                timings=Timings(send=0, wait=milliseconds, receive=0),
                comment=_comment(entry),
            )
    return text.getvalue()


def _request(entry: Entry) -> Request:
    headers = [Record(name, value) for name, value in entry.headers]
    # A Host may hold anything, and a URL may not.
    host = quote(entry.header("host") or "mockscope.invalid", safe=URL_MARKS)
    # Decoded, a key may show that was disguised by percent-encoding.
    query = [map(entry.veil, pair) for pair in parse_qsl(entry.query, keep_blank_values=True)]
    body = entry.body
    return Request(
        entry.method,
        f"{_scheme(entry, host)}://{host}{entry.path}{'?' if entry.query else ''}{entry.query}",
        "HTTP/1.1",
        headers=headers,
        queryString=[Record(name, value) for name, value in query],
        postData=PostData(entry.header("content-type") or "", text=body.decode("utf-8", "replace")) if body else None,
        bodySize=len(body or b""),
    )


def _scheme(entry: Entry, host: str) -> str:
    name, _, port = host.lower().partition(":")
    return "https" if name.endswith(VENDOR_DOMAIN) and port in ("", "443") else entry.scheme


def _response(entry: Entry) -> Response:
    answer, headers = entry.answer or b"", entry.answer_headers
    # What never got a status is 0, as browsers show a connection that broke.
    status = entry.status or 0
    return Response(
        status,
        responses.get(status, ""),
        "HTTP/1.1",
        headers=[Record(name, value) for name, value in headers],
        content=Content(
            len(answer), mimeType=dict(headers).get("content-type", ""), text=answer.decode("utf-8", "replace")
        ),
        bodySize=len(answer),
    )


def _comment(entry: Entry) -> str:
    parts = [entry.operation, entry.site, entry.rule, f"fault {entry.fault}" if entry.fault else None]
    return "; ".join(part for part in (*parts, str(entry.advice) if entry.advice else None) if part)
