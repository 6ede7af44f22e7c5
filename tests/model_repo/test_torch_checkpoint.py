"""Tests of how the summarizer by torch loads a checkpoint, what it refuses, and what its model reads."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gistwire_models.errors import ModelFormatError, ModelNotFoundError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from tests.model_repo.tiny_checkpoints import CHAT_TEMPLATE, POSITIONS, write_tiny_causal
from tests.model_repo.torch_modules import load_torch_summarizer


def test_special_tokens_in_an_article_are_only_letters(summarizer: Any) -> None:
    checkpoint = summarizer._checkpoint
    tokenizer = checkpoint._tokenizer
    special = {
        number for number, token in tokenizer.get_added_tokens_decoder().items() if token.content != "<unk>"
    }
    marks = " ".join(tokenizer.id_to_token(each) for each in special)
    read = [
        [each for each in checkpoint.read("", body) if each in special]
        for body in ("oil prices", f"oil {marks} prices", f"{marks}{marks}")
    ]
    assert read[0]
    assert read[1] == read[2] == read[0]


def test_a_long_article_is_cut_and_what_follows_it_is_not(summarizer: Any) -> None:
    checkpoint = summarizer._checkpoint
    short, long = checkpoint.read("Oil", "rose"), checkpoint.read("Oil", "rose \ud800" * 300_000)
    room = POSITIONS if checkpoint.is_seq2seq else POSITIONS - checkpoint.max_tokens
    assert len(short) < len(long) == room
    assert long[-1] == short[-1]


@pytest.mark.parametrize(
    ("chat_template", "prompt", "expected"),
    [
        (CHAT_TEMPLATE, "Be brief.", "<|user|>Be brief.\n\nOil\nOil rose.<|end|><|assistant|>"),
        (None, "Be brief.", "Be brief.\n\nOil\nOil rose.\n\nSummary:"),
    ],
)
async def test_a_causal_model_is_told_what_to_do(
    tmp_path: Path, chat_template: str | None, prompt: str, expected: str
) -> None:
    write_tiny_causal(tmp_path / "told", chat_template=chat_template)
    summarizer = load_torch_summarizer(tmp_path / "told", prompt=prompt)
    checkpoint = summarizer._checkpoint
    tokens = checkpoint.read("Oil", "Oil rose.")
    assert checkpoint._tokenizer.decode(tokens, skip_special_tokens=False) == expected
    await summarizer.close()


async def test_a_seq2seq_model_reads_the_article_after_its_prompt(checkpoints: dict[str, Path]) -> None:
    plain, told = (
        load_torch_summarizer(checkpoints["seq2seq"]),
        load_torch_summarizer(checkpoints["seq2seq"], prompt="the winter"),
    )
    texts = [
        each._checkpoint._tokenizer.decode(each._checkpoint.read("Oil", "rose"), skip_special_tokens=False)
        for each in (plain, told)
    ]
    assert texts == ["<s> oil rose </s>", "<s> the winter oil rose </s>"]
    assert plain.model.version != told.model.version
    await plain.close()
    await told.close()


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_a_checkpoint_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"config\.json is missing"):
        load_torch_summarizer(tmp_path / name)


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_pickled_weights_are_refused_unread(folder: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(folder, tmp_path / "pickled")
    (changed / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Planted(tmp_path / "planted")}, changed / "pytorch_model.bin")
    with pytest.raises(ModelFormatError, match="safetensors"):
        load_torch_summarizer(changed)
    assert not (tmp_path / "planted").exists()


def truncate_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-64])


def drop_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights.pop("lm_head.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def drop_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def add_tokens(folder: Path) -> None:
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.add_tokens(["unheard"])
    tokenizer.save(str(path))


def garble_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def ask_for_own_code(folder: Path) -> None:
    config = {"model_type": "own", "auto_map": {"AutoConfig": "code.Config"}, "is_encoder_decoder": False}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit")


def add_adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def drop_end(folder: Path) -> None:
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        settings = json.loads((folder / name).read_bytes())
        for key in ("eos_token_id", "eos_token"):
            settings.pop(key, None)
        if name == "config.json":
            settings["eos_token_id"] = None
        (folder / name).write_text(json.dumps(settings))


@pytest.mark.parametrize(
    "damage",
    [
        truncate_weights,
        drop_a_weight,
        drop_tokenizer,
        add_tokens,
        garble_config,
        ask_for_own_code,
        add_adapter,
        drop_end,
    ],
)
def test_a_damaged_checkpoint_is_refused(
    folder: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    changed = shutil.copytree(folder, tmp_path / "damaged")
    damage(changed)
    with pytest.raises(ModelFormatError):
        load_torch_summarizer(changed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "int8"),
        ({"device": "cuda:99"}, "cannot be used"),
        ({"prompt": "oil " * 400}, "room"),
    ],
)
def test_what_a_checkpoint_cannot_do_is_refused(folder: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        load_torch_summarizer(folder, **options)


@pytest.mark.parametrize("template", ["no article", "{{ messages }}{{ messages }}", "{{ undefined() }}"])
def test_a_chat_template_without_one_place_for_the_article_is_refused(tmp_path: Path, template: str) -> None:
    write_tiny_causal(tmp_path / "model", chat_template=template)
    with pytest.raises(ModelFormatError):
        load_torch_summarizer(tmp_path / "model")
