"""An Elasticsearch server in a container, which tests may kill, freeze and start again: `ElasticsearchContainer`."""

import atexit
import os
from collections.abc import Mapping
from typing import Any

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.backends.elasticsearch_node import java_options, node_settings, wait_until_ready
from tests.backends.ports import free_port

_PORT = 9200

# Its own container, which removes the others, comes from a registry; here `close` removes them.
testcontainers_config.ryuk_disabled = True


class ElasticsearchContainer:
    """A server in a container, on a free port of the loopback interface. Its data goes with it.

    Args:
        image: name of the image.
        settings: settings of the node besides those it needs.
        heap_mb: size of its heap.
    """

    kind = "container"
    version = ""

    def __init__(self, image: str, *, settings: Mapping[str, str] | None = None, heap_mb: int = 768) -> None:
        os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
        options = {"network.host": "0.0.0.0", **node_settings(settings)}
        self._port = free_port()
        command = ["bin/elasticsearch", *(f"-E{name}={value}" for name, value in options.items())]
        self._container = (
            DockerContainer(image).with_command(command).with_env("ES_JAVA_OPTS", java_options(heap_mb))
        )
        # A port that the engine chooses would be another one after each start; and only this machine may reach it,
        # which `with_bind_ports` cannot say.
        ports: dict[str, Any] = self._container.ports
        ports[f"{_PORT}/tcp"] = ("127.0.0.1", self._port)
        self._started = False
        atexit.register(self.close)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it, on the data it had, and waits until it answers.

        Raises:
            BackendUnavailableError: it does not answer; the message has the end of its log.
        """
        if self._started:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._started = True
        try:
            self.version = wait_until_ready(self.url, has_ended=self._has_ended, log=self.log)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        if not self._has_ended():
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

    def _has_ended(self) -> bool:
        container = self._container.get_wrapped_container()
        container.reload()
        return str(container.status) in ("exited", "dead")
