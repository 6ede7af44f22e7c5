"""How the servers behind this one are doing: `add_backend_gauges`."""

from gistwire_models.endpoint_states import HasEndpoints

from gistwire_server.engines import Engines
from gistwire_server.telemetry.gauges import Gauges, Reading

_STATES = ("closed", "half-open", "open")


def add_backend_gauges(gauges: Gauges, engines: Engines) -> None:
    """Adds the state of each circuit breaker between this server and another."""
    backends: dict[str, object] = {
        "encoder": engines.encoder,
        "summarizer": engines.summarizer,
        "index": engines.index,
    }

    def read() -> Reading:
        return {
            (backend, endpoint, each): float(each == state)
            for backend, engine in backends.items()
            if isinstance(engine, HasEndpoints)
            for endpoint, state in engine.endpoint_states().items()
            for each in _STATES
        }

    gauges.add(
        "gistwire_breaker_state",
        "State of the circuit breaker of each server behind this one: 1 for the state that it is in.",
        read,
        labels=("backend", "endpoint", "state"),
    )
