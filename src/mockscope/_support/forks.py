"""Forked processes: a child has a copy of everything but the threads, and a lock that one of them held stays locked."""

import os
from collections.abc import Callable
from typing import NoReturn


def register_after_fork(function: Callable[[], None]) -> None:
    """Have a function called in every child that is forked, where the system has forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


class ParentOnly:
    """Stands in for what only the process that runs the server may use."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(
            f"process {os.getpid()} was forked from the one that runs this mockscope server, and has only a copy of "
            "its sites: make and change sites in the server's own process, or ask it over HTTP"
        )

    def __enter__(self) -> NoReturn:
        self.__getattr__("lock")

    def __exit__(self, *exc_info: object) -> None:
        """Is never reached."""
