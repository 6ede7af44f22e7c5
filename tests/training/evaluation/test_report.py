"""Tests of the report: complete, self-contained, and safe with hostile text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from gistwire_training.evaluation.comparison import Evaluation, read_evaluation
from gistwire_training.evaluation.display import draw_samples
from gistwire_training.evaluation.evaluation import evaluate
from gistwire_training.evaluation.report import write_report
from gistwire_training.pairs import Pair

from tests.training.evaluation.conftest import MakeSystem

HOSTILE = (
    '<script>alert("x")</script> | [click](https://evil.example) \u202egnp\x1b[31m $x_1$ &amp; <img src=x>'
)
VOID = {"meta", "img", "source", "br"}


class Outline(HTMLParser):
    """Checks that elements are nested well, and keeps what a browser would load, run or show."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "srcset", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def outline_of(path: Path) -> Outline:
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    outline.close()
    assert not outline.open
    return outline


@pytest.fixture(scope="module")
def evaluation(make_system: MakeSystem, pairs: list[Pair]) -> Evaluation:
    return evaluate(
        [
            make_system("before", lambda pair: "They met in Paris."),
            make_system("after", lambda pair: pair.headline),
        ],
        pairs,
        "summary",
        baselines=[make_system("lead", lambda pair: pair.body.partition(". ")[0] + ".")],
        resamples=50,
    )


@pytest.fixture(scope="module")
def path(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The HTML report of `evaluation`."""
    return write_report(evaluation, tmp_path_factory.mktemp("reports") / "new" / "report", samples=5)


def test_the_folder_holds_all_forms(evaluation: Evaluation, path: Path) -> None:
    folder = path.parent
    assert path.name == "report.html"
    assert read_evaluation(folder / "evaluation.json") == evaluation
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", markdown)
    assert len(pictures) == 3
    assert all((folder / picture).read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_html_needs_nothing_but_itself(path: Path) -> None:
    outline = outline_of(path)
    # Each of the three plots for light and for dark surroundings.
    assert len(outline.sources) == 6
    assert all(source.startswith("data:image/svg+xml;base64,") for source in outline.sources)
    assert "script" not in outline.tags
    assert "link" not in outline.tags


def test_tables_show_figures_intervals_and_differences(evaluation: Evaluation, path: Path) -> None:
    figure = evaluation.sources[0].systems[2].figures["rouge1"]
    assert figure.difference is not None
    html = path.read_text(encoding="utf-8")
    markdown = path.with_name("report.md").read_text(encoding="utf-8")
    value = f"{100 * figure.estimate.value:.1f}"
    interval = f"{100 * figure.estimate.low:.1f}–{100 * figure.estimate.high:.1f}"
    difference = f"{100 * figure.difference.value:+.1f}".replace("-", "−")
    assert f"<b>{value}</b>" in html
    assert interval in html
    assert difference in html
    assert f"{value} ({interval})" in markdown
    assert difference in markdown


def test_the_best_baseline_is_marked(evaluation: Evaluation, path: Path) -> None:
    lead = evaluation.sources[0].systems[0].figures["rouge1"].estimate.value
    assert f'title="best baseline">●</span> <b>{100 * lead:.1f}</b>' in path.read_text(encoding="utf-8")
    assert f"**{100 * lead:.1f}** (" in path.with_name("report.md").read_text(encoding="utf-8")


def test_clear_differences_are_told_from_undecided_ones(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    # "before" is worse than the lead in every pair.
    assert '<span class="worse">−' in html
    assert "▼" in path.with_name("report.md").read_text(encoding="utf-8")
    # Neither repeats itself.
    assert '<span class="open">0.0 (0.0 to 0.0)</span>' in html


def test_samples_show_every_system_and_what_is_false(evaluation: Evaluation, path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    assert html.count("<article>") == 5
    assert html.count('not in the article: <bdi lang="en">Paris</bdi>') == 5
    markdown = path.with_name("report.md").read_text(encoding="utf-8")
    for pair, outputs in draw_samples(evaluation, 5, 0):
        assert pair.reference in html
        assert pair.reference in markdown
        for _, output in outputs:
            assert output.text in markdown


def test_samples_are_drawn_by_the_seed_and_none_twice(evaluation: Evaluation) -> None:
    drawn = draw_samples(evaluation, 6, 0)
    assert len({pair.id for pair, _ in drawn}) == 6
    assert draw_samples(evaluation, 6, 0) == drawn
    assert draw_samples(evaluation, 6, 1) != drawn
    assert len(draw_samples(evaluation, 40, 0)) == 12


def test_hostile_text_is_shown_and_does_nothing(
    make_system: MakeSystem, pairs: list[Pair], tmp_path: Path
) -> None:
    hostile = [
        msgspec.structs.replace(
            pair,
            id=HOSTILE,
            headline=HOSTILE,
            body=HOSTILE,
            summary=HOSTILE,
            source=HOSTILE,
            language='"><b>',
        )
        for pair in pairs
    ]
    found = evaluate(
        [make_system(HOSTILE, lambda pair: pair.headline)],
        hostile,
        "summary",
        baselines=[make_system("北京", lambda pair: "")],
        resamples=10,
    )
    path = write_report(found, tmp_path)
    outline = outline_of(path)
    assert "script" not in outline.tags
    assert outline.tags.count("img") == 3
    assert any('<script>alert("x")</script>' in text for text in outline.shown)
    markdown = path.with_name("report.md").read_text(encoding="utf-8")
    assert "<script" not in markdown.replace("\\<", "")
    assert not re.search(r"(?<!\\)\]\(http", markdown)
    assert "https://" not in markdown
    for text in ("".join(outline.shown), markdown):
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", text)


def test_names_are_no_formulas(make_system: MakeSystem, pairs: list[Pair], tmp_path: Path) -> None:
    formula = r"$\nonsense$"
    named = [msgspec.structs.replace(pair, source=formula) for pair in pairs]
    found = evaluate([make_system(formula, lambda pair: "")], named, "summary", resamples=10)
    assert formula in write_report(found, tmp_path).read_text(encoding="utf-8")


def test_one_pair_and_no_baseline_can_be_reported(
    make_system: MakeSystem, pairs: list[Pair], tmp_path: Path
) -> None:
    found = evaluate([make_system("only", lambda pair: "")], pairs[:1], "headline", resamples=10)
    path = write_report(found, tmp_path)
    assert outline_of(path).tags.count("article") == 1
    assert "Difference" not in path.with_name("report.md").read_text(encoding="utf-8")
