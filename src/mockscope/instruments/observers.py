"""The observers of the calls of all servers of this process. Importing this module imports no other."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mockscope.instruments.call import Call

# Each is called on receipt of a call, in the server's thread, with the call and its CallLog. The call has no body yet.
# Other threads may change the list. An error that an observer raises is logged.
CALL_OBSERVERS: Final[list[Callable[["Call", Any], None]]] = []
