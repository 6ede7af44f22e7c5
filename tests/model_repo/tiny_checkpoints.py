"""Checkpoints of random weights as transformers writes them, made in a moment."""

from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from tests.models.summarizer_contract import BODY

POSITIONS = 320
"""Longest text of both models, in tokens."""

MIN_TOKENS = 4
"""Shortest text that both models write, in tokens."""

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

# As large that texts differ with their articles, and do not go round in circles.
_SPREAD = 0.4

# By how much the end of a text is likelier than any other token, so that texts do end.
_END_WEIGHT = 2.0


def write_tiny_seq2seq(folder: Path) -> None:
    """Writes a BART with a vocabulary of words and pieces of words."""
    words = sorted({word.strip(".,").lower() for word in BODY.split()})
    letters = [chr(each) for each in range(ord("a"), ord("z") + 1)]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokens = [*special, *words, *letters, *(f"##{each}" for each in letters), ".", ",", "é", "##é"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.add_special_tokens([AddedToken(each, special=True) for each in special])
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    torch.manual_seed(4)
    model = BartForConditionalGeneration(
        BartConfig(
            vocab_size=len(vocabulary),
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=POSITIONS,
            init_std=_SPREAD,
            # With its inputs as outputs a model of random weights repeats itself.
            tie_word_embeddings=False,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
            forced_eos_token_id=None,
        )
    )
    _save(folder, model, tokenizer, pad_token="<pad>", eos_token="</s>", bos_token="<s>", unk_token="<unk>")


def write_tiny_causal(folder: Path, *, chat_template: str | None = CHAT_TEMPLATE) -> None:
    """Writes a Llama whose tokens are bytes and what was merged of them; any text can be read and written."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        _lines(),
        trainers.BpeTrainer(
            vocab_size=400,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=["<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"],
        ),
    )
    torch.manual_seed(3)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=POSITIONS,
            initializer_range=_SPREAD,
            bos_token_id=0,
            eos_token_id=1,
        )
    )
    _save(folder, model, tokenizer, bos_token="<|begin|>", eos_token="<|end|>", chat_template=chat_template)


def _lines() -> Iterator[str]:
    yield BODY


def _save(
    folder: Path,
    model: BartForConditionalGeneration | LlamaForCausalLM,
    tokenizer: Tokenizer,
    **marks: str | None,
) -> None:
    end = tokenizer.token_to_id(str(marks["eos_token"]))
    with torch.no_grad():
        model.lm_head.weight[end] *= _END_WEIGHT
    assert model.generation_config is not None
    model.generation_config.min_new_tokens = MIN_TOKENS
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=POSITIONS,
        **{mark: token for mark, token in marks.items() if token is not None},
    ).save_pretrained(folder)
