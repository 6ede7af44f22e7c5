"""The option that names judged queries and the articles they were judged on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def judged_option(name: str, *, help: str, multiple: bool = False) -> Callable[[Command], Command]:  # noqa: A002
    """Returns an option of two files, for `read_judged_set`.

    Args:
        name: the option's name.
        help: what the queries are for.
        multiple: whether it may be repeated.
    """
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option(name, type=(file, file), metavar="QUERIES ARTICLES", multiple=multiple, help=help)
