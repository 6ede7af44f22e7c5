import msgspec
import pytest
from gistwire_training.errors import RecipeError
from gistwire_training.summarizer.recipe import SummarizerRecipe


def test_the_defaults_pass() -> None:
    SummarizerRecipe().check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("accumulation", 0),
        ("evaluate_every", 0),
        ("evaluation_size", 0),
        ("tuning_rank", 0),
        ("patience", 0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("label_smoothing", 1.0),
        ("headline_dropout", 1.0),
        ("headline_share", 1.1),
        ("supervised_share", -0.5),
        ("max_source_tokens", 15),
        ("max_source_tokens", 511),
        ("max_target_tokens", 7),
        ("max_target_tokens", 257),
        ("adversarial_epsilon", -1.0),
        ("warmup_steps", -1),
        ("frozen_encoder_layers", -1),
        ("averaged_checkpoints", -1),
    ],
)
def test_refuses_and_names_the_setting(name: str, value: float) -> None:
    recipe = msgspec.structs.replace(SummarizerRecipe(), **{name: value})
    with pytest.raises(RecipeError, match=name):
        recipe.check()


@pytest.mark.parametrize("name", ["headline_share", "supervised_share"])
def test_a_share_may_be_the_whole(name: str) -> None:
    msgspec.structs.replace(SummarizerRecipe(), **{name: 1.0}).check()


def test_survives_json_and_refuses_unknown_settings() -> None:
    recipe = SummarizerRecipe(tuning="lora", steps=7)
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=SummarizerRecipe) == recipe
    with pytest.raises(msgspec.ValidationError, match="stepz"):
        msgspec.json.decode(b'{"stepz": 7}', type=SummarizerRecipe)
