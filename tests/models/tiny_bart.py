"""A copying BART of random weights, small enough to be made and exported in a second."""

from pathlib import Path

import torch
from gistwire_training.summarizer.copying_bart import CopyingBart
from gistwire_training.summarizer.warm_start import bart_from_bert
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel


def write_tiny_bart(folder: Path, tokenizer_file: Path) -> None:
    """Writes a Hugging Face folder with the tokenizer."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(tokenizer_file))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=96,
    )
    # With weights as small as a fresh BERT's every article would be summarized alike.
    config.initializer_range = 0.3
    bert_folder = folder.with_name("bert")
    BertModel(config, add_pooling_layer=False).save_pretrained(bert_folder)
    torch.manual_seed(5)
    model = bart_from_bert(bert_folder, decoder_layers=2, dropout=0.0)
    CopyingBart(model, tokenizer, max_source_tokens=96, max_target_tokens=32).save(folder)
