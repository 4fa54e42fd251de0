"""The control API under /_mockscope/v1: sites and their instruments over HTTP, for clients in any language.

It has no rules of its own: it checks access, decodes requests and renders responses.
"""
