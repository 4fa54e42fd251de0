"""The vendor's API and the control API over HTTP, on Starlette.

The domain has the rules. This package parses requests, renders responses, and checks in the order of HTTP-6.
"""
