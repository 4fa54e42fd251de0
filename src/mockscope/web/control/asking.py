"""A request to the control API as its endpoints see it: whom it is about, and what it says."""

from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect, Request

from mockscope.bench import Bench, MockSite
from mockscope.instruments.calls import Calls
from mockscope.nearness import nearest
from mockscope.web.control.bodies import Question, given, read_json, read_query

T = TypeVar("T")

LARGEST_BODY: Final = 64 * 1024 * 1024


class NotThere(LookupError):
    """Something that the path or the body names is not there."""


class Conflict(ValueError):
    """What is asked for can't be next to what is there."""


class TooLarge(ValueError):
    """The body is over the limit."""


class Ask:
    """One request.

    Args:
        request: the request, its path still percent-encoded.
        bench: the sites.
        body: the body.
    """

    def __init__(self, request: Request, bench: Bench, body: bytes) -> None:
        self.bench = bench
        self.headers = request.headers
        self.method = request.method
        self._names: dict[str, str] = request.path_params
        self._query: bytes = request.scope["query_string"]
        self._body = body

    def name(self, part: str) -> str:
        """A name in the path, decoded once."""
        return unquote(self._names[part])

    @property
    def site(self) -> MockSite:
        """The site in the path.

        Raises:
            NotThere: there is none.
        """
        host = self.name("host")
        site = self.bench.directory.get(host)
        handle = None if site is None else self.bench.handle(site)
        if handle is None:
            guess = nearest(host, self.bench.directory.hosts())
            hint = f"did you mean {guess}?" if guess else "GET /_mockscope/v1/sites lists those that are there."
            raise NotThere(f"There is no site {host}; {hint}")
        return handle

    @property
    def owner(self) -> MockSite | Bench:
        """Whose calls or clock the path is about: a site's, or the server's."""
        return self.site if "host" in self._names else self.bench

    def read(self, shape: type[T]) -> T:
        """The body.

        Raises:
            ValueError: it is not of this shape.
        """
        return read_json(self._body, shape)

    def question(self, shape: type[T]) -> T:
        """The query.

        Raises:
            ValueError: it is not of this shape.
        """
        return read_query(parse_qsl(self._query.decode("latin-1"), keep_blank_values=True), shape)

    def calls(self, question: Question) -> Calls:
        """The calls that the path and the query are about.

        Raises:
            ValueError: there is no such operation.
        """
        criteria: dict[str, Any] = given(question)
        criteria.pop("limit", None)
        return self.owner.calls.matching(**criteria)


async def body_of(request: Request) -> bytes:
    """The whole body of a request.

    Raises:
        TooLarge: it is over LARGEST_BODY.
        ClientDisconnect: the client left before it was whole.
    """
    sent = request.headers.get("content-length", "")
    body = bytearray()
    if not sent.isdigit() or int(sent[:20]) <= LARGEST_BODY:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                break
        else:
            return bytes(body)
    raise TooLarge(f"The body is over the limit of {LARGEST_BODY} bytes: send it in parts, or start with a seed file.")


__all__ = ["LARGEST_BODY", "Ask", "ClientDisconnect", "Conflict", "NotThere", "TooLarge", "body_of"]
