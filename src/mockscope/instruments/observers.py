"""Observers of the calls that any server of this process receives. To import them costs nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mockscope.instruments.call import Call

# Each is called on the receipt of a call, in the server's thread, with the CallLog that keeps it. Before the
# response is made the call holds its head alone. The list may change at any time.
CALL_OBSERVERS: Final[list[Callable[["Call", Any], None]]] = []
