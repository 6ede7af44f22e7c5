"""The settings of a summarizer's training: one frozen object, written into the run's folder."""

from typing import Literal

import msgspec

from gistwire_training.errors import RecipeError

Tuning = Literal["full", "lora", "adalora", "prefix", "adapter"]
Precision = Literal["auto", "float32", "bfloat16"]

_AT_LEAST_ONE = (
    "steps",
    "batch_size",
    "accumulation",
    "decoder_layers",
    "tuning_rank",
    "evaluate_every",
    "evaluation_size",
    "patience",
)
_SHARES = (
    "dropout",
    "label_smoothing",
    "headline_share",
    "headline_dropout",
    "supervised_share",
    "synonyms",
    "word_dropout",
    "sentence_dropout",
)
_NOT_NEGATIVE = (
    "frozen_encoder_layers",
    "align_steps",
    "warmup_steps",
    "learning_rate",
    "encoder_learning_rate",
    "weight_decay",
    "clip_norm",
    "adversarial_epsilon",
    "averaged_checkpoints",
)


class SummarizerRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a summarizer is trained.

    On two cores (AVX-512 with bfloat16) about 30 examples a second are learned from.
    """

    seed: int = 1
    """Decides every random choice: a run with the same data and recipe gives the same model on the same machine."""

    decoder_layers: int = 3
    """Layers of a warm-started decoder: one that copies, two that choose what."""
    frozen_encoder_layers: int = 4
    """Lowest encoder layers that stay as they are. What they know of language is worth more than what the data could
    add, and they then cost a third of the time. The word embeddings are frozen with them."""
    align_steps: int = 400
    """Steps in which the upper encoder layers learn to tell tokens and their predecessors (see `copying`), once, when
    the decoder is warm-started. Without them copying emerges 50 times as late."""
    dropout: float = 0.0
    """Share of activations dropped. The runs are short of one pass over the mixture's variants, where dropout
    costs quality, and a third of the time on a CPU."""

    tuning: Tuning = "full"
    """Which parameters move: all above the frozen layers, or few new ones (by `peft`)."""
    tuning_rank: int = 16
    """Rank of LoRA and AdaLoRA; length of a prefix; width of an adapter."""

    steps: int = 3000
    """Optimizer steps at most."""
    batch_size: int = 32
    """Examples in a step, on each device."""
    accumulation: int = 1
    """Batches whose gradients are added before a step."""
    learning_rate: float = 6e-4
    """Highest rate of the decoder and of new parameters. Post-norm layers diverge above 1e-3."""
    encoder_learning_rate: float = 2e-4
    """Highest rate of the encoder, which has less to learn and more to lose."""
    warmup_steps: int = 60
    """Steps over which the rates rise from zero; then they fall to a tenth along half a cosine."""
    weight_decay: float = 0.01
    """AdamW's; not on biases and norms."""
    label_smoothing: float = 0.05
    """Share of probability spread over the allowed tokens."""
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    adversarial_epsilon: float = 0.0
    """Length of the step along the gradient of the embedded source (FGM, Miyato et al. 2017) whose loss is added;
    0 for none. Doubles the time."""
    precision: Precision = "auto"
    """Type of matrix products: "auto" takes bfloat16 on a GPU, and on a CPU that has instructions for it."""

    headline_share: float = 0.2
    """Share of the examples whose target is the headline, with the body alone as source: what people thought the
    news is."""
    headline_dropout: float = 0.15
    """Share of the summary examples whose headline is hidden, so that the body is read too."""
    supervised_share: float = 0.5
    """Share of the summary examples whose target a person wrote, where the data has both kinds."""
    synonyms: float = 0.0
    """Probability that a common word of the body, which the target does not have, is replaced by a synonym."""
    word_dropout: float = 0.0
    """Probability that such a word is left out."""
    sentence_dropout: float = 0.0
    """Probability that a sentence beyond the lead, which the target does not need, is left out."""
    max_source_tokens: int = 200
    """Longest source, in tokens; news says what matters first."""
    max_target_tokens: int = 64
    """Longest target, in tokens."""

    evaluate_every: int = 250
    """Steps between two evaluations on validation data."""
    evaluation_size: int = 160
    """Validation examples of which a summary is written; the first ones by the hash of their id."""
    patience: int = 6
    """Evaluations without a better ROUGE after which training stops."""
    averaged_checkpoints: int = 3
    """The last so many evaluated weights are averaged into the result, if that is better on validation."""

    def check(self) -> None:
        """Refuses settings that contradict each other.

        Raises:
            RecipeError: says which.
        """
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise RecipeError(f"{name} must not be negative, but is {getattr(self, name)}")
        for name in _SHARES:
            if not 0 <= getattr(self, name) < 1 and not (name.endswith("share") and getattr(self, name) == 1):
                raise RecipeError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if not 16 <= self.max_source_tokens <= 510:
            raise RecipeError(f"max_source_tokens must be from 16 to 510, not {self.max_source_tokens}")
        if not 8 <= self.max_target_tokens <= 256:
            raise RecipeError(f"max_target_tokens must be from 8 to 256, not {self.max_target_tokens}")
