"""The settings of a server that do not concern its ports."""

from dataclasses import dataclass
from typing import TypedDict

from mockscope._support.arguments import check_type
from mockscope.contract import validation
from mockscope.instruments.call_log import MAX_CALLS


class SettingsArguments(TypedDict, total=False):
    """The fields of Settings as keyword arguments, for type checkers."""

    hint_header: bool
    strict: bool | None
    contract: bool | None
    calls_kept: int
    control: bool
    control_token: str | None


@dataclass(frozen=True)
class Settings:
    """The settings of a server that do not concern its ports, and the defaults of its sites.

    Args:
        hint_header: whether responses have the header ``X-Mockscope-Hint`` (HTTP-10).
        strict: whether its sites are in strict mode. With None, the seed of a site says so; the default is off.
        contract: whether requests to its sites are validated against openapi.yaml. With None, the seed of a site says
            so; the default is off.
        calls_kept: the maximum number of calls that each site keeps, and that the server keeps without a site.
        control: whether the server has the control API under ``/_mockscope/v1/``.
        control_token: the bearer token of the control API. None generates one if other machines can reach the port,
            and else requires none.

    Raises:
        ValueError: If a switch is neither True nor False, or ``calls_kept`` is not 1 or more.
        ImportError: If ``contract`` is True, and the validator is not installed.
    """

    hint_header: bool = True
    strict: bool | None = None
    contract: bool | None = None
    calls_kept: int = MAX_CALLS
    control: bool = True
    control_token: str | None = None

    def __post_init__(self) -> None:
        for name in ("hint_header", "control"):
            check_type(name, getattr(self, name), bool)
        for name in ("strict", "contract"):
            if getattr(self, name) is not None:
                check_type(name, getattr(self, name), bool)
        check_type("calls_kept", self.calls_kept, int)
        if self.calls_kept < 1:
            raise ValueError(f"calls_kept is 1 or more, not {self.calls_kept}")
        if self.contract:
            validation.contract()
