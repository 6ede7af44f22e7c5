"""Any Hugging Face checkpoint in a local folder as a trainee; reached by `gistwire-train summarizer`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.parameter_groups import decayed_groups
from gistwire_training.summarizer.adversarial import SourcePerturbation
from gistwire_training.summarizer.examples import Example
from gistwire_training.summarizer.layers import frozen_layers
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.tuning import FullTuning, begin_tuning, read_tuning

_IGNORED = -100
_MAX_CHARACTERS_PER_TOKEN = 16
"""No text is longer than this a token on average; spares reading a whole book for its first page."""


class PretrainedTrainee:
    """A pretrained network with its own tokenizer, which learns to write summaries.

    It reads ``headline⏎body⏎⏎Summary:`` (or ``Headline:``), as plain text. An encoder–decoder gets that as its
    source, with the tokenizer's own marks around it; a causal model continues it, and learns on the continuation
    alone.

    Args:
        model: the network.
        tokenizer: its tokenizer; must have an end mark.
        max_source_tokens: longest source with all its marks, in tokens of this tokenizer.
        max_target_tokens: longest target with its end mark.
        tuning: what was added to the network; None for nothing.

    Raises:
        CheckpointError: the tokenizer has no end mark.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_source_tokens: int,
        max_target_tokens: int,
        tuning: FullTuning | None = None,
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise CheckpointError("the tokenizer has no end mark (eos_token)")
        self.model = model
        self.tokenizer = tokenizer
        self.tuning = tuning or FullTuning(model)
        self._seq2seq = bool(model.config.is_encoder_decoder)
        self._end = cast("int", tokenizer.eos_token_id)
        padding = cast("int | None", tokenizer.pad_token_id)
        self._padding = self._end if padding is None else padding
        self._before, self._after = _marks(tokenizer)
        self._max_source_tokens = max_source_tokens
        self._max_target_tokens = max_target_tokens
        self._perturbation: SourcePerturbation | None = None

    @property
    def module(self) -> nn.Module:
        """The network, as an optimizer sees it."""
        return self.model

    def parameter_groups(self, recipe: SummarizerRecipe) -> list[dict[str, Any]]:
        """Freezes the word embeddings and the lowest layers, and returns the rest; nothing with 0 frozen layers.

        The encoder learns at its own rate, all else at the recipe's first. Under another tuning than "full" the whole
        network is frozen, and what is added to it learns.

        Raises:
            RecipeError: the recipe does not fit the network.
        """
        if recipe.adversarial_epsilon and self._perturbation is None:
            reader = self.model.get_encoder() if self._seq2seq else self.model
            self._perturbation = SourcePerturbation(reader, self.model.get_input_embeddings())
        if recipe.tuning != "full":
            self.tuning = begin_tuning(self.model, recipe, self.tuning)
            return self.tuning.parameter_groups(recipe)
        self.model.requires_grad_(True)
        if recipe.frozen_encoder_layers:
            for part in (
                self.model.get_input_embeddings(),
                *frozen_layers(self.model, recipe.frozen_encoder_layers),
            ):
                part.requires_grad_(False)
        return self._groups(recipe)

    def loss(self, batch: Sequence[Example], *, label_smoothing: float = 0.0) -> Tensor:
        """Returns the mean cross-entropy of the targets' tokens and end marks: ``float32 []``."""
        targets = [self._target_tokens(example) for example in batch]
        sources = [self.source_tokens(example) for example in batch]
        if self._seq2seq:
            labels = _right_padded(targets, _IGNORED)
            logits = self._continue_from(sources, labels)
        else:
            both = list(zip(sources, targets, strict=True))
            known = [[_IGNORED] * len(source) + target for source, target in both]
            labels = _right_padded(known, _IGNORED)[:, 1:]
            logits = self._read([source + target for source, target in both])[:, :-1]
        loss = functional.cross_entropy(
            logits.flatten(0, 1).float(),
            labels.flatten().to(logits.device),
            ignore_index=_IGNORED,
            label_smoothing=label_smoothing,
        )
        return self.tuning.regularized(loss) if self.model.training else loss

    @torch.no_grad()
    def write(self, batch: Sequence[Example]) -> list[str]:
        """Writes a text for each example, greedily, without looking at its target."""
        rows = [self.source_tokens(example) for example in batch]
        # A causal model goes on after the last position, so its sources must end there.
        pad = _right_padded if self._seq2seq else _left_padded
        sources = pad(rows, self._padding)
        present = pad([[1] * len(row) for row in rows], 0)
        device = self.model.device
        generate = cast("Any", self.model).generate
        written: Tensor = generate(
            input_ids=sources.to(device),
            attention_mask=present.to(device),
            max_new_tokens=self._max_target_tokens,
            do_sample=False,
            num_beams=1,
            # Of a causal model the source counts as written, from which it must be free to copy.
            no_repeat_ngram_size=3 if self._seq2seq else 0,
            eos_token_id=self._end,
            pad_token_id=self._padding,
        )
        new = written if self._seq2seq else written[:, sources.shape[1] :]
        texts = self.tokenizer.batch_decode(new.tolist(), skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def perturbed(self, epsilon: float) -> AbstractContextManager[None]:
        """Moves what the network reads by `epsilon` along the gradient of the last loss while the context lasts.

        Of a causal model that is the whole text, source and target.
        """
        if self._perturbation is None:
            raise RecipeError("adversarial training needs a recipe with adversarial_epsilon")
        return self._perturbation.applied(epsilon)

    def save(self, folder: Path) -> None:
        """Writes a Hugging Face folder, with the tokenizer; what cannot be merged is saved beside the weights."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tuning.save(folder)
        self.tokenizer.save_pretrained(folder)

    def source_tokens(self, example: Example) -> list[int]:
        """Returns headline, body and cue with the marks around them; the body is cut to the longest source.

        The headline takes a third of the source at most.
        """
        cue = self._tokens(f"\n\n{example.task.value.capitalize()}:")
        after = self._after if self._seq2seq else []
        room = self._max_source_tokens - len(self._before) - len(after) - len(cue)
        headline = self._tokens(example.headline)[: room // 3]
        text = self._tokens(f"\n{example.body}" if headline else example.body)
        return [*self._before, *headline, *text[: room - len(headline)], *cue, *after]

    def _target_tokens(self, example: Example) -> list[int]:
        before = self._before if self._seq2seq else []
        text = self._tokens(example.target if self._seq2seq else f" {example.target}")
        return [*before, *text[: self._max_target_tokens - len(before) - 1], self._end]

    def _tokens(self, text: str) -> list[int]:
        cut = text[: self._max_source_tokens * _MAX_CHARACTERS_PER_TOKEN]
        return list(self.tokenizer(cut, add_special_tokens=False, verbose=False)["input_ids"])

    def _continue_from(self, sources: list[list[int]], labels: Tensor) -> Tensor:
        """Returns the decoder's logits at each position of the labels: ``float [batch, length, vocabulary]``."""
        start = self.model.config.decoder_start_token_id
        inputs = functional.pad(labels[:, :-1], (1, 0), value=int(self._padding if start is None else start))
        inputs = torch.where(inputs == _IGNORED, self._padding, inputs)
        return self._read(sources, decoder_input_ids=inputs.to(self.model.device))

    def _read(self, rows: list[list[int]], **inputs: Tensor) -> Tensor:
        mask = _right_padded([[1] * len(row) for row in rows], 0)
        logits: Tensor = self.model(
            input_ids=_right_padded(rows, self._padding).to(self.model.device),
            attention_mask=mask.to(self.model.device),
            use_cache=False,
            **inputs,
        ).logits
        return logits

    def _groups(self, recipe: SummarizerRecipe) -> list[dict[str, Any]]:
        encoder = list(self.model.get_encoder().parameters()) if self._seq2seq else []
        reading = {id(each) for each in encoder}
        learning = [each for each in self.model.parameters() if each.requires_grad]
        return [
            *decayed_groups(
                [each for each in learning if id(each) in reading],
                recipe.encoder_learning_rate,
                recipe.weight_decay,
            ),
            *decayed_groups(
                [each for each in learning if id(each) not in reading],
                recipe.learning_rate,
                recipe.weight_decay,
            ),
        ]


def read_pretrained(folder: Path, *, max_source_tokens: int, max_target_tokens: int) -> PretrainedTrainee:
    """Reads a checkpoint: weights in safetensors alone, from this folder alone, without running code from it.

    Args:
        folder: a Hugging Face folder, or what `PretrainedTrainee.save` wrote.
        max_source_tokens: longest source.
        max_target_tokens: longest target.

    Raises:
        CheckpointError: the folder holds no seq2seq or causal model that could be read so, or its tokenizer has no
            end mark.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder")
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **options)
        kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = cast(
            "PreTrainedModel",
            kind.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **options),
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    except Exception as error:  # tokenizers raises Exception itself
        raise CheckpointError(f"{folder} holds no checkpoint that can be read: {error}") from error
    return PretrainedTrainee(
        model,
        cast("PreTrainedTokenizerBase", tokenizer),
        max_source_tokens=max_source_tokens,
        max_target_tokens=max_target_tokens,
        tuning=read_tuning(model, folder),
    )


def _marks(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Returns the ids that the tokenizer puts before and after a text."""
    plain = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    marked = list(tokenizer("a", add_special_tokens=True)["input_ids"])
    for start in range(len(marked) - len(plain) + 1):
        if marked[start : start + len(plain)] == plain:
            return marked[:start], marked[start + len(plain) :]
    return [], []


def _right_padded(rows: list[list[int]], value: int) -> Tensor:
    length = max(map(len, rows))
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])


def _left_padded(rows: list[list[int]], value: int) -> Tensor:
    length = max(map(len, rows))
    return torch.tensor([[value] * (length - len(row)) + row for row in rows])
