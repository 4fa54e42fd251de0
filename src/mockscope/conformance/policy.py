"""The policy switches: the expected values, and the values that a server was observed to follow."""

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
# The expectation for each value of each switch except page_size.
SENTENCES: Final[Mapping[str, Mapping[object, str]]] = _TEXTS["switches"]


def describe_switch(switch: str, value: object) -> str:
    """Return the expectation for a value of a switch."""
    if switch == "page_size":
        return f"a page that is not the last holds {value} records"
    return SENTENCES[switch][value]


class PolicyObserver:
    """The expected policy, and the values of its switches that were observed.

    Args:
        policy: The expected switches, as far as they are not mockscope's defaults.

    Raises:
        ValueError: If a switch is unknown, or does not take the value.
    """

    def __init__(self, policy: Mapping[str, object]) -> None:
        self._policy = Policy().with_changes(**policy)
        self._seen: dict[str, set[object]] = {}

    def __getitem__(self, switch: str) -> object:
        """Return the expected value of a switch."""
        return getattr(self._policy, switch)

    def expected(self, switch: str) -> str:
        """Return the expectation for the expected value of a switch."""
        return describe_switch(switch, self[switch])

    def observe(self, switch: str, value: object, *exchanges: Exchange) -> None:
        """Note an observed value of a switch, and compare it with the expected value.

        Args:
            switch: The name of the switch.
            value: The value with which mockscope responds like the server.
            exchanges: The responses that show the value.

        Raises:
            OutcomeException: If the value is not the expected one.
        """
        try:
            Policy().with_changes(**{switch: value})
        except ValueError:
            # No valid value makes mockscope respond like this.
            fail(self.expected(switch), *exchanges)
        self._seen.setdefault(switch, set()).add(value)
        if value != self[switch]:
            fail(self.expected(switch), *exchanges, switch={switch: value})

    def observe_refusal(self, switch: str, *exchanges: Exchange) -> None:
        """Observe a switch that is true if all requests are refused with 400, and false if all are accepted.

        Raises:
            OutcomeException: If neither is the case, or the value is not the expected one.
        """
        refused = {exchange.status == 400 for exchange in exchanges}
        if len(refused) > 1 or any(exchange.status >= 300 and exchange.status != 400 for exchange in exchanges):
            fail(self.expected(switch), *exchanges)
        self.observe(switch, refused.pop(), *exchanges)

    @property
    def differences(self) -> dict[str, object]:
        """The observed switches that are not mockscope's defaults.

        A switch with two observed values is omitted, because no policy responds like that.
        """
        values = {switch: next(iter(seen)) for switch, seen in self._seen.items() if len(seen) == 1}
        return {switch: value for switch, value in values.items() if value != getattr(Policy(), switch)}
