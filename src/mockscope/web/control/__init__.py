"""The control API under /_mockscope/v1: the bench and its instruments over HTTP, for clients in any language.

Rules are theirs: here is only who may ask, what was asked, and how the answer is written.
"""
