"""Tests of the summarizer by torch on checkpoints of random weights: the contract, and how articles share batches."""

import asyncio
import dataclasses
import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from gistwire_models.draft_pieces import DraftPieces
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError, SummaryNotWrittenError
from gistwire_models.summarizer import Candidates, DraftDelta, FinishReason, Summarizer, SummaryRequest

from tests.model_repo.tiny_checkpoints import MIN_TOKENS, POSITIONS
from tests.model_repo.torch_modules import load_torch_summarizer, torch_engine
from tests.models.summarizer_contract import BODY, SummarizerContract, make_request, summarize

REQUESTS = [
    make_request(body=body, candidates=candidates, max_tokens=max_tokens, article_id=f"{start}")
    for start, candidates, max_tokens in ((0, 1, 64), (64, 3, 64), (120, 2, 9), (180, 1, 20))
    for body in (BODY[start:],)
]


class TestContract(SummarizerContract):
    @pytest.fixture
    def summarizer(self, summarizer: Any) -> Summarizer:
        checked: Summarizer = summarizer
        return checked


class Steps:
    """What the model computes: the number of rows of each step.

    Attributes:
        rows: number of rows, for each step.
        begun: set when a step begins.
        gate: steps wait for it; set at first.
        failure: raised by every step while it is set.
    """

    def __init__(self, summarizer: Any) -> None:
        self.rows: list[int] = []
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.failure: Exception | None = None
        summarizer._checkpoint.model.lm_head.register_forward_pre_hook(self._record)

    def _record(self, _: Any, inputs: tuple[torch.Tensor]) -> None:
        self.begun.set()
        self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.rows.append(inputs[0].shape[0])


@pytest.fixture
def steps(summarizer: Any) -> Iterator[Steps]:
    steps = Steps(summarizer)
    yield steps
    # A test that failed must not leave the engine waiting.
    steps.gate.set()


async def written(
    summarizer: Any, requests: list[SummaryRequest]
) -> list[tuple[str, list[tuple[str, FinishReason]]]]:
    """The draft and the candidates of requests that arrive together."""
    results = await asyncio.gather(*(summarize(summarizer, each) for each in requests))
    return [(draft, [(c.text, c.finish_reason) for c in found.candidates]) for draft, found in results]


async def test_a_shared_batch_writes_what_each_article_gets_alone(summarizer: Any, steps: Steps) -> None:
    alone = [(await written(summarizer, [request]))[0] for request in REQUESTS]
    assert max(steps.rows) < len(REQUESTS)
    assert len({draft for draft, _ in alone}) == len(REQUESTS)
    assert await written(summarizer, REQUESTS) == alone
    assert max(steps.rows) == len(REQUESTS)


