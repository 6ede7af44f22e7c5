"""Tests of scripts/generate_configuration_reference.py, and of what it says of the server's configuration."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec.inspect import StructType, type_info

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_configuration_reference.py"


class Inner(msgspec.Struct):
    """What is inside."""

    path: Path
    """Where it
    is."""


class Sample(msgspec.Struct):
    """A configuration."""

    kind: Literal["a", "b"] = "a"
    """Which of ``a`` or | it is."""
    share: Annotated[float, msgspec.Meta(ge=0, lt=1)] | None = None
    """Of all."""
    names: tuple[str, ...] = ("x",)
    """Whose."""
    inner: Inner | None = None
    """Something else."""
    several: tuple[Inner, ...] = ()
    """Some of them."""


class Silent(msgspec.Struct):
    """A configuration that does not say what a setting means."""

    unexplained: int = 1


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_configuration_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its data classes are looked up there.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


def table(script: ModuleType, cls: type) -> object:
    info = type_info(cls)
    assert isinstance(info, StructType)
    return script.Table((), repeated=False, info=info)


def test_settings_have_their_values_defaults_and_meanings(script: ModuleType) -> None:
    rows = list(script._rows(table(script, Sample)))
    assert rows[2:5] == [
        '| `kind` | `"a"`, `"b"` | `"a"` | Which of `a` or \\| it is. |',
        "| `share` | number, ≥ 0 and < 1 | none | Of all. |",
        '| `names` | list of string, any number | `["x"]` | Whose. |',
    ]
    assert rows[-2:] == ["- `[inner]`: Something else.", "- `[[several]]`: Some of them."]


def test_tables_inside_tables_are_found(script: ModuleType) -> None:
    titles = [each.title for each in script.tables(table(script, Sample))]
    assert titles[1:] == ["[inner]", "[[several]]"]
    inner = list(script.tables(table(script, Sample)))[1]
    assert list(script._rows(inner))[2] == "| `path` | path | required | Where it is. |"


def test_a_setting_without_a_meaning_is_an_error(script: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"Silent\.unexplained has no docstring"):
        list(script._rows(table(script, Silent)))


def test_the_reference_names_every_setting_of_the_server(script: ModuleType) -> None:
    from gistwire_server.config import ServerConfig

    info = type_info(ServerConfig)
    assert isinstance(info, StructType)
    text = script.reference()
    top = script.Table((), repeated=False, info=info)
    for each in script.tables(top):
        if each.path:
            assert f"## `{each.title}`" in text
        for field in each.info.fields:
            assert re.search(
                rf"^(\| `{field.encode_name}` \||- `\[+[a-z_.]*{field.encode_name}\])", text, re.MULTILINE
            )


def test_a_reference_that_is_not_in_step_is_told(script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "configuration.md"
    with pytest.raises(SystemExit, match="is not what the code says"):
        script.main(["--check", "--output", str(path)])
    script.main(["--output", str(path)])
    script.main(["--check", "--output", str(path)])
    path.write_text(path.read_text(encoding="utf-8").replace("data_dir", "folder", 1), encoding="utf-8")
    with pytest.raises(SystemExit, match="is not what the code says"):
        script.main(["--check", "--output", str(path)])


def test_a_variable_that_is_not_explained_is_told(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(script.VARIABLES, "GISTWIRE_DATA_DIR")
    with pytest.raises(SystemExit, match="differ in GISTWIRE_DATA_DIR"):
        script.main(["--check"])
