"""Tests of a server for the few calls of a command: it is the same, and it leaves nothing behind."""

import threading
from pathlib import Path

import pytest
from gistwire.v1 import article_pb2
from gistwire_client.client import GistwireClient
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_models.errors import ModelNotFoundError
from gistwire_server.config import load_config
from gistwire_server.embedded import embedded_server


def threads_of_models() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gistwire-")]


async def test_what_is_ingested_is_found_and_summarized(tmp_path: Path) -> None:
    config = load_config(data_dir=tmp_path, listen="unix")
    body = (
        "The harbour strike began on Monday. Crews met near the old quay, and ferries stayed in port all day."
    )
    async with embedded_server(config) as target, GistwireClient(target) as client:
        article = article_pb2.Article(id="a1", headline="Harbour strike", body=body, language="en")
        *_, completed = [event async for event in client.ingest([article])]
        assert completed == article_pb2.IngestCompleted(created=1)
        events = [event async for event in client.stream_search("strike of ferries")]
    (started,) = [event.started for event in events if event.HasField("started")]
    assert {model.role for model in started.models} == {"encoder", "summarizer", "scorer"}
    (summary,) = [event.summary for event in events if event.HasField("summary")]
    assert summary.text
    assert not any(event.HasField("degraded") for event in events)
    assert not threads_of_models()


async def test_an_index_that_cannot_be_opened_leaves_no_model_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexUnavailableError):
        async with embedded_server(load_config(data_dir=tmp_path / "file", listen="unix")):
            pass
    assert not threads_of_models()


async def test_an_encoder_that_is_not_there_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    config = load_config(data_dir=tmp_path / "data", listen="unix", encoder_dir=str(tmp_path / "nowhere"))
    with pytest.raises(ModelNotFoundError):
        async with embedded_server(config):
            pass
    assert not (tmp_path / "data").exists()
