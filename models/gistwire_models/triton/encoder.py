"""The text encoder that Triton hosts: `TritonEncoder`."""

import asyncio
from collections.abc import Callable, Sequence

import grpc
import numpy as np
from gistwire.triton.v1 import inference_pb2

from gistwire_models.encoder import Embedding, ModelVersion, Priority
from gistwire_models.encoder_folder import EncoderDescription
from gistwire_models.errors import GistwireModelError, ModelUnavailableError
from gistwire_models.triton.endpoints import Endpoint, EndpointPool
from gistwire_models.triton.failures import blames_endpoint, error_of_status
from gistwire_models.triton.settings import TritonSettings
from gistwire_models.triton.tensors import TensorReader, TensorWriter

_MODEL = "encoder"

_MAX_TEXTS = 64
"""Texts in a request: the model's `max_batch_size`."""

_MAX_INGEST_REQUESTS = 4
"""Requests of INGEST texts under way, so that those of readers find room in the server's queue."""

_MAX_CHARACTERS = 8_192
"""Of a text; enough for the 256 tokens that the model reads."""

_ANY_TEXT = "news"

_UNIT_TOLERANCE = 0.01


class TritonEncoder:
    """Embeds texts by the model `encoder` of Triton servers. Implements TextEncoder.

    A request that fails is sent to another server, as embedding twice does no harm; one that a reader waits for is
    sent to another also where the first is slow. Vectors of any other model than the expected one are refused: they
    must never be compared with those of an index. A server that is left out comes back once it has embedded a text as
    the expected model.
    """

    def __init__(
        self,
        settings: TritonSettings,
        expected: EncoderDescription,
        count_tokens: Callable[[str], int],
    ) -> None:
        """Sets up the encoder, which reaches no server before its first text.

        Args:
            settings: which servers.
            expected: the encoder that they must host.
            count_tokens: tokens of a text by its vocabulary.
        """
        self._settings = settings
        self._expected = expected
        self._count_tokens = count_tokens
        self._pool = EndpointPool(settings, _MODEL, check=self._check)
        self._asking: set[asyncio.Future[inference_pb2.ModelInferResponse]] = set()
        self._ingest_room = asyncio.Semaphore(_MAX_INGEST_REQUESTS)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model."""
        return ModelVersion(self._expected.name, self._expected.version)

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._expected.dimension

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        """Embeds texts, as TextEncoder says."""
        chunks = [texts[start : start + _MAX_TEXTS] for start in range(0, len(texts), _MAX_TEXTS)]
        if not chunks:
            self._pool.choose()
            return np.empty((0, self.dimension), dtype=np.float32)
        if len(chunks) == 1:
            return await self._encode(chunks[0], priority)
        requests = [asyncio.create_task(self._encode(chunk, priority)) for chunk in chunks]
        try:
            return np.concatenate(await asyncio.gather(*requests))
        finally:
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)

    def count_tokens(self, text: str) -> int:
        """Counts the tokens of a text, without ``[CLS]`` and ``[SEP]`` and without a limit. Blocks."""
        return self._count_tokens(text)

    def endpoint_states(self) -> dict[str, str]:
        """The state of each server's breaker, a value of BreakerState, by the server's address."""
        return self._pool.states()

    async def close(self) -> None:
        """Closes the connections. Calls that wait end with ModelUnavailableError."""
        await self._pool.close()

    async def _encode(self, texts: Sequence[str], priority: Priority) -> Embedding:
        request = _request(texts, priority)
        if priority is not Priority.INGEST:
            return await self._anywhere(request, len(texts), timeout_s=self._settings.reader_timeout_s)
        async with self._ingest_room:
            return await self._anywhere(request, len(texts), timeout_s=self._settings.timeout_s, hedge=False)

    async def _anywhere(
        self, request: inference_pb2.ModelInferRequest, count: int, *, timeout_s: float, hedge: bool = True
    ) -> Embedding:
        """Returns the first answer: another server is asked, too, where the first is slow or fails."""
        first = self._pool.choose()
        asked = [asyncio.create_task(self._ask(first, request, count, timeout_s))]
        try:
            await asyncio.wait(asked, timeout=self._settings.hedge_after_s if hedge else None)
            if not asked[0].done() or isinstance(asked[0].exception(), ModelUnavailableError):
                other = self._pool.choose_again(excluded=[first])
                if other is not None:
                    asked.append(asyncio.create_task(self._ask(other, request, count, timeout_s)))
            return await _first_success(asked)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _check(self, endpoint: Endpoint) -> None:
        """Raises what a reader would meet who had a text embedded by a server."""
        request = _request([_ANY_TEXT], Priority.QUERY)
        await self._embed(endpoint, request, 1, self._settings.reader_timeout_s)

    async def _ask(
        self, endpoint: Endpoint, request: inference_pb2.ModelInferRequest, count: int, timeout_s: float
    ) -> Embedding:
        """Asks one server, and takes note of how it does."""
        try:
            embeddings = await self._embed(endpoint, request, count, timeout_s)
        except (GistwireModelError, ValueError) as error:
            self._pool.report(endpoint, is_well=not blames_endpoint(error))
            raise
        self._pool.report(endpoint, is_well=True)
        return embeddings

    async def _embed(
        self, endpoint: Endpoint, request: inference_pb2.ModelInferRequest, count: int, timeout_s: float
    ) -> Embedding:
        """Has one server embed. A request that nobody waits for any more is answered all the same, but not heard.

        Servers crash now and then where such a request is cancelled: they free what they have yet to answer from.
        """
        asking = asyncio.ensure_future(endpoint.infer(request, timeout_s=self._settings.timeout_s))
        self._asking.add(asking)
        asking.add_done_callback(self._forget)
        try:
            async with asyncio.timeout(timeout_s):
                response = await asyncio.shield(asking)
        except TimeoutError as late:
            raise ModelUnavailableError(
                f"Triton at {endpoint.address} gave no vectors within {timeout_s:g} s"
            ) from late
        except grpc.aio.AioRpcError as failure:
            raise error_of_status(failure, endpoint.address) from failure
        except asyncio.CancelledError:
            if asking.cancelled():
                # By closing the connection under it.
                raise ModelUnavailableError("the engine was closed") from None
            raise
        return self._read(response, count, endpoint)

    def _forget(self, asking: "asyncio.Future[inference_pb2.ModelInferResponse]") -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            # Whoever still waits has it, too; else it is nobody's.
            asking.exception()

    def _read(self, response: inference_pb2.ModelInferResponse, count: int, endpoint: Endpoint) -> Embedding:
        reader = TensorReader(response)
        hosted = reader.texts("model")
        if hosted != [self._expected.name, self._expected.version] * count:
            raise ModelUnavailableError(
                f"Triton at {endpoint.address} hosts the encoder {'@'.join(hosted[:2])}, not {self.model}"
            )
        embeddings: Embedding = reader.floats("embedding")
        if embeddings.shape != (count, self.dimension):
            raise ModelUnavailableError(f"Triton at {endpoint.address} gave vectors of {embeddings.shape}")
        if not np.all(np.abs(np.linalg.norm(embeddings, axis=1) - 1) < _UNIT_TOLERANCE):
            raise ModelUnavailableError(f"Triton at {endpoint.address} gave vectors that are no unit vectors")
        return embeddings


def _request(texts: Sequence[str], priority: Priority) -> inference_pb2.ModelInferRequest:
    request = inference_pb2.ModelInferRequest(model_name=_MODEL)
    TensorWriter(request).texts("text", [text[:_MAX_CHARACTERS] for text in texts], [len(texts), 1])
    # Triton counts them from 1.
    request.parameters["priority"].uint64_param = int(priority) + 1
    return request


async def _first_success(answers: Sequence[asyncio.Task[Embedding]]) -> Embedding:
    """Returns the first answer that is none of failure; if all fail, the last failure is raised."""
    pending = set(answers)
    while True:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        # Both may have ended by now, in no order.
        succeeded = [answer for answer in done if answer.exception() is None]
        if succeeded or not pending:
            return (succeeded or list(done))[0].result()
