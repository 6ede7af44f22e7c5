"""The summarizer by torch and transformers, for any checkpoint that they load; `model.py` imports it on demand."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import torch
from gistwire_models.batching import DynamicBatcher
from gistwire_models.draft_pieces import DraftPieces
from gistwire_models.encoder import ModelVersion, Priority
from gistwire_models.errors import ModelUnavailableError, SummaryNotWrittenError
from gistwire_models.summarizer import (
    MAX_CANDIDATES,
    Candidate,
    Candidates,
    DraftDelta,
    FinishReason,
    Origin,
    SummaryRequest,
)
from torch_checkpoint import Checkpoint
from torch_streaming import Row, RowText, SummaryStream, TokenChooser, TokenReader
from transformers import LogitsProcessorList, StoppingCriteriaList

_ELLIPSIS = "…"


class _Article:
    """An article while its summaries are written: first the draft, then the others. Made in the event loop.

    Attributes:
        request: what is wanted.
        stream: where it goes.
        error: why there is no summary.
    """

    def __init__(self, request: SummaryRequest) -> None:
        self.request = request
        self.stream = SummaryStream()
        self.error: SummaryNotWrittenError | None = None
        self._pieces = DraftPieces()
        self._wanted = min(MAX_CANDIDATES, request.candidates)
        self._ended = 0
        self._candidates: dict[str, Candidate] = {}

    def rows(self, checkpoint: Checkpoint) -> list[Row]:
        """Returns a row for each candidate, the draft's first."""
        source = checkpoint.read(self.request.headline, self.request.body)
        seed = zlib.crc32(repr(source).encode())
        return [
            Row(
                source=source,
                max_tokens=max(1, min(self.request.max_tokens, checkpoint.max_tokens)),
                end_tokens=checkpoint.end_tokens,
                text=RowText(checkpoint.decode),
                abandoned=self.stream.abandoned,
                generator=_generator(checkpoint, seed + number) if number else None,
                receive=_ignore if number else self._write,
                end=self._end_sample if number else self._end_draft,
            )
            for number in range(self._wanted)
        ]

    def _write(self, text: str) -> None:
        self._send(self._pieces.add(text))

    def _send(self, piece: str) -> None:
        if piece and self.request.stream_drafts:
            self.stream.put(DraftDelta(piece))

    def _end_draft(self, row: Row) -> None:
        if not row.text.text:
            self.error = SummaryNotWrittenError("the model wrote no word of the article")
            self.stream.abandoned.set()
            return
        self._send(self._pieces.rest() + ("" if row.is_complete else _ELLIPSIS))
        self._add(row, row.text.text if row.is_complete else row.text.text + _ELLIPSIS)

    def _end_sample(self, row: Row) -> None:
        # One that breaks off is no better than the draft, which the reader has seen already.
        self._add(row, row.text.text if row.is_complete else "")

    def _add(self, row: Row, text: str) -> None:
        if text:
            reason = FinishReason.COMPLETE if row.is_complete else FinishReason.LENGTH
            candidate = Candidate(
                text, Origin.GENERATED, finish_reason=reason, log_probability=row.log_probability
            )
            self._candidates.setdefault(text, candidate)
        self._ended += 1
        if self._ended == self._wanted:
            self.stream.put(Candidates(tuple(self._candidates.values())))


