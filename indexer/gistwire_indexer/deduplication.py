"""Finds articles that nearly repeat another one: MinHash fingerprints to look them up, Jaccard to make sure.

The ingestor gives each article a fingerprint; the index finds articles that share a value with it; and
`resolve_duplicates` decides among those.

Method: Broder, "On the resemblance and containment of documents" (1997), for MinHash over shingles; Leskovec,
Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4, for the bands.
"""

import hashlib
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gistwire_models.deferred_pattern import deferred_pattern
from rensa.rensa import RMinHash

NEAR_DUPLICATE_THRESHOLD = 0.55
"""Similarity from which a text is a near-duplicate of another.

It finds 18 of the 20 repeats in the sample corpus and nothing else. From about here down, forms that differ
in names and amounts pass for each other in Reuters-21578, such as the dividend notices of two companies.
"""

# Texts of similarity s share at least one band with probability 1 - (1 - s^rows)^bands: 0.85 at 0.55, 0.94 at
# 0.6, 0.996 at 0.7, and 0.03 at 0.2, which bounds the pairs that are compared in vain.
_BANDS = 20
_ROWS = 4

# Another seed makes other fingerprints, which no longer match those in an index.
_SEED = 1

_WORDS_PER_SHINGLE = 3
_CHARACTERS_PER_SHINGLE = 4

# Fewer shingles than this are a headline: "DEKALB CORP 2ND QTR NET" recurs each year and repeats nothing.
_MIN_SHINGLES = 8

_WORD = deferred_pattern(r"\w+")

# Scripts written without spaces: kana, Han, Thai, Lao, Khmer, Myanmar.
_UNSPACED = deferred_pattern(
    "[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f]"
)


@dataclass(frozen=True, slots=True)
class ArticleToCompare:
    """An article of which it is to be told whether it nearly repeats another.

    Attributes:
        id: its identifier.
        text: headline and body.
        fingerprint: `fingerprint(text)`.
    """

    id: str
    text: str
    fingerprint: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """An article that is indexed already.

    Attributes:
        text: headline and body.
        duplicate_of: identifier of the article that it nearly repeats; None if there is none.
    """

    text: str
    duplicate_of: str | None


def fingerprint(text: str) -> tuple[int, ...]:
    """Hashes of a text of which near-duplicates share at least one.

    Returns:
        20 signed 64-bit integers, the same in every process; empty for a text of fewer than eight shingles
        (about ten words), which says too little to be repeated.
    """
    shingles = _shingles(text)
    if len(shingles) < _MIN_SHINGLES:
        return ()
    minhash = RMinHash(num_perm=_BANDS * _ROWS, seed=_SEED)
    minhash.update(list(shingles))
    digest: list[int] = minhash.digest()
    return tuple(_band_hash(band, digest[band * _ROWS : (band + 1) * _ROWS]) for band in range(_BANDS))


def similarity(text_a: str, text_b: str) -> float:
    """Jaccard similarity of the shingles of two texts, in [0, 1]; case and punctuation do not count."""
    return _jaccard(_shingles(text_a), _shingles(text_b))


def resolve_duplicates(
    articles: Sequence[ArticleToCompare],
    candidates: Sequence[Sequence[str]],
    known: Mapping[str, KnownArticle],
) -> list[str | None]:
    """Tells for each of a batch of articles which earlier one it nearly repeats.

    An article is compared with its candidates and with those before it in the batch. The earliest that is
    similar enough wins; if it nearly repeats another article itself, that one takes its place. An article
    that others repeat stays an original when it is updated.

    Args:
        articles: the batch, in the order in which it will be written; identifiers may recur.
        candidates: for each article identifiers of indexed articles that may be similar, earliest first.
        known: the indexed articles: the candidates, and the articles that those nearly repeat. One that is
            missing counts as deleted.

    Returns:
        for each article the identifier of the original; None if it is one itself.
    """
    present = dict(known)
    ids_by_band: dict[int, list[str]] = defaultdict(list)
    originals: list[str | None] = []
    for article, indexed in zip(articles, candidates, strict=True):
        in_batch = (id_ for band in article.fingerprint for id_ in ids_by_band[band])
        original = _original(article, tuple(dict.fromkeys([*indexed, *in_batch])), present)
        originals.append(original)
        present[article.id] = KnownArticle(text=article.text, duplicate_of=original)
        for band in article.fingerprint:
            ids_by_band[band].append(article.id)
    return originals


def _original(
    article: ArticleToCompare, candidates: Sequence[str], present: Mapping[str, KnownArticle]
) -> str | None:
    shingles = _shingles(article.text)
    similar = [
        candidate
        for candidate in candidates
        if candidate != article.id
        and candidate in present
        and _jaccard(shingles, _shingles(present[candidate].text)) >= NEAR_DUPLICATE_THRESHOLD
    ]
    roots = [_root(candidate, present) for candidate in similar]
    return roots[0] if roots and article.id not in roots else None


def _root(id_: str, present: Mapping[str, KnownArticle]) -> str:
    """Follows an article to the one that it, directly or through others, nearly repeats."""
    visited = {id_}
    while (parent := present[id_].duplicate_of) is not None and parent in present and parent not in visited:
        visited.add(parent)
        id_ = parent
    return id_


def _shingles(text: str) -> frozenset[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _WORD.findall(folded)
    characters = "".join(words)
    if len(_UNSPACED.findall(characters)) * 2 > len(characters):
        return _windows(characters, _CHARACTERS_PER_SHINGLE, separator="")
    return _windows(words, _WORDS_PER_SHINGLE, separator=" ")


def _windows(units: Sequence[str], size: int, *, separator: str) -> frozenset[str]:
    """All runs of `size` units; a shorter text is one run."""
    starts = range(max(len(units) - size + 1, 1))
    return frozenset(separator.join(units[start : start + size]) for start in starts)


def _jaccard(shingles_a: frozenset[str], shingles_b: frozenset[str]) -> float:
    return len(shingles_a & shingles_b) / len(shingles_a | shingles_b)


def _band_hash(band: int, rows: Sequence[int]) -> int:
    packed = struct.pack(f"<B{_ROWS}I", band, *rows)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little", signed=True)
