"""The systems that are measured beside each other: which there are, and how each is run."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers.errors import ElasticsearchNeededError

OURS = "gistwire"
"""What all others are compared with."""


@dataclass(frozen=True, slots=True)
class SystemChoice:
    """A system in one of its variants.

    Attributes:
        name: what the report calls it.
        module: the program that runs it.
        environment: name of its requirements; None for our own environment.
        options: arguments of the program.
        needs_elasticsearch: whether it needs a cluster.
        has_our_engine: whether our engine runs in it.
    """

    name: str
    module: str
    environment: str | None = None
    options: tuple[str, ...] = ()
    needs_elasticsearch: bool = False
    has_our_engine: bool = False


SYSTEMS = (
    SystemChoice(OURS, "benchmarks.peers.gistwire_system", options=("FAST",), has_our_engine=True),
    SystemChoice(
        "gistwire, best", "benchmarks.peers.gistwire_system", options=("BEST",), has_our_engine=True
    ),
    SystemChoice("txtai", "benchmarks.peers.txtai_peer", "txtai"),
    SystemChoice(
        "txtai + our engine", "benchmarks.peers.txtai_peer", "txtai", ("--wrapped",), has_our_engine=True
    ),
    SystemChoice("haystack", "benchmarks.peers.haystack_peer", "haystack"),
    SystemChoice(
        "haystack + our engine",
        "benchmarks.peers.haystack_peer",
        "haystack",
        ("--wrapped",),
        has_our_engine=True,
    ),
    SystemChoice(
        "haystack, Elasticsearch",
        "benchmarks.peers.haystack_peer",
        "haystack",
        ("--elasticsearch",),
        needs_elasticsearch=True,
    ),
    SystemChoice("jina", "benchmarks.peers.jina_peer", "jina"),
    SystemChoice(
        "jina + our engine", "benchmarks.peers.jina_peer", "jina", ("--wrapped",), has_our_engine=True
    ),
)
"""In the order of the report."""


def chosen(names: Sequence[str], *, has_elasticsearch: bool) -> list[SystemChoice]:
    """Returns the systems of these names, or all; ours is always the first of them.

    Args:
        names: of systems; none for all that can run.
        has_elasticsearch: whether there is a cluster for those that need one.

    Raises:
        ElasticsearchNeededError: one that was named needs a cluster.
    """
    wanted = [each for each in SYSTEMS if each.name == OURS or not names or each.name in names]
    for each in wanted:
        if each.needs_elasticsearch and names and not has_elasticsearch:
            raise ElasticsearchNeededError(f"{each.name} needs --elasticsearch-url")
    return [each for each in wanted if has_elasticsearch or not each.needs_elasticsearch]
