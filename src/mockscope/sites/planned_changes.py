"""The planned faults with which a site begins, and the planned changes, made through the handle of the site."""

from typing import Any, Final
from weakref import ref

from mockscope.domain.refusals import Refused
from mockscope.instruments.fault import Fault
from mockscope.instruments.faults import Faults
from mockscope.instruments.planned_change import PlannedChange
from mockscope.instruments.rate_limits import RateLimit
from mockscope.seeds.plan import Plan

# The methods of a site for the changes with arguments.
METHODS: Final = {
    "delete_user": "remove_user",
    "create_user": "add_user",
    "update_user": "update_user",
    "delete_group": "remove_group",
    "rotate_key": "rotate_key",
}


def make_change(site: "ref[Any]", change: PlannedChange) -> str | None:
    """Make a planned change of a site. Return the reason if the site refuses it.

    Args:
        site: a weak reference to the handle. A handle that is dropped is freed at once, with the keys to redact.
        change: the change.
    """
    handle = site()
    if handle is None:
        return "the site was removed"
    try:
        if change.do in METHODS:
            getattr(handle, METHODS[change.do])(**change.arguments)
        else:
            handle.enabled = change.do == "enable"
    except (Refused, ValueError) as error:
        return str(error)
    return None


def plan_faults(faults: Faults, plan: Plan) -> None:
    """Replace the planned faults and rate limits, and the planned changes, each if the plan has its key.

    Raises:
        ValueError: If a fault or a change is not valid.
    """
    for key, rows, kinds in (("faults", plan.faults, Fault | RateLimit), ("timeline", plan.timeline, PlannedChange)):
        if rows is not None:
            for planned in [each for each in faults if isinstance(each, kinds)]:
                faults.remove(planned)
            for row in rows:
                faults.add_plain(row, key)
