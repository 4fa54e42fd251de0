"""The parts that make a test double of a service: calls, faults, a clock, hints.

Nothing here knows the domain or HTTP servers; only the standard library may be imported.
"""
