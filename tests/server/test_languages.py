"""An encoder of several languages: a query in one finds articles in another, through a whole server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gistwire.v1 import article_pb2, events_pb2
from gistwire_client import GistwireClient
from gistwire_models.conversion import convert_encoder
from gistwire_server.app import running_server
from gistwire_server.config import RetrievalConfig, ServerConfig
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from tests.models.tiny_bert import write_tiny_bert
from tests.server.protocol import of_kind

WORDS = {"台风": "storm", "港口": "harbour", "罢工": "strike"}
"""Words of Chinese that the encoder knows as well as those of English."""


@pytest.fixture
def encoder_dir(tmp_path: Path) -> Path:
    """An encoder that has the same vector for a word and its translation."""
    source = tmp_path / "source"
    write_tiny_bert(source)
    tokenizer = (source / "tokenizer.json").read_text(encoding="utf-8")
    weights = load_file(source / "model.safetensors")
    vocabulary = Tokenizer.from_str(tokenizer).get_vocab()
    rows = weights["embeddings.word_embeddings.weight"]
    # Words of English that are not needed make room.
    for (chinese, english), place in zip(WORDS.items(), ("ferry", "rises", "falls"), strict=True):
        tokenizer = tokenizer.replace(f'"{place}"', f'"{chinese}"')
        rows[vocabulary[place]] = rows[vocabulary[english]]
    (source / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    save_file(weights, source / "model.safetensors")
    convert_encoder(source, tmp_path / "encoder", name="several-languages", quantization="float32")
    return tmp_path / "encoder"


@pytest.fixture
async def client(encoder_dir: Path, tmp_path: Path) -> AsyncIterator[GistwireClient]:
    config = ServerConfig(
        data_dir=tmp_path / "data",
        listen="unix",
        encoder_dir=encoder_dir,
        summarizer="extracting",
        # As docs/languages.md says for such an encoder: it knows the script of every query.
        retrieval=RetrievalConfig(dense_weight_uncovered=1.0),
    )
    async with running_server(config) as running, GistwireClient(running.target) as client:
        articles = [
            article_pb2.Article(id="zh-storm", headline="台风", language="zh"),
            article_pb2.Article(id="zh-strike", headline="港口 罢工", language="zh"),
            article_pb2.Article(id="en-storm", headline="storm", language="en"),
            article_pb2.Article(id="en-strike", headline="harbour strike", language="en"),
        ]
        async for _ in client.ingest(articles):
            pass
        yield client


@pytest.mark.parametrize(
    ("query", "same", "other"),
    [
        ("storm", "en-storm", "zh-storm"),
        ("台风", "zh-storm", "en-storm"),
        ("harbour strike", "en-strike", "zh-strike"),
        ("港口 罢工", "zh-strike", "en-strike"),
    ],
)
async def test_a_query_in_one_language_finds_articles_in_the_other(
    client: GistwireClient, query: str, same: str, other: str
) -> None:
    events = [
        getattr(event, event.WhichOneof("event") or "")
        async for event in client.stream_search(query, top_k=2)
    ]
    (hits,) = of_kind(events, events_pb2.Hits)
    assert [hit.article.id for hit in hits.hits] == [same, other]
    assert hits.hits[1].signals.dense > 0.99
    assert not of_kind(events, events_pb2.Degraded)
