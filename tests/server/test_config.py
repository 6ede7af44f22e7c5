from pathlib import Path

import pytest
from gistwire_server.config import load_config
from gistwire_server.errors import ConfigurationError


def test_defaults_and_overrides(tmp_path: Path) -> None:
    config = load_config(data_dir=tmp_path, listen=None)
    assert config.data_dir == tmp_path
    assert config.listen == "127.0.0.1:50051"
    assert load_config(data_dir=tmp_path, listen="unix").listen == "unix"


def test_a_file_is_read_and_overrides_win(tmp_path: Path) -> None:
    file = tmp_path / "gistwire.toml"
    file.write_text(
        f'data_dir = "{tmp_path}"\nlisten = "127.0.0.1:1"\n[retrieval]\ndepth = 50\n'
        '[rank.source_trust]\n"Meridian Wire" = 0.9\n'
    )
    config = load_config(file, listen="127.0.0.1:2")
    assert (config.listen, config.retrieval.depth) == ("127.0.0.1:2", 50)
    assert config.rank.source_trust == {"Meridian Wire": 0.9}
    assert config.data_dir == tmp_path


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("data_dir = 1", "data_dir"),
        ('data_dir = "d"\nlistne = "x"', "listne"),
        ('data_dir = "d"\n[retrieval]\ndepth = 0', "retrieval.depth"),
        ('data_dir = "d"\n[limits]\ndrain_s = -1.0', "limits.drain_s"),
        ('data_dir = "d"\nindex = "other"', "index"),
        ("data_dir = ", "gistwire.toml"),
        ("", "data_dir"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "gistwire.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=named):
        load_config(file)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        load_config(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("listen", ["", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_address_must_have_a_port(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        load_config(data_dir=tmp_path, listen=listen)
