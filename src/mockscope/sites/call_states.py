"""The records of a site from before each call, for copies of calls as tests."""

from collections.abc import Callable
from functools import partial
from typing import Any

from mockscope.domain.moments import Moment
from mockscope.domain.site import Site
from mockscope.seeds.format import export_moment


class CallStates:
    """Returns functions that export the records of a site as they were at the moment of the call.

    Args:
        site: The site.
    """

    def __init__(self, site: Site) -> None:
        self._export = partial(export_moment, Moment.now(site))

    def __call__(self) -> Callable[[], dict[str, Any]]:
        """Return the function for the present records. It is the same one until the site changes."""
        moment: Moment = self._export.args[0]
        if not moment.is_now():
            self._export = partial(export_moment, Moment.now(moment.site))
        return self._export
