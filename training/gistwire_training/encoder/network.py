"""A BERT sentence encoder in torch: its files, its tokens and its embeddings; used by all of this package."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from gistwire_models.encoder import Embedding
from gistwire_models.model_folder import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from gistwire_training.encoder.recipe import MixedPrecision
from gistwire_training.errors import CheckpointError, RecipeError

TokenIds = Sequence[int]
Weights = dict[str, Tensor]

_GROUP_TOKENS = 1_024
"""Padded tokens computed at once: what they need then fits the cache, a third faster on a CPU than four times as
many; and texts of like length share a group."""

# Sentence encoders are published with a pooler that they don't use, and old ones with a table of 0, 1, 2…
_UNUSED = ("pooler.", "embeddings.position_ids")

_MAX_CHARACTERS = 8_192
"""Enough for the longest input of any news text; spares the tokenizer what would be cut anyway."""


class SentenceEncoder(nn.Module):
    """Texts to unit vectors: BERT, the mean over a text's tokens, scaled to length 1.

    Attributes:
        bert: the network.
        folder: where its files were read, config.json and tokenizer.json among them.
    """

    def __init__(self, bert: BertModel, tokenizer: Tokenizer, folder: Path) -> None:
        """Use `SentenceEncoder.load`."""
        super().__init__()
        self.bert = bert
        self.folder = folder
        self._tokenizer = tokenizer
        self._frozen: list[nn.Module] = []

    @classmethod
    def load(cls, folder: Path, *, dropout: float = 0.0) -> "SentenceEncoder":
        """Loads an encoder for evaluation, all of it trainable.

        Args:
            folder: holds ``model.safetensors``, ``config.json`` and ``tokenizer.json``.
            dropout: share of activations dropped in training.

        Raises:
            CheckpointError: a file is missing or cannot be used.
        """
        for name in (WEIGHTS_FILE, CONFIG_FILE, TOKENIZER_FILE):
            if not (folder / name).is_file():
                raise CheckpointError(f"{folder / name} is missing")
        try:
            config = BertConfig.from_json_file(folder / CONFIG_FILE)
            config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
            # The network draws weights before they are replaced, which does not concern the caller.
            with torch.random.fork_rng():
                bert = BertModel(config, add_pooling_layer=False)
            weights = load_file(folder / WEIGHTS_FILE)
            bert.load_state_dict({name: weights[name] for name in weights if not name.startswith(_UNUSED)})
            tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"{folder} holds no encoder that can be fine-tuned: {error}") from error
        tokenizer.no_padding()
        encoder = cls(bert, tokenizer, folder)
        encoder.eval()
        return encoder

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.bert.embeddings.word_embeddings.weight.device

    @property
    def layers(self) -> list[nn.Module]:
        """The transformer's layers, lowest first."""
        return list(self.bert.encoder.layer)

    def freeze(self, layers: int) -> None:
        """Keeps the embeddings and the lowest layers as they are, without dropout.

        Raises:
            RecipeError: that would leave no layer to train.
        """
        if layers >= len(self.layers):
            raise RecipeError(
                f"frozen_layers is {layers}, but the encoder has only {len(self.layers)} layers"
            )
        self._frozen = [self.bert.embeddings, *self.layers[:layers]]
        for module in self._frozen:
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> "SentenceEncoder":
        """Turns dropout on or off; frozen layers never have any."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def weights(self) -> Weights:
        """Copies of all parameters by name, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.bert.named_parameters()}

    def trained_weights(self) -> Weights:
        """Copies of the parameters that are not frozen, by name, on the CPU."""
        trained = ((name, value) for name, value in self.bert.named_parameters() if value.requires_grad)
        return {name: value.detach().cpu().clone() for name, value in trained}

    def set_weights(self, weights: Weights) -> None:
        """Sets the parameters with these names.

        Raises:
            CheckpointError: the encoder has no such parameter, or of another shape.
        """
        parameters = dict(self.bert.named_parameters())
        with torch.no_grad():
            for name, value in weights.items():
                if name not in parameters or parameters[name].shape != value.shape:
                    raise CheckpointError(f"the weights are of another encoder: {name} does not fit")
                parameters[name].copy_(value)

    def tokenize(self, texts: Sequence[str], *, max_tokens: int) -> list[TokenIds]:
        """Ids of the tokens of each text, ``[CLS]`` and ``[SEP]`` among them."""
        self._tokenizer.enable_truncation(min(max_tokens, self.bert.config.max_position_embeddings))
        # The tokenizer refuses lone surrogates.
        whole = [text[:_MAX_CHARACTERS].encode(errors="replace").decode() for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(whole)]

    def forward(self, texts: Sequence[TokenIds]) -> Tensor:
        """Embeds tokenized texts: ``float32 [len(texts), dimension]``, in their order."""
        embedded: list[Tensor] = []
        order: list[int] = []
        for group in _groups_of_like_length(texts):
            order += group
            embedded.append(self._embed_group([texts[place] for place in group]))
        if not embedded:
            return torch.zeros(0, self.bert.config.hidden_size, device=self.device)
        places = torch.tensor(np.argsort(order), device=self.device)
        return torch.cat(embedded)[places]

    @torch.no_grad()
    def embed(self, texts: Sequence[str], *, max_tokens: int) -> Embedding:
        """Embeds texts, without dropout: ``float32 [len(texts), dimension]``."""
        was_training = self.training
        self.eval()
        embeddings = self(self.tokenize(texts, max_tokens=max_tokens)).cpu().numpy()
        self.train(was_training)
        result: Embedding = embeddings.astype(np.float32, copy=False)
        return result

    def _embed_group(self, texts: Sequence[TokenIds]) -> Tensor:
        lengths = torch.tensor([len(text) for text in texts], device=self.device)
        ids = torch.zeros(len(texts), int(lengths.max()), dtype=torch.long)
        for row, text in zip(ids, texts, strict=True):
            row[: len(text)] = torch.tensor(text)
        mask = torch.arange(ids.shape[1], device=self.device) < lengths[:, None]
        hidden = self.bert(input_ids=ids.to(self.device), attention_mask=mask.long()).last_hidden_state
        # In float32, for cosines in bfloat16 would be off by a hundredth.
        summed = (hidden.float() * mask[:, :, None]).sum(dim=1)
        return nn.functional.normalize(summed, dim=-1)


def autocast(precision: MixedPrecision, device: torch.device) -> AbstractContextManager[object]:
    """Computes matrix products in the type that a recipe asks for, on this device."""
    # Without instructions for it, bfloat16 on a CPU is slower than float32.
    fast = device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    enabled = precision == "bf16" or (precision == "auto" and fast)
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def _groups_of_like_length(texts: Sequence[TokenIds]) -> Iterator[list[int]]:
    """Places of the texts, longest first, in groups that padding makes `_GROUP_TOKENS` at most."""
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    start = 0
    while start < len(order):
        size = max(1, _GROUP_TOKENS // len(texts[order[start]]))
        yield order[start : start + size]
        start += size
