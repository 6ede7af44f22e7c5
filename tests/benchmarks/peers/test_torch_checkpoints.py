"""Tests of the shipped models as folders for torch: they compute what the served ones compute."""

import json
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
import torch
from gistwire_models.conversion import convert_encoder
from gistwire_models.encoder_engine import EncoderEngine
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder
from gistwire_models.summarizer_source import DECODING_OPTIONS, SUMMARY_TASK, read_source
from gistwire_models.tokenization import read_tokenizer
from transformers import AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer

from benchmarks.peers.converted_weights import read_converted_weights
from benchmarks.peers.torch_checkpoints import write_torch_encoder, write_torch_summarizer

HEADLINE = "Harbour strike enters second week"
BODY = (
    "Dock workers in Ellery began a strike on Monday after talks over night shifts broke down. "
    "The port authority said 14 ships were waiting outside the harbour."
)
TOKENS = 40


@pytest.fixture(scope="module")
def torch_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch") / "encoder"
    write_torch_encoder(default_encoder_folder(), folder)
    return folder


@pytest.fixture(scope="module")
def torch_summarizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch") / "summarizer"
    write_torch_summarizer(default_summarizer_folder(), folder)
    return folder


def test_the_encoder_converted_back_is_the_shipped_one(torch_encoder: Path, tmp_path: Path) -> None:
    convert_encoder(torch_encoder, tmp_path / "back", name="back")
    shipped = read_converted_weights(default_encoder_folder() / "model.bin")
    back = read_converted_weights(tmp_path / "back" / "model.bin")
    assert back.keys() == shipped.keys()
    for name, values in shipped.items():
        np.testing.assert_allclose(back[name], values, atol=1e-6, err_msg=name)


def test_the_encoder_says_how_it_is_pooled_and_how_much_it_reads(torch_encoder: Path) -> None:
    modules = [
        each["type"].rpartition(".")[2] for each in json.loads((torch_encoder / "modules.json").read_text())
    ]
    assert modules == ["Transformer", "Pooling", "Normalize"]
    pooling = json.loads((torch_encoder / "1_Pooling" / "config.json").read_text())
    assert pooling == {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True}
    assert json.loads((torch_encoder / "sentence_bert_config.json").read_text())["max_seq_length"] == 256


def test_torch_embeds_as_the_served_encoder_does(torch_encoder: Path) -> None:
    texts = [HEADLINE, BODY]
    tokenizer: Any = AutoTokenizer.from_pretrained(torch_encoder)
    model: Any = AutoModel.from_pretrained(torch_encoder, add_pooling_layer=False).eval()
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    means = torch.nn.functional.normalize((hidden * mask).sum(1)).numpy()
    engine = EncoderEngine.load(default_encoder_folder())
    try:
        cosines = (engine.embed(texts) * means).sum(axis=1)
    finally:
        engine.close()
    assert np.min(cosines) > 0.99


def test_torch_writes_what_the_served_summarizer_writes(torch_summarizer: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(torch_summarizer)
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(torch_summarizer).eval()
    settings = model.config.task_specific_params["summarization"]
    inputs = tokenizer(f"{settings['prefix']}{HEADLINE} [SEP] {BODY}", return_tensors="pt")
    served_tokenizer = read_tokenizer(default_summarizer_folder())
    source = read_source(served_tokenizer, task=SUMMARY_TASK, headline=HEADLINE, body=BODY, max_tokens=200)
    assert inputs["input_ids"][0].tolist() == source.ids
    with torch.inference_mode():
        written = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            num_beams=settings["num_beams"],
            min_new_tokens=settings["min_length"],
            max_new_tokens=TOKENS,
        )
    translator: Any = ctranslate2.Translator(str(default_summarizer_folder()), intra_threads=1)
    (result,) = translator.translate_batch(
        [source.tokens], beam_size=1, max_decoding_length=TOKENS, min_decoding_length=6, **DECODING_OPTIONS
    )
    expected = [served_tokenizer.token_to_id(token) for token in result.hypotheses[0]]
    assert len(expected) > 6
    assert tokenizer.decode(written[0], skip_special_tokens=True) == tokenizer.decode(expected)
