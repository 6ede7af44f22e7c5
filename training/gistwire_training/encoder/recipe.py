"""The settings of a text encoder's fine-tuning: one frozen object, written into the run's folder."""

from typing import Literal

import msgspec

from gistwire_training.errors import RecipeError

MixedPrecision = Literal["auto", "off", "bf16"]


class EncoderRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a text encoder is fine-tuned on (headline → body).

    The defaults take, by what a trial of 4 000 pairs took, about 10 minutes for 25 000 pairs on two cores that have
    instructions for bfloat16.
    """

    seed: int = 1
    """Decides the order of the data, the negatives and dropout: the same data and recipe give the same model on
    the same machine with the same number of threads."""
    threads: int = 0
    """Cores that compute; 0 leaves it to torch, which takes all."""

    epochs: int = 1
    """Passes over the training pairs. The base has seen a billion pairs and needs little; each further pass moves
    it away from what it knew of other texts."""
    max_steps: int = 0
    """Optimizer steps after which training stops even within a pass; 0 for no such limit."""
    batch_size: int = 64
    """Pairs in a step. Each pair's body is a negative for all others, so more are better; memory grows with
    it, to 2 GB at 64."""
    hard_negatives: int = 3
    """Hard negatives that a headline has in its batch: bodies that share words with it but tell another
    story. Other in-batch negatives are mostly of other subjects and soon teach nothing."""
    hard_negative_pool: int = 20
    """Best BM25 matches of which the hard negatives are drawn, anew in each pass. A deeper pool is easier; a
    shallower one holds more unlabelled positives."""
    false_negative_margin: float = 0.1
    """A negative whose cosine exceeds that of the positive by more than this is left out of the loss, for it is
    likely the same story (Zhang et al. 2025, "Qwen3 Embedding", the mask of their contrastive loss)."""
    temperature: float = 0.05
    """Cosines are divided by it. The base was trained with 0.05: another one would first rescale its space."""

    anchor_weight: float = 10.0
    """Weight of the loss that holds the embeddings of the training texts close to the base's, see `anchor_loss`; 0
    for none. At 10 it pulls about as hard as the contrastive loss, once a text's cosine to its anchor is 0.95."""
    query_variation: float = 0.5
    """Share of the headlines that are varied to look more like what people type, see `TrainingQueries`; in each pass
    others. The rest are learned from as they are."""
    query_synonyms: float = 0.3
    """Probability that a word of a varied headline is replaced, where the thesaurus knows another."""
    query_word_dropout: float = 0.2
    """Probability that a word of a varied headline is left out: people type fewer words than headlines have, and what
    is left must do without those that the body repeats."""

    learning_rate: float = 5e-5
    """Highest rate, that of the topmost layer. The usual 2e-5 is for runs ten times as long."""
    layer_decay: float = 0.9
    """Factor from each layer's rate to that of the layer below (Howard and Ruder 2018): lower ones know language,
    which news does not change."""
    warmup_share: float = 0.1
    """Share of the steps over which the rate rises from zero; then it falls to zero along a line."""
    weight_decay: float = 0.01
    """AdamW's; not on biases and norms."""
    dropout: float = 0.1
    """Share of activations dropped in the layers that learn, as in the base's own training."""
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    frozen_layers: int = 3
    """Lowest layers that stay as they are, with the embeddings. Half of six leaves half of the backward pass and
    keeps words that the training pairs do not hold where they are."""
    mixed_precision: MixedPrecision = "auto"
    """Type of matrix products: "auto" takes bfloat16 on a GPU, and on a CPU that has instructions for it, where
    it is twice as fast as float32."""

    max_headline_tokens: int = 32
    """Longest headline, in tokens with ``[CLS]`` and ``[SEP]``; hardly a headline is longer."""
    max_body_tokens: int = 96
    """Longest body, in tokens with ``[CLS]`` and ``[SEP]``; news says what matters first, and time grows with
    it."""

    evaluate_every: int = 100
    """Steps between two evaluations on validation data."""
    evaluation_size: int = 1_000
    """Validation pairs that are searched for, among as many bodies; the first ones by the hash of their id."""
    patience: int = 3
    """Evaluations without a better nDCG@10 after which training stops."""
    checkpoint_every: int = 50
    """Steps between two checkpoints, that is, what a kill costs at most."""
    interpolation_weights: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Weights of the fine-tuned parameters, against the base's, that are tried at the end (WiSE-FT, Wortsman et
    al. 2022): between the two lie models that gain most of one and lose little of the other."""

    def check(self) -> None:
        """Refuses settings that make no sense.

        Raises:
            RecipeError: says which.
        """
        for name in (
            "epochs",
            "batch_size",
            "evaluate_every",
            "evaluation_size",
            "patience",
            "checkpoint_every",
        ):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in (
            "seed",
            "threads",
            "max_steps",
            "hard_negatives",
            "frozen_layers",
            "weight_decay",
            "false_negative_margin",
            "anchor_weight",
        ):
            if getattr(self, name) < 0:
                raise RecipeError(f"{name} must not be negative, but is {getattr(self, name)}")
        for name in ("temperature", "learning_rate", "layer_decay", "clip_norm"):
            if not getattr(self, name) > 0:
                raise RecipeError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("warmup_share", "dropout", "query_word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        for name in ("query_variation", "query_synonyms"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name} is a probability, and cannot be {getattr(self, name)}")
        for name in ("max_headline_tokens", "max_body_tokens"):
            if getattr(self, name) < 3:
                raise RecipeError(f"{name} must leave room for a word, but is {getattr(self, name)}")
        if self.hard_negatives >= self.batch_size:
            raise RecipeError("batch_size must leave room for a headline's hard_negatives")
        if self.hard_negative_pool < self.hard_negatives:
            raise RecipeError("hard_negative_pool must be at least hard_negatives")
        if not all(0 < weight <= 1 for weight in self.interpolation_weights):
            raise RecipeError("interpolation_weights must be above 0 and at most 1")
