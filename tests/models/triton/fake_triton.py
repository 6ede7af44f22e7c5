"""A server that speaks Triton's protocol and does as a test tells it: `FakeTriton`."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
import numpy as np
from gistwire.triton.v1 import inference_pb2
from gistwire_models.triton import methods
from gistwire_models.triton.tensors import TensorReader, TensorWriter
from numpy.typing import NDArray

from tests.backends.ports import free_port

DIMENSION = 64
MODEL = ("fake-encoder", "1")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class FakeTriton:
    """Embeds texts by their words, writes two words of each article, and says what it is told as a large model.

    Use `running`.

    Attributes:
        target: where it listens.
        infers: number of requests for vectors.
        sizes: number of texts of each.
        priorities: priority of each.
        at_once: most of them that were under way together.
        streams: number of articles.
        candidates: how many candidates each was to get.
        tells_early: whether it tells the draft as a candidate before the gate, where several are wanted.
        deadlines_s: time left to each request for vectors and each article when it came, in seconds; None for no end.
        traceparents: header of the trace that each came with, if it came with one.
        prompts: what the large model was asked.
        samplings: its sampling parameters, by request.
        probes: number of times it was asked whether it is ready.
        probed_by: connections by which it was asked.
        ready: whether it says so.
        gate: requests wait for it; set at first.
        status: refuses every request with it; None for none.
        message: ends every article with this error; None for none.
        breaks_after: ends a stream with a failure after so many pieces: before each of the two, or after both and the
            gate; None for not.
        cancelled: articles whose reader left.
        model: name and version that it says.
        languages: languages that it says it writes.
        descriptions: number of times it was asked for both.
        scale: length of the vectors.
        writes: pieces that the large model says.
        writes_by_seed: gives them instead for a request with that seed, 0 for none; may take its time.
        echoes: whether it repeats the prompt first.
    """

    def __init__(self) -> None:
        self.target = f"127.0.0.1:{free_port()}"
        self.infers = 0
        self.sizes: list[int] = []
        self.priorities: list[int] = []
        self.at_once = 0
        self.streams = 0
        self.candidates: list[int] = []
        self.tells_early = True
        self.deadlines_s: list[float | None] = []
        self.traceparents: list[str] = []
        self.prompts: list[str] = []
        self.samplings: list[dict[str, Any]] = []
        self.probes = 0
        self.probed_by: set[str] = set()
        self.ready = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.status: grpc.StatusCode | None = None
        self.message: str | None = None
        self.breaks_after: int | None = None
        self.cancelled = 0
        self.model: tuple[str, str] = MODEL
        self.languages = ["en", "de"]
        self.descriptions = 0
        self.scale = 1.0
        self.writes = ["Oil", " rose."]
        self.writes_by_seed: Callable[[int], Awaitable[list[str]]] | None = None
        self.echoes = False
        self._under_way = 0
        self._server: grpc.aio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["FakeTriton"]:
        """Runs one while the block runs."""
        fake = cls()
        await fake.start()
        try:
            yield fake
        finally:
            await fake.kill()

    async def start(self) -> None:
        """Listens, after `kill` on the same port again."""
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((_Handler(self),))
        self._server.add_insecure_port(self.target)
        await self._server.start()

    async def kill(self) -> None:
        """Drops all connections, and the port."""
        if self._server is not None:
            await self._server.stop(None)

    async def infer(
        self, request: inference_pb2.ModelInferRequest, context: Context
    ) -> inference_pb2.ModelInferResponse:
        texts = _texts(request, "text")
        self.infers += 1
        self.sizes.append(len(texts))
        self.priorities.append(request.parameters["priority"].uint64_param)
        self.deadlines_s.append(context.time_remaining())
        self.traceparents += _traceparents(context)
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            await self.gate.wait()
        finally:
            self._under_way -= 1
        if self.status is not None:
            await context.abort(self.status, "told to")
        response = _response(request)
        vectors = _vectors(texts) * self.scale
        response.outputs.add(name="embedding", datatype="FP32", shape=vectors.shape)
        response.raw_output_contents.append(vectors.astype("<f4").tobytes())
        _add_texts(response, "model", [*self.model] * len(texts))
        return response

    async def stream(
        self, requests: AsyncIterator[inference_pb2.ModelInferRequest], context: Context
    ) -> None:
        # No generator: between two of its pieces it would not be told that the reader left.
        request = await context.read()
        self.streams += 1
        self.deadlines_s.append(context.time_remaining())
        self.traceparents += _traceparents(context)
        try:
            if self.status is not None:
                await context.abort(self.status, "told to")
            if self.message is not None:
                await context.write(inference_pb2.ModelStreamInferResponse(error_message=self.message))
                return
            if _has(request, "text_input"):
                await self._say(request, context)
            elif _has(request, "describe"):
                self.descriptions += 1
                description = _text_response(request, "model", [*self.model])
                _add_texts(description, "languages", self.languages)
                await context.write(_wrapped(description))
            else:
                await self._summarize(request, context)
            final = _response(request)
            final.parameters["triton_final_response"].bool_param = True
            await context.write(_wrapped(final))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def is_ready(
        self, request: inference_pb2.ModelReadyRequest, context: Context
    ) -> inference_pb2.ModelReadyResponse:
        self.probes += 1
        self.probed_by.add(context.peer())
        return inference_pb2.ModelReadyResponse(ready=self.ready)

    async def _summarize(self, request: inference_pb2.ModelInferRequest, context: Context) -> None:
        self.candidates.append(int(np.frombuffer(_content(request, "candidates"), dtype="<i4")[0]))
        for number, piece in enumerate(("Oil", " rose.")):
            if self.breaks_after == number:
                await context.abort(grpc.StatusCode.INTERNAL, "broke")
            if _content(request, "stream_drafts") == b"\1":
                await context.write(_wrapped(_text_response(request, "delta", [piece])))
        if self.tells_early and self.candidates[-1] > 1:
            early = _text_response(request, "delta", [""])
            self._add_candidates(early)
            await context.write(_wrapped(early))
        await self.gate.wait()
        if self.breaks_after == 2:
            await context.abort(grpc.StatusCode.INTERNAL, "broke")
        last = _response(request)
        self._add_candidates(last)
        await context.write(_wrapped(last))

    def _add_candidates(self, response: inference_pb2.ModelInferResponse) -> None:
        _add_texts(response, "text", ["Oil rose."])
        response.outputs.add(name="log_probability", datatype="FP32", shape=[1])
        response.raw_output_contents.append(np.array([-0.5], dtype="<f4").tobytes())
        _add_texts(response, "finish_reason", ["complete"])
        _add_texts(response, "model", [*self.model])

    async def _say(self, request: inference_pb2.ModelInferRequest, context: Context) -> None:
        (prompt,) = _texts(request, "text_input")
        self.prompts.append(prompt)
        sampling = json.loads(_texts(request, "sampling_parameters")[0])
        self.samplings.append(sampling)
        writes = self.writes
        if self.writes_by_seed is not None:
            writes = await self.writes_by_seed(sampling.get("seed", 0))
        for piece in [prompt] * self.echoes + writes:
            await context.write(_wrapped(_text_response(request, "text_output", [piece])))
        await self.gate.wait()


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


def _traceparents(context: Context) -> list[str]:
    return [str(value) for key, value in context.invocation_metadata() or () if key == "traceparent"]


def _vectors(texts: list[str]) -> NDArray[np.float32]:
    """Counts of words, each at a place of its own, of unit length."""
    vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
    # A text without words has a vector, too.
    vectors[:, 0] = 0.1
    for row, text in zip(vectors, texts, strict=True):
        for word in text.lower().split():
            row[1 + zlib.crc32(word.encode()) % (DIMENSION - 1)] += 1
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _has(request: inference_pb2.ModelInferRequest, name: str) -> bool:
    return any(each.name == name for each in request.inputs)


def _content(request: inference_pb2.ModelInferRequest, name: str) -> bytes:
    return request.raw_input_contents[[each.name for each in request.inputs].index(name)]


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
