"""Summarizers by torch, of random weights: one seq2seq, one causal; each test that takes one runs on both."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_repo.tiny_checkpoints import write_tiny_causal, write_tiny_seq2seq
from tests.model_repo.torch_modules import load_torch_summarizer

WRITERS: dict[str, Callable[[Path], None]] = {"seq2seq": write_tiny_seq2seq, "causal": write_tiny_causal}


@pytest.fixture(scope="package")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each checkpoint, by its kind; not to be changed."""
    folders = {kind: tmp_path_factory.mktemp("checkpoints") / kind for kind in WRITERS}
    for kind, write in WRITERS.items():
        write(folders[kind])
    return folders


@pytest.fixture(params=WRITERS)
def folder(request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> Path:
    """The folder of a checkpoint; not to be changed."""
    return checkpoints[request.param]


@pytest.fixture
async def summarizer(folder: Path) -> AsyncIterator[Any]:
    """A summarizer, loaded."""
    summarizer = load_torch_summarizer(folder)
    yield summarizer
    await summarizer.close()
