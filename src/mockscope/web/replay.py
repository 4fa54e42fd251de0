"""Replays of calls: the request of a recorded call, carried out again without a socket."""

from typing import Any, Final
from urllib.parse import unquote

from starlette.types import Message

from mockscope._vendor import AUTH_HEADER, AUTH_HEADER_BYTES
from mockscope.instruments.call import Call
from mockscope.instruments.packed_headers import HeaderPairs
from mockscope.sites.mock_site import MockSite
from mockscope.web.fault_injection import BEFORE_FAULTS
from mockscope.web.vendor_api import REPLAY, VendorAPI

# Headers about the transfer of the body and the connection.
DROPPED_HEADERS: Final = frozenset({b"connection", b"content-length", b"expect", b"transfer-encoding", b"upgrade"})


class Replayer:
    """Carries out the requests of calls again. Planned faults do not hit them.

    Args:
        vendor_api: The application.
    """

    def __init__(self, vendor_api: VendorAPI) -> None:
        self._vendor_api = vendor_api

    def __call__(self, call: Call, site: MockSite) -> Call:
        """Carry out the request of a call on a site, with the credentials of the site.

        Returns:
            The new call, which is complete.

        Raises:
            IncompleteCall: If a part of the request is not known.
            ValueError: If it is not a call.
        """
        if not isinstance(call, Call):
            raise ValueError(f"call must be a call, such as site.calls.last, not {call!r}")
        request = call.request()
        headers = [(name.lower(), value) for name, value in request.headers]
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.scheme,
            "path": unquote(request.path),
            "raw_path": request.path.encode(),
            "query_string": request.query.encode("latin-1"),
            "headers": _headers(headers, request.body, site),
            BEFORE_FAULTS: True,
            REPLAY: True,
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": request.body or b"", "more_body": False}

        async def send(message: Message) -> None:
            pass

        steps = self._vendor_api.respond(scope, receive, send)
        try:
            steps.send(None)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # StopIteration has no type for it
        raise AssertionError("the application waits, although no planned fault delays it")


def _headers(headers: HeaderPairs, body: bytes | None, site: MockSite) -> HeaderPairs:
    credentials = site.headers[AUTH_HEADER].encode()
    kept = [
        (name, credentials if name == AUTH_HEADER_BYTES else value)
        for name, value in headers
        if name not in DROPPED_HEADERS
    ]
    if not any(name == AUTH_HEADER_BYTES for name, _ in kept):
        kept.append((AUTH_HEADER_BYTES, credentials))
    return kept if body is None else [*kept, (b"content-length", b"%d" % len(body))]
