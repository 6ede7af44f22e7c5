"""Gistwire beside the systems that one would compare it with: `python -m benchmarks peers`."""