async def test_articles_of_a_batch_are_streamed_side_by_side(
    summarizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[object] = []
    put = torch_engine.SummaryStream.put

    def record(stream: Any, event: DraftDelta | Candidates) -> None:
        order.append(stream)
        put(stream, event)

    monkeypatch.setattr(torch_engine.SummaryStream, "put", record)
    await written(summarizer, REQUESTS)
    ends = {stream: place for place, stream in enumerate(order)}
    assert len(ends) == len(REQUESTS)
    assert max(order.index(stream) for stream in ends) < min(ends.values())


async def test_more_articles_than_a_batch_holds_take_turns(folder: Path) -> None:
    summarizer = load_torch_summarizer(folder, max_batch=2)
    steps = Steps(summarizer)
    try:
        await written(summarizer, REQUESTS)
    finally:
        await summarizer.close()
    assert max(steps.rows) == 2


async def test_an_abandoned_article_leaves_the_others_as_they_are(
    summarizer: Any, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, other = make_request(candidates=3), make_request(body=BODY[64:], candidates=3)
    alone = await written(summarizer, [other])
    article = torch_engine._Article(long)
    pieces: list[Any] = []

    def abandon_after_three(event: Any) -> None:
        pieces.append(event)
        if len(pieces) == 3:
            article.stream.abandoned.set()

    # Each word is a piece, as if none followed closely.
    seconds = itertools.count()
    monkeypatch.setattr(article, "_pieces", DraftPieces(lambda: next(seconds)))
    monkeypatch.setattr(article.stream, "put", abandon_after_three)
    monkeypatch.setattr(torch_engine, "_Article", Articles(torch_engine._Article, first=article))
    first, second = await asyncio.gather(
        summarize(summarizer, long), written(summarizer, [other]), return_exceptions=True
    )
    assert isinstance(first, ModelUnavailableError)
    assert second == alone
    assert len(pieces) == 3
    # The two drafts, then the two samples of the one that is left.
    assert max(steps.rows) == 2


class Articles:
    """Makes articles; the first one is given."""

    def __init__(self, make: Callable[[SummaryRequest], Any], *, first: Any) -> None:
        self._make = make
        self._given = [first]

    def __call__(self, request: SummaryRequest) -> Any:
        return self._given.pop() if self._given else self._make(request)


async def test_an_article_that_was_cancelled_stops_at_the_next_token(summarizer: Any, steps: Steps) -> None:
    await summarize(summarizer, make_request(candidates=3))
    whole = len(steps.rows)
    steps.rows.clear()
    steps.begun.clear()
    steps.gate.clear()
    reading = asyncio.create_task(summarize(summarizer, make_request(candidates=3)))
    await asyncio.to_thread(steps.begun.wait)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    steps.gate.set()
    await summarizer.close()
    assert len(steps.rows) == 1 < whole


async def test_closing_the_generator_leaves_no_task(summarizer: Any) -> None:
    before = asyncio.all_tasks()
    events = summarizer.summarize(make_request())
    await anext(events)
    await events.aclose()
    assert asyncio.all_tasks() == before


async def test_too_many_waiting_articles_are_refused(folder: Path) -> None:
    summarizer = load_torch_summarizer(folder, max_batch=1, max_waiting=2)
    steps = Steps(summarizer)
    steps.gate.clear()
    calls = [asyncio.create_task(summarize(summarizer, make_request())) for _ in range(6)]
    done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    for call in done:
        with pytest.raises(ModelOverloadedError) as refused:
            await call
        assert refused.value.retry_after_s > 0
    steps.gate.set()
    assert all(draft for draft, _ in await asyncio.gather(*waiting))
    await summarizer.close()


async def test_closing_ends_calls_that_go_on(summarizer: Any) -> None:
    calls = [asyncio.create_task(summarize(summarizer, make_request())) for _ in range(10)]
    events = summarizer.summarize(make_request())
    await anext(events)
    await summarizer.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert any(isinstance(each, ModelUnavailableError) for each in results)
    await events.aclose()


async def test_a_failing_engine_is_told_and_the_next_article_is_written(
    summarizer: Any, steps: Steps
) -> None:
    steps.failure = RuntimeError("out of memory")
    with pytest.raises(ModelUnavailableError, match="out of memory"):
        await summarize(summarizer, make_request())
    steps.failure = None
    draft, _ = await summarize(summarizer, make_request())
    assert draft


async def test_a_model_that_writes_nothing_fails(folder: Path) -> None:
    loaded = load_torch_summarizer(folder)
    summarizer = torch_engine.TorchSummarizer(
        # Whatever it writes first ends the text.
        dataclasses.replace(loaded._checkpoint, end_tokens=frozenset(range(10_000))),
        max_batch=8,
        max_waiting=16,
        languages=["en"],
    )
    with pytest.raises(SummaryNotWrittenError, match="no word"):
        await summarize(summarizer, make_request(candidates=2))
    await summarizer.close()
    await loaded.close()


@pytest.mark.parametrize("body", ["", " \n\t"])
async def test_an_article_without_body_is_refused(summarizer: Any, body: str) -> None:
    with pytest.raises(ValueError, match="no body"):
        await anext(summarizer.summarize(make_request(body=body)))


async def test_the_limit_of_tokens_bounds_a_text(summarizer: Any, steps: Steps) -> None:
    for limit in (1, 5, 9):
        steps.rows.clear()
        draft, found = await summarize(summarizer, make_request(max_tokens=limit))
        assert len(steps.rows) <= limit
        is_cut = found.candidates[0].finish_reason is FinishReason.LENGTH
        assert is_cut is draft.endswith("…")
        assert is_cut or limit > MIN_TOKENS
    _, found = await summarize(summarizer, make_request(max_tokens=1_024))
    assert len(steps.rows) < POSITIONS


async def test_a_text_may_come_to_its_end(summarizer: Any) -> None:
    reasons = {reason for _, texts in await written(summarizer, REQUESTS) for _, reason in texts}
    assert reasons == {FinishReason.COMPLETE, FinishReason.LENGTH}


async def test_says_how_probable_a_text_is(summarizer: Any) -> None:
    _, found = await summarize(summarizer, make_request(max_tokens=12))
    checkpoint = summarizer._checkpoint
    request = make_request()
    tokens = torch.tensor([checkpoint.read(request.headline, request.body)])
    output = checkpoint.model.generate(
        tokens,
        max_new_tokens=12,
        min_new_tokens=MIN_TOKENS,
        return_dict_in_generate=True,
        output_scores=True,
    )
    expected = checkpoint.model.compute_transition_scores(
        output.sequences, output.scores, normalize_logits=True
    )
    assert found.candidates[0].log_probability == pytest.approx(expected.mean().item(), abs=1e-4)


async def test_further_candidates_are_sampled_and_whole(summarizer: Any) -> None:
    request = make_request(body=BODY[64:], candidates=8)
    _, found = await summarize(summarizer, request)
    _, *others = found.candidates
    assert len(others) >= 2
    assert all(each.finish_reason is FinishReason.COMPLETE for each in others)
    assert all(each.log_probability is not None and each.log_probability < 0 for each in others)
    assert (await summarize(summarizer, request))[1] == found


async def test_each_candidate_of_each_article_is_drawn_by_a_generator_of_its_own(summarizer: Any) -> None:
    articles = [make_request(body=BODY[start:], candidates=3) for start in (0, 64)]
    rows = [row for each in articles * 2 for row in torch_engine._Article(each).rows(summarizer._checkpoint)]
    seeds = [row.generator and row.generator.initial_seed() for row in rows]
    assert seeds[:6] == seeds[6:]
    drawn = [seed for seed in seeds[:6] if seed is not None]
    assert len(set(drawn)) == len(drawn) == 4


async def test_how_a_checkpoint_would_search_does_not_matter(folder: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(folder, tmp_path / folder.name)
    path = changed / "generation_config.json"
    settings = json.loads(path.read_bytes())
    settings |= {
        "num_beams": 3,
        "do_sample": True,
        "temperature": 0.1,
        "max_length": 7,
        "early_stopping": True,
    }
    path.write_text(json.dumps(settings))
    before, after = load_torch_summarizer(folder), load_torch_summarizer(changed)
    assert await written(after, REQUESTS) == await written(before, REQUESTS)
    assert before.model.name == after.model.name
    assert before.model.version != after.model.version
    await before.close()
    await after.close()


def test_says_which_languages_it_writes(summarizer: Any) -> None:
    assert summarizer.languages == ("en",)
