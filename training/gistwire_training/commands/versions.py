"""`gistwire-train versions`: which versions of a model there are, and which one is served."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from gistwire_training.commands.output import json_option, print_rows
from gistwire_training.commands.repository import model_option, repository_option
from gistwire_training.registry import ModelName, list_versions, read_history, served_version

_EPILOG = """\b
Examples:
  gistwire-train versions
  gistwire-train versions --model encoder --repository /srv/models --json
"""


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model.

    Attributes:
        version: its number.
        served: whether it is the one that is served.
        model: name and version, as its description says.
        megabytes: size of its files, in 10^6 bytes; None if it came without checksums.
        since: when it last became active, UTC; None if it never did.
        reason: why it did; "" if it never did.
    """

    version: int
    served: bool
    model: str
    megabytes: float | None
    since: datetime | None
    reason: str


@click.command(epilog=_EPILOG)
@repository_option
@model_option
@json_option
def versions(*, repository: Path, model: ModelName, as_json: bool) -> None:
    """List the versions of a model in a model repository."""
    activations = {activation.version: activation for activation in read_history(repository, model)}
    served = served_version(repository, model)
    rows: list[VersionRow] = []
    for stored in list_versions(repository, model):
        activation = activations.get(stored.number)
        sizes = None if stored.checksums is None else [each.size_bytes for each in stored.checksums.values()]
        rows.append(
            VersionRow(
                version=stored.number,
                served=stored.number == served,
                model=str(stored.model),
                megabytes=None if sizes is None else round(sum(sizes) / 1e6, 1),
                since=activation.since if activation else None,
                reason=activation.reason if activation else "",
            )
        )
    print_rows(rows, empty=f"no version of the {model} in {repository}", as_json=as_json)
