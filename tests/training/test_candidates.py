"""Tests of gistwire_training.candidates."""

import numpy as np
import pytest
from gistwire_models.scripted import ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import Candidate, Origin
from gistwire_training.candidates import candidates_of
from gistwire_training.pairs import Pair

PAIR = Pair(id="a", headline="Storm hits coast", body="A storm hit.", summary="secret", language="en")


async def test_gives_the_candidates_of_the_article_and_hides_its_summary() -> None:
    written = (Candidate("one", Origin.GENERATED), Candidate("two", Origin.GENERATED))
    summarizer = ScriptedSummarizer({"a": SummaryScript(candidates=written)})
    vector = np.ones(3, dtype=np.float32)
    assert (
        await candidates_of(summarizer, PAIR, candidates=2, max_tokens=9, article_embedding=vector) == written
    )
    (request,) = summarizer.requests
    assert (request.headline, request.body, request.language) == (PAIR.headline, PAIR.body, "en")
    assert (request.candidates, request.max_tokens, request.stream_drafts) == (2, 9, False)
    assert request.article_embedding is vector
    assert "secret" not in repr(request)


async def test_passes_on_what_the_summarizer_raises() -> None:
    summarizer = ScriptedSummarizer({"a": SummaryScript(failure=ValueError("no text"))})
    with pytest.raises(ValueError, match="no text"):
        await candidates_of(summarizer, PAIR)
