"""Tensors as Triton's protocol carries them: `TensorWriter` builds a request's, `TensorReader` reads a response's."""

import struct
from collections.abc import Sequence

import numpy as np
from gistwire.triton.v1 import inference_pb2
from numpy.typing import NDArray

from gistwire_models.errors import ModelUnavailableError

_LENGTH = struct.Struct("<I")


class TensorWriter:
    """Adds inputs to a request.

    Args:
        request: the request, which has no inputs yet.
    """

    def __init__(self, request: inference_pb2.ModelInferRequest) -> None:
        self._request = request

    def texts(self, name: str, texts: Sequence[str], shape: Sequence[int] | None = None) -> None:
        """Adds a tensor of texts, by default ``BYTES [len(texts)]``; lone surrogates become ``?``."""
        parts: list[bytes] = []
        for text in texts:
            encoded = text.encode(errors="replace")
            parts += (_LENGTH.pack(len(encoded)), encoded)
        self._add(name, "BYTES", shape or [len(texts)], b"".join(parts))

    def integers(self, name: str, values: Sequence[int]) -> None:
        """Adds ``INT32 [len(values)]``."""
        self._add(name, "INT32", [len(values)], np.asarray(values, dtype="<i4").tobytes())

    def flags(self, name: str, values: Sequence[bool]) -> None:
        """Adds ``BOOL [len(values)]``."""
        self._add(name, "BOOL", [len(values)], np.asarray(values, dtype=np.bool_).tobytes())

    def _add(self, name: str, datatype: str, shape: Sequence[int], content: bytes) -> None:
        self._request.inputs.add(name=name, datatype=datatype, shape=shape)
        self._request.raw_input_contents.append(content)


class TensorReader:
    """Reads the outputs of a response.

    Args:
        response: the response.

    Raises:
        ModelUnavailableError: it has other contents than outputs.
    """

    def __init__(self, response: inference_pb2.ModelInferResponse) -> None:
        self._model = response.model_name
        if len(response.outputs) != len(response.raw_output_contents):
            raise ModelUnavailableError(f"{self._model}'s outputs cannot be read")
        self._outputs = {
            output.name: (output, content)
            for output, content in zip(response.outputs, response.raw_output_contents, strict=True)
        }

    def __contains__(self, name: str) -> bool:
        return name in self._outputs

    def texts(self, name: str) -> list[str]:
        """Returns a tensor of texts, flat; what is not UTF-8 is replaced.

        Raises:
            ModelUnavailableError: there is no such output, or it is broken.
        """
        _, content = self._output(name, "BYTES")
        texts: list[str] = []
        place = 0
        while place < len(content):
            end = place + _LENGTH.size
            if end > len(content):
                raise self._broken(name)
            place = end + int(_LENGTH.unpack(content[place:end])[0])
            if place > len(content):
                raise self._broken(name)
            texts.append(content[end:place].decode(errors="replace"))
        return texts

    def floats(self, name: str) -> NDArray[np.float32]:
        """Returns a tensor of float32 in its shape, which can be written to.

        Raises:
            ModelUnavailableError: there is no such output, or it is broken.
        """
        shape, content = self._output(name, "FP32")
        try:
            return np.frombuffer(content, dtype="<f4").reshape(shape).astype(np.float32)
        except ValueError as error:
            raise self._broken(name) from error

    def _output(self, name: str, datatype: str) -> tuple[list[int], bytes]:
        if name not in self._outputs:
            raise ModelUnavailableError(f"{self._model} gave no output {name!r}")
        output, content = self._outputs[name]
        if output.datatype != datatype:
            raise ModelUnavailableError(
                f"{self._model}'s output {name!r} is {output.datatype}, not {datatype}"
            )
        return list(output.shape), content

    def _broken(self, name: str) -> ModelUnavailableError:
        return ModelUnavailableError(f"{self._model}'s output {name!r} cannot be read")
