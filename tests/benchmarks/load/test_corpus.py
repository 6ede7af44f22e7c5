"""Tests of what a load leaves beside its indices for a later run."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.load.corpus import CorpusOptions, LoadCorpus, read_corpus, write_corpus
from benchmarks.load.setting import ServerSetting


def options(setting: ServerSetting, **changes: int) -> CorpusOptions:
    made = CorpusOptions(sources=("news.jsonl",), articles=1_000, top_k=10, cold=10, pool=10, setting=setting)
    return msgspec.structs.replace(made, **changes)


def corpus(made_of: CorpusOptions) -> LoadCorpus:
    return LoadCorpus(
        options=made_of,
        articles=1_000,
        warm_up=["snow"],
        cold=["tram"],
        pool=["harbour"],
        single=["lava"],
        stored={"warm": {"harbour": 1.0}},
        lasting_share=0.9,
        raw=[[("Tram line opens", "A tram line opened.")]],
    )


@pytest.mark.parametrize("config_file", [None, Path("gistwire.toml")])
def test_what_was_left_is_found_by_the_same_options(tmp_path: Path, config_file: Path | None) -> None:
    made_of = options(ServerSetting(config_file=config_file))
    write_corpus(tmp_path, corpus(made_of))
    assert read_corpus(tmp_path, made_of) == corpus(made_of)
    assert read_corpus(tmp_path, options(made_of.setting, top_k=5)) is None
    assert read_corpus(tmp_path, options(ServerSetting(config_file=Path("other.toml")))) is None


def test_nothing_is_found_in_a_cluster_which_searches_have_changed(tmp_path: Path) -> None:
    made_of = options(ServerSetting(url="http://127.0.0.1:9200"))
    write_corpus(tmp_path, corpus(made_of))
    assert read_corpus(tmp_path, made_of) is None
