"""The service without a network: sites, users, groups, dashboards, and the rules between them.

The package imports only the standard library, msgspec and sortedcontainers. It has no HTTP, no files and no clock.
"""
