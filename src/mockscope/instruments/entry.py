"""What is kept of one request to the vendor's API: opened on receipt, completed with the answer."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from mockscope.instruments.clock import EPOCH
from mockscope.instruments.hints import Advice

if TYPE_CHECKING:
    from mockscope.instruments.calls import Journal

# Of bodies and answers so much is kept, in bytes: three times a page of a hundred users.
LONGEST_KEPT: Final = 64 * 1024
# What a header carries a secret in: the right one, and those that are sent by mistake.
SECRET: Final = frozenset(
    {
        "http-x-partner-auth",
        "x-partner-auth",
        "x-http-partner-auth",
        "partner-auth",
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "api-key",
        "cookie",
    }
)
# Shorter secrets would be given away by their last four characters.
SHORTEST_SHOWN: Final = 12


class Entry:
    """One request to the vendor's API. What is None is not known yet, or never was.

    ``id`` is the request's id, as in X-Request-Id; ``received`` the seconds since 1970 on the site's clock at which it
    arrived; ``method``, ``path`` and ``query`` are as they were sent, percent-encoding included; ``operation`` is one
    of the ten, ``site`` the host that was opened; ``body`` the request's body as far as it was read, ``answer`` the
    answer's, both cut at LONGEST_KEPT bytes; ``duration`` the seconds to the end of the answer, on the site's clock;
    ``test_mode`` says whether it was a dry run; ``rule`` is the rule id of the refusal, ``advice`` the hint,
    ``suspicions`` all hints of a success that nobody promises; ``fault`` the planned fault that hit.
    """

    __slots__ = (
        "_headers",
        "advice",
        "answer",
        "body",
        "duration",
        "fault",
        "id",
        "is_held",
        "journal",
        "method",
        "number",
        "operation",
        "path",
        "query",
        "received",
        "rule",
        "site",
        "status",
        "suspicions",
        "test_mode",
    )

    def __init__(
        self,
        id: str,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Sequence[tuple[bytes, bytes]] = (),
        number: int = 0,
    ) -> None:
        self.id = id
        self.received = 0.0
        self.method = method
        self.path = path
        self.query = query
        self.number = number
        self._headers = headers
        self.operation: str | None = None
        self.site: str | None = None
        self.body: bytes | None = None
        self.status: int | None = None
        self.answer: bytes | None = None
        self.duration: float | None = None
        self.test_mode = False
        self.rule: str | None = None
        self.advice: Advice | None = None
        self.suspicions: tuple[Advice, ...] = ()
        self.fault: str | None = None
        # Whether a fault keeps the answer back: nobody need wait for such a call.
        self.is_held = False
        self.journal: Journal | None = None

    def __repr__(self) -> str:
        return f"<Entry {self}>"

    def __str__(self) -> str:
        about = self.email or self.group
        what = self.operation or f"{self.method} {self.path}"
        return " ".join(
            part
            for part in (
                f"{self.status or '...'} {what}",
                about or "",
                "(test mode)" if self.test_mode else "",
                f"[fault {self.fault}]" if self.fault else "",
            )
            if part
        )

    @property
    def received_at(self) -> datetime:
        """When it arrived, in UTC."""
        return EPOCH + timedelta(seconds=self.received)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The request's headers, names in lower case, in their order. Of a key the last four characters are shown."""
        read = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._headers]
        return [(name, disguised(value) if name in SECRET else value) for name, value in read]

    def header(self, name: str) -> str | None:
        """The first value of a header, matched without case."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def params(self) -> dict[str, str]:
        """The query's parameters, decoded; of one that is repeated the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The request's body as JSON; None where it is none."""
        return _read(self.body)

    @property
    def answer_json(self) -> Any:
        """The answer's body as JSON; None where it is none."""
        return _read(self.answer)

    @property
    def email(self) -> str | None:
        """The user that the call is about: the Http-X-Email header or, of a create, the body's email."""
        sent = self.header("http-x-email")
        if sent is None and self.operation == "create_user":
            fields = self.json
            sent = fields.get("email") if isinstance(fields, dict) else None
        return sent if isinstance(sent, str) else None

    @property
    def group(self) -> str | None:
        """The group that the call is about: the name in the path or, of a create, the body's name."""
        if self.operation == "create_group":
            fields = self.json
            name = fields.get("name") if isinstance(fields, dict) else None
            return name if isinstance(name, str) else None
        _, _, name = self.path.partition("/groups/")
        return unquote(name) or None

    def as_dict(self) -> dict[str, Any]:
        """The call as plain data, as the control API shows it."""
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
            "hint": self.advice
            and {"code": self.advice.code, "cause": self.advice.cause, "remedy": self.advice.remedy},
            "fault": self.fault,
        }


Observer = Callable[[Entry], None]


def disguised(secret: str) -> str:
    """A credential that may be shown: everything before the key, and of the key the last four characters.

    Shorter keys would be given away by their last four.
    """
    # As the service splits it: at the last colon; a scheme such as Bearer stands before a blank.
    place = max(secret.rfind(":"), secret.rfind(" ")) + 1
    key = secret[place:]
    return f"{secret[:place]}…{key[-4:] if len(key) >= SHORTEST_SHOWN else ''}"


def kept(body: bytes) -> bytes:
    """A body as it is kept."""
    return body if len(body) <= LONGEST_KEPT else body[:LONGEST_KEPT]


def _read(body: bytes | None) -> Any:
    try:
        return None if body is None else json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")
