"""Tests of what the package exports, and of what importing it costs."""

import subprocess
import sys

import gistwire_models
import pytest

HEAVY = ("ctranslate2", "safetensors", "tokenizers", "torch", "transformers")


def test_every_export_exists() -> None:
    assert gistwire_models.__all__ == sorted(gistwire_models.__all__)
    for name in gistwire_models.__all__:
        exported = getattr(gistwire_models, name)
        # Names for an array and for a union, which have none of their own.
        if name not in ("Embedding", "SummaryEvent"):
            assert exported.__name__ == name


def test_what_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="LocalEncoder"):
        getattr(gistwire_models, "LocalEncoder")  # noqa: B009 - type checkers know that it is absent


def test_importing_the_package_loads_no_engine() -> None:
    command = f"import sys, gistwire_models; print([name for name in {HEAVY} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_the_local_encoder_needs_no_torch() -> None:
    command = (
        "import sys, gistwire_models.local_encoder;"
        "print([name for name in ('torch', 'transformers', 'ctranslate2.specs') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
