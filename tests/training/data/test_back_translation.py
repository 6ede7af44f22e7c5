"""Tests of saying bodies in other words, with translators that do as the test tells them."""

from dataclasses import dataclass, field
from pathlib import Path

import ctranslate2
import pytest
import torch
from ctranslate2.converters import TransformersConverter
from gistwire_training.data.back_translation import CTranslate2Translator, Translator, back_translate
from gistwire_training.data.split_pairs import SplitPairs
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.pairs import Pair, Split
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

PAIRS = SplitPairs(
    "train",
    (
        Pair(id="1", headline="Strike", body="Dockers strike. Ships wait.", language="en"),
        Pair(id="2", headline="No body", language="en"),
        Pair(id="3", headline="Storm", body="A storm hit.", language="en"),
    ),
)


@dataclass
class Replacing:
    """Replaces words, and remembers what it was given."""

    words: dict[str, str]
    seen: list[str] = field(default_factory=list)

    def translate(self, texts: list[str]) -> list[str]:
        self.seen += texts
        return [" ".join(self.words.get(word, word) for word in text.split()) for text in texts]


def test_bodies_go_there_and_back_sentence_by_sentence() -> None:
    forward: Translator = Replacing({"Dockers": "Hafenarbeiter", "wait.": "warten."})
    back = Replacing({"Hafenarbeiter": "Harbour workers", "warten.": "are waiting."})
    done: list[int] = []
    paraphrases = back_translate(
        PAIRS, forward=forward, back=back, share=1, batch_size=1, on_progress=done.append
    )
    # The body of the third came back unchanged.
    assert paraphrases == {"1": "Harbour workers strike. Ships are waiting."}
    assert back.seen == ["Hafenarbeiter strike.", "Ships warten.", "A storm hit."]
    assert done == [1, 2]


def test_a_body_that_comes_back_empty_is_left_out() -> None:
    nothing = Replacing(dict.fromkeys(["Dockers", "strike.", "Ships", "wait.", "A", "storm", "hit."], ""))
    assert back_translate(PAIRS, forward=nothing, back=nothing, share=1) == {}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_measured_is_not_translated(split: Split) -> None:
    translator = Replacing({})
    with pytest.raises(RecipeError, match=split):
        back_translate(SplitPairs(split, PAIRS.pairs), forward=translator, back=translator)
    assert translator.seen == []


def test_the_seed_draws_a_share() -> None:
    pairs = SplitPairs("train", tuple(Pair(id=str(n), headline="H", body=f"Ship {n}.") for n in range(300)))
    translator = Replacing({"Ship": "Boat"})
    drawn = [
        set(back_translate(pairs, forward=translator, back=Replacing({}), share=0.3, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert 60 < len(drawn[0]) < 120
    with pytest.raises(RecipeError, match="share"):
        back_translate(pairs, forward=translator, back=translator, share=1.1)


@pytest.fixture(scope="module")
def translation_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny translation model with random weights, converted, with its tokenizer beside it."""
    torch.manual_seed(1)
    checkpoint = tmp_path_factory.mktemp("checkpoint")
    words = ["</s>", "<unk>", "ships", "wait", "storm", "hit", "de_DE", "<pad>"]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(checkpoint)
    config = MarianConfig(
        vocab_size=len(words),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=64,
        eos_token_id=0,
        pad_token_id=7,
        decoder_start_token_id=7,
        forced_eos_token_id=0,
    )
    MarianMTModel(config).save_pretrained(checkpoint)
    folder = tmp_path_factory.mktemp("translation") / "model"
    files = ["tokenizer.json", "tokenizer_config.json"]
    TransformersConverter(str(checkpoint), copy_files=files).convert(str(folder))
    return folder


def test_a_translation_folder_is_run(translation_folder: Path) -> None:
    translator = CTranslate2Translator(translation_folder)
    texts = ["ships wait", "storm hit ships"]
    translations = translator.translate(texts)
    assert len(translations) == 2
    assert translations == [translator.translate([text])[0] for text in texts]
    assert not any(token in text for text in translations for token in ("<s>", "</s>", "<pad>"))
    assert translator.translate([]) == []


def test_the_target_prefix_begins_the_decoding_and_is_no_part_of_the_text(
    translation_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefixes: list[object] = []
    hypotheses: list[list[str]] = []
    translate_batch = ctranslate2.Translator.translate_batch

    def spy(self: ctranslate2.Translator, source: object, target_prefix: object, **options: object) -> object:
        prefixes.append(target_prefix)
        results = translate_batch(self, source, target_prefix, **options)
        hypotheses.extend(result.hypotheses[0] for result in results)
        return results

    monkeypatch.setattr(ctranslate2.Translator, "translate_batch", spy)
    translator = CTranslate2Translator(translation_folder, target_prefix=("de_DE",))
    (text,) = translator.translate(["ships wait"])
    assert prefixes == [[["de_DE"]]]
    # The random model may go on with the same token: just the first one is the prefix.
    assert hypotheses[0][0] == "de_DE"
    assert text.split() == [token for token in hypotheses[0][1:] if token not in {"</s>", "<pad>", "<unk>"}]


@pytest.mark.parametrize("missing", ["everything", "model", "tokenizer"])
def test_a_folder_without_model_or_tokenizer_is_refused(
    translation_folder: Path, tmp_path: Path, missing: str
) -> None:
    for file in translation_folder.iterdir() if missing != "everything" else ():
        if file.name.startswith("tokenizer") == (missing == "model"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(CheckpointError, match="no translation model"):
        CTranslate2Translator(tmp_path)
