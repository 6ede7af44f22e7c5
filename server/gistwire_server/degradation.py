"""Why a model was done without: the reason that `degraded` events give."""

from gistwire.v1 import events_pb2
from gistwire_models.errors import ModelOverloadedError


def reason_of(error: Exception) -> events_pb2.Degraded.Reason.ValueType:
    """The reason that an error of a model gives, or a time that ran out."""
    match error:
        case TimeoutError():
            return events_pb2.Degraded.DEADLINE
        case ModelOverloadedError():
            return events_pb2.Degraded.OVERLOAD
        case _:
            return events_pb2.Degraded.BACKEND_DOWN
