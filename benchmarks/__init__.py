"""The benchmarks of mockscope; see README.md and ``python -m benchmarks --help``."""
