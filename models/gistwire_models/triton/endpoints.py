"""The servers that requests are spread over: `EndpointPool`, which the engines share."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import structlog
from gistwire.triton.v1 import inference_pb2
from opentelemetry.trace import Span, SpanKind

from gistwire_models.circuit_breaker import BreakerState, CircuitBreaker
from gistwire_models.errors import GistwireModelError, ModelUnavailableError
from gistwire_models.retry_budget import RetryBudget
from gistwire_models.tracing import begin_span, span, trace_headers
from gistwire_models.triton import methods
from gistwire_models.triton.settings import TritonSettings

if TYPE_CHECKING:
    InferStream: TypeAlias = grpc.aio.StreamStreamCall[Any, inference_pb2.ModelStreamInferResponse]

_log = structlog.get_logger(__name__)

_MAX_RECONNECT_BACKOFF_MS = 1_000

# Longer than the pause before a connection is tried again, which a probe sits out.
_PROBE_TIMEOUT_S = 2.0


class Endpoint:
    """A server, with its connections.

    Attributes:
        address: ``HOST:PORT``.
        breaker: whether it gets requests.
    """

    def __init__(self, address: str, settings: TritonSettings) -> None:
        self.address = address
        self.breaker = CircuitBreaker(
            failures=settings.open_after_failures,
            # Servers that failed together are not asked together.
            open_s=settings.open_s * random.uniform(0.8, 1.2),  # noqa: S311 (no secret)
            max_open_s=settings.max_open_s,
            clock=asyncio.get_running_loop().time,
        )
        self._channels = [_open_channel(address, settings, number) for number in range(settings.channels)]
        self._channels_in_turn = itertools.cycle(self._channels)

    async def infer(
        self, request: inference_pb2.ModelInferRequest, *, timeout_s: float
    ) -> inference_pb2.ModelInferResponse:
        """Has a model compute; one response."""
        ask = next(self._channels_in_turn).unary_unary(
            methods.MODEL_INFER,
            request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelInferResponse.FromString,
        )
        attributes = self._attributes(methods.MODEL_INFER, request.model_name)
        with span("triton ModelInfer", kind=SpanKind.CLIENT, attributes=attributes):
            return await ask(request, timeout=timeout_s, metadata=_trace_metadata())

    def stream(
        self,
        requests: AsyncIterator[inference_pb2.ModelInferRequest],
        *,
        model: str,
        timeout_s: float | None,
    ) -> "InferStream":
        """Opens a stream of requests to a model, and responses."""
        attributes = self._attributes(methods.MODEL_STREAM_INFER, model)
        current = begin_span("triton ModelStreamInfer", attributes=attributes)
        call: InferStream = next(self._channels_in_turn).stream_stream(
            methods.MODEL_STREAM_INFER,
            request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelStreamInferResponse.FromString,
        )(requests, timeout=timeout_s, metadata=_trace_metadata(current))
        call.add_done_callback(lambda _: current.end())
        return call

    async def is_ready(self, model: str) -> bool:
        """Asks by each of its connections whether it can take requests for a model.

        By all of them, as requests will go by all of them: each is made anew on its own.
        """
        answers = await asyncio.gather(*(_is_ready(channel, model) for channel in self._channels))
        return all(answers)

    async def close(self) -> None:
        """Closes its connections; calls under way are cancelled."""
        for channel in self._channels:
            await channel.close()

    def _attributes(self, method: str, model: str) -> dict[str, str]:
        return {
            "rpc.system": "grpc",
            "rpc.method": method.rpartition("/")[2],
            "server.address": self.address,
            "gistwire.model": model,
        }


class EndpointPool:
    """Servers that host a model, each in its turn; one that fails gets no requests until it says that it is ready.

    Made without reaching any of them. Serves one event loop.

    Args:
        settings: which servers, and when one is kept away from.
        model: the model's name.
        check: asks a server that is ready whether it is fit, too; raises GistwireModelError or ValueError, which says
            why, if it is not: it gets no requests then. None if all that are ready are fit.
    """

    def __init__(
        self,
        settings: TritonSettings,
        model: str,
        *,
        check: Callable[[Endpoint], Awaitable[object]] | None = None,
    ) -> None:
        self._settings = settings
        self._model = model
        self._check = check
        self._endpoints: list[Endpoint] | None = None
        self._turn = 0
        self._repetitions = RetryBudget(share=settings.hedge_share)
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def choose(self) -> Endpoint:
        """Returns the server whose turn it is, of those that are well.

        Raises:
            ModelUnavailableError: there is none, or the pool was closed.
        """
        if self._closed:
            raise ModelUnavailableError("the engine was closed")
        self._repetitions.earn()
        endpoint = self._next_well(())
        if endpoint is None:
            raise ModelUnavailableError(f"no Triton server is ready for {self._model}")
        # Not merely one further: the turns of a server that is left out would all be its neighbour's.
        self._turn = self._all().index(endpoint) + 1
        return endpoint

    def choose_again(self, *, excluded: Collection[Endpoint]) -> Endpoint | None:
        """Returns another server for a request that was sent already; None if none is well, or it was done too often.

        Repeated requests are a limited share of all, so that they cannot bring down servers that are merely slow.

        Args:
            excluded: servers that it was sent to.
        """
        if self._closed or not self._repetitions.affords():
            return None
        # Takes no turn: of two servers, a slow one would be the first that is asked each time.
        endpoint = self._next_well(excluded)
        if endpoint is not None:
            self._repetitions.spend()
        return endpoint

    def report(self, endpoint: Endpoint, *, is_well: bool) -> None:
        """Takes note of how a request ended: whether the server is well."""
        if self._closed:
            return
        if is_well:
            endpoint.breaker.succeed()
            return
        endpoint.breaker.fail()
        if endpoint.breaker.state is not BreakerState.CLOSED and endpoint.address not in self._probes:
            _log.warning("triton_endpoint_ejected", endpoint=endpoint.address, model=self._model)
            self._probes[endpoint.address] = asyncio.create_task(self._probe(endpoint))

    def states(self) -> dict[str, str]:
        """The state of each server's breaker, a value of BreakerState, by the server's address."""
        if self._endpoints is None:
            return dict.fromkeys(self._settings.endpoints, BreakerState.CLOSED.value)
        return {endpoint.address: endpoint.breaker.state.value for endpoint in self._endpoints}

    async def close(self) -> None:
        """Closes all connections. Calls under way are cancelled, later ones raise ModelUnavailableError."""
        self._closed = True
        probes = list(self._probes.values())
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        for endpoint in self._endpoints or ():
            await endpoint.close()

    def _next_well(self, excluded: Collection[Endpoint]) -> Endpoint | None:
        endpoints = self._all()
        turn = self._turn % len(endpoints)
        for endpoint in endpoints[turn:] + endpoints[:turn]:
            if endpoint.breaker.state is BreakerState.CLOSED and endpoint not in excluded:
                return endpoint
        return None

    def _all(self) -> list[Endpoint]:
        if self._endpoints is None:
            self._endpoints = [Endpoint(address, self._settings) for address in self._settings.endpoints]
        return self._endpoints

    async def _probe(self, endpoint: Endpoint) -> None:
        """Asks a server again and again whether it is ready, so that no reader's request has to be the trial."""
        said = ""
        try:
            while endpoint.breaker.state is not BreakerState.CLOSED:
                await asyncio.sleep(endpoint.breaker.trial_in_s)
                if not endpoint.breaker.begin_trial():
                    continue
                if not await endpoint.is_ready(self._model):
                    endpoint.breaker.fail()
                    continue
                why = await self._unfit(endpoint)
                if not why:
                    endpoint.breaker.succeed()
                    continue
                endpoint.breaker.fail()
                if why != said:
                    _log.warning(
                        "triton_endpoint_unfit", endpoint=endpoint.address, model=self._model, reason=why
                    )
                    said = why
            _log.info("triton_endpoint_returned", endpoint=endpoint.address, model=self._model)
        finally:
            del self._probes[endpoint.address]

    async def _unfit(self, endpoint: Endpoint) -> str:
        """Why a server that is ready gets no requests all the same; empty if it may."""
        if self._check is None:
            return ""
        try:
            await self._check(endpoint)
        except (GistwireModelError, ValueError) as error:
            return str(error)
        return ""


