"""How much is under way and waits: `add_admission_gauges`."""

from typing import Protocol

from gistwire_server.telemetry.gauges import Gauges


class AdmissionState(Protocol):
    """What the admission controller tells."""

    @property
    def limit(self) -> float:
        """Cost of what may run at a time, in default searches."""
        ...

    @property
    def in_use(self) -> float:
        """Cost of what runs, in default searches."""
        ...

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        ...


def add_admission_gauges(gauges: Gauges, admission: AdmissionState, *, queue_limit: int) -> None:
    """Adds what is admitted and what waits.

    Args:
        gauges: where.
        admission: the controller.
        queue_limit: calls that may wait.
    """
    gauges.add_value("gistwire_queue_length", "Calls that wait for their turn.", lambda: admission.waiting)
    gauges.add_value("gistwire_queue_limit", "Calls that may wait at a time.", lambda: queue_limit)
    gauges.add_value(
        "gistwire_admission_limit",
        "Cost of what may run at a time, in searches with the default options.",
        lambda: admission.limit,
    )
    gauges.add_value(
        "gistwire_admission_in_use",
        "Cost of what runs, in searches with the default options.",
        lambda: admission.in_use,
    )
