"""Tests of texts on their way from a model: decoding that only appends, and sampling that is each row's own."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from gistwire_models.model_folder import TOKENIZER_FILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import LogitsProcessorList

from tests.model_repo.torch_modules import torch_streaming

END = 0


def llama_tokenizer() -> Tokenizer:
    """Pieces with a mark for their space, and bytes for all other characters."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁oil", "▁rose", "oil", "s", "."]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    steps = [
        decoders.Replace("▁", " "),
        decoders.ByteFallback(),
        decoders.Fuse(),
        decoders.Strip(" ", 1, 0),
    ]
    tokenizer.decoder = decoders.Sequence(steps)
    return tokenizer


@pytest.fixture(scope="module")
def tokenizers(checkpoints: dict[str, Path]) -> dict[str, Tokenizer]:
    pieces, byte_wise = (
        Tokenizer.from_file(str(checkpoints[kind] / TOKENIZER_FILE)) for kind in ("seq2seq", "causal")
    )
    return {"pieces": pieces, "bytes": byte_wise, "llama": llama_tokenizer()}


def stream(tokenizer: Tokenizer, tokens: Sequence[int]) -> tuple[list[str], str]:
    """What each token appends, with what the end appends; and the text that is remembered."""
    text = torch_streaming.RowText(tokenizer.decode)
    return [*(text.add(token) for token in tokens), text.finish()], text.text


@given(text=st.text(max_size=40))
def test_any_text_comes_out_as_it_is_but_for_white_space(tokenizers: dict[str, Tokenizer], text: str) -> None:
    tokens = tokenizers["bytes"].encode(text, add_special_tokens=False).ids
    pieces, remembered = stream(tokenizers["bytes"], tokens)
    assert "".join(pieces) == remembered == " ".join(text.rstrip("\ufffd").split())


