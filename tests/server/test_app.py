import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc
from gistwire_models.scripted import SummaryScript
from gistwire_server.app import running_server, serving
from gistwire_server.config import ServerConfig, load_config
from gistwire_server.errors import ConfigurationError
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.models.conftest import summarizer_folder as summarizer_folder
from tests.server.conftest import ARTICLES, Bench

SERVICES = {
    "gistwire.v1.SearchService",
    "gistwire.v1.SummaryService",
    "gistwire.v1.RecommendationService",
    "gistwire.v1.TopicService",
    "gistwire.v1.ArticleService",
    "gistwire.v1.UserEventService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
}


def configured(bench: Bench, listen: str) -> Bench:
    config = load_config(data_dir=bench.engines.config.data_dir, listen=listen)
    engines = type(bench.engines)(
        config,
        bench.index,
        bench.users,
        bench.encoder,
        bench.summarizer,
        bench.engines.scorer,
        bench.engines.signer,
    )
    return Bench(engines, bench.encoder, bench.summarizer, bench.index, bench.users)


async def reflect(
    channel: grpc.aio.Channel, request: reflection_pb2.ServerReflectionRequest
) -> reflection_pb2.ServerReflectionResponse:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type, unused-ignore]  # pyright: ignore[reportArgumentType]
    call = stub.ServerReflectionInfo(iter([request]))
    async for response in call:
        assert isinstance(response, reflection_pb2.ServerReflectionResponse)
        return response
    raise AssertionError("no answer")


async def test_a_generic_client_finds_its_way_by_reflection(bench: Bench) -> None:
    async with (
        serving(configured(bench, "127.0.0.1:0").engines) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        listed = await reflect(channel, reflection_pb2.ServerReflectionRequest(list_services=""))
        assert {each.name for each in listed.list_services_response.service} == SERVICES

        # Only what the server tells is used from here on: no generated code.
        pool = descriptor_pool.DescriptorPool()
        wanted = ["gistwire/v1/search.proto"]
        files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        while wanted:
            name = wanted.pop()
            answer = await reflect(channel, reflection_pb2.ServerReflectionRequest(file_by_filename=name))
            for packed in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(packed)
                if file.name not in files:
                    files[file.name] = file
                    wanted += file.dependency
        added: set[str] = set()
        while len(added) < len(files):
            for name, file in files.items():
                if name not in added and added.issuperset(file.dependency):
                    pool.Add(file)
                    added.add(name)
        method = pool.FindMethodByName("gistwire.v1.SearchService.StreamSearch")
        request: Any = GetMessageClass(method.input_type)(query="harbour strike", top_k=2)
        response_class = GetMessageClass(method.output_type)
        call = channel.unary_stream(
            "/gistwire.v1.SearchService/StreamSearch",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response_class.FromString,
        )(request)
        events = [MessageToDict(event) async for event in call]
        assert events[0]["started"]["plan"]["query"] == "harbour strike"
        assert events[-1]["completed"]["hitCount"] == 2


async def test_health_is_told_for_each_service(bench: Bench) -> None:
    async with (
        serving(configured(bench, "unix").engines) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", "gistwire.v1.SearchService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_draining_says_not_serving_and_lets_streams_finish(
    bench: Bench, scripts: Callable[..., None]
) -> None:
    gate = asyncio.Event()
    scripts(**{article.id: SummaryScript(deltas=["x"], gate=gate) for article in ARTICLES})
    leave = asyncio.Event()
    target: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with serving(configured(bench, "unix").engines) as running:
            target.set_result(running.target)
            await leave.wait()

    server = asyncio.create_task(run())
    async with grpc.aio.insecure_channel(await target) as channel:
        health_stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = health_stub.Watch(health_pb2.HealthCheckRequest(service=""))
        health = aiter(watch)
        assert (await anext(health)).status == health_pb2.HealthCheckResponse.SERVING
        call = search_pb2_grpc.SearchServiceStub(channel).StreamSearch(
            search_pb2.StreamSearchRequest(query="harbour strike")
        )
        events = aiter(call)
        await anext(events)
        leave.set()
        assert (await anext(health)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        gate.set()
        rest = [event.WhichOneof("event") async for event in events]
        assert rest[-1] == "completed"
        await server


async def test_a_port_in_use_is_a_clear_error(bench: Bench) -> None:
    async with serving(configured(bench, "127.0.0.1:0").engines) as running:
        with pytest.raises(ConfigurationError, match="in use"):
            async with serving(configured(bench, running.target).engines):
                pytest.fail("bound")


async def test_the_embedded_default_runs_from_its_configuration_alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = ServerConfig(data_dir=tmp_path_factory.mktemp("data"), listen="unix")
    async with running_server(config) as running, grpc.aio.insecure_channel(running.target) as channel:
        call = search_pb2_grpc.SearchServiceStub(channel).StreamSearch(
            search_pb2.StreamSearchRequest(query="anything")
        )
        kinds = [event.WhichOneof("event") async for event in call]
    assert kinds == ["started", "hits", "ranking", "completed"]
    assert running.engines.summarizer.model.name == "gistwire-news-bart"


@pytest.mark.parametrize("names_repository", [True, False])
async def test_the_promoted_version_of_a_repository_is_served(
    summarizer_folder: Path, tmp_path: Path, names_repository: bool
) -> None:
    versions = [tmp_path / "models" / "summarizer" / str(number) for number in (1, 2)]
    for folder in versions:
        shutil.copytree(summarizer_folder, folder)
        description = folder / "gistwire.json"
        description.write_text(json.dumps(json.loads(description.read_text()) | {"version": folder.name}))
    (versions[0].parent / "active.json").write_text('{"version": 1}')
    chosen = tmp_path / "models" if names_repository else versions[1]
    config = ServerConfig(data_dir=tmp_path / "data", listen="unix", summarizer_dir=chosen)
    async with running_server(config) as running:
        assert running.engines.summarizer.model.version == ("1" if names_repository else "2")
