"""Tests that clients are asked to connect anew after a while, where that is configured."""

import asyncio
from dataclasses import replace

import grpc
from gistwire_server.app import serving
from gistwire_server.config import load_config
from grpc_health.v1 import health_pb2

from tests.server.conftest import Bench


async def test_an_old_connection_is_closed_and_the_next_call_has_a_new_one(bench: Bench) -> None:
    config = load_config(
        data_dir=bench.engines.config.data_dir, listen="127.0.0.1:0", limits={"max_connection_age_s": 0.1}
    )
    async with (
        serving(replace(bench.engines, config=config)) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        for _ in range(2):
            answer = await check(health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            state = channel.get_state()
            while state is grpc.ChannelConnectivity.READY:
                await asyncio.wait_for(channel.wait_for_state_change(state), 60)
                state = channel.get_state()
