"""Tests of the report on systems beside each other."""

from pathlib import Path

from PIL import Image

from benchmarks.peers.figures import Spread, SystemFigures
from benchmarks.peers.report import PeersReport, draw, markdown_of


def figures(name: str, *, final_ms: float, busy_per_s: float, rouge1: float | None = 0.5) -> SystemFigures:
    return SystemFigures(
        name=name,
        versions={"torch": "2.15.0"},
        searches=20,
        hits_ms=Spread(5, 9),
        first_text_ms=Spread(20, 30),
        final_ms=Spread(final_ms, final_ms * 2),
        alone_per_s=1000 / final_ms,
        busy_per_s=busy_per_s,
        busy_final_ms=Spread(final_ms, final_ms),
        cpu_s=0.5,
        busy_cpu_s=0.4,
        memory_mb=300,
        recall=0.95,
        agreement=0.7,
        rouge1=rouge1,
    )


REPORT = PeersReport(
    machine="a processor, 2 cores",
    corpus="500 articles of news.jsonl",
    load="20 searches",
    concurrency=8,
    systems=[
        figures("gistwire", final_ms=200, busy_per_s=6),
        figures("slow peer", final_ms=1_000, busy_per_s=1.5, rouge1=None),
    ],
)


def rows(name: str) -> list[list[str]]:
    lines = markdown_of(REPORT).splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith(f"| {name}")
    ]


def test_peers_are_told_as_multiples_of_ours() -> None:
    times, costs = rows("slow peer")
    assert times == ["slow peer", "5 / 9", "20 / 30", "1000 / 2000", "5.0 ×", "1.50", "4.0 ×"]
    assert costs == ["slow peer", "0.50", "0.40", "300", "0.95", "0.70", "–"]
    assert rows("gistwire")[0][-3:] == ["1.0 ×", "6.00", "1.0 ×"]


def test_what_was_measured_on_stands_above_the_tables() -> None:
    head = markdown_of(REPORT).partition("|")[0]
    for text in (REPORT.machine, REPORT.corpus, REPORT.load):
        assert text in head
    assert "- slow peer: torch 2.15.0" in markdown_of(REPORT)


def test_all_tables_have_as_many_cells_in_each_row() -> None:
    tables = [part for part in markdown_of(REPORT).split("\n\n") if part.startswith("|")]
    assert len(tables) == 2
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_pictures_are_drawn(tmp_path: Path) -> None:
    paths = draw(REPORT, tmp_path / "new")
    assert len(paths) == 2
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width > 800
            # More than a blank page.
            assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 20
