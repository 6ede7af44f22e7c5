"""Texts of one batch on their way from the model to their readers, token by token; used by `torch_engine.py`."""

import asyncio
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from gistwire_models.summarizer import Candidates, DraftDelta
from transformers import LogitsProcessor, StoppingCriteria, TopPLogitsWarper

# Sampled below the model's own spread: candidates shall differ, not stray.
_TEMPERATURE = 0.7
_TOP_P = 0.9

# What a decoder writes for a character whose last bytes have not come yet.
_REPLACEMENT = "\ufffd"


class SummaryStream:
    """What is written about one article, from the engine's thread to the event loop. Made in the loop that reads it.

    Attributes:
        abandoned: set when nobody waits for it any more.
    """

    def __init__(self) -> None:
        self.abandoned = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[DraftDelta | Candidates | None] = asyncio.Queue()

    def put(self, event: DraftDelta | Candidates) -> None:
        """Takes what comes next, in the engine's thread."""
        # The loop is closed already where a program ends without closing the summarizer.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def abandon(self) -> None:
        """Says that nobody waits any more, in the event loop; the engine stops at the next token."""
        self.abandoned.set()
        self._events.put_nowait(None)

    async def next_event(self) -> DraftDelta | Candidates | None:
        """Waits for what comes next; None when nothing does."""
        return await self._events.get()


class RowText:
    """Decodes tokens as they come, into text that is only ever appended to.

    Runs of white space become one space, and none stands at either end.

    Attributes:
        text: what was decoded so far.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        """Begins with no text.

        Args:
            decode: the text of tokens, without special ones.
        """
        self.text = ""
        self._decode = decode
        self._tokens: list[int] = []
        # The tokens from `_start` to `_end` are decoded once more with those that follow, as what stands before a
        # token decides about the space between them.
        self._start = 0
        self._end = 0
        self._has_gap = False

    def add(self, token: int) -> str:
        """Takes the next token; returns the text to append, which may be empty."""
        self._tokens.append(token)
        addition = self._undecoded()
        if not addition or addition.endswith(_REPLACEMENT):
            return ""
        self._start, self._end = self._end, len(self._tokens)
        return self._append(addition)

    def finish(self) -> str:
        """Says that no token follows; returns the text to append, without bytes that make no character."""
        return self._append(self._undecoded().rstrip(_REPLACEMENT))

    def _undecoded(self) -> str:
        known = self._decode(self._tokens[self._start : self._end])
        return self._decode(self._tokens[self._start :])[len(known) :]

    def _append(self, addition: str) -> str:
        appended = ""
        for part in re.split(r"(\s+)", addition):
            if part.isspace():
                self._has_gap = True
            elif part:
                appended += f" {part}" if self._has_gap and (self.text or appended) else part
                self._has_gap = False
        self.text += appended
        return appended


@dataclass(eq=False, slots=True)
class Row:
    """A text while the model writes it: one row of a batch.

    Attributes:
        source: ids of the tokens that it is written from.
        max_tokens: most tokens that may be written.
        end_tokens: ids of the tokens that end a text.
        text: what was written so far.
        abandoned: set when nobody waits for the text any more.
        generator: draws the tokens; None to take the most probable ones.
        receive: takes each piece of text.
        end: called once, when no token follows, unless the row was abandoned.
        count: number of tokens written, with the one that ends the text.
        total_log_probability: sum of their log-probabilities.
        is_complete: whether the model ended the text.
        has_ended: whether no token follows.
    """

    source: Sequence[int]
    max_tokens: int
    end_tokens: frozenset[int]
    text: RowText
    abandoned: threading.Event
    generator: torch.Generator | None
    receive: Callable[[str], None]
    end: Callable[["Row"], None]
    count: int = field(default=0, init=False)
    total_log_probability: float = field(default=0.0, init=False)
    is_complete: bool = field(default=False, init=False)
    has_ended: bool = field(default=False, init=False)

    @property
    def log_probability(self) -> float:
        """Mean log-probability of the tokens."""
        return self.total_log_probability / max(1, self.count)

    def take(self, token: int, log_probability: float) -> None:
        """Takes the next token; nothing once the row has ended."""
        if self.has_ended:
            return
        if self.abandoned.is_set():
            self.has_ended = True
            return
        self.count += 1
        self.total_log_probability += log_probability
        self.is_complete = token in self.end_tokens
        if not self.is_complete:
            self._pass_on(self.text.add(token))
        if self.is_complete or self.count >= self.max_tokens:
            self.has_ended = True
            self._pass_on(self.text.finish())
            self.end(self)

    def _pass_on(self, text: str) -> None:
        if text:
            self.receive(text)


class TokenChooser(LogitsProcessor):
    """Makes the model's greedy search choose each row's token by the row's own rule.

    A row with a generator is sampled by adding Gumbel noise to its scores: the greatest sum is then a sample. So each
    row is drawn by its own generator, and comes out the same whichever rows share the batch.

    Attributes:
        log_probabilities: ``float32 [rows]``, of the tokens chosen last, by the model's own spread.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._generators = [row.generator for row in rows]
        self._keep_probable = TopPLogitsWarper(_TOP_P)
        self.log_probabilities = torch.zeros(len(rows))

    def __call__(self, input_ids: torch.LongTensor, scores: torch.Tensor) -> torch.Tensor:
        """Returns scores ``[rows, vocabulary]`` of which the greatest in each row is the row's token."""
        preferences = scores
        if any(generator is not None for generator in self._generators):
            preferences = self._keep_probable(input_ids, cast("torch.FloatTensor", scores / _TEMPERATURE))
            for row, generator in enumerate(self._generators):
                if generator is None:
                    preferences[row] = scores[row]
                else:
                    noise = torch.empty_like(preferences[row]).exponential_(generator=generator)
                    preferences[row] -= noise.log()
        chosen = preferences.argmax(dim=-1, keepdim=True)
        self.log_probabilities = scores.log_softmax(dim=-1).gather(1, chosen).squeeze(1)
        return preferences


class TokenReader(StoppingCriteria):
    """Hands each row the token that was chosen for it, and says which rows have ended."""

    def __init__(self, rows: Sequence[Row], chooser: TokenChooser) -> None:
        self._rows = rows
        self._chooser = chooser

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **kwargs: Any) -> torch.BoolTensor:  # noqa: ARG002
        """Returns ``bool [rows]``."""
        tokens = input_ids[:, -1].tolist()
        log_probabilities = self._chooser.log_probabilities.tolist()
        for row, token, log_probability in zip(self._rows, tokens, log_probabilities, strict=True):
            row.take(token, log_probability)
        return torch.tensor([row.has_ended for row in self._rows], device=input_ids.device)  # type: ignore[return-value]
