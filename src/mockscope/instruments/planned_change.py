"""A planned change of a site by another client: its arguments, their validation, and when it is due."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from mockscope._support.arguments import check_choice, check_keys, check_type
from mockscope._vendor import API_KEY
from mockscope.instruments.call import Call
from mockscope.instruments.fault import ANY
from mockscope.instruments.matching import check_operation

ChangeKind = Literal["delete_user", "create_user", "update_user", "delete_group", "rotate_key", "disable", "enable"]

CHANGE_KINDS: Final[tuple[str, ...]] = get_args(ChangeKind)
_USER_FIELDS: Final = ("first_name", "last_name", "groups", "tfa_enabled")
# The required and the optional arguments of each kind.
CHANGE_ARGUMENTS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "delete_user": (("email",), ()),
    "create_user": (("email",), _USER_FIELDS),
    "update_user": (("email",), _USER_FIELDS),
    "delete_group": (("name",), ()),
    "rotate_key": ((), ("api_key",)),
    "disable": ((), ()),
    "enable": ((), ()),
}
ARGUMENT_TYPES: Final[Mapping[str, Any]] = {"groups": list | tuple, "tfa_enabled": bool}


@dataclass(eq=False, kw_only=True)
class PlannedChange:
    """A change of the site by another client, made once. ``site.faults.add_change`` documents the arguments.

    ``seen`` is the number of calls that were counted. ``hits`` is 1 once the change was made, else 0. ``refused`` is
    the reason if the site refused the change. The change is not tried again.
    """

    id: str
    do: ChangeKind
    at: datetime | None = None
    before: Mapping[str, Any] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    hits: int = 0
    seen: int = 0
    refused: str | None = None

    def __post_init__(self) -> None:
        check_choice("planned change", self.do, CHANGE_KINDS)
        if (self.at is None) == (self.before is None):
            raise ValueError(f"{self.do} needs one of at and before{', not both' if self.at else ''}")
        before = check_keys("before", self.before or {}, ("operation", "call"))
        self.operation: str = before.get("operation", ANY)
        self.call: int = before.get("call", 1)
        check_type("operation", self.operation, str)
        if self.operation != ANY:
            check_operation(self.operation)
        check_type("call", self.call, int)
        if self.call < 1:
            raise ValueError(f"calls are counted from 1: call can't be {self.call}")
        self._check_arguments()

    def __repr__(self) -> str:
        return f"<PlannedChange {self}>"

    def __str__(self) -> str:
        target = self.arguments.get("email") or self.arguments.get("name") or ""
        what = f"{self.do} {target}".rstrip()
        when = f"at {_as_text(self.at)}" if self.at else f"before call {self.call} of {self.operation}"
        counted = "" if self.at else f" after {self.seen} call{'s' * (self.seen != 1)}"
        state = "made" if self.hits else f"refused: {self.refused}" if self.refused else f"not made{counted}"
        return f"{self.id}: {what} {when}; {state}"

    @property
    def left(self) -> int:
        """Return 0 once the change was made, else 1."""
        return 1 - self.hits

    @property
    def is_pending(self) -> bool:
        """Return whether the change was neither made nor refused."""
        return not self.hits and self.refused is None

    def is_due(self, now: datetime) -> bool:
        """Return whether the clock has reached the time of the change, or the counted call is the one to precede.

        Args:
            now: the time of the site's clock.
        """
        return self.seen >= self.call if self.at is None else now >= self.at

    def count(self, call: Call) -> None:
        """Count a call, if the change is made before a call of its operation."""
        if self.at is None and call.operation is not None and self.operation in (ANY, call.operation):
            self.seen += 1

    def as_remaining(self) -> dict[str, Any]:
        """Return the change as plain data for ``add_plain``, without the calls that were counted already."""
        plain: dict[str, Any] = {"do": self.do, **self.arguments}
        if self.at is not None:
            return plain | {"at": _as_text(self.at)}
        return plain | {"before": {"operation": self.operation, "call": self.call - self.seen}}

    def as_dict(self) -> dict[str, Any]:
        """Return the change as plain data, as the control API shows it.

        ``add_plain`` accepts this data without ``id``, ``hits``, ``seen``, ``left`` and ``refused``.
        """
        return {
            "id": self.id,
            "do": self.do,
            "at": self.at and _as_text(self.at),
            "before": None if self.before is None else {"operation": self.operation, "call": self.call},
            **self.arguments,
            "hits": self.hits,
            "seen": self.seen,
            "left": self.left,
            "refused": self.refused,
        }

    def _check_arguments(self) -> None:
        """Raise ValueError if an argument is missing, of a wrong type, or not for this kind of change."""
        needed, optional = CHANGE_ARGUMENTS[self.do]
        for name, value in self.arguments.items():
            if name not in needed + optional:
                others = f"; it takes {', '.join(needed + optional)}" if needed + optional else ""
                raise ValueError(f"{self.do} does not take {name}{others}")
            check_type(name, value, ARGUMENT_TYPES.get(name, str))
            for item in value if name == "groups" else ():
                check_type("the name of a group", item, str)
        for name in needed:
            if name not in self.arguments:
                raise ValueError(f"{self.do} needs {name}")
        if "api_key" in self.arguments and not API_KEY.fullmatch(self.arguments["api_key"]):
            raise ValueError("the new API key can't stand in a header: use visible ASCII without blank or colon")
        if self.do == "update_user" and len(self.arguments) == 1:
            raise ValueError(f"update_user changes nothing: give one of {', '.join(optional)}")


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
