"""The command line."""

from mockscope.cli.root import main

__all__ = ["main"]
