from pathlib import Path
from typing import Any

import pytest
import torch
from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.summarizer.warm_start import bart_from_bert
from transformers import BertModel

TOKENS = torch.tensor([[101, 110, 112, 125, 102], [101, 130, 102, 0, 0]])
MASK = (TOKENS != 0).long()


def test_encoder_computes_what_bert_does(bert_folder: Path) -> None:
    bart: Any = bart_from_bert(bert_folder, decoder_layers=1, dropout=0.0)
    bert: Any = BertModel.from_pretrained(bert_folder, add_pooling_layer=False)
    bart.eval()
    bert.eval()
    with torch.no_grad():
        ours = bart.model.encoder(input_ids=TOKENS, attention_mask=MASK).last_hidden_state
        theirs = bert(input_ids=TOKENS, attention_mask=MASK).last_hidden_state
    real = MASK.bool()
    torch.testing.assert_close(ours[real], theirs[real], rtol=1e-3, atol=1e-3)
    assert float(theirs.std()) > 0.5


def test_embeddings_are_shared(bert_folder: Path) -> None:
    bart: Any = bart_from_bert(bert_folder, decoder_layers=2, dropout=0.0)
    pointers = {
        weight.data_ptr()
        for weight in (
            bart.model.shared.weight,
            bart.model.encoder.embed_tokens.weight,
            bart.model.decoder.embed_tokens.weight,
            bart.lm_head.weight,
        )
    }
    assert len(pointers) == 1


def test_decoder_takes_the_last_layers(bert_folder: Path) -> None:
    bart: Any = bart_from_bert(bert_folder, decoder_layers=1, dropout=0.0)
    last, only = bart.model.encoder.layers[-1], bart.model.decoder.layers[0]
    assert torch.equal(only.self_attn.q_proj.weight, last.self_attn.q_proj.weight)
    assert torch.equal(only.encoder_attn.v_proj.weight, last.self_attn.v_proj.weight)
    assert torch.equal(only.fc2.weight, last.fc2.weight)


def test_refuses_more_decoder_layers_than_bert_has(bert_folder: Path) -> None:
    with pytest.raises(RecipeError, match="from 1 to 2, not 3"):
        bart_from_bert(bert_folder, decoder_layers=3, dropout=0.0)


def test_refuses_a_folder_without_bert(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no BERT model"):
        bart_from_bert(tmp_path / "nothing", decoder_layers=1, dropout=0.0)
