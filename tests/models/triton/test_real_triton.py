"""Tests of our models on a real Triton server: the contracts, and that they answer as in this process."""

import asyncio
import re
from collections.abc import AsyncIterator

import msgspec
import numpy as np
import pytest
from gistwire_models.encoder import Priority, TextEncoder
from gistwire_models.encoder_folder import read_description
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder
from gistwire_models.summarizer import FinishReason, Summarizer
from gistwire_models.triton import TritonEncoder, TritonSettings, TritonSummarizer

from tests.models.summarizer_contract import BODY, SummarizerContract, make_request, summarize
from tests.models.text_encoder_contract import TEXTS, TextEncoderContract

ARTICLES = [
    make_request(article_id="oil", candidates=3),
    make_request(
        article_id="lava",
        headline="Lava glows beneath glacier",
        body="Volcanologists in Iceland watched lava glow beneath the glacier all night long. "
        "Tourists photographed every eruption from helicopters until dawn broke over Reykjavík.",
    ),
    make_request(article_id="short", max_tokens=9, stream_drafts=False),
    make_request(article_id="marks", body=f"[SEP] [CLS] \ud800 “{BODY}” [MASK]", candidates=2),
]


class TestEncoderContract(TextEncoderContract):
    @pytest.fixture
    def encoder(self, triton_encoder: TritonEncoder) -> TextEncoder:
        return triton_encoder


class TestSummarizerContract(SummarizerContract):
    @pytest.fixture
    def summarizer(self, triton_summarizer: TritonSummarizer) -> Summarizer:
        return triton_summarizer


@pytest.fixture
async def local_summarizer() -> AsyncIterator[LocalSummarizer]:
    summarizer = LocalSummarizer.load(default_summarizer_folder())
    yield summarizer
    await summarizer.close()


async def test_embeds_as_in_this_process(triton_encoder: TritonEncoder) -> None:
    local = LocalEncoder.load(default_encoder_folder())
    # More than one request of each priority, of very different lengths.
    texts = [f"{text} {number}" for number in range(25) for text in TEXTS]
    try:
        for priority in Priority:
            embeddings = await triton_encoder.encode(texts, priority=priority)
            expected = await local.encode(texts)
            assert np.sum(embeddings * expected, axis=1).min() > 0.9999
        assert triton_encoder.model == local.model
    finally:
        await local.close()


async def test_summarizes_as_in_this_process(
    triton_summarizer: TritonSummarizer, local_summarizer: LocalSummarizer
) -> None:
    assert triton_summarizer.model == local_summarizer.model
    assert triton_summarizer.languages == local_summarizer.languages
    for article in ARTICLES:
        # One after the other: in batches, sums and so texts may come out otherwise.
        draft, found = await summarize(triton_summarizer, article)
        expected_draft, expected_found = await summarize(local_summarizer, article)
        assert draft == expected_draft
        assert found.model == triton_summarizer.model
        for candidate, other in zip(found.candidates, expected_found.candidates, strict=True):
            assert candidate.text == other.text
            assert candidate.finish_reason is other.finish_reason
            # The two processes may compute by other instructions.
            assert candidate.log_probability == pytest.approx(other.log_probability, abs=1e-2)
        if article is ARTICLES[2]:
            assert found.candidates[0].finish_reason is FinishReason.LENGTH


async def test_articles_that_are_written_together_do_not_mix(triton_summarizer: TritonSummarizer) -> None:
    together = await asyncio.gather(*(summarize(triton_summarizer, article) for article in ARTICLES * 4))
    for article, (draft, found) in zip(ARTICLES * 4, together, strict=True):
        text = found.candidates[0].text
        assert draft == (text if article.stream_drafts else "")
        assert found.model == triton_summarizer.model
        names = set(re.findall(r"[A-Z]\w+|\d+", text[1:]))
        assert names <= set(re.findall(r"\w+", f"{article.headline} {article.body}"))


async def test_what_the_model_refuses_is_no_failure_of_the_server(
    triton_summarizer: TritonSummarizer,
) -> None:
    for _ in range(8):
        with pytest.raises(ValueError, match="candidates must be from 1 to 8, not 9"):
            await summarize(triton_summarizer, make_request(candidates=9))
    assert (await summarize(triton_summarizer, make_request()))[0]


async def test_another_encoder_than_the_expected_one_is_refused(
    settings: TritonSettings,
) -> None:
    other = TritonEncoder(
        settings, msgspec.structs.replace(read_description(default_encoder_folder()), version="other"), len
    )
    try:
        with pytest.raises(ModelUnavailableError, match=r"hosts the encoder .*, not .*@other"):
            await other.encode(["oil"], priority=Priority.QUERY)
    finally:
        await other.close()


async def test_a_full_queue_refuses_and_what_was_taken_is_written(
    triton_summarizer: TritonSummarizer,
) -> None:
    requests = [make_request(article_id=str(number)) for number in range(400)]
    outcomes = await asyncio.gather(
        *(summarize(triton_summarizer, request) for request in requests), return_exceptions=True
    )
    refused = [each for each in outcomes if isinstance(each, ModelOverloadedError)]
    written = [each for each in outcomes if isinstance(each, tuple)]
    assert len(refused) + len(written) == len(requests)
    # The model takes 256 that wait and one for each core.
    assert len(written) >= 256
    assert refused
    assert len({draft for draft, _ in written}) == 1
