"""An Elasticsearch server in a container, which tests may kill, freeze and start again: `ElasticsearchContainer`."""

from collections.abc import Mapping

from testcontainers.core.container import DockerContainer

from tests.backends.breakable_container import BreakableContainer
from tests.backends.elasticsearch_node import java_options, node_settings, wait_until_ready
from tests.backends.ports import free_port

_PORT = 9200


class ElasticsearchContainer(BreakableContainer):
    """A server in a container, on a free port of the loopback interface. Its data goes with it.

    Args:
        image: name of the image.
        settings: settings of the node besides those it needs.
        heap_mb: size of its heap.
    """

    version = ""

    def __init__(self, image: str, *, settings: Mapping[str, str] | None = None, heap_mb: int = 768) -> None:
        options = {"network.host": "0.0.0.0", **node_settings(settings)}
        self._port = free_port()
        command = ["bin/elasticsearch", *(f"-E{name}={value}" for name, value in options.items())]
        container = (
            DockerContainer(image).with_command(command).with_env("ES_JAVA_OPTS", java_options(heap_mb))
        )
        super().__init__(container, {_PORT: self._port})

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it, on the data it had, and waits until it answers.

        Raises:
            BackendUnavailableError: it does not answer; the message has the end of its log.
        """
        self.run()
        try:
            self.version = wait_until_ready(self.url, has_ended=self.has_ended, log=self.log)
        except BaseException:
            self.kill()
            raise
