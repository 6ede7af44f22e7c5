"""The modules of Triton's summarizer by torch, which lie beside its `model.py` and are in no package."""

import importlib
import sys
from pathlib import Path
from typing import Any

# As `model.py` does.
sys.path.append(str(Path(__file__).parents[2] / "model_repo" / "summarizer" / "1"))
torch_engine: Any = importlib.import_module("torch_engine")
torch_streaming: Any = importlib.import_module("torch_streaming")


def load_torch_summarizer(folder: Path, **options: Any) -> Any:
    """Loads a `TorchSummarizer`, on the CPU unless it is told otherwise."""
    defaults = {
        "device": "cpu",
        "dtype": "float32",
        "max_batch": 8,
        "max_waiting": 16,
        "languages": ["en"],
        "prompt": None,
    }
    return torch_engine.TorchSummarizer.load(folder, **(defaults | options))
