"""Tests over real gRPC that no rpc of any service is reached without credentials, or without its role."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import article_pb2, article_pb2_grpc, search_pb2, search_pb2_grpc
from gistwire_server.security.api_key_file import add_api_key
from gistwire_server.security.api_keys import new_api_key
from gistwire_server.security.callers import Role
from gistwire_server.security.permissions import ROLE_OF_RPC
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.rpcs import Rpc, rpcs_of_contract
from tests.server.security.conftest import RunSecured

RPCS = rpcs_of_contract()


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": []}))
    return path


def metadata_with(keys_file: Path, *roles: Role) -> list[tuple[str, str]]:
    key = new_api_key("someone", roles, ["default"])
    add_api_key(keys_file, key.kept)
    return [("authorization", f"Bearer {key.secret}")]


def test_every_rpc_of_the_contract_has_a_role() -> None:
    assert len(RPCS) >= 14
    assert {rpc.name for rpc in RPCS} == ROLE_OF_RPC.keys()
    # An rpc is known by its last part.
    assert len({rpc.name for rpc in RPCS}) == len(RPCS)


async def test_no_rpc_is_reached_without_credentials(run_secured: RunSecured, keys_file: Path) -> None:
    async with (
        run_secured(api_keys_file=str(keys_file)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        for metadata in (
            None,
            [("authorization", "Bearer gw_nonsense")],
            [("authorization", "Bearer e30.e30.e30")],
            [("authorization", "Basic YWRtaW46YWRtaW4=")],
        ):
            outcomes = {rpc.path: await rpc.call(channel, metadata=metadata) for rpc in RPCS}
            assert set(outcomes.values()) == {grpc.StatusCode.UNAUTHENTICATED}, outcomes
        assert server.asked == 0


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.name)
async def test_no_rpc_is_reached_without_its_role(run_secured: RunSecured, keys_file: Path, rpc: Rpc) -> None:
    needed = ROLE_OF_RPC[rpc.name]
    without = metadata_with(keys_file, *(set(Role) - {needed, Role.ADMIN} or {Role.SEARCH}))
    with_it = metadata_with(keys_file, needed)
    async with (
        run_secured(api_keys_file=str(keys_file)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        assert await rpc.call(channel, metadata=without) is grpc.StatusCode.PERMISSION_DENIED
        assert server.asked == 0
        refused = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
        assert await rpc.call(channel, metadata=with_it) not in refused


async def test_an_administrator_may_do_everything(run_secured: RunSecured, keys_file: Path) -> None:
    metadata = metadata_with(keys_file, Role.ADMIN)
    async with (
        run_secured(api_keys_file=str(keys_file)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        for rpc in RPCS:
            assert await rpc.call(channel, metadata=metadata) is not grpc.StatusCode.PERMISSION_DENIED


async def test_what_everybody_may_do_is_no_more_than_that(run_secured: RunSecured) -> None:
    async with (
        run_secured(anonymous={"roles": ["search"]}) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        searching = search_pb2_grpc.SearchServiceStub(channel)
        assert (await searching.Search(search_pb2.SearchRequest(query="harbour strike"))).results
        articles = article_pb2_grpc.ArticleServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await articles.DeleteArticle(article_pb2.DeleteArticleRequest(id="a1"))
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_probes_need_no_credentials_and_the_contract_is_not_told(
    run_secured: RunSecured, keys_file: Path
) -> None:
    reflection = Rpc("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "", True, True)
    async with (
        run_secured(api_keys_file=str(keys_file)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert await reflection.call(channel) is grpc.StatusCode.UNIMPLEMENTED
    async with (
        run_secured(api_keys_file=str(keys_file), reflection=True) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        assert await reflection.call(channel) is grpc.StatusCode.OK
