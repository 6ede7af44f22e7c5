"""Tests of the one mapping of what goes wrong at Triton."""

import grpc
import pytest
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError, SummaryNotWrittenError
from gistwire_models.triton.failures import blames_endpoint, error_of_message, error_of_status
from hypothesis import given
from hypothesis import strategies as st

ENDPOINT = "10.0.0.1:8001"
FULL_QUEUE = "[StatusCode.UNAVAILABLE] [request id: 7] Exceeds maximum queue size"


def status_error(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=details)


@pytest.mark.parametrize(
    ("code", "details", "kind", "blamed"),
    [
        (grpc.StatusCode.UNAVAILABLE, "connection refused", ModelUnavailableError, True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", ModelUnavailableError, True),
        (grpc.StatusCode.INTERNAL, "onnx: out of memory", ModelUnavailableError, True),
        (grpc.StatusCode.UNAVAILABLE, FULL_QUEUE, ModelOverloadedError, False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", ModelOverloadedError, False),
        (grpc.StatusCode.INTERNAL, "OVERLOADED: 256 articles wait", ModelOverloadedError, False),
        (grpc.StatusCode.INTERNAL, "INVALID: body is empty", ValueError, False),
        (grpc.StatusCode.INTERNAL, "UNWRITTEN: the model wrote no word", SummaryNotWrittenError, False),
        (grpc.StatusCode.INTERNAL, "UNAVAILABLE: the engine was closed", ModelUnavailableError, True),
    ],
)
def test_a_status_means(code: grpc.StatusCode, details: str, kind: type[Exception], blamed: bool) -> None:
    error = error_of_status(status_error(code, details), ENDPOINT)
    assert type(error) is kind
    assert blames_endpoint(error) is blamed


def test_who_is_busy_says_when_to_try_again() -> None:
    error = error_of_message("OVERLOADED: 256 articles wait", ENDPOINT)
    assert isinstance(error, ModelOverloadedError)
    assert error.retry_after_s > 0


def test_a_refusal_is_told_to_the_caller_without_the_reason_that_machines_read() -> None:
    assert str(error_of_message("INVALID: body is empty", ENDPOINT)) == "body is empty"


def test_an_error_names_the_server_and_what_it_said() -> None:
    error = error_of_status(status_error(grpc.StatusCode.INTERNAL, "out of memory"), ENDPOINT)
    assert str(error) == f"Triton at {ENDPOINT} failed: INTERNAL: out of memory"


@given(st.sampled_from(grpc.StatusCode), st.text())
def test_every_failure_is_one_of_three(code: grpc.StatusCode, details: str) -> None:
    error = error_of_status(status_error(code, details), ENDPOINT)
    assert type(error) in {ModelUnavailableError, ModelOverloadedError, ValueError}
