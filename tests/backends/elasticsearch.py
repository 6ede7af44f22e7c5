"""The Elasticsearch servers of tests: `new_elasticsearch` gives one in a container or as a plain process.

kinds.py says which of the two.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.backends.elasticsearch_container import ElasticsearchContainer
from tests.backends.elasticsearch_image import ELASTICSEARCH_IMAGE
from tests.backends.elasticsearch_process import ElasticsearchProcess
from tests.backends.kinds import wanted_kind


class ElasticsearchServer(Protocol):
    """A server that tests may kill, freeze and start again.

    Attributes:
        kind: ``"container"`` or ``"process"``.
        version: its version, known once it has started.
    """

    kind: str
    version: str

    @property
    def url(self) -> str:
        """Where it answers, the same after each start."""
        ...

    def start(self) -> None:
        """Starts it on the data it had, and waits until it answers.

        Raises:
            BackendUnavailableError: it does not answer.
        """
        ...

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        ...

    def freeze(self) -> None:
        """Stops it from doing anything; its connections stay open."""
        ...

    def thaw(self) -> None:
        """Lets it go on."""
        ...

    def log(self) -> str:
        """Returns what it has written to its log."""
        ...

    def close(self) -> None:
        """Ends it and removes what it wrote."""
        ...


def new_elasticsearch(
    *, settings: Mapping[str, str] | None = None, data: Path | None = None
) -> ElasticsearchServer:
    """Makes a server that is yet to be started.

    Args:
        settings: settings of the node besides those it needs.
        data: folder for its data, for a test that needs a certain disk; the server is then a process.

    Raises:
        BackendUnavailableError: none can be had.
        ValueError: the environment asks for something else than the above.
    """
    wanted = wanted_kind()
    if wanted == "process" or data is not None:
        return ElasticsearchProcess(settings=settings, data=data)
    image = ELASTICSEARCH_IMAGE.available(required=wanted == "container")
    if image is None:
        return ElasticsearchProcess(settings=settings, data=data)
    return ElasticsearchContainer(image, settings=settings)
