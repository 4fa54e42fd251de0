"""The parts that make the service a test double: recorded calls, planned faults, a clock, hints.

The package imports neither the domain nor a library for HTTP.
"""
