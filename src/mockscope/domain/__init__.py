"""The service as if there were no network: sites, users, groups, dashboards and the rules between them.

Only the standard library, a codec and a sorted container may be imported here; no HTTP, no files, no clock.
"""
