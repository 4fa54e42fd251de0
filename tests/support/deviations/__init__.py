"""Deviations of a server, one at a time, each with the rules that it breaks."""

from support.deviations import authentication, dry_runs, groups, paging, transport, users
from support.deviations.changes import DEVIATIONS

__all__ = ["DEVIATIONS", "authentication", "dry_runs", "groups", "paging", "transport", "users"]
