"""The plan of a site in a seed: its faults, its timeline of changes by other clients, strict mode and the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mockscope._vendor import GROUPS_PATH, OPERATIONS
from mockscope.instruments.fault import ANY, MAX_DELAY_SECONDS, TRANSPORTS
from mockscope.instruments.planned_change import CHANGE_KINDS
from mockscope.seeds.fields import ApiKey, Email, Text, Time

# The loader checks these choices itself: its errors name the nearest known one.
OperationOrAny = Annotated[str, Meta(extra_json_schema={"enum": [ANY, *OPERATIONS]})]
TransportName = Annotated[str, Meta(extra_json_schema={"enum": [*TRANSPORTS]})]
ChangeName = Annotated[str, Meta(extra_json_schema={"enum": [*CHANGE_KINDS]})]
Seconds = Annotated[float, Meta(ge=0, le=MAX_DELAY_SECONDS)]
Count = Annotated[int, Meta(ge=1)]


class SeedUniform(msgspec.Struct, forbid_unknown_fields=True):
    """A uniform distribution of delays."""

    low: Annotated[Seconds, Meta(description="The shortest delay, in seconds.", examples=[0.1])]
    high: Annotated[Seconds, Meta(description="The longest delay, in seconds.", examples=[2])]
    seed: Annotated[int, Meta(description="The seed of the random generator.", examples=[7])] = 0


class SeedLogNormal(msgspec.Struct, forbid_unknown_fields=True):
    """A log-normal distribution of delays: many are short, a few are long."""

    median: Annotated[Seconds, Meta(description="The median delay, in seconds.", examples=[0.3])]
    sigma: Annotated[
        float, Meta(ge=0, le=10, description="The standard deviation of the logarithm.", examples=[0.5])
    ] = 0.5
    seed: Annotated[int, Meta(description="The seed of the random generator.", examples=[7])] = 0


class SeedDelay(msgspec.Struct, forbid_unknown_fields=True):
    """A distribution of delays: one of uniform and lognormal."""

    uniform: Annotated[SeedUniform, Meta(description="A uniform distribution.")] | UnsetType = UNSET
    lognormal: Annotated[SeedLogNormal, Meta(description="A log-normal distribution.")] | UnsetType = UNSET


class SeedWhere(msgspec.Struct, forbid_unknown_fields=True):
    """Criteria for the calls that a fault hits. All of them must match."""

    method: Annotated[str, Meta(description="The method.", examples=["PUT"])] | UnsetType = UNSET
    path: (
        Annotated[str, Meta(description="The path as it is sent, percent-encoded.", examples=[f"{GROUPS_PATH}/Sales"])]
        | UnsetType
    ) = UNSET
    email: (
        Annotated[str | None, Meta(description="The email of the user.", examples=["joey@example.com"])] | UnsetType
    ) = UNSET
    group: Annotated[str | None, Meta(description="The name of the group.", examples=["Sales"])] | UnsetType = UNSET
    params: (
        Annotated[dict[str, str], Meta(description="The parameters of the query.", examples=[{"test_mode": "true"}])]
        | UnsetType
    ) = UNSET
    json: Annotated[Any, Meta(description="The whole body, as JSON.")] = UNSET
    test_mode: Annotated[bool, Meta(description="Whether the call is a dry run.")] | UnsetType = UNSET


class SeedFault(msgspec.Struct, forbid_unknown_fields=True):
    """A planned fault or, with calls and per, a rate limit."""

    operation: (
        Annotated[OperationOrAny, Meta(description="The operation; * is any.", examples=["create_user"])] | UnsetType
    ) = UNSET
    status: (
        Annotated[
            Annotated[int, Meta(ge=200, le=599)] | None,
            Meta(description="Respond with this status instead.", examples=[503]),
        ]
        | UnsetType
    ) = UNSET
    body: Annotated[Any, Meta(description="The body of that response: text, or anything as JSON.")] = UNSET
    headers: (
        Annotated[dict[str, str], Meta(description="The headers of that response.", examples=[{"Retry-After": "2"}])]
        | UnsetType
    ) = UNSET
    delay: (
        Annotated[Seconds | SeedDelay, Meta(description="Seconds on the site's clock, or a distribution.")] | UnsetType
    ) = UNSET
    transport: (
        Annotated[
            TransportName | None,
            Meta(description="The way in which the connection breaks.", examples=["reset"]),
        ]
        | UnsetType
    ) = UNSET
    after_bytes: (
        Annotated[
            Annotated[int, Meta(ge=0)] | None,
            Meta(description="The bytes of the body that truncate and bad_json send.", examples=[10]),
        ]
        | UnsetType
    ) = UNSET
    times: (
        Annotated[Count | None, Meta(description="How many calls to hit; null is every call.", examples=[2])]
        | UnsetType
    ) = UNSET
    nth: (
        Annotated[Count | None, Meta(description="The first call to hit, counted from 1.", examples=[3])] | UnsetType
    ) = UNSET
    after_commit: (
        Annotated[bool, Meta(description="Carry out the operation first, and lose only its response.")] | UnsetType
    ) = UNSET
    where: Annotated[SeedWhere, Meta(description="Further criteria for the calls.")] | UnsetType = UNSET
    probability: (
        Annotated[
            Annotated[float, Meta(gt=0, le=1)] | None,
            Meta(description="Hit a call only with this probability.", examples=[0.1]),
        ]
        | UnsetType
    ) = UNSET
    seed: Annotated[int, Meta(description="The seed for drawing with the probability.")] | UnsetType = UNSET
    calls: (
        Annotated[Count, Meta(description="A rate limit: how many calls pass in a period.", examples=[100])] | UnsetType
    ) = UNSET
    per: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=MAX_DELAY_SECONDS,
                description="A rate limit: the period, in seconds on the site's clock.",
                examples=[60],
            ),
        ]
        | UnsetType
    ) = UNSET


class SeedBefore(msgspec.Struct, forbid_unknown_fields=True):
    """A call, counted among those of an operation with the key of the site."""

    operation: (
        Annotated[OperationOrAny, Meta(description="The operation; absent: any.", examples=["list_users"])] | UnsetType
    ) = UNSET
    call: Annotated[Count, Meta(description="The number of the call; absent: 1.", examples=[2])] | UnsetType = UNSET


class SeedChange(msgspec.Struct, forbid_unknown_fields=True):
    """A change of the site by another client, made once: at a time, or right before a call."""

    do: Annotated[ChangeName, Meta(description="The change.", examples=["delete_user"])]
    at: (
        Annotated[
            Time, Meta(description="The time on the site's clock, in ISO 8601.", examples=["2026-01-01T00:00:00Z"])
        ]
        | UnsetType
    ) = UNSET
    before: Annotated[SeedBefore, Meta(description="The call before which it is made.")] | UnsetType = UNSET
    email: (
        Annotated[
            Email,
            Meta(description="The user of delete_user, create_user and update_user.", examples=["joey@example.com"]),
        ]
        | UnsetType
    ) = UNSET
    first_name: Annotated[Text, Meta(description="The user's first name.", examples=["Joey"])] | UnsetType = UNSET
    last_name: Annotated[Text, Meta(description="The user's last name.", examples=["Tribbiani"])] | UnsetType = UNSET
    groups: Annotated[list[Text], Meta(description="The user's groups.", examples=[["Sales"]])] | UnsetType = UNSET
    tfa_enabled: Annotated[bool, Meta(description="Whether two-factor authentication is enabled.")] | UnsetType = UNSET
    name: Annotated[Text, Meta(description="The group of delete_group.", examples=["Sales"])] | UnsetType = UNSET
    api_key: (
        Annotated[
            ApiKey, Meta(description="The new key of rotate_key; absent: a generated one.", examples=["e179017a"])
        ]
        | UnsetType
    ) = UNSET


# Planning a fault takes time in proportion to those that are planned already.
MAX_PLANNED: Final = 1_000

FaultList = Annotated[list[SeedFault], Meta(max_length=MAX_PLANNED, description="Planned faults and rate limits.")]
ChangeList = Annotated[list[SeedChange], Meta(max_length=MAX_PLANNED, description="Changes by other clients.")]
Strict = Annotated[bool, Meta(description="Whether the site is in strict mode. Absent: the server's setting.")]
Contract = Annotated[
    bool, Meta(description="Whether requests are validated against openapi.yaml. Absent: the server's setting.")
]


class SeedPlan(msgspec.Struct, forbid_unknown_fields=True):
    """A file with the plan of a site, without records."""

    faults: FaultList | UnsetType = UNSET
    timeline: ChangeList | UnsetType = UNSET
    strict: Strict | UnsetType = UNSET
    contract: Contract | UnsetType = UNSET


@dataclass(frozen=True)
class Plan:
    """The faults and changes with which a site begins, strict mode, and the contract. None is a key that is absent.

    Args:
        faults: planned faults and rate limits, as plain data.
        timeline: planned changes, as plain data.
        strict: whether the site is in strict mode.
        contract: whether its requests are validated against openapi.yaml.
    """

    faults: Sequence[Mapping[str, Any]] | None = None
    timeline: Sequence[Mapping[str, Any]] | None = None
    strict: bool | None = None
    contract: bool | None = None

    def over(self, other: Self) -> "Plan":
        """Return this plan, with the keys that it lacks taken from another one."""
        own = {name: value for name, value in vars(self).items() if value is not None}
        return Plan(**vars(other) | own)


NO_PLAN: Final = Plan()
