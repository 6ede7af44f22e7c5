"""Tests of tensors on the wire."""

import numpy as np
import pytest
from gistwire.triton.v1 import inference_pb2
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.triton.tensors import TensorReader, TensorWriter
from hypothesis import given
from hypothesis import strategies as st


def sent_back(request: inference_pb2.ModelInferRequest) -> TensorReader:
    """Reads a request's inputs as if they were a response's outputs."""
    response = inference_pb2.ModelInferResponse(
        model_name="echo", raw_output_contents=request.raw_input_contents
    )
    response.outputs.extend(request.inputs)
    return TensorReader(response)


def response_of(datatype: str, shape: list[int], content: bytes) -> TensorReader:
    response = inference_pb2.ModelInferResponse(model_name="echo", raw_output_contents=[content])
    response.outputs.add(name="x", datatype=datatype, shape=shape)
    return TensorReader(response)


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_texts_come_back_as_they_went(texts: list[str]) -> None:
    request = inference_pb2.ModelInferRequest()
    TensorWriter(request).texts("x", texts, [len(texts), 1])
    assert sent_back(request).texts("x") == texts
    assert list(request.inputs[0].shape) == [len(texts), 1]


def test_lone_surrogates_are_replaced() -> None:
    request = inference_pb2.ModelInferRequest()
    TensorWriter(request).texts("x", ["a\ud800b"])
    assert sent_back(request).texts("x") == ["a?b"]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_floats_come_in_their_shape(values: list[float]) -> None:
    content = np.array(values, dtype="<f4").tobytes()
    read = response_of("FP32", [len(values), 1], content).floats("x")
    assert read[:, 0].tolist() == values
    read[0, 0] = 0


@given(st.binary(max_size=40))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    for read in (
        lambda: response_of("BYTES", [1], content).texts("x"),
        lambda: response_of("FP32", [2, 3], content).floats("x"),
    ):
        try:
            read()
        except ModelUnavailableError as error:
            assert "'x'" in str(error)  # noqa: PT017


def test_another_output_or_type_is_refused() -> None:
    reader = response_of("INT32", [1], b"\0\0\0\0")
    assert "x" in reader
    assert "y" not in reader
    with pytest.raises(ModelUnavailableError, match="no output 'y'"):
        reader.texts("y")
    with pytest.raises(ModelUnavailableError, match="is INT32, not BYTES"):
        reader.texts("x")


def test_numbers_and_flags_are_little_endian() -> None:
    request = inference_pb2.ModelInferRequest()
    writer = TensorWriter(request)
    writer.integers("n", [1, -1])
    writer.flags("b", [True, False])
    assert list(request.raw_input_contents) == [b"\1\0\0\0\xff\xff\xff\xff", b"\1\0"]
    assert [each.datatype for each in request.inputs] == ["INT32", "BOOL"]
