"""How an article is put before our summarizer: the same in training and in serving."""

from dataclasses import dataclass

from tokenizers import Encoding, Tokenizer

from gistwire_models.errors import ModelFormatError

START_TOKEN, END_TOKEN, UNKNOWN_TOKEN = "[CLS]", "[SEP]", "[UNK]"

NO_REPEAT_NGRAM = 3
"""No run of so many tokens is written twice."""

DECODING_OPTIONS = {
    "no_repeat_ngram_size": NO_REPEAT_NGRAM,
    "disable_unk": True,
    "use_vmap": True,
    "end_token": END_TOKEN,
}
"""What CTranslate2 is told whenever it writes a summary."""

_MARKS = 4
"""Tokens of a source that are not the article's: its start, the task, and an end after headline and body."""

SUMMARY_TASK = "summary"
"""The word before a source whose summary is to be written."""

HEADLINE_TASK = "headline"
"""The word before a source whose headline is to be written."""

MIN_SOURCE_TOKENS = 16
"""With fewer, hardly a word is left between the marks."""

_MAX_CHARACTERS_PER_TOKEN = 16
"""No text has more on average; spares reading a whole book for its first page."""


@dataclass(frozen=True, slots=True)
class SummarizerSource:
    """An article as tokens.

    Attributes:
        task: the word that says what is written.
        headline: the headline's tokens, with their places in it.
        body: the body's tokens, with their places in it.
        headline_tokens: how many of the headline's tokens are read.
        body_tokens: how many of the body's tokens are read.
        marks: ids of the start mark, the task and the end mark.
    """

    task: str
    headline: Encoding
    body: Encoding
    headline_tokens: int
    body_tokens: int
    marks: tuple[int, int, int]

    def __len__(self) -> int:
        return self.headline_tokens + self.body_tokens + _MARKS

    @property
    def tokens(self) -> list[str]:
        """``[CLS] task headline [SEP] body [SEP]``."""
        headline, body = self.headline.tokens[: self.headline_tokens], self.body.tokens[: self.body_tokens]
        return [START_TOKEN, self.task, *headline, END_TOKEN, *body, END_TOKEN]

    @property
    def ids(self) -> list[int]:
        """Ids of `tokens`."""
        headline, body = self.headline.ids[: self.headline_tokens], self.body.ids[: self.body_tokens]
        start, task, end = self.marks
        return [start, task, *headline, end, *body, end]


def read_source(
    tokenizer: Tokenizer, *, task: str, headline: str, body: str, max_tokens: int
) -> SummarizerSource:
    """Cuts an article into tokens: at most a third of them for the headline, the rest for the body's beginning.

    Args:
        tokenizer: of WordPiece, without padding and truncation.
        task: SUMMARY_TASK or HEADLINE_TASK.
        headline: the headline; "" if it is hidden.
        body: the text.
        max_tokens: longest source, in tokens with the marks; at least `MIN_SOURCE_TOKENS`.

    Raises:
        ModelFormatError: the tokenizer lacks a mark or the task.
    """
    head: Encoding = tokenizer.encode(
        headline[: max_tokens * _MAX_CHARACTERS_PER_TOKEN], add_special_tokens=False
    )
    head_tokens = min(len(head.ids), max_tokens // 3 - 1)
    room = max_tokens - head_tokens - _MARKS
    text: Encoding = tokenizer.encode(body[: room * _MAX_CHARACTERS_PER_TOKEN], add_special_tokens=False)
    marks = (_id(tokenizer, START_TOKEN), _id(tokenizer, task), _id(tokenizer, END_TOKEN))
    return SummarizerSource(task, head, text, head_tokens, min(len(text.ids), room), marks)


def _id(tokenizer: Tokenizer, token: str) -> int:
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ModelFormatError(f"the tokenizer lacks {token}")
    return int(found)
