"""The record of one request to the vendor's API: opened on receipt, completed with the response."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from mockscope._support.text import LONGEST_SHOWN, clipped, printable, readable
from mockscope.instruments.clock import EPOCH, Clock
from mockscope.instruments.hints import Advice
from mockscope.instruments.lines import NO_HEADERS, Pairs, pack, unpack
from mockscope.instruments.veil import Veil

# The bytes of a body or of an answer that are kept: three times a page of a hundred users.
LONGEST_KEPT: Final = 64 * 1024
# The seconds that a time may lose between a clock and a float.
ROUNDED: Final = 0.001
# The characters of a user or group that a line shows.
LONGEST_NAME: Final = 80
# The operations about the user that the email header names.
NAMED_BY_HEADER: Final = frozenset({"get_user", "update_user", "delete_user"})
# The operations about a user or group that a field of the body names.
NAMED_BY_BODY: Final = {"create_user": "email", "create_group": "name"}
# For calls that no log holds.
WITHOUT_KEYS: Final = Veil()


class Entry(msgspec.Struct, eq=False):
    """One request to the vendor's API. What is None is not known yet, or never was. Keys are never shown in clear.

    ``id`` is the request's id, as in X-Request-Id; ``received`` the seconds since 1970 on the site's clock at which it
    arrived; ``scheme`` is ``https`` where the connection was TLS, else ``http``; ``operation`` one of the ten; ``site``
    the host that was opened; ``duration`` the seconds to the end of the answer, on the site's clock; ``test_mode`` says
    whether it was a dry run; ``rule`` is the rule id of the refusal, ``advice`` the hint, ``suspicions`` all hints of a
    success that nobody promises, or of a refusal all but ``advice``; ``fault`` the planned fault that hit.
    """

    id: str
    method: str
    _path: str
    _query: str = ""
    _headers: bytes = NO_HEADERS
    number: int = 0
    scheme: str = "http"
    operation: str | None = None
    site: str | None = None
    received: float = 0.0
    status: int | None = None
    duration: float | None = None
    test_mode: bool = False
    rule: str | None = None
    advice: Advice | None = None
    suspicions: tuple[Advice, ...] = ()
    fault: str | None = None
    # The time on that clock until which a fault keeps the answer back.
    held_until: float | None = None
    clock: Clock | None = None
    veil: Veil = WITHOUT_KEYS
    # In the thread of this number it is answered.
    thread: int = 0
    # The bytes of heads and bodies, once it is complete.
    weight: int = 0
    _body: bytes | None = None
    _answer: bytes | None = None
    # The user or group that a body named which was cut.
    _named: str | None = None
    _answer_headers: bytes = NO_HEADERS

    def __repr__(self) -> str:
        return f"<Entry {self}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # What msgspec has here shows every field as it came, keys and all.
        return [("call", str(self))]

    def __str__(self) -> str:
        parts = (
            str(self.status or "..."),
            self.operation or f"{self.method} {self.path}",
            clipped(self.email or self.group or "", LONGEST_NAME),
            "(test mode)" * self.test_mode,
            f"[{self.fault}]" if self.fault else "",
        )
        return printable(" ".join(part for part in parts if part))

    @property
    def is_open(self) -> bool:
        """Return whether the response is under way, and no fault keeps it back."""
        return self.duration is None and not self.is_held

    @property
    def is_held(self) -> bool:
        """Return whether a fault keeps the response back. One that is due is under way, though perhaps not sent."""
        # Read once, as below: the thread that answers may set it to None meanwhile.
        until = self.held_until
        if until is None or self.clock is None:
            return False
        return self.clock.time() < until - ROUNDED

    @property
    def received_at(self) -> datetime:
        """The time of its receipt, in UTC."""
        return EPOCH + timedelta(seconds=self.received)

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoding included."""
        return self.veil(self._path)

    @property
    def query(self) -> str:
        """The query as it was sent, percent-encoding included, without its question mark."""
        return self.veil(self._query)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The request's headers, names in lower case, in their order. Of a key the last four characters are shown."""
        return self._shown(self._headers)

    def header(self, name: str) -> str | None:
        """The first value of a header, matched without case."""
        name = name.lower()
        for key, value in unpack(self._headers):
            if key.decode("latin-1").lower() == name:
                return self.veil.header(name, value.decode("latin-1"))
        return None

    @property
    def body(self) -> bytes | None:
        """The request's body as far as it was read; None where it has none.

        Until the call is complete it is whole, and then cut at LONGEST_KEPT bytes.
        """
        body = self._body
        return body and self.veil.raw(body)

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body or None

    @property
    def answer(self) -> bytes | None:
        """The answer's body, cut at LONGEST_KEPT bytes."""
        answer = self._answer
        return answer and self.veil.raw(answer)

    def keep_answer(self, status: int, headers: Pairs, answer: bytes) -> None:
        """Keep what the client is told.

        Args:
            status: the status.
            headers: names and values.
            answer: the body; cut at LONGEST_KEPT bytes.
        """
        self._answer_headers = pack(headers)
        self._answer = answer if len(answer) <= LONGEST_KEPT else answer[:LONGEST_KEPT]
        # Last: another thread takes a call that has a status for answered.
        self.status = status

    @property
    def answer_headers(self) -> list[tuple[str, str]]:
        """The answer's headers, in the same form."""
        return self._shown(self._answer_headers)

    @property
    def params(self) -> dict[str, str]:
        """The query's parameters, decoded; of one that is repeated the last."""
        return {self.veil(name): self.veil(value) for name, value in parse_qsl(self.query, keep_blank_values=True)}

    @property
    def json(self) -> Any:
        """The request's body as JSON; None if it is not JSON."""
        return self.veil.data(_read(self._body))

    @property
    def answer_json(self) -> Any:
        """The answer's body as JSON; None if it is not JSON."""
        return self.veil.data(_read(self._answer))

    @property
    def email(self) -> str | None:
        """The user that the call is about: the Http-X-Email header or, of a create, the body's email."""
        if self.operation in NAMED_BY_HEADER:
            sent = self.header("http-x-email")
            return None if sent is None else readable(sent)
        return self._named_in_body() if self.operation == "create_user" else None

    @property
    def group(self) -> str | None:
        """The group that the call is about: the name in the path or, of a create, the body's name."""
        if self.operation == "create_group":
            return self._named_in_body()
        _, _, name = self._path.partition("/groups/")
        # HTTP-3: one slash behind the name is the same group.
        return self.veil(unquote(name.removesuffix("/"))) or None

    def forget_bodies(self) -> None:
        """Drop bodies and headers, and of path and query the part that a line does not show."""
        self._body = self._answer = self._named = None
        self._headers = self._answer_headers = NO_HEADERS
        self._path, self._query = self._path[:LONGEST_SHOWN], self._query[:LONGEST_SHOWN]
        self.weight = 0

    def seal(self) -> None:
        """Cut the body and weigh the call, now that nothing more is to come."""
        if self._body and len(self._body) > LONGEST_KEPT:
            # Nobody can read the name when the end is missing.
            self._named = self._name_in_body()
            self._body = self._body[:LONGEST_KEPT]
        head = len(self._path) + len(self._query) + len(self._headers) + len(self._answer_headers)
        self.weight = head + len(self._body or b"") + len(self._answer or b"") + len(self._named or "")

    def _shown(self, headers: bytes) -> list[tuple[str, str]]:
        read = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in unpack(headers)]
        return [(self.veil(name), self.veil.header(name, value)) for name, value in read]

    def _named_in_body(self) -> str | None:
        name = self._name_in_body()
        return name and self.veil(name)

    def _name_in_body(self) -> str | None:
        if self._named is not None or self.operation not in NAMED_BY_BODY:
            return self._named
        fields = _read(self._body)
        name = fields.get(NAMED_BY_BODY[self.operation]) if isinstance(fields, dict) else None
        return name if isinstance(name, str) else None

    def as_dict(self) -> dict[str, Any]:
        """The call as plain data, as the control API shows it."""
        advice = self.advice
        return {
            "id": self.id,
            "time": f"{self.received_at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z",
            "site": self.site,
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": [list(pair) for pair in self.headers],
            "body": _text(self.body),
            "status": self.status,
            "answer": _text(self.answer),
            "duration_ms": None if self.duration is None else round(self.duration * 1000, 3),
            "test_mode": self.test_mode,
            "rule": self.rule,
            "hint": advice and {"code": advice.code, "cause": advice.cause, "remedy": advice.remedy},
            "fault": self.fault,
        }


Observer = Callable[[Entry], None]


def _read(body: bytes | None) -> Any:
    try:
        return None if body is None else json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
