"""How many searches a server can take, and how many servers a load takes: `python -m benchmarks capacity`."""
