"""Tests of which server is measured: what its configuration says."""

from pathlib import Path

import pytest

from benchmarks.load.setting import ServerSetting


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "limits.toml"
    path.write_text("processes = 2\n[overload]\nmax_wait_s = 60\n", encoding="utf-8")
    return path


def test_a_configuration_of_the_user_is_taken_as_it_is(tmp_path: Path, config_file: Path) -> None:
    setting = ServerSetting(config_file=config_file)
    assert setting.config_file_for("cold", tmp_path) == config_file
    config = setting.config("cold", tmp_path / "cold")
    assert (config.index, config.models, config.overload.max_wait_s) == ("embedded", "local", 60)


def test_where_articles_and_models_are_goes_with_the_rest_of_it(tmp_path: Path, config_file: Path) -> None:
    setting = ServerSetting(config_file=config_file, url="http://127.0.0.1:9200", triton="127.0.0.1:8001")
    config = setting.config("half", tmp_path / "half")
    assert (config.index, config.models) == ("elasticsearch", "triton")
    assert config.elasticsearch.urls == ("http://127.0.0.1:9200",)
    assert config.elasticsearch.prefix.endswith("half")
    assert config.triton.endpoints == ("127.0.0.1:8001",)
    assert (config.processes, config.overload.max_wait_s) == (2, 60)


def test_each_state_has_an_index_of_its_own(tmp_path: Path) -> None:
    setting = ServerSetting(url="http://127.0.0.1:9200")
    prefixes = {
        setting.config(state, tmp_path / state).elasticsearch.prefix for state in ("cold", "half", "warm")
    }
    assert len(prefixes) == 3
