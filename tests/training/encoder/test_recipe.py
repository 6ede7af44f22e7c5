"""Tests of the settings: which are refused, and that they survive being written."""

from typing import Any

import msgspec
import pytest
from gistwire_training.encoder import EncoderRecipe
from gistwire_training.errors import RecipeError


def test_the_defaults_are_accepted_and_survive_being_written() -> None:
    recipe = EncoderRecipe()
    recipe.check()
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=EncoderRecipe) == recipe


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("evaluate_every", 0),
        ("patience", 0),
        ("seed", -1),
        ("threads", -1),
        ("frozen_layers", -1),
        ("temperature", 0.0),
        ("learning_rate", float("nan")),
        ("warmup_share", 1.0),
        ("anchor_weight", -1.0),
        ("query_variation", 1.1),
        ("query_synonyms", -0.1),
        ("query_word_dropout", 1.0),
        ("dropout", 1.0),
        ("max_body_tokens", 2),
        ("hard_negatives", 64),
        ("hard_negative_pool", 1),
        ("interpolation_weights", (0.0, 1.0)),
        ("interpolation_weights", (1.5,)),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=name):
        msgspec.structs.replace(EncoderRecipe(), **{name: value}).check()


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"learning_rte": 1}', type=EncoderRecipe)
