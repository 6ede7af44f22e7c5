"""Labelled articles as the classifier learns them: read from files, split without leaks, and embedded."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gistwire_models.encoder import Embedding, ModelVersion
from gistwire_models.local_encoder import LocalEncoder

from gistwire_training.data.reading import FileSource, read_file
from gistwire_training.data.splitting import assign_splits, group_near_duplicates
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Split
from gistwire_training.topics.categories import CategoryMapping

OnProgress = Callable[[int, int], None]
"""Called with how many articles are done, and how many there are."""

_EMBEDDED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class LabelledArticle:
    """An article with its category.

    Attributes:
        id: identifier.
        text: headline and body.
        language: ISO 639 code.
        source: the data set.
        own_category: the category as the data set names it.
        label: ours.
        split: its split.
    """

    id: str
    text: str
    language: str
    source: str
    own_category: str
    label: str
    split: Split


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedArticles:
    """Labelled articles with their embeddings.

    Attributes:
        articles: the articles.
        embeddings: ``float32 [len(articles), dimension]``.
        encoder: what made them.
    """

    articles: Sequence[LabelledArticle]
    embeddings: Embedding
    encoder: ModelVersion

    def where(self, wanted: Callable[[LabelledArticle], bool]) -> "EmbeddedArticles":
        """Returns those of the articles that are wanted."""
        places = [place for place, article in enumerate(self.articles) if wanted(article)]
        return EmbeddedArticles(
            [self.articles[place] for place in places], self.embeddings[places], self.encoder
        )


def read_labelled(paths: Iterable[Path], mapping: CategoryMapping) -> list[LabelledArticle]:
    """Reads the articles of files that have one of our categories. Near-duplicates get the same split.

    Raises:
        TrainingDataError: a file cannot be read, or no article has a category of ours.
    """
    found: dict[str, tuple[str, str, str, str, str]] = {}
    for path in paths:
        for number, record in enumerate(read_file(FileSource(path=path))):
            if record.pair is None:
                continue
            article = record.pair.article
            label = mapping.label(article.source, article.category)
            if label is None:
                continue
            text = f"{article.headline}\n{article.body}" if article.body else article.headline
            id_ = article.id or f"{path.name}:{number}"
            found[id_] = (text, article.language or "und", article.source, article.category, label)
    if not found:
        raise TrainingDataError("no article has a category that the mapping knows")
    splits = assign_splits(group_near_duplicates({id_: fields[0] for id_, fields in found.items()}))
    return [
        LabelledArticle(id_, text, language, source, category, label, splits[id_])
        for id_, (text, language, source, category, label) in found.items()
    ]


def embed(
    articles: Sequence[LabelledArticle], encoder_folder: Path, *, on_progress: OnProgress
) -> EmbeddedArticles:
    """Embeds articles as the server does.

    Raises:
        GistwireModelError: the encoder cannot be used.
    """
    return asyncio.run(_embed(articles, encoder_folder, on_progress))


async def _embed(
    articles: Sequence[LabelledArticle], encoder_folder: Path, on_progress: OnProgress
) -> EmbeddedArticles:
    encoder = await asyncio.to_thread(LocalEncoder.load, encoder_folder)
    try:
        rows = []
        for start in range(0, len(articles), _EMBEDDED_AT_ONCE):
            batch = articles[start : start + _EMBEDDED_AT_ONCE]
            rows.append(await encoder.encode([each.text for each in batch]))
            on_progress(start + len(batch), len(articles))
        return EmbeddedArticles(articles, np.concatenate(rows), encoder.model)
    finally:
        await encoder.close()
