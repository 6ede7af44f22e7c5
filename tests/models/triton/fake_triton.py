"""A server that speaks Triton's protocol and does as a test tells it: `FakeTriton`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
from gistwire.triton.v1 import inference_pb2
from gistwire_models.triton import methods
from gistwire_models.triton.tensors import TensorReader, TensorWriter

from tests.backends.ports import free_port

DIMENSION = 8
MODEL = ("fake-encoder", "1")


class FakeTriton:
    """Embeds texts by their lengths, and writes two words of each article. Use `running`.

    Attributes:
        target: where it listens.
        infers: number of requests for vectors.
        streams: number of articles.
        priorities: the priority of each request for vectors.
        probes: number of times it was asked whether it is ready.
        ready: whether it says so.
        gate: requests wait for it; set at first.
        status: refuses every request with it; None for none.
        message: ends every article with this error; None for none.
        breaks_after: ends a stream with a failure after so many pieces; None for not.
        cancelled: articles whose reader left.
        model: name and version that it says.
    """

    def __init__(self) -> None:
        self.target = f"127.0.0.1:{free_port()}"
        self.infers = 0
        self.streams = 0
        self.priorities: list[int] = []
        self.probes = 0
        self.ready = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.status: grpc.StatusCode | None = None
        self.message: str | None = None
        self.breaks_after: int | None = None
        self.cancelled = 0
        self.model: tuple[str, str] = MODEL

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["FakeTriton"]:
        """Runs one while the block runs."""
        fake = cls()
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Handler(fake),))
        server.add_insecure_port(fake.target)
        await server.start()
        try:
            yield fake
        finally:
            await server.stop(None)

    async def infer(
        self, request: inference_pb2.ModelInferRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> inference_pb2.ModelInferResponse:
        self.infers += 1
        self.priorities.append(request.parameters["priority"].uint64_param)
        await self.gate.wait()
        if self.status is not None:
            await context.abort(self.status, "told to")
        texts = _texts(request, "text")
        vectors = np.ones((len(texts), DIMENSION), dtype=np.float32)
        vectors[:, 0] = [len(text) for text in texts]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        response = _response(request)
        response.outputs.add(name="embedding", datatype="FP32", shape=vectors.shape)
        response.raw_output_contents.append(vectors.astype("<f4").tobytes())
        _add_texts(response, "model", [*self.model] * len(texts))
        return response

    async def stream(
        self,
        requests: AsyncIterator[inference_pb2.ModelInferRequest],
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> AsyncIterator[inference_pb2.ModelStreamInferResponse]:
        request = await anext(requests)
        self.streams += 1
        try:
            if self.status is not None:
                await context.abort(self.status, "told to")
            if self.message is not None:
                yield inference_pb2.ModelStreamInferResponse(error_message=self.message)
                return
            for number, piece in enumerate(("Oil", " rose.")):
                if self.breaks_after == number:
                    await context.abort(grpc.StatusCode.INTERNAL, "broke")
                yield _wrapped(_text_response(request, "delta", [piece]))
            await self.gate.wait()
            last = _text_response(request, "text", ["Oil rose."])
            last.outputs.add(name="log_probability", datatype="FP32", shape=[1])
            last.raw_output_contents.append(np.array([-0.5], dtype="<f4").tobytes())
            _add_texts(last, "finish_reason", ["complete"])
            _add_texts(last, "model", [*self.model])
            yield _wrapped(last)
            final = _response(request)
            final.parameters["triton_final_response"].bool_param = True
            yield _wrapped(final)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def is_ready(
        self, request: inference_pb2.ModelReadyRequest, context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> inference_pb2.ModelReadyResponse:
        self.probes += 1
        return inference_pb2.ModelReadyResponse(ready=self.ready)


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, fake: FakeTriton) -> None:
        self._handlers = {
            methods.MODEL_INFER: grpc.unary_unary_rpc_method_handler(
                fake.infer,
                request_deserializer=inference_pb2.ModelInferRequest.FromString,
                response_serializer=inference_pb2.ModelInferResponse.SerializeToString,
            ),
            methods.MODEL_STREAM_INFER: grpc.stream_stream_rpc_method_handler(
                fake.stream,
                request_deserializer=inference_pb2.ModelInferRequest.FromString,
                response_serializer=inference_pb2.ModelStreamInferResponse.SerializeToString,
            ),
            methods.MODEL_READY: grpc.unary_unary_rpc_method_handler(
                fake.is_ready,
                request_deserializer=inference_pb2.ModelReadyRequest.FromString,
                response_serializer=inference_pb2.ModelReadyResponse.SerializeToString,
            ),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(str(handler_call_details.method))


def _texts(request: inference_pb2.ModelInferRequest, name: str) -> list[str]:
    response = inference_pb2.ModelInferResponse(raw_output_contents=request.raw_input_contents)
    response.outputs.extend(request.inputs)
    return TensorReader(response).texts(name)


def _response(request: inference_pb2.ModelInferRequest) -> inference_pb2.ModelInferResponse:
    return inference_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)


def _text_response(
    request: inference_pb2.ModelInferRequest, name: str, texts: list[str]
) -> inference_pb2.ModelInferResponse:
    response = _response(request)
    _add_texts(response, name, texts)
    return response


def _add_texts(response: inference_pb2.ModelInferResponse, name: str, texts: list[str]) -> None:
    written = inference_pb2.ModelInferRequest()
    TensorWriter(written).texts(name, texts)
    response.outputs.extend(written.inputs)
    response.raw_output_contents.extend(written.raw_input_contents)


def _wrapped(response: inference_pb2.ModelInferResponse) -> inference_pb2.ModelStreamInferResponse:
    return inference_pb2.ModelStreamInferResponse(infer_response=response)