def _trace_metadata(current: Span | None = None) -> tuple[tuple[str, str], ...] | None:
    return tuple(trace_headers(current).items()) or None


async def _is_ready(channel: grpc.aio.Channel, model: str) -> bool:
    ask = channel.unary_unary(
        methods.MODEL_READY,
        request_serializer=inference_pb2.ModelReadyRequest.SerializeToString,
        response_deserializer=inference_pb2.ModelReadyResponse.FromString,
    )
    request = inference_pb2.ModelReadyRequest(name=model)
    try:
        answer = await ask(request, timeout=_PROBE_TIMEOUT_S, wait_for_ready=True)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.ready)


def _open_channel(address: str, settings: TritonSettings, number: int) -> grpc.aio.Channel:
    options = [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        # Channels of like options would share one connection.
        ("gistwire.channel", number),
        ("grpc.use_local_subchannel_pool", 1),
        # A half-open connection is noticed, and a server that is back is reached soon.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # What gRPC really waits for, a minute by default (grpc pull request 39239).
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", _MAX_RECONNECT_BACKOFF_MS),
        # Retries are ours, as only we know which are safe.
        ("grpc.enable_retries", 0),
    ]
    if settings.ca_file is None:
        return grpc.aio.insecure_channel(address, options=options)
    own_key, own_certificate = settings.client_key_file, settings.client_certificate_file
    credentials = grpc.ssl_channel_credentials(
        settings.ca_file.read_bytes(),
        None if own_key is None else own_key.read_bytes(),
        None if own_certificate is None else own_certificate.read_bytes(),
    )
    return grpc.aio.secure_channel(address, credentials, options=options)
