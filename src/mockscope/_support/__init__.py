"""Helpers without a domain of their own: every package may import them, and they import none."""
