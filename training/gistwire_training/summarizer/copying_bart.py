"""A BART model that writes with its source's own words; trained by `training`, decoded under the same restriction.

At each step the softmax runs over the tokens of the batch's sources and a short list of function words, not over the
whole vocabulary. That is what CTranslate2 does with a vocabulary map (`use_vmap`), it removes most of the output
layer's cost, and a word that stands nowhere in the article cannot be written.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import torch
from gistwire_models.model_folder import TOKENIZER_FILE
from gistwire_models.summarizer_source import NO_REPEAT_NGRAM, read_source
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import BartForConditionalGeneration, LogitsProcessor, LogitsProcessorList

from gistwire_training.errors import CheckpointError, RecipeError
from gistwire_training.parameter_groups import decayed_groups
from gistwire_training.summarizer.adversarial import SourcePerturbation
from gistwire_training.summarizer.examples import Example
from gistwire_training.summarizer.function_words import function_words
from gistwire_training.summarizer.recipe import SummarizerRecipe
from gistwire_training.summarizer.tuning import FullTuning, begin_tuning, read_tuning
from gistwire_training.summarizer.warm_start import END, PAD, START

_IGNORED = -100


class CopyingBart:
    """A BART model with its tokenizer, the tokens it may always use, and how examples become tensors.

    Args:
        model: the network, over BERT's uncased vocabulary.
        tokenizer: of the same vocabulary.
        max_source_tokens: longest source.
        max_target_tokens: longest target.
        tuning: what was added to the network; None for nothing.
    """

    def __init__(
        self,
        model: BartForConditionalGeneration,
        tokenizer: Tokenizer,
        *,
        max_source_tokens: int,
        max_target_tokens: int,
        tuning: FullTuning | None = None,
    ) -> None:
        self.model = model
        self.tuning = tuning or FullTuning(model)
        self._perturbation: SourcePerturbation | None = None
        self.tokenizer = tokenizer
        self._max_source_tokens = max_source_tokens
        self.max_target_tokens = max_target_tokens
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.always_allowed = always_allowed_tokens(tokenizer)

    @property
    def module(self) -> nn.Module:
        """The network, as an optimizer sees it."""
        return cast("nn.Module", self.model)

    def parameter_groups(self, recipe: SummarizerRecipe) -> list[dict[str, Any]]:
        """Freezes the embeddings and the lower encoder layers; the decoder learns faster than the encoder.

        Under another tuning than "full" the whole network is frozen, and what is added to it learns.
        """
        network = self.model.model
        if recipe.adversarial_epsilon and self._perturbation is None:
            self._perturbation = SourcePerturbation(network.encoder, network.encoder.embed_tokens)
        if recipe.tuning != "full":
            self.tuning = begin_tuning(self.model, recipe, self.tuning)
            return self.tuning.parameter_groups(recipe)
        self.model.requires_grad_(False)
        upper = network.encoder.layers[recipe.frozen_encoder_layers :]
        groups: list[dict[str, Any]] = []
        for part, rate in ((upper, recipe.encoder_learning_rate), (network.decoder, recipe.learning_rate)):
            learning = [each for each in part.parameters() if each is not network.shared.weight]
            for parameter in learning:
                parameter.requires_grad_(True)
            groups += decayed_groups(learning, rate, recipe.weight_decay)
        return groups

    def perturbed(self, epsilon: float) -> AbstractContextManager[None]:
        """Moves the embedded sources by `epsilon` along the gradient of the last loss while the context lasts."""
        if self._perturbation is None:
            raise RecipeError("adversarial training needs a recipe with adversarial_epsilon")
        return self._perturbation.applied(epsilon)

    def loss(self, batch: Sequence[Example], *, label_smoothing: float = 0.0) -> Tensor:
        """Returns the mean cross-entropy of the targets' tokens, over the tokens that are allowed.

        Tokens of a target that are not allowed are left out.

        Returns:
            ``float32 []``
        """
        sources = self.sources(batch)
        targets = _padded([self._target(example) for example in batch], _IGNORED)
        inputs = functional.pad(targets[:, :-1].clamp(min=0), (1, 0), value=START)
        allowed = self._allowed(sources)
        place = torch.full((self.model.config.vocab_size,), _IGNORED)
        place[allowed] = torch.arange(len(allowed))
        labels = torch.where(targets >= 0, place[targets.clamp(min=0)], targets)
        device = self.model.device
        states = self.model.model(
            input_ids=sources.to(device),
            attention_mask=(sources != PAD).long().to(device),
            decoder_input_ids=inputs.to(device),
        ).last_hidden_state
        logits = states @ cast("Tensor", self.model.model.shared.weight)[allowed.to(device)].T
        loss = functional.cross_entropy(
            logits.flatten(0, 1).float(),
            labels.flatten().to(device),
            ignore_index=_IGNORED,
            label_smoothing=label_smoothing,
        )
        return self.tuning.regularized(loss) if self.model.training else loss

    def write(self, batch: Sequence[Example]) -> list[str]:
        """Writes a text for each example, greedily, without looking at its target; in lower case."""
        return [self.tokenizer.decode(tokens) for tokens in self.write_tokens(batch)]

    @torch.no_grad()
    def write_tokens(self, batch: Sequence[Example]) -> list[list[int]]:
        """Writes a text for each example, greedily: its tokens without the marks around it."""
        sources = self.sources(batch).to(self.model.device)
        network: Any = self.model  # what generates is mixed in, unseen by type checkers
        written: Tensor = network.generate(
            input_ids=sources,
            attention_mask=(sources != PAD).long(),
            logits_processor=LogitsProcessorList([_Restriction(self._allowed(sources.cpu()), self.model)]),
            max_new_tokens=self.max_target_tokens,
            do_sample=False,
            num_beams=1,
            no_repeat_ngram_size=NO_REPEAT_NGRAM,
        )
        return [[token for token in tokens if token not in {PAD, START, END}] for tokens in written.tolist()]

    def save(self, folder: Path) -> None:
        """Writes a Hugging Face folder: weights as safetensors, configuration and tokenizer.

        What `tuning` cannot merge into the weights is saved beside them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.tuning.save(folder)
        self.tokenizer.save(str(folder / TOKENIZER_FILE))

    def source_tokens(self, example: Example) -> list[int]:
        """Returns ``[CLS] task headline [SEP] body [SEP]``, cut at the end to the longest source."""
        source = read_source(
            self.tokenizer,
            task=example.task.value,
            headline=example.headline,
            body=example.body,
            max_tokens=self._max_source_tokens,
        )
        return source.ids

    def _target(self, example: Example) -> list[int]:
        return [*self._tokens(example.target)[: self.max_target_tokens - 1], END]

    def sources(self, batch: Sequence[Example]) -> Tensor:
        """Returns the sources' tokens, padded: ``int64 [batch, length]``."""
        return _padded([self.source_tokens(example) for example in batch], PAD)

    def _allowed(self, sources: Tensor) -> Tensor:
        tokens: Tensor = torch.unique(torch.cat([sources.flatten(), torch.tensor(self.always_allowed)]))
        return tokens[(tokens != PAD) & (tokens != START)]

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)


