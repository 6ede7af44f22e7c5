"""Where the time of a search goes, part by part: `python -m benchmarks profile`."""