@given(data=st.data(), kind=st.sampled_from(["pieces", "bytes"]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_tokens_give_the_text_that_they_give_at_once(
    tokenizers: dict[str, Tokenizer], data: st.DataObject, kind: str
) -> None:
    tokenizer = tokenizers[kind]
    tokens = data.draw(st.lists(st.integers(0, tokenizer.get_vocab_size() - 1), max_size=30))
    pieces, remembered = stream(tokenizer, tokens)
    assert "".join(pieces) == remembered == " ".join(tokenizer.decode(tokens).rstrip("\ufffd").split())


@given(
    words=st.lists(st.sampled_from(["▁oil", "▁rose", "oil", "s", ".", "▁", "é", "石", "😀"]), max_size=20),
)
def test_pieces_with_marked_spaces_and_bytes_give_the_text_that_they_give_at_once(
    tokenizers: dict[str, Tokenizer], words: list[str]
) -> None:
    tokenizer = tokenizers["llama"]
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    tokens = [
        vocabulary[piece]
        for word in words
        for piece in ([word] if word in vocabulary else [f"<0x{byte:02X}>" for byte in word.encode()])
    ]
    pieces, remembered = stream(tokenizer, tokens)
    assert "".join(pieces) == remembered == " ".join(tokenizer.decode(tokens).split())


def test_a_character_waits_for_its_last_byte(tokenizers: dict[str, Tokenizer]) -> None:
    tokens = tokenizers["bytes"].encode("é石", add_special_tokens=False).ids
    assert len(tokens) == 5
    assert stream(tokenizers["bytes"], tokens) == (["", "é", "", "", "石", ""], "é石")
    assert stream(tokenizers["bytes"], tokens[:-1]) == (["", "é", "", "", ""], "é")


def test_white_space_waits_for_what_follows(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["llama"]
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    tokens = [vocabulary[piece] for piece in ("▁", "▁", "oil", "▁", "▁rose", "▁")]
    assert stream(tokenizer, tokens) == (["", "", "oil", "", " rose", "", ""], "oil rose")


class Texts:
    """What the rows of a batch are told.

    Attributes:
        pieces: each piece of text.
        ended: each row that ended.
    """

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.ended: list[Any] = []

    def row(self, *, max_tokens: int = 8, seed: int | None = None) -> Any:
        return torch_streaming.Row(
            source=[1],
            max_tokens=max_tokens,
            end_tokens=frozenset({END}),
            text=torch_streaming.RowText(lambda tokens: "".join(chr(96 + each) for each in tokens)),
            abandoned=threading.Event(),
            generator=None if seed is None else torch.Generator().manual_seed(seed),
            receive=self.pieces.append,
            end=self.ended.append,
        )


def test_a_row_ends_with_the_mark_of_the_end() -> None:
    texts = Texts()
    row = texts.row()
    for token in (1, 2, END, 3):
        row.take(token, -0.5)
    assert (row.text.text, texts.pieces, texts.ended) == ("ab", ["a", "b"], [row])
    assert row.is_complete
    assert (row.count, row.log_probability) == (3, -0.5)


def test_a_row_ends_at_its_limit() -> None:
    texts = Texts()
    row = texts.row(max_tokens=2)
    for token in (1, 2, 3):
        row.take(token, -1.0)
    assert (row.text.text, texts.ended, row.is_complete) == ("ab", [row], False)


def test_a_row_that_was_abandoned_takes_no_more_and_tells_nobody() -> None:
    texts = Texts()
    row = texts.row()
    row.take(1, -1.0)
    row.abandoned.set()
    row.take(2, -1.0)
    assert (row.has_ended, texts.pieces, texts.ended) == (True, ["a"], [])


def draw(seeds: Sequence[int | None], scores: torch.Tensor, times: int) -> list[list[int]]:
    """Draws a token for each row, several times."""
    rows = [Texts().row(seed=seed) for seed in seeds]
    chooser = torch_streaming.TokenChooser(rows)
    prompt = torch.zeros(len(rows), 1, dtype=torch.long)
    repeated = scores.expand(len(rows), -1)
    return [chooser(prompt, repeated.clone()).argmax(dim=-1).tolist() for _ in range(times)]


def test_rows_without_a_generator_take_the_most_probable_token_beside_any_other() -> None:
    scores = torch.tensor([0.1, 0.4, 0.3])
    drawn = draw([None, 1, None], scores, 50)
    assert {first for first, _, _ in drawn} == {last for _, _, last in drawn} == {1}
    assert len({middle for _, middle, _ in drawn}) > 1


def test_a_row_is_drawn_alike_whichever_rows_stand_beside_it() -> None:
    scores = torch.linspace(0, 1, 50)
    alone = [token for (token,) in draw([7], scores, 20)]
    assert [tokens[2] for tokens in draw([1, None, 7, 9], scores, 20)] == alone
    assert [tokens[0] for tokens in draw([8], scores, 20)] != alone


def test_tokens_are_drawn_as_often_as_they_are_probable() -> None:
    # At the temperature of 0.7: 0.50, 0.30, 0.15, and 0.05 beyond the nucleus.
    probabilities = torch.tensor([0.50, 0.30, 0.15, 0.05])
    drawn = [token for (token,) in draw([11], probabilities.log() * 0.7, 4_000)]
    expected = [0.50 / 0.95, 0.30 / 0.95, 0.15 / 0.95, 0.0]
    assert [drawn.count(token) / len(drawn) for token in range(4)] == pytest.approx(expected, abs=0.03)


def test_probabilities_are_the_models_own() -> None:
    scores = torch.tensor([[0.0, 2.0, 1.0]])
    chooser = torch_streaming.TokenChooser([Texts().row(seed=1)])
    processors = LogitsProcessorList([chooser])
    chosen = int(processors(torch.zeros(1, 1, dtype=torch.long), scores).argmax())  # type: ignore[arg-type]
    assert chooser.log_probabilities.tolist() == pytest.approx([scores.log_softmax(-1)[0, chosen].item()])


def reader_of(rows: list[Any]) -> tuple[Any, Callable[[list[int]], list[bool]]]:
    chooser = torch_streaming.TokenChooser(rows)
    reader = torch_streaming.TokenReader(rows, chooser)
    return chooser, lambda tokens: reader(torch.tensor([[9, token] for token in tokens]), None).tolist()


def test_each_row_gets_its_own_token_and_ends_by_itself() -> None:
    first, second = Texts(), Texts()
    rows = [first.row(), second.row(max_tokens=2)]
    chooser, read = reader_of(rows)
    chooser.log_probabilities = torch.tensor([-1.0, -2.0])
    assert read([1, 2]) == [False, False]
    assert read([3, 4]) == [False, True]
    assert read([END, 5]) == [True, True]
    assert (rows[0].text.text, rows[1].text.text) == ("ac", "bd")
    assert (rows[0].log_probability, rows[1].log_probability) == (-1.0, -2.0)
