"""Forked processes. A child has no threads of its parent, so a lock that one of them held would stay locked."""

import os
from collections.abc import Callable
from typing import NoReturn


def register_after_fork(function: Callable[[], None]) -> None:
    """Register a function to be called in each forked child. Without forks on the system, it does nothing."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


class ParentOnly:
    """A placeholder for an object that only the process of the server may use. Each use raises RuntimeError."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(
            f"process {os.getpid()} was forked from the one that runs this mockscope server, and has only a copy of "
            "its sites: make and change sites in the server's own process, or ask it over HTTP"
        )

    def __enter__(self) -> NoReturn:
        self.__getattr__("lock")

    def __exit__(self, *exc_info: object) -> None:
        """Do nothing, because ``__enter__`` has raised."""
