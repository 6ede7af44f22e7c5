"""Tests of the Triton server that runs without Docker."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from gistwire_models.triton.distribution import TritonInstallationError, installed_triton
from gistwire_models.triton.launcher import TritonProcess

from tests.backends.triton import REPOSITORY, copied_repository


@pytest.fixture
def server() -> Iterator[TritonProcess]:
    server = TritonProcess(REPOSITORY, ["encoder"])
    yield server
    server.close()


def children_of(server: TritonProcess) -> list[psutil.Process]:
    assert server._process is not None
    process = psutil.Process(server._process.pid)
    return [process, *process.children(recursive=True)]


def test_comes_back_where_it_was_and_leaves_no_process(server: TritonProcess) -> None:
    server.start()
    target, processes = server.target, children_of(server)
    # The server, and a stub for each instance.
    assert len(processes) >= 3
    server.kill()
    assert server.has_ended()
    psutil.wait_procs(processes, timeout=30)
    assert not any(each.is_running() for each in processes)
    server.start()
    assert server.target == target
    processes = children_of(server)
    server.stop()
    psutil.wait_procs(processes, timeout=30)
    assert not any(each.is_running() for each in processes)


def test_listens_on_the_loopback_interface_alone_and_not_as_root(server: TritonProcess) -> None:
    server.start()
    process, *_ = children_of(server)
    listening = [each for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    assert {each.laddr.ip.removeprefix("::ffff:") for each in listening} == {"127.0.0.1"}
    assert str(server.target.rpartition(":")[2]) in {str(each.laddr.port) for each in listening}
    readable = all(parent.stat().st_mode & 0o001 for parent in REPOSITORY.resolve().parents)
    if os.geteuid() == 0 and readable:
        assert process.username() == "nobody"


def test_a_model_that_cannot_be_loaded_is_told_with_its_reason() -> None:
    with copied_repository("encoder") as repository:
        config = repository / "encoder" / "config.pbtxt"
        config.write_text(config.read_text().replace("dims: [ 384 ]", "dims: [ 385 ]"))
        server = TritonProcess(repository, ["encoder"])
        try:
            with pytest.raises(TritonInstallationError, match="the weights give 384 dimensions"):
                server.start()
            assert server.has_ended()
        finally:
            server.close()


def test_a_log_file_that_was_given_stays(tmp_path: Path) -> None:
    server = TritonProcess(REPOSITORY, ["encoder"], log_file=tmp_path / "triton.log")
    server.start()
    server.close()
    assert "Started GRPCInferenceService" in (tmp_path / "triton.log").read_text()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = TritonProcess(REPOSITORY, ["encoder"], ports=(taken.getsockname()[1], 0, 0))
        try:
            with pytest.raises(TritonInstallationError, match="not ready"):
                server.start()
        finally:
            server.close()


def test_a_home_that_is_named_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GISTWIRE_TRITON_HOME", str(tmp_path))
    with pytest.raises(TritonInstallationError, match="no Triton server"):
        installed_triton()
    server = tmp_path / "server" / "pytriton" / "tritonserver"
    server.mkdir(parents=True)
    assert installed_triton().server == server / "bin" / "tritonserver"
