"""A container that tests may kill, freeze and start again: `BreakableContainer`, of which backends are made."""

import atexit
import os
from collections.abc import Mapping
from typing import Any

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

# Its own container, which removes the others, comes from a registry; here `close` removes them.
testcontainers_config.ryuk_disabled = True


class BreakableContainer:
    """A container whose ports are the same after each start, and can be reached from this machine alone.

    Args:
        container: the container, which is yet to be started. Its data goes with it.
        ports: port of this machine for each port of the container.
    """

    kind = "container"

    def __init__(self, container: DockerContainer, ports: Mapping[int, int]) -> None:
        os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
        self._container = container
        # A port that the engine chooses would be another one after each start; and only this machine may reach it,
        # which `with_bind_ports` cannot say.
        bound: dict[str, Any] = container.ports
        for inside, outside in ports.items():
            bound[f"{inside}/tcp"] = ("127.0.0.1", outside)
        self._started = False
        atexit.register(self.close)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if self._started and not self.has_ended():
            self._container.get_wrapped_container().kill()

    def freeze(self) -> None:
        """Stops it from doing anything; its connections stay open."""
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        """Lets it go on."""
        self._container.get_wrapped_container().unpause()

    def log(self) -> str:
        """Returns what it has written to its log."""
        return b"".join(self._container.get_logs()).decode(errors="replace")

    def close(self) -> None:
        """Ends it and removes it with its data."""
        if self._started:
            self._container.stop(force=True, delete_volume=True)
            self._started = False
        atexit.unregister(self.close)

    def has_ended(self) -> bool:
        """Whether it does not run any more."""
        container = self._container.get_wrapped_container()
        container.reload()
        return str(container.status) in ("exited", "dead")

    def run(self) -> None:
        """Starts it, on the data it had; does not wait for what it serves."""
        if self._started:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._started = True
