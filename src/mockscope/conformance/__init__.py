"""Judges any server by the rules: it knows what the rules say and how to ask, and nothing of our own server.

No domain, no web and no click may come in here.
"""
