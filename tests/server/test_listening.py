"""Tests of where a server listens beside its own address."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire_server.config import load_config
from gistwire_server.errors import ConfigurationError
from gistwire_server.listening import health_alone
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.backends.ports import free_port
from tests.rpcs import Rpc, rpcs_of_contract
from tests.server.security.conftest import RunSecured
from tests.server.security.conftest import run_secured as run_secured

PROBE = health_pb2.HealthCheckRequest()


async def test_probes_have_an_address_of_their_own_that_answers_nothing_else(
    run_secured: RunSecured, tmp_path: Path
) -> None:
    keys_file = tmp_path / "keys.json"
    keys_file.write_text('{"keys": []}')
    address = f"127.0.0.1:{free_port()}"
    async with run_secured(api_keys_file=str(keys_file), health_listen=address) as server:
        async with grpc.aio.insecure_channel(address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(PROBE)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            rpcs: list[Rpc] = rpcs_of_contract()
            assert {await rpc.call(channel) for rpc in rpcs} == {grpc.StatusCode.UNIMPLEMENTED}
        assert server.asked == 0


async def test_an_address_for_probes_that_is_in_use_is_a_clear_error(tmp_path: Path) -> None:
    config = load_config(data_dir=tmp_path, security={"health_listen": f"127.0.0.1:{free_port()}"})
    async with health_alone(config, health.aio.HealthServicer()):
        with pytest.raises(ConfigurationError, match="health_listen"):
            async with health_alone(config, health.aio.HealthServicer()):
                pytest.fail("bound")
