"""Calls as an HTTP Archive (HAR 1.2), written by harfile."""

import io
from collections.abc import Iterable
from http.client import responses
from typing import Final
from urllib.parse import parse_qsl, quote

from harfile import Content, Creator, HarFile, PostData, Record, Request, Response, Timings

from mockscope.instruments.call import Call

# URLs of the vendor have the scheme https, even if a redirect sent the request over plain HTTP.
VENDOR_DOMAIN: Final = ".periscopedata.com"
# The characters of a host with a port, beside letters and digits.
URL_MARKS: Final = ":[]%-._~!$&'()*+,;="


def to_har(calls: Iterable[Call], *, version: str) -> str:
    """Return calls as the text of an HTTP Archive (HAR 1.2).

    Args:
        calls: the calls.
        version: the version of mockscope.
    """
    text = io.StringIO()
    with HarFile(text, creator=Creator("mockscope", version)) as har:
        for call in calls:
            # The duration is negative if the clock was moved back meanwhile.
            milliseconds = max(0.0, call.duration or 0.0) * 1000
            har.add_entry(
                startedDateTime=call.received_at,
                time=milliseconds,
                request=_request(call),
                response=_response(call),
                timings=Timings(send=0, wait=milliseconds, receive=0),
                comment=_comment(call),
            )
    return text.getvalue()


def _request(call: Call) -> Request:
    headers = [Record(name, value) for name, value in call.headers]
    # A Host header may have characters that are not valid in a URL.
    host = quote(call.header("host") or "mockscope.invalid", safe=URL_MARKS)
    # Redacted again, because decoding may reveal a key that was percent-encoded.
    query = [map(call.redactor, pair) for pair in parse_qsl(call.query, keep_blank_values=True)]
    body = call.body
    return Request(
        call.method,
        f"{_scheme(call, host)}://{host}{call.mount_path}{call.path}{'?' if call.query else ''}{call.query}",
        "HTTP/1.1",
        headers=headers,
        queryString=[Record(name, value) for name, value in query],
        postData=PostData(call.header("content-type") or "", text=body.decode("utf-8", "replace")) if body else None,
        bodySize=len(body or b""),
    )


def _scheme(call: Call, host: str) -> str:
    name, _, port = host.lower().partition(":")
    return "https" if name.endswith(VENDOR_DOMAIN) and port in ("", "443") else call.scheme


def _response(call: Call) -> Response:
    response, headers = call.response or b"", call.response_headers
    # Browsers write 0 for a request without a response.
    status = call.status or 0
    return Response(
        status,
        responses.get(status, ""),
        "HTTP/1.1",
        headers=[Record(name, value) for name, value in headers],
        content=Content(
            len(response), mimeType=dict(headers).get("content-type", ""), text=response.decode("utf-8", "replace")
        ),
        bodySize=len(response),
    )


def _comment(call: Call) -> str:
    parts = [call.operation, call.site, call.rule, f"fault {call.fault}" if call.fault else None]
    return "; ".join(part for part in (*parts, str(call.hint) if call.hint else None) if part)
