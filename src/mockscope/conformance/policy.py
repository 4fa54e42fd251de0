"""The questions on which the evidence is split: their readings, and the policy switches that choose one."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import yaml

from mockscope.conformance.outcome import fail
from mockscope.domain.policy import Policy
from mockscope.remote.exchange import Exchange

_TEXTS: Final[dict[str, Any]] = yaml.safe_load((files("mockscope.conformance") / "sentences.yaml").read_bytes())
# Each rule in one sentence.
RULES: Final[Mapping[str, str]] = _TEXTS["rules"]
# What the rules say under each value of a switch. The size of a page has a sentence of its own.
SENTENCES: Final[Mapping[str, Mapping[object, str]]] = _TEXTS["switches"]


def describe_switch(switch: str, value: object) -> str:
    """Return what the rules say under a reading."""
    if switch == "page_size":
        return f"a page that is not the last holds {value} records"
    return SENTENCES[switch][value]


class PolicyObserver:
    """The readings to judge by, and those that were seen.

    Args:
        policy: The switches that are not at mockscope's defaults.

    Raises:
        ValueError: If a switch is unknown, or does not take the value.
    """

    def __init__(self, policy: Mapping[str, object]) -> None:
        self._policy = Policy().with_changes(**policy)
        self._seen: dict[str, set[object]] = {}

    def __getitem__(self, switch: str) -> object:
        """Return the value of a switch."""
        return getattr(self._policy, switch)

    def expected(self, switch: str) -> str:
        """Return what the rules say under the reading to judge by."""
        return describe_switch(switch, self[switch])

    def observe(self, switch: str, value: object, *exchanges: Exchange) -> None:
        """Judge a reading that was seen.

        Args:
            switch: The switch.
            value: The value under which mockscope answers like this.
            exchanges: The responses.

        Raises:
            OutcomeException: If it is not the reading to judge by.
        """
        try:
            Policy().with_changes(**{switch: value})
        except ValueError:
            # No switch makes mockscope answer like this.
            fail(self.expected(switch), *exchanges)
        self._seen.setdefault(switch, set()).add(value)
        if value != self[switch]:
            fail(self.expected(switch), *exchanges, switch={switch: value})

    @property
    def differences(self) -> dict[str, object]:
        """The switches under which mockscope answers like this server, where its defaults do not.

        A switch that was seen with two values is not among them: no policy answers like that.
        """
        values = {switch: next(iter(seen)) for switch, seen in self._seen.items() if len(seen) == 1}
        return {switch: value for switch, value in values.items() if value != getattr(Policy(), switch)}
