"""Tests of what our Triton models read of their configuration."""

from pathlib import Path
from typing import Any

import pytest
from gistwire_models.errors import ModelFormatError
from gistwire_models.model_repository import ModelParameters, check_configuration, dimension_of
from gistwire_models.placement import Placement

INPUTS = {"text": "TYPE_STRING"}
OUTPUTS = {"embedding": "TYPE_FP32"}


def make_config(**changes: Any) -> dict[str, Any]:
    return {
        "name": "encoder",
        "input": [{"name": "text", "data_type": "TYPE_STRING", "dims": [1]}],
        "output": [{"name": "embedding", "data_type": "TYPE_FP32", "dims": [384]}],
        "parameters": {"threads": {"string_value": "2"}, "gpu_compute_type": {"string_value": "float16"}},
        **changes,
    }


def test_a_configuration_that_fits_passes() -> None:
    check_configuration(make_config(), inputs=INPUTS, outputs=OUTPUTS, decoupled=False)
    decoupled = make_config(model_transaction_policy={"decoupled": True})
    check_configuration(decoupled, inputs=INPUTS, outputs=OUTPUTS, decoupled=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": []}, "encoder: input 'text' must be TYPE_STRING, not None"),
        ({"input": [{"name": "text", "data_type": "TYPE_INT32"}]}, "not TYPE_INT32"),
        ({"output": [{"name": "vector", "data_type": "TYPE_FP32"}]}, "output 'embedding'"),
        (
            {
                "output": [
                    {"name": "embedding", "data_type": "TYPE_FP32"},
                    {"name": "score", "data_type": "TYPE_FP32"},
                ]
            },
            "unknown output 'score'",
        ),
        ({"model_transaction_policy": {"decoupled": True}}, "decoupled must be false"),
    ],
)
def test_one_that_does_not_is_refused_with_the_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        check_configuration(make_config(**changes), inputs=INPUTS, outputs=OUTPUTS, decoupled=False)


def test_reads_dimension_and_parameters() -> None:
    assert dimension_of(make_config(), "embedding") == 384
    parameters = ModelParameters(make_config())
    assert parameters.number("threads", 0) == 2
    assert parameters.number("max_batch", 7) == 7
    assert parameters.text("engine", "ctranslate2") == "ctranslate2"


@pytest.mark.parametrize("value", ["-1", "two", "1.5", ""])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    parameters = ModelParameters(make_config(parameters={"threads": {"string_value": value}}))
    with pytest.raises(ModelFormatError, match="'threads' must be a whole number"):
        parameters.number("threads", 0)


def test_an_instance_computes_where_triton_puts_it() -> None:
    parameters = ModelParameters(make_config())
    assert parameters.placement("CPU", "0") == Placement()
    assert parameters.placement("GPU", "1") == Placement("cuda", 1, "float16")
    folder, options = Placement().open(lambda folder, **options: (folder, options), Path("model"), replicas=2)
    assert folder == "model"
    assert options == {
        "device": "cpu",
        "device_index": 0,
        "compute_type": "default",
        "inter_threads": 2,
        "intra_threads": 1,
    }


def test_an_engine_that_cannot_be_loaded_is_told_with_its_folder() -> None:
    def refuse(folder: str, **_: Any) -> None:
        raise RuntimeError("no such file")

    with pytest.raises(ModelFormatError, match=r"the model in model cannot be loaded: no such file"):
        Placement().open(refuse, Path("model"), replicas=1)
