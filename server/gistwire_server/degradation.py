"""Why a model was done without: the reason that `degraded` events give."""

from gistwire.v1 import events_pb2
from gistwire_models.errors import ModelOverloadedError, SummaryNotWrittenError


def reason_of(error: Exception) -> events_pb2.Degraded.Reason.ValueType:
    """The reason that an error of a model gives, or a time that ran out.

    Of an article that the model wrote no word of, NOT_AVAILABLE comes nearest: the engine is well, and what was asked
    for is not to be had of the model that this deployment has.
    """
    match error:
        case TimeoutError():
            return events_pb2.Degraded.DEADLINE
        case ModelOverloadedError():
            return events_pb2.Degraded.OVERLOAD
        case SummaryNotWrittenError():
            return events_pb2.Degraded.NOT_AVAILABLE
        case _:
            return events_pb2.Degraded.BACKEND_DOWN
