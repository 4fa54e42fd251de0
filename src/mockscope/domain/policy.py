"""The policy switches of a site: one for each rule on which the public evidence is contradictory."""

from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from mockscope._support.suggestions import suggest
from mockscope._vendor import PAGE_SIZE
from mockscope.domain.type_errors import describe_type_error


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policy switches of a site. The defaults follow openapi.yaml."""

    page_size: Annotated[int, Meta(ge=1, le=1000, description="Records on a page (PAGE-2).")] = PAGE_SIZE
    test_mode_create_status: Annotated[
        Literal[200, 201],
        Meta(description="Status of a create that test mode let pass (TEST-2).", extra_json_schema={"type": "integer"}),
    ] = 200
    unknown_groups: Annotated[
        Literal["reject", "ignore", "create"],
        Meta(
            description="What happens to names of groups that the site does not have (USER-CREATE-2).",
            extra_json_schema={"type": "string"},
        ),
    ] = "reject"
    implicit_all_users: Annotated[
        bool, Meta(description="Put All Users first wherever groups are set for a user (USER-CREATE-2).")
    ] = False
    creator_must_be_admin: Annotated[
        bool, Meta(description="Only members of Administrators may create groups (GROUP-CREATE-2).")
    ] = False
    protect_builtin_groups: Annotated[
        bool, Meta(description="Administrators and All Users can't be renamed or deleted (GROUP-BUILTIN-1).")
    ] = True
    require_json_content_type: Annotated[
        bool, Meta(description="A body needs Content-Type: application/json (HTTP-4).")
    ] = False

    def with_changes(self, /, **changes: Any) -> "Policy":
        """Return the policy with some switches changed.

        Raises:
            ValueError: If a switch is unknown, or its value is not valid.
        """
        switches = self.__struct_fields__
        for name in changes:
            if name not in switches:
                raise ValueError(f"policy: there is no field {name} here; {suggest(name, switches)}")
        try:
            return msgspec.convert({**msgspec.structs.asdict(self), **changes}, Policy)
        except msgspec.ValidationError as error:
            where = str(error).partition(" - at ")[2]
            raise ValueError(f"policy.{describe_type_error(where, Policy, changes, 'policy')}") from None


def with_choices(problem: str, switch: str) -> str:
    """Return msgspec's message about an invalid value, with the valid values of an enumerated switch."""
    if not problem.startswith("Invalid enum value"):
        return problem
    return f"{problem}; known: {', '.join(map(str, get_args(get_type_hints(Policy)[switch])))}"
