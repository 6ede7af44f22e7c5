"""What went wrong at Triton, as errors of this package: the one mapping, read by the engines and their tests."""

import grpc

from gistwire_models.errors import (
    GistwireModelError,
    ModelOverloadedError,
    ModelUnavailableError,
    SummaryNotWrittenError,
)

_RETRY_AFTER_S = 0.5

# Triton's own words for a full queue of a model; our models begin theirs with the reason.
_OVERLOADED = ("OVERLOADED:", "Exceeds maximum queue size", "exceeds maximum queue size")
_INVALID = "INVALID:"
_UNWRITTEN = "UNWRITTEN:"


def error_of_status(error: grpc.aio.AioRpcError, endpoint: str) -> Exception:
    """Returns what a call that failed means to its caller.

    Returns:
        ModelOverloadedError for a full queue, ValueError for a request that was refused for what it holds,
        SummaryNotWrittenError for an article that the model wrote no word of, else ModelUnavailableError.
    """
    details = error.details() or ""
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ModelOverloadedError(f"Triton at {endpoint} is busy: {details}", retry_after_s=_RETRY_AFTER_S)
    return error_of_message(details, endpoint, context=error.code().name)


def error_of_message(message: str, endpoint: str, *, context: str = "") -> Exception:
    """Returns what a message of a model, or of Triton about it, means to its caller; as `error_of_status`."""
    if any(words in message for words in _OVERLOADED):
        return ModelOverloadedError(f"Triton at {endpoint} is busy: {message}", retry_after_s=_RETRY_AFTER_S)
    if message.startswith(_INVALID):
        return ValueError(message.removeprefix(_INVALID).strip())
    if message.startswith(_UNWRITTEN):
        return SummaryNotWrittenError(message.removeprefix(_UNWRITTEN).strip())
    said = f"{context}: {message}" if context else message
    return ModelUnavailableError(f"Triton at {endpoint} failed: {said}")


def blames_endpoint(error: Exception) -> bool:
    """Whether an error says that the server is unwell, not that it is busy, nor anything of what it was asked."""
    blameless = ModelOverloadedError, SummaryNotWrittenError
    return isinstance(error, GistwireModelError) and not isinstance(error, blameless)