class TorchSummarizer:
    """Summarizes articles by a seq2seq or causal model. Implements GeneratingSummarizer.

    Articles that wait share a batch, in which each is streamed to its own reader and ends by itself. The draft takes
    the most probable token each time; further candidates are sampled after the drafts of the batch. What is sampled
    depends on the article alone, so that it is the same each time.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, max_batch: int, max_waiting: int, languages: Sequence[str]
    ) -> None:
        """Use `TorchSummarizer.load`.

        Args:
            checkpoint: the model.
            max_batch: most texts written at once.
            max_waiting: number of waiting articles beyond which more are refused.
            languages: ISO 639-1 codes of the languages that the model writes.
        """
        self._checkpoint = checkpoint
        self._max_batch = max_batch
        self._languages = tuple(languages)
        self._closed = False
        self._batcher = DynamicBatcher[_Article, None](
            self._write,
            # Of equal cost, so that a batch is as many as it may be, whatever their lengths.
            cost=lambda _: 1,
            max_batch_cost=max_batch,
            max_urgent_waiting=max_waiting,
            name="gistwire-torch-summarizer",
        )

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str,
        dtype: str,
        max_batch: int,
        max_waiting: int,
        languages: Sequence[str],
        prompt: str | None,
    ) -> "TorchSummarizer":
        """Loads a checkpoint. Blocks for as long as reading the weights takes.

        Args:
            folder: a checkpoint as transformers writes it, with weights as safetensors and a fast tokenizer.
            device: ``"cpu"`` or ``"cuda:N"``.
            dtype: numbers that it computes in: ``"bfloat16"``, ``"float16"`` or ``"float32"``.
            max_batch: most texts written at once, at least 1.
            max_waiting: number of waiting articles beyond which more are refused.
            languages: ISO 639-1 codes of the languages that the model writes.
            prompt: what stands before the article; None for nothing with a seq2seq model and for instructions of our
                own with a causal one.

        Raises:
            ModelNotFoundError: there is no checkpoint in `folder`.
            ModelFormatError: it cannot be used.
        """
        checkpoint = Checkpoint.load(folder, device=device, dtype=dtype, prompt=prompt)
        return cls(checkpoint, max_batch=max_batch, max_waiting=max_waiting, languages=languages)

    @property
    def model(self) -> ModelVersion:
        """Name and version of the model: its folder's name, and a hash of all that it writes by."""
        return self._checkpoint.version

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        return self._languages

    async def summarize(self, request: SummaryRequest) -> AsyncGenerator[DraftDelta | Candidates, None]:
        """Summarizes one article, as Summarizer says.

        Closing the generator stops the work at the next token; other articles of the batch go on.

        Raises:
            ModelUnavailableError: the engine failed, or the summarizer was closed.
            ModelOverloadedError: too many articles wait.
            SummaryNotWrittenError: the model wrote no word of it.
            ValueError: the article has no body: a headline alone invites invention.
        """
        if self._closed:
            raise ModelUnavailableError("the summarizer was closed")
        if not request.body.strip():
            raise ValueError(f"article {request.article_id} has no body to summarize")
        article = _Article(request)
        computing = asyncio.create_task(self._batcher.submit([article], priority=Priority.SUMMARY))
        # Reached also when the engine fails or is closed: then the stream ends, and the engine stops.
        computing.add_done_callback(lambda _: article.stream.abandon())
        try:
            while (event := await article.stream.next_event()) is not None:
                yield event
                if isinstance(event, Candidates):
                    return
            await computing
            raise ModelUnavailableError("the engine gave no summary")
        finally:
            article.stream.abandon()
            computing.cancel()
            await asyncio.gather(computing, return_exceptions=True)

    async def close(self) -> None:
        """Ends the thread; calls that wait end with ModelUnavailableError. May be called twice."""
        self._closed = True
        await self._batcher.close()

    def _write(self, articles: Sequence[_Article]) -> list[SummaryNotWrittenError | None]:
        """Summarizes articles as one batch; returns why one could not be, for each."""
        rows = [article.rows(self._checkpoint) for article in articles]
        self._generate([draft for draft, *_ in rows])
        others = [row for _, *others in rows for row in others]
        for start in range(0, len(others), self._max_batch):
            self._generate(others[start : start + self._max_batch])
        return [article.error for article in articles]

    def _generate(self, rows: Sequence[Row]) -> None:
        """Writes rows side by side, until each has ended."""
        rows = [row for row in rows if not row.abandoned.is_set()]
        if not rows:
            return
        longest = max(row.max_tokens for row in rows)
        tokens, mask = self._padded([row.source for row in rows])
        chooser = TokenChooser(rows)
        with torch.inference_mode():
            self._checkpoint.model.generate(
                input_ids=tokens,
                attention_mask=mask,
                min_new_tokens=min(self._checkpoint.min_tokens, longest),
                max_new_tokens=longest,
                logits_processor=LogitsProcessorList([chooser]),
                stopping_criteria=StoppingCriteriaList([TokenReader(rows, chooser)]),
            )

    def _padded(self, sources: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns tokens and mask, both ``int64 [rows, longest]``."""
        longest = max(map(len, sources))
        device = self._checkpoint.model.device
        tokens = torch.full((len(sources), longest), self._checkpoint.pad_token)
        mask = torch.zeros_like(tokens)
        for row, source in enumerate(sources):
            # What a causal model writes must follow its source at once.
            place = (
                slice(0, len(source)) if self._checkpoint.is_seq2seq else slice(longest - len(source), None)
            )
            tokens[row, place] = torch.tensor(source)
            mask[row, place] = 1
        return tokens.to(device), mask.to(device)


def _generator(checkpoint: Checkpoint, seed: int) -> torch.Generator:
    return torch.Generator(checkpoint.model.device).manual_seed(seed)


def _ignore(_: str) -> None:
    """Takes a piece of a candidate, which nobody reads before it is whole."""
