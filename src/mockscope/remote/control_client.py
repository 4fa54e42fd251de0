"""The HTTP client of the control API of a server elsewhere, on urllib3. It is thread-safe."""

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from urllib3 import BaseHTTPResponse, PoolManager
from urllib3.exceptions import HTTPError

from mockscope import __version__
from mockscope._support.addresses import is_loopback
from mockscope.domain.refusals import REFUSAL_HEADER, Refusal, Refused
from mockscope.remote.client import (
    VISIBLE,
    describe_error,
    parse_server_url,
    pool_manager,
    proxy_for,
    tls_context,
)

BASE: Final = "/_mockscope/v1"
NOT_MOCKSCOPE: Final = "what answers there is not a mockscope server"
# The server waits two seconds for calls in progress. An export of a million users takes some seconds.
TIMEOUT_SECONDS: Final = 60.0
# Threads that use the connection at the same time have a socket each.
MAX_SOCKETS: Final = 32


class RemoteServerError(Exception):
    """A server elsewhere cannot be used: it does not answer, is not a mockscope of this version, or refuses the token.

    ``url`` is its URL.
    """

    def __init__(self, url: str, problem: str) -> None:
        self.url = url
        super().__init__(url, problem)

    def __str__(self) -> str:
        return f"the mockscope server at {self.url}: {self.args[1]}"


class ControlClient:
    """A client of the control API of one server.

    Args:
        url: The server's URL. It may have the path at which the application is mounted.
        token: The bearer token; None for none.
        ca_file: Certificates to trust instead of the system's; None for the system's.

    Raises:
        ValueError: If the URL or the token is not valid, or the certificates cannot be read.
    """

    def __init__(self, url: str, token: str | None, ca_file: Path | None) -> None:
        parts = parse_server_url(url)
        if token is not None and not VISIBLE.fullmatch(token):
            raise ValueError("the token must be visible ASCII without spaces")
        if ca_file is not None and parts.scheme != "https":
            raise ValueError(f"ca_file is for https, and the URL is {url!r}")
        self.url = url.rstrip("/")
        proxy = None if is_loopback(parts.hostname or "") else proxy_for(parts)
        context = tls_context(ca_file) if parts.scheme == "https" else None
        self._new_manager = partial(pool_manager, proxy, context, maxsize=MAX_SOCKETS)
        self._manager: PoolManager | None = self._new_manager()
        self._process = os.getpid()
        self._headers = {"User-Agent": f"mockscope/{__version__}"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the sockets."""
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.clear()

    def check(self) -> None:
        """Check that the server is a mockscope of this version, and takes the token.

        Raises:
            RemoteServerError: If it is not, or does not.
        """
        try:
            version = self.get("/version")["version"]
        except (LookupError, ValueError, TypeError) as error:
            raise RemoteServerError(self.url, f"it has no control API here: {error}") from None
        if version != __version__:
            raise RemoteServerError(self.url, f"its version is {version}, and this one is {__version__}: use the same")

    def get(self, path: str, **query: Any) -> Any:
        """Return the content of a path. A bool in the query is sent as in JSON."""
        sent = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in query.items()}
        return self.send("GET", f"{path}?{urlencode(sent, quote_via=quote)}" if sent else path)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send an object to a path, and return the content of the response."""
        return self.send("POST", path, body or {})

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request, and return the content of the response, or None.

        Args:
            method: The method.
            path: The path below that of the control API, with its query.
            body: The object to send; None for no body.

        Raises:
            RemoteServerError: If the server does not respond, or the server refuses the client.
            Refused: If a rule refuses a change of records.
            LookupError: If something in the path is unknown.
            ValueError: If the request is not valid.
        """
        response = self.open(method, path, body)
        if response.status >= 400:
            raise self._error(response)
        try:
            return json.loads(response.data) if response.data else None
        except ValueError:
            raise RemoteServerError(self.url, NOT_MOCKSCOPE) from None

    def open(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> BaseHTTPResponse:
        """Send a request, and return the response, whatever its status.

        Raises:
            RemoteServerError: If the server does not respond.
        """
        if self._manager is None:
            raise RemoteServerError(self.url, "the connection was closed")
        if self._process != os.getpid():
            # A forked process would read the responses to its parent from the same sockets.
            self._manager, self._process = self._new_manager(), os.getpid()
        content = None if body is None else json.dumps(body, default=_as_plain).encode()
        try:
            return self._manager.request(
                method,
                f"{self.url}{BASE}{path}",
                body=content,
                headers={**self._headers, **(headers or {})},
                retries=False,
                redirect=False,
                timeout=TIMEOUT_SECONDS,
            )
        except (HTTPError, OSError) as error:
            reason = describe_error(error).replace("--ca-file", "ca_file") or "there was no response in time"
            raise RemoteServerError(self.url, reason) from None

    def events(self, path: str, last_id: str | None) -> str:
        """Return the stream of the events up to now, after that with an id."""
        response = self.open("GET", path, headers={"Last-Event-ID": last_id} if last_id else {})
        if response.status >= 400:
            raise self._error(response)
        return response.data.decode()

    def _error(self, response: BaseHTTPResponse) -> Exception:
        try:
            message = json.loads(response.data)["message"]
        except (ValueError, LookupError, TypeError):
            return RemoteServerError(self.url, NOT_MOCKSCOPE)
        if message == Refusal.AUTH_MISSING.template:
            return RemoteServerError(self.url, f"it has no {BASE} here: does its URL have another path?")
        if refusal := response.headers.get(REFUSAL_HEADER):
            return Refused.from_json(refusal)
        if response.status in (401, 403) or response.status >= 500:
            return RemoteServerError(self.url, message)
        return (LookupError if response.status == 404 else ValueError)(message)


def _as_plain(value: object) -> object:
    """Return a mapping, a sequence or a moment in the form of JSON."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise ValueError(f"{value!r} has no form in JSON, so it cannot be sent to the server")
