"""Free ports of the loopback interface, for backends that tests start: `free_port`."""

import socket


def free_port() -> int:
    """Returns a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
