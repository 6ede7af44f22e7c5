"""The responses of a decoupled model to one request: `responses_of`, with which all summarizers of Triton read."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import grpc
from gistwire.triton.v1 import inference_pb2

from gistwire_models.errors import ModelUnavailableError
from gistwire_models.triton.endpoints import Endpoint, EndpointPool
from gistwire_models.triton.failures import blames_endpoint, error_of_message, error_of_status
from gistwire_models.triton.tensors import TensorReader

_ASK_FINAL = "triton_enable_empty_final_response"
_IS_FINAL = "triton_final_response"


async def responses_of(
    pool: EndpointPool,
    request: inference_pb2.ModelInferRequest,
    *,
    response_timeout_s: float,
    deadline_s: float | None = None,
    binds: Callable[[TensorReader], bool] | None = None,
) -> AsyncGenerator[TensorReader, None]:
    """Sends a request, and yields its responses as they come.

    As long as none of them binds the request to its server, one that fails is replaced by another, which begins anew.

    Args:
        pool: the servers.
        request: the request.
        response_timeout_s: longest wait for each response, in seconds.
        deadline_s: time for all of them, which the server is told; None for as long as they come.
        binds: whether a response binds the request to its server; None if each does.

    Raises:
        ModelUnavailableError: no server answers, or one broke off.
        ModelOverloadedError: the model's queue is full.
        SummaryNotWrittenError: the model wrote no word of the article that was to be summarized.
        ValueError: the model refused what the request holds.

    Closing the generator, or cancelling the task that iterates it, cancels the request at the server.
    """
    request.parameters[_ASK_FINAL].bool_param = True
    clock = asyncio.get_running_loop().time
    ends_at = None if deadline_s is None else clock() + deadline_s
    tried = [pool.choose()]
    while True:
        bound = False
        left_s = None if ends_at is None else max(0.0, ends_at - clock())
        try:
            async with aclosing(_read(pool, tried[-1], request, response_timeout_s, left_s)) as responses:
                async for response in responses:
                    bound = bound or binds is None or binds(response)
                    yield response
        except ModelUnavailableError:
            # Nor is there time for another where that was what ran out.
            late = ends_at is not None and clock() >= ends_at
            other = None if bound or late else pool.choose_again(excluded=tried)
            if other is None:
                raise
            tried.append(other)
        else:
            return


async def _read(
    pool: EndpointPool,
    endpoint: Endpoint,
    request: inference_pb2.ModelInferRequest,
    response_timeout_s: float,
    deadline_s: float | None,
) -> AsyncGenerator[TensorReader, None]:
    call = endpoint.stream(_only(request), model=request.model_name, timeout_s=deadline_s)
    try:
        while True:
            try:
                async with asyncio.timeout(response_timeout_s):
                    message = await call.read()
            except TimeoutError as late:
                pool.report(endpoint, is_well=False)
                raise ModelUnavailableError(
                    f"Triton at {endpoint.address} gave nothing for {response_timeout_s:g} s"
                ) from late
            if not isinstance(message, inference_pb2.ModelStreamInferResponse):
                pool.report(endpoint, is_well=False)
                raise ModelUnavailableError(f"Triton at {endpoint.address} ended a stream early")
            if message.error_message:
                error = error_of_message(message.error_message, endpoint.address)
                pool.report(endpoint, is_well=not blames_endpoint(error))
                raise error
            response = message.infer_response
            if response.outputs:
                yield TensorReader(response)
            if response.parameters[_IS_FINAL].bool_param:
                pool.report(endpoint, is_well=True)
                return
    except grpc.aio.AioRpcError as failure:
        error = error_of_status(failure, endpoint.address)
        # The caller's time says nothing of the server, whose own is that for each response.
        if deadline_s is None or failure.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            pool.report(endpoint, is_well=not blames_endpoint(error))
        raise error from failure
    except asyncio.CancelledError:
        if call.done() and not _is_cancelling():
            # The channel was closed under the call.
            raise ModelUnavailableError("the engine was closed") from None
        raise
    finally:
        call.cancel()


async def _only(request: inference_pb2.ModelInferRequest) -> AsyncIterator[inference_pb2.ModelInferRequest]:
    yield request


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
