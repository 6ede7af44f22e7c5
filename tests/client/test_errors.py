"""Tests of gistwire_client.errors: which error tells of which status, and what is read from its details."""

import grpc
from gistwire_client.errors import (
    CallFailedError,
    DeadlineExceededError,
    FieldViolation,
    GistwireClientError,
    RequestRefusedError,
    StatusDetails,
    UnreachableError,
    error_of,
)
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

KINDS: dict[grpc.StatusCode, type[GistwireClientError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: RequestRefusedError,
    grpc.StatusCode.NOT_FOUND: RequestRefusedError,
    grpc.StatusCode.ALREADY_EXISTS: RequestRefusedError,
    grpc.StatusCode.PERMISSION_DENIED: RequestRefusedError,
    grpc.StatusCode.UNAUTHENTICATED: RequestRefusedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RequestRefusedError,
    grpc.StatusCode.FAILED_PRECONDITION: RequestRefusedError,
    grpc.StatusCode.OUT_OF_RANGE: RequestRefusedError,
    grpc.StatusCode.UNIMPLEMENTED: RequestRefusedError,
    grpc.StatusCode.UNAVAILABLE: UnreachableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.CANCELLED: CallFailedError,
    grpc.StatusCode.UNKNOWN: CallFailedError,
    grpc.StatusCode.ABORTED: CallFailedError,
    grpc.StatusCode.INTERNAL: CallFailedError,
    grpc.StatusCode.DATA_LOSS: CallFailedError,
}


def rpc_error(
    code: grpc.StatusCode, *, details: str | None = "why", status: bytes | None = None
) -> grpc.aio.AioRpcError:
    metadata = (
        grpc.aio.Metadata() if status is None else grpc.aio.Metadata(("grpc-status-details-bin", status))
    )
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details)


def test_every_status_has_its_error() -> None:
    assert set(KINDS) == set(grpc.StatusCode) - {grpc.StatusCode.OK}
    for code, kind in KINDS.items():
        error = error_of(rpc_error(code))
        assert type(error) is kind
        assert str(error) == "why"


def test_a_status_without_words_is_told_by_its_name() -> None:
    assert str(error_of(rpc_error(grpc.StatusCode.INTERNAL, details=None))) == "INTERNAL"


def test_a_reason_is_told_by_errors_of_every_kind() -> None:
    status = status_pb2.Status()
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="INDEX_DOWN", domain="gistwire"))
    for code, kind in KINDS.items():
        error = error_of(rpc_error(code, status=status.SerializeToString()))
        assert type(error) is kind
        assert error.reason == "INDEX_DOWN"


def test_details_of_other_kinds_are_left_out() -> None:
    status = status_pb2.Status()
    status.details.add().Pack(error_details_pb2.Help())
    status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=250_000_000)))
    assert StatusDetails.of(status) == StatusDetails(retry_after_s=0.25)


def test_a_damaged_detail_leaves_the_others() -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="query", description="is empty")
    status = status_pb2.Status(
        details=[Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff")]
    )
    status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    assert StatusDetails.of(status) == StatusDetails(violations=(FieldViolation("query", "is empty"),))


@given(st.binary(max_size=64))
def test_no_trailing_metadata_hides_the_error(status: bytes) -> None:
    error = error_of(rpc_error(grpc.StatusCode.NOT_FOUND, status=status))
    assert isinstance(error, RequestRefusedError)
    assert str(error) == "why"
