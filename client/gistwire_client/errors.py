"""Errors of the client package, and the one mapping from gRPC errors to them.

GistwireClientError            anything that a call did not bring to its end
├── RequestRefusedError        the server does not accept the request
├── UnreachableError           no server answers, or it cannot reach what it needs
├── CheckpointError            the file that keeps how far an ingestion or a watch came cannot be used
└── CallFailedError            the server accepted the request and could not carry it out
    ├── DeadlineExceededError  time ran out first
    └── SearchFailedError      a search stream ended without `completed`
"""

from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_STATUS_DETAILS_KEY = "grpc-status-details-bin"
"""Trailing metadata that holds a serialized google.rpc.Status, as gRPC's richer error model has it."""

_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with a field.

    Attributes:
        field: path of the field in the request, such as ``"retrieval.depth"``.
        description: what is wrong with it.
    """

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class StatusDetails:
    """What a google.rpc.Status says beyond code and message.

    Attributes:
        reason: stable reason, such as ``"PAGE_TOKEN_EXPIRED"``; empty if none was given.
        violations: the fields that break their limits.
        retry_after_s: seconds after which trying again makes sense; None if not said.
    """

    reason: str = ""
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s: float | None = None

    @classmethod
    def of(cls, status: status_pb2.Status) -> "StatusDetails":
        """Reads ErrorInfo, BadRequest and RetryInfo; what is damaged or of another kind is left out."""
        info = error_details_pb2.ErrorInfo()
        request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        for detail in status.details:
            for message in (info, request, retry):
                if detail.TypeName() == message.DESCRIPTOR.full_name:
                    try:
                        detail.Unpack(message)
                    except DecodeError:
                        message.Clear()
        return cls(
            reason=info.reason,
            violations=tuple(
                FieldViolation(each.field, each.description) for each in request.field_violations
            ),
            retry_after_s=(
                retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
                if retry.HasField("retry_delay")
                else None
            ),
        )


class GistwireClientError(Exception):
    """Anything that a call did not bring to its end.

    Attributes:
        reason: the server's stable reason, such as ``"ARTICLE_NOT_FOUND"``; empty if it gave none.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class RequestRefusedError(GistwireClientError):
    """The server does not accept the request.

    Attributes:
        violations: the fields that break their limits; empty if the refusal is for another reason.
        retry_after_s: seconds after which trying again makes sense; None if it does not.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        violations: Sequence[FieldViolation] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason)
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s


class UnreachableError(GistwireClientError):
    """No server answers at the target, or it cannot reach what it needs."""


class CheckpointError(GistwireClientError):
    """The file that keeps how far an ingestion or a watch came cannot be used."""


class CallFailedError(GistwireClientError):
    """The server accepted the request and could not carry it out."""


class DeadlineExceededError(CallFailedError):
    """The time for the call ran out before it was done."""


class SearchFailedError(CallFailedError):
    """A search stream ended without a `completed` event: what it showed is not the whole result."""


def error_of(error: grpc.aio.AioRpcError) -> GistwireClientError:
    """Maps an error of gRPC to the error of this package that tells of it."""
    code = error.code()
    message = error.details() or code.name
    details = _details_of(error)
    if code in _REFUSALS:
        return RequestRefusedError(
            message,
            reason=details.reason,
            violations=details.violations,
            retry_after_s=details.retry_after_s,
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return UnreachableError(message, reason=details.reason)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError(message, reason=details.reason)
    return CallFailedError(message, reason=details.reason)


def _details_of(error: grpc.aio.AioRpcError) -> StatusDetails:
    # grpc_status.rpc_status reads calls of the sync API only.
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_DETAILS_KEY and isinstance(value, bytes):
            try:
                return StatusDetails.of(status_pb2.Status.FromString(value))
            except DecodeError:
                break
    return StatusDetails()
