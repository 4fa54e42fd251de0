"""The call whose operation runs in this thread: the changes of records that it makes belong to it."""

from contextvars import ContextVar
from typing import Final

from mockscope.instruments.call import Call
from mockscope.instruments.record_changes import RecordChanges

CURRENT_CALL: Final[ContextVar[Call | None]] = ContextVar("CURRENT_CALL", default=None)


def store_in_current_call(changes: RecordChanges) -> Call | None:
    """Store the changes of a write in the call whose operation makes it, and return the call.

    A write from Python or the control API belongs to no call.
    """
    call = CURRENT_CALL.get()
    if call is not None:
        call.store_changes(changes)
    return call
