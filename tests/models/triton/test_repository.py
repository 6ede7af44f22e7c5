"""Tests of `TritonRepository` on a real Triton server of their own: versions come and go without a failed request."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from gistwire_models.encoder import ModelVersion
from gistwire_models.errors import ModelFormatError, ModelNotFoundError, ModelUnavailableError
from gistwire_models.triton import TritonSettings, TritonSummarizer
from gistwire_models.triton.repository import Promotion, TritonRepository
from gistwire_models.version_policy import with_served_version

from tests.backends.ports import free_port
from tests.backends.triton import TritonServer, copied_repository, new_triton
from tests.models.summarizer_contract import make_request, summarize

OWN = "f2ad9c40aebb-int8-1"


@pytest.fixture(scope="module")
def server() -> Iterator[TritonServer]:
    """A server whose summarizer has a second version, by the same weights, and a third that cannot be loaded."""
    with copied_repository("summarizer") as repository:
        add_versions(repository / "summarizer")
        server = new_triton(repository, ["summarizer"])
        try:
            server.start()
            yield server
        finally:
            server.close()


def add_versions(model: Path) -> None:
    config = model / "config.pbtxt"
    config.write_text(with_served_version(config.read_text(), 1))
    shutil.copytree(model / "1", model / "2")
    description = model / "2" / "gistwire.json"
    assert OWN in description.read_text()
    description.write_text(description.read_text().replace(OWN, "second"))
    (model / "3").mkdir()
    shutil.copy(model / "1" / "model.py", model / "3")


async def test_a_version_is_promoted_and_rolled_back_under_load(server: TritonServer) -> None:
    summarizer = TritonSummarizer(
        TritonSettings(endpoints=(server.target,), timeout_s=60),
        initial=ModelVersion("unknown", "0"),
        languages=("en",),
    )
    versions: list[str] = []
    done = False

    async def keep_summarizing() -> None:
        while not done:
            _, found = await summarize(summarizer, make_request())
            assert found.model is not None
            versions.append(found.model.version)

    async def wait_for(version: str) -> None:
        while version not in versions[-1:]:
            await asyncio.sleep(0)

    async with TritonRepository(server.url) as repository:
        load = [asyncio.create_task(keep_summarizing()) for _ in range(4)]
        await wait_for(OWN)
        assert await repository.promote("summarizer", 2) == Promotion("summarizer", 1, 2)
        await wait_for("second")
        assert await repository.promote("summarizer", 2) == Promotion("summarizer", 2, 2)
        assert await repository.roll_back("summarizer") == Promotion("summarizer", 2, 1)
        await wait_for(OWN)
        with pytest.raises(ModelFormatError):
            await repository.promote("summarizer", 3)
        with pytest.raises(ModelFormatError):
            await repository.promote("summarizer", 9)
        hosted = {each.version: each for each in await repository.versions()}
        assert hosted[1].is_served
        assert hosted[1].requests > 0
        assert hosted[1].mean_ms is not None
        assert not any(each.is_served for version, each in hosted.items() if version != 1)
        done = True
        # No request failed meanwhile, or it would be raised here.
        await asyncio.gather(*load)
    await summarizer.close()


async def test_unloads_and_loads_what_the_repository_says(server: TritonServer) -> None:
    async with TritonRepository(server.url) as repository:
        await repository.unload("summarizer")
        while any(each.is_served for each in await repository.versions()):
            pass
        with pytest.raises(ModelNotFoundError):
            await repository.promote("summarizer", 2)
        assert await repository.load("summarizer") == 1
        with pytest.raises(ModelNotFoundError, match="has not been promoted"):
            await repository.roll_back("summarizer")
        with pytest.raises(ModelFormatError):
            await repository.load("translator")


async def test_a_server_that_does_not_answer_is_said_so() -> None:
    async with TritonRepository(f"http://127.0.0.1:{free_port()}", timeout_s=5) as repository:
        with pytest.raises(ModelUnavailableError, match="does not answer"):
            await repository.versions()
