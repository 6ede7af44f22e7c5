"""Tests of the images of backends."""

import gc
import socket
from pathlib import Path

import pytest

from tests.backends.elasticsearch_image import ELASTICSEARCH_IMAGE
from tests.backends.errors import BackendUnavailableError


@pytest.mark.parametrize("required", [False, True])
def test_a_socket_that_nobody_listens_at_is_no_engine_and_leaves_none_open(
    required: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(tmp_path / "docker.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    if required:
        with pytest.raises(BackendUnavailableError, match="no Docker engine"):
            ELASTICSEARCH_IMAGE.available(required=True)
    else:
        assert ELASTICSEARCH_IMAGE.available(required=False) is None
    # A socket left open is told as a warning here, and warnings are errors.
    gc.collect()