class _Restriction(LogitsProcessor):
    """Forbids all tokens but some."""

    def __init__(self, allowed: Tensor, model: BartForConditionalGeneration) -> None:
        self._penalty = torch.full((model.config.vocab_size,), float("-inf"), device=model.device)
        self._penalty[allowed.to(model.device)] = 0.0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002 (the library's order)
        return scores + self._penalty


def always_allowed_tokens(tokenizer: Tokenizer) -> list[int]:
    """Returns the ids of the tokens that may be written whatever the source, in order."""
    known = (tokenizer.token_to_id(word) for word in function_words())
    return sorted({END, *(token for token in known if token is not None)})


def read_copying_bart(folder: Path, *, max_source_tokens: int, max_target_tokens: int) -> CopyingBart:
    """Reads what `CopyingBart.save` wrote.

    Raises:
        CheckpointError: a file is missing, or the weights are not those of a BART model.
    """
    try:
        model: BartForConditionalGeneration = BartForConditionalGeneration.from_pretrained(
            folder, use_safetensors=True, local_files_only=True
        )
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    except Exception as error:  # tokenizers raises Exception itself
        raise CheckpointError(f"{folder} holds no summarizer that can be read: {error}") from error
    # As in serving: an article that holds "[SEP]" holds just these letters, not a mark.
    tokenizer.encode_special_tokens = True
    return CopyingBart(
        model,
        tokenizer,
        max_source_tokens=max_source_tokens,
        max_target_tokens=max_target_tokens,
        tuning=read_tuning(model, folder),
    )


def _padded(rows: list[list[int]], value: int) -> Tensor:
    length = max(map(len, rows))
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])
