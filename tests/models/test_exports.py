"""Tests of what the package exports, and of what importing it costs."""

import subprocess
import sys

import gistwire_models

HEAVY = ("ctranslate2", "safetensors", "tokenizers", "torch", "transformers")


def test_every_export_exists_and_nothing_public_is_left_out() -> None:
    public = {
        name
        for name, value in vars(gistwire_models).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("gistwire_models")
    }
    assert public | {"Embedding"} == set(gistwire_models.__all__)
    assert gistwire_models.__all__ == sorted(gistwire_models.__all__)
    assert all(hasattr(gistwire_models, name) for name in gistwire_models.__all__)


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
