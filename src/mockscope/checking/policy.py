"""The questions on which the evidence is split: the readings, and how those that were seen become switches."""

from collections.abc import Mapping
from json import dumps
from typing import Final

# The switches of mockscope's policy, with the readings that it has unless told otherwise.
DEFAULTS: Final[Mapping[str, object]] = {
    "page_size": 100,
    "test_mode_create_status": 200,
    "unknown_groups": "reject",
    "implicit_all_users": False,
    "creator_must_be_admin": False,
    "protect_builtin_groups": True,
    "require_json_content_type": False,
}

# The sizes that a page can be set to.
PAGE_SIZES: Final = range(1, 1001)

# What the rules say under each reading.
SENTENCES: Final[Mapping[str, Mapping[object, str]]] = {
    "test_mode_create_status": {
        200: "a create that test mode lets pass is 200",
        201: "a create that test mode lets pass is 201",
    },
    "unknown_groups": {
        "reject": "the name of a group that the site does not have is 400",
        "ignore": "the name of a group that the site does not have is left out",
        "create": "a group that the site does not have is created",
    },
    "implicit_all_users": {
        False: "the user is in the groups that were sent, and in no other",
        True: "the user is in All Users as well, and there first",
    },
    "creator_must_be_admin": {
        False: "a user who is no administrator may create a group",
        True: "a user who is no administrator may not create a group: 400",
    },
    "protect_builtin_groups": {
        True: "deleting or renaming a built-in group is 400",
        False: "built-in groups can be deleted and renamed",
    },
    "require_json_content_type": {
        False: "a body is read as JSON whatever its Content-Type",
        True: "a body needs Content-Type: application/json, otherwise it is 400",
    },
}


def sentence(switch: str, value: object) -> str:
    """What the rules say under a reading."""
    if switch == "page_size":
        return f"a page that is not the last holds {value} records"
    return SENTENCES[switch][value]


def is_reading(switch: str, value: object) -> bool:
    """Whether a switch can be set like that."""
    return value in (PAGE_SIZES if switch == "page_size" else SENTENCES[switch])


def with_defaults(policy: Mapping[str, object]) -> dict[str, object]:
    """All switches: those that are given, and the others as they are unless told otherwise.

    Raises:
        ValueError: a switch is unknown.
    """
    unknown = [name for name in policy if name not in DEFAULTS]
    if unknown:
        raise ValueError(f"there is no switch {unknown[0]}; there are {', '.join(DEFAULTS)}")
    return {**DEFAULTS, **policy}


class Readings:
    """The readings that were seen, of which a switch may be seen more than once."""

    def __init__(self) -> None:
        self._seen: dict[str, list[object]] = {}

    def __repr__(self) -> str:
        return f"<Readings {self._seen}>"

    def note(self, switch: str, value: object) -> None:
        """Note what was seen."""
        self._seen.setdefault(switch, []).append(value)

    @property
    def to_turn(self) -> dict[str, object]:
        """The switches under which mockscope would answer like that, where it would not by default.

        One that was seen in two ways is not among them: no policy answers like that.
        """
        return {
            switch: values[0]
            for switch, values in self._seen.items()
            if values[0] != DEFAULTS[switch] and all(value == values[0] for value in values)
        }


def as_yaml(policy: Mapping[str, object]) -> str:
    """Switches as they stand in a seed, under the key policy."""
    if not policy:
        return "policy: {}\n"
    return "\n".join(["policy:", *(f"  {switch}: {dumps(value)}" for switch, value in policy.items()), ""])
