"""Tests of `ExtractiveSummarizer`: the contract, and what only it promises."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from gistwire_models.encoder import Priority
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.extractive import ExtractiveSummarizer
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.scripted import ScriptedEncoder
from gistwire_models.summarizer import FinishReason, Origin, Summarizer, SummaryRequest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.summarizer_contract import BODY, SummarizerContract, make_request, summarize

LONG_SENTENCE = (
    "The council approved the new bridge on Monday after a debate of seven hours, "
    "although two members of the opposition voted against the plan and left the hall in protest."
)


@pytest.fixture
def encoder() -> ScriptedEncoder:
    return ScriptedEncoder(dimension=256)


@pytest.fixture
def summarizer(encoder: ScriptedEncoder) -> ExtractiveSummarizer:
    return ExtractiveSummarizer(encoder, encoder.count_tokens)


class TestContract(SummarizerContract):
    @pytest.fixture
    def summarizer(self, encoder: ScriptedEncoder) -> Summarizer:
        return ExtractiveSummarizer(encoder, encoder.count_tokens)


async def test_a_query_picks_its_sentence(local_encoder: LocalEncoder) -> None:
    summarizer = ExtractiveSummarizer(local_encoder, local_encoder.count_tokens)
    for query, expected in (
        ("flight prices", "Airlines said tickets would become more expensive."),
        ("minister meets producers", "The minister of energy will meet producers in Vienna next week."),
    ):
        _, found = await summarize(summarizer, make_request(query=query, max_tokens=14))
        assert found.candidates[0].text == expected
        assert found.candidates[0].query_focused


async def test_without_a_query_the_lead_is_chosen(local_encoder: LocalEncoder) -> None:
    summarizer = ExtractiveSummarizer(local_encoder, local_encoder.count_tokens)
    _, found = await summarize(summarizer, make_request(max_tokens=16))
    assert found.candidates[0].text == "Oil prices rose to a record high on Friday after talks failed."
    assert not found.candidates[0].query_focused


async def test_candidates_are_sentences_in_order_within_the_limit(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder
) -> None:
    _, found = await summarize(summarizer, make_request(candidates=8, max_tokens=25))
    sentences = [sentence.rstrip(".") + "." for sentence in BODY.split(". ")]
    assert len(found.candidates) > 1
    for candidate in found.candidates:
        places = [sentences.index(part.rstrip(".") + ".") for part in candidate.text.split(". ")]
        assert places == sorted(places)
        assert encoder.count_tokens(candidate.text) <= 25
        assert candidate.origin is Origin.EXTRACTED
        assert candidate.finish_reason is FinishReason.COMPLETE


async def test_every_candidate_has_the_embedding_of_its_text(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder
) -> None:
    _, found = await summarize(summarizer, make_request(candidates=8, max_tokens=12))
    _, headline = await summarize(summarizer, make_request(article_id="a2", body=""))
    for candidate in (*found.candidates, *headline.candidates):
        assert candidate.embedding is not None
        np.testing.assert_allclose(
            candidate.embedding, (await encoder.encode([candidate.text]))[0], atol=1e-6
        )


async def test_chinese_sentences_are_joined_without_a_space(summarizer: ExtractiveSummarizer) -> None:
    body = "市议会周一批准了新桥的建设。两名反对党议员投票反对该计划。"
    _, found = await summarize(
        summarizer, make_request(headline="新桥", body=body, language="zh", candidates=8)
    )
    assert body in {candidate.text for candidate in found.candidates}


@pytest.mark.parametrize(
    "body", ["", " \n", "Oil at Record High!", "By John Smith", "(Reporting by Jane Roe)"]
)
async def test_without_a_sentence_of_its_own_the_headline_is_the_summary(
    summarizer: ExtractiveSummarizer, body: str
) -> None:
    draft, found = await summarize(summarizer, make_request(body=body, candidates=5))
    assert draft == "Oil at record high"
    assert [(each.text, each.origin) for each in found.candidates] == [
        ("Oil at record high", Origin.HEADLINE)
    ]


async def test_without_a_headline_the_body_is_the_summary(summarizer: ExtractiveSummarizer) -> None:
    _, found = await summarize(summarizer, make_request(headline=" ", body="Oil\nup."))
    assert [(each.text, each.origin) for each in found.candidates] == [("Oil up.", Origin.EXTRACTED)]
    with pytest.raises(ValueError, match="neither"):
        await summarize(summarizer, make_request(headline="", body="", article_id="a2"))


@pytest.mark.parametrize("body", [LONG_SENTENCE, ""])
async def test_what_is_longer_than_the_limit_is_cut(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder, body: str
) -> None:
    draft, found = await summarize(
        summarizer, make_request(headline=LONG_SENTENCE[:-1], body=body + " " + body, max_tokens=16)
    )
    (candidate,) = found.candidates
    assert draft == candidate.text == LONG_SENTENCE[: LONG_SENTENCE.index(",")] + "…"
    assert candidate.finish_reason is FinishReason.LENGTH
    assert encoder.count_tokens(candidate.text) <= 16


async def test_a_second_query_embeds_no_sentence_again(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder
) -> None:
    await summarize(summarizer, make_request(query="oil", max_tokens=12))
    assert encoder.encoded[:4] == [sentence.rstrip(".") + "." for sentence in BODY.split(". ")]
    encoder.encoded.clear()
    await summarize(summarizer, make_request(query="tickets", max_tokens=12))
    assert encoder.encoded == ["tickets"]
    assert set(encoder.priorities) == {Priority.SUMMARY}


async def test_the_same_query_does_not_choose_again(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder
) -> None:
    _, first = await summarize(summarizer, make_request(query="oil price", max_tokens=14))
    encoder.encoded.clear()
    _, again = await summarize(summarizer, make_request(query="oil price", max_tokens=14))
    assert again == first
    # Neither the query nor a sentence.
    assert encoder.encoded == []
    _, longer = await summarize(summarizer, make_request(query="oil price", max_tokens=40))
    assert longer.candidates[0].text != first.candidates[0].text
    revised = replace(
        make_request(query="oil price", max_tokens=14),
        revision="2",
        body="Traders said gas was cheap again. Traders said oil was dear again.",
    )
    _, after = await summarize(summarizer, revised)
    assert "Traders said oil was dear again." in after.candidates[0].text


async def test_articles_without_identifier_are_not_mixed_up(summarizer: ExtractiveSummarizer) -> None:
    await summarize(summarizer, make_request(article_id=""))
    _, found = await summarize(
        summarizer, make_request(article_id="", body="Another article stands in this body.")
    )
    assert found.candidates[0].text == "Another article stands in this body."


async def test_the_sentences_kept_are_bounded_by_bytes(encoder: ScriptedEncoder) -> None:
    # Room for one article: four embeddings of 1 KiB and four short texts.
    summarizer = ExtractiveSummarizer(encoder, encoder.count_tokens, cache_bytes=6 * 1024)
    for article_id, embedded in (("a1", True), ("a1", False), ("a2", True), ("a2", False), ("a1", True)):
        encoder.encoded.clear()
        await summarize(summarizer, make_request(article_id=article_id, max_tokens=12))
        assert bool(encoder.encoded) is embedded


async def test_the_article_used_longest_ago_is_forgotten_first(encoder: ScriptedEncoder) -> None:
    # Room for two articles.
    summarizer = ExtractiveSummarizer(encoder, encoder.count_tokens, cache_bytes=11 * 1024)
    for article_id in ("a1", "a2", "a1", "a3"):
        await summarize(summarizer, make_request(article_id=article_id, max_tokens=12))
    encoder.encoded.clear()
    await summarize(summarizer, make_request(article_id="a1", max_tokens=12))
    assert encoder.encoded == []
    await summarize(summarizer, make_request(article_id="a2", max_tokens=12))
    assert encoder.encoded


async def test_a_known_query_embedding_is_used(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder
) -> None:
    embedding = (await encoder.encode(["Airlines said tickets would become more expensive."]))[0]
    encoder.encoded.clear()
    request = SummaryRequest(
        "a1", "r1", "Oil", BODY, "en", query="?", query_embedding=embedding, max_tokens=8
    )
    _, found = await summarize(summarizer, request)
    assert found.candidates[0].text == "Airlines said tickets would become more expensive."
    assert "?" not in encoder.encoded


async def test_closing_ends_a_call_that_goes_on(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder
) -> None:
    encoder.gate.clear()
    call = asyncio.ensure_future(summarize(summarizer, make_request()))
    while not encoder.priorities:
        await asyncio.sleep(0)
    await summarizer.close()
    encoder.gate.set()
    with pytest.raises(ModelUnavailableError):
        await call


async def test_a_failure_of_the_encoder_is_passed_on(
    summarizer: ExtractiveSummarizer, encoder: ScriptedEncoder
) -> None:
    encoder.failure = ModelUnavailableError("down")
    with pytest.raises(ModelUnavailableError, match="down"):
        await summarize(summarizer, make_request())


@given(
    body=st.text(alphabet=st.sampled_from(" .,\nabAB中。“”\"'()1"), max_size=300),
    query=st.none() | st.text(max_size=10),
    candidates=st.integers(1, 8),
    max_tokens=st.integers(1, 20),
)
def test_any_article_gives_distinct_texts_within_the_limit(
    body: str, query: str | None, candidates: int, max_tokens: int
) -> None:
    async def run() -> None:
        encoder = ScriptedEncoder()
        summarizer = ExtractiveSummarizer(encoder, encoder.count_tokens)
        request = make_request(body=body, query=query, candidates=candidates, max_tokens=max_tokens)
        draft, found = await summarize(summarizer, request)
        texts = [candidate.text for candidate in found.candidates]
        assert draft == texts[0]
        assert len(set(texts)) == len(texts) <= candidates
        assert all(len(text) > 0 and encoder.count_tokens(text) <= max_tokens for text in texts)

    asyncio.run(run())
