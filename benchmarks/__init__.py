"""What mockscope costs: ``python -m benchmarks`` from a checkout, on Linux, with wrk. See docs/performance.md."""
