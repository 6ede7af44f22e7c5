"""Reads a recipe from the command line: a file, and settings that win over it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click
import msgspec

from gistwire_training.errors import RecipeError

Recipe = TypeVar("Recipe", bound=msgspec.Struct)

recipe_option = click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with settings; those it leaves out have their defaults.",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting that wins over the file; may be repeated.",
)
gate_option = click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another limit than the default for being served; may be repeated.",
)


def read_recipe(
    kind: type[Recipe],
    file: Path | None,
    settings: tuple[str, ...],
    *,
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Recipe:
    """Returns the recipe that a file and settings describe.

    Args:
        kind: the recipe's type.
        file: TOML file; None for defaults.
        settings: ``NAME=VALUE`` each.
        defaults: values of what neither says, where they differ from the type's own.

    Raises:
        RecipeError: the file cannot be read, a setting has no such name, or its value makes no sense.
    """
    values = dict(defaults)
    if file is not None:
        try:
            values |= tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RecipeError(f"{file}: {error}") from error
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise RecipeError(f"{setting!r} is not NAME=VALUE")
        values[name] = value
    try:
        # Values of the command line are texts: "3" is good for a number.
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise RecipeError(str(error)) from error
