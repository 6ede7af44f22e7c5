"""Load on a whole server in a process of its own, beside the floors under it: `python -m benchmarks load`."""
