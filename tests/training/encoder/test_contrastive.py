"""Tests of the loss and of the rates."""

import math

import msgspec
import pytest
import torch
from gistwire_training.encoder.contrastive import (
    anchor_loss,
    contrastive_loss,
    learning_rate_factor,
    parameter_groups,
)
from gistwire_training.encoder.network import SentenceEncoder
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.training.encoder.conftest import RECIPE

OWN = torch.eye(2, dtype=torch.bool)


def loss(cosines: list[list[float]], *, same_story: Tensor = OWN, margin: float = 1.0) -> float:
    """The loss at temperature 0.5 for vectors whose products are these numbers."""
    headlines = torch.eye(len(cosines))
    bodies = torch.tensor(cosines).T
    computed = contrastive_loss(
        headlines, bodies, same_story=same_story, temperature=0.5, false_negative_margin=margin
    )
    return float(computed)


def test_the_loss_is_the_mean_of_both_directions() -> None:
    cosines = [[0.8, 0.2], [0.5, 0.6]]
    forward = [math.log1p(math.exp((0.2 - 0.8) / 0.5)), math.log1p(math.exp((0.5 - 0.6) / 0.5))]
    backward = [math.log1p(math.exp((0.5 - 0.8) / 0.5)), math.log1p(math.exp((0.2 - 0.6) / 0.5))]
    assert loss(cosines) == pytest.approx(sum(forward + backward) / 4, rel=1e-5)


def test_a_body_of_the_same_story_is_no_negative() -> None:
    same_story = torch.ones(2, 2, dtype=torch.bool)
    assert loss([[0.1, 0.9], [0.9, 0.1]], same_story=same_story) == 0


def test_a_negative_that_is_too_close_is_left_out_in_each_direction() -> None:
    # 0.9 beats both positives by more than 0.1, and 0.15 beats only that of 0.1, by less.
    left = loss([[0.1, 0.9], [0.15, 0.7]], margin=0.1)
    forward = [0.0, math.log1p(math.exp((0.15 - 0.7) / 0.5))]
    backward = [math.log1p(math.exp((0.15 - 0.1) / 0.5)), 0.0]
    assert left == pytest.approx(sum(forward + backward) / 4, rel=1e-5)


def test_the_loss_pulls_own_bodies_closer() -> None:
    headlines = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2], [0.3, 1.0]]), dim=-1)
    bodies = torch.nn.functional.normalize(torch.tensor([[0.5, 0.5], [0.6, 0.5]]), dim=-1).requires_grad_()
    contrastive_loss(headlines, bodies, same_story=OWN, temperature=0.1, false_negative_margin=1).backward()  # type: ignore[no-untyped-call]
    assert bodies.grad is not None
    moved = bodies.detach() - 0.01 * bodies.grad
    assert ((headlines * moved).sum(dim=1) > (headlines * bodies.detach()).sum(dim=1)).all()


def test_texts_at_their_anchors_cost_nothing_and_others_by_their_angle() -> None:
    anchors = torch.eye(2)
    assert float(anchor_loss(anchors, anchors)) == 0
    moved = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    assert float(anchor_loss(moved, anchors)) == pytest.approx(0.2)


@given(st.integers(1, 300), st.floats(0, 0.9))
def test_the_rate_rises_once_and_falls_to_near_zero(steps: int, warmup_share: float) -> None:
    recipe = msgspec.structs.replace(RECIPE, warmup_share=warmup_share)
    factors = [learning_rate_factor(step, steps, recipe) for step in range(steps)]
    top = factors.index(max(factors))
    assert max(factors) == 1
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert all(0 < factor <= 1 for factor in factors)


def test_lower_layers_learn_less_and_vectors_do_not_decay(encoder: SentenceEncoder) -> None:
    recipe = msgspec.structs.replace(RECIPE, learning_rate=1.0, layer_decay=0.5, weight_decay=0.1)
    groups = parameter_groups(encoder, recipe)
    rate_of = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    decay_of = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    for name, parameter in encoder.bert.named_parameters():
        expected = 1.0 if "layer.1." in name else 0.5 if "layer.0." in name else 0.25
        assert rate_of[id(parameter)] == expected, name
        assert decay_of[id(parameter)] == (0.1 if parameter.ndim > 1 else 0), name


def test_frozen_parameters_are_in_no_group(encoder: SentenceEncoder) -> None:
    encoder.freeze(1)
    learning = {id(parameter) for group in parameter_groups(encoder, RECIPE) for parameter in group["params"]}
    assert learning == {id(parameter) for parameter in encoder.layers[1].parameters()}
