"""Values that are read when Prometheus asks: `Gauges`, with which parts of the server show what they hold."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Reading = Mapping[tuple[str, ...], float]
"""Values by the labels' values, in the order of the labels; ``{(): value}`` for a gauge without labels."""


@dataclass(frozen=True, slots=True)
class _Gauge:
    name: str
    documentation: str
    labels: tuple[str, ...]
    read: Callable[[], Reading]


class Gauges(Collector):
    """Gauges of one server.

    Each is read from another thread than the event loop's: what reads it must do with looking, and bear with what is
    changed meanwhile.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges: list[_Gauge] = []
        registry.register(self)

    def add(
        self, name: str, documentation: str, read: Callable[[], Reading], *, labels: Iterable[str] = ()
    ) -> None:
        """Adds a gauge.

        Args:
            name: begins with ``gistwire_``, and ends in the unit, if it has one.
            documentation: what it tells, in a sentence.
            read: looks at the values. Those of labels must be few, and never text of users or articles.
            labels: names of the labels.

        Raises:
            ValueError: there is a gauge of that name.
        """
        if any(gauge.name == name for gauge in self._gauges):
            raise ValueError(f"there is a gauge {name} already")
        self._gauges.append(_Gauge(name, documentation, tuple(labels), read))

    def add_value(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Adds a gauge without labels; as `add`."""
        self.add(name, documentation, lambda: {(): read()})

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Reads all of them, for the registry."""
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.documentation, labels=gauge.labels)
            for values, reading in gauge.read().items():
                family.add_metric(values, reading)
            yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Names no gauge: what is added later would not be among them."""
        return ()
