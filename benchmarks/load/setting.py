"""Which server is measured: `ServerSetting`, by a configuration of its users or by where articles and models are."""

from pathlib import Path

import msgspec
from elasticsearch import Elasticsearch
from gistwire_server.config import ServerConfig, load_config

_PREFIX = "gistwire-load-"


class ServerSetting(msgspec.Struct, frozen=True, kw_only=True):
    """Which server is measured.

    Attributes:
        config_file: its configuration, without what the others say; None for the defaults.
        url: of an Elasticsearch cluster that holds the articles, in an index for each state; None for the embedded
            index.
        triton: ``HOST:PORT`` of a Triton server that hosts the models; None for those in the process.
    """

    config_file: Path | None = None
    url: str | None = None
    triton: str | None = None

    def config_file_for(self, state: str, folder: Path) -> Path | None:
        """The configuration with the articles in a state; written into a folder where it is not the user's."""
        if self.url is None and self.triton is None:
            return self.config_file
        lines = []
        if self.url is not None:
            lines.append('index = "elasticsearch"')
        if self.triton is not None:
            lines.append('models = "triton"')
        if self.config_file is not None:
            # Between these and the tables, as its own keys come before its tables.
            lines.append(self.config_file.read_text(encoding="utf-8"))
        if self.url is not None:
            lines += ["[elasticsearch]", f'urls = ["{self.url}"]', f'prefix = "{_PREFIX}{state}"']
        if self.triton is not None:
            lines += ["[triton]", f'endpoints = ["{self.triton}"]']
        path = folder / f"gistwire-{state}.toml"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def config(self, state: str, data_dir: Path) -> ServerConfig:
        """The configuration of a server inside this process, with a folder for its data."""
        return load_config(self.config_file_for(state, data_dir.parent), data_dir=data_dir, listen="unix")

    def delete_indices(self) -> None:
        """Deletes what an earlier measurement left in the cluster, if there is one."""
        if self.url is None:
            return
        with Elasticsearch(self.url) as client:
            if names := list(client.indices.get(index=f"{_PREFIX}*")):
                client.indices.delete(index=names)
