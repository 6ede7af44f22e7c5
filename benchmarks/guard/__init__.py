"""What the server takes beside what lies under it, against what was recorded: `python -m benchmarks guard`."""
