"""HTTP on Starlette, and the only place that imports it.

Rules are the domain's: here requests are read, answers written, and the order of HTTP-6 kept.
"""
