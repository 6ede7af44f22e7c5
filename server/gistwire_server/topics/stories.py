"""Puts the articles of a time window into stories: `StoryClustering`, kept and updated as articles come and go.

Method: average linkage (UPGMA; Sokal and Michener, 1958), cut where the mean similarity of two groups falls below
the threshold. Groups can only be joined if some pair of their articles is above it, so each connected component
of the pairs above the threshold is clustered by itself. An update clusters only the components again that articles
came to or went from; there stories begin, grow, merge and split by the same rule, in whatever order articles came.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gistwire_server.errors import GistwireServerError
from gistwire_server.topics.story_articles import StoryArticle
from gistwire_server.topics.story_similarity import PairSimilarity, Places, StorySettings, TermWeights

_BLOCK = 512
"""Articles whose similarities to all others are computed at once: 512 × 20 000 of them take 40 MB."""
_STRICTER = 0.05
"""By how much the threshold rises at first where articles are too many for one story."""
_RELEARN_GROWTH = 0.5
"""Share of articles by which the window may grow or shrink before words are weighed, and the threshold set, anew."""

_DEFAULT_SETTINGS = StorySettings()


@dataclass(frozen=True, slots=True)
class Story:
    """Articles on the same events.

    Attributes:
        id: identifier of one of them: of the earliest when the story was first seen. It stays with the story.
        article_ids: its articles, earliest first.
    """

    id: str
    article_ids: tuple[str, ...]


class StoppedError(GistwireServerError):
    """Nobody waits for the stories any more."""


class StoryClustering:
    """The stories of a changing set of articles. Blocks while it works; not for several threads at once."""

    def __init__(self, settings: StorySettings = _DEFAULT_SETTINGS) -> None:
        self._settings = settings
        self._articles: dict[str, StoryArticle] = {}
        self._component_of: dict[str, int] = {}
        self._next_component = 0
        self._story_of: dict[str, str] = {}
        self._terms = TermWeights((), settings)
        self._threshold = settings.threshold_for(0)
        self._learned_from = 0
        self._is_stopped = False

    @property
    def article_ids(self) -> Collection[str]:
        """Identifiers of the articles that are in it."""
        return self._articles.keys()

    def stop(self) -> None:
        """Makes an update that runs in another thread end soon, with StoppedError; afterwards this is of no use."""
        self._is_stopped = True

    def stories(self) -> list[Story]:
        """Returns the stories in the order of their earliest articles; each article is in exactly one."""
        members: dict[str, list[StoryArticle]] = defaultdict(list)
        for article in sorted(self._articles.values(), key=lambda each: each.place):
            members[self._story_of[article.id]].append(article)
        return [Story(id_, tuple(each.id for each in articles)) for id_, articles in members.items()]

    def update(self, *, added: Iterable[StoryArticle] = (), removed: Iterable[str] = ()) -> None:
        """Takes articles in, in any order, and lets others go.

        Args:
            added: new articles, and changed ones, which take the place of those with their identifiers.
            removed: identifiers; those of unknown articles are passed over.

        Raises:
            StoppedError: `stop` was called.
        """
        new = {article.id: article for article in added}
        gone = {id_ for id_ in (*removed, *new) if id_ in self._articles}
        touched = {self._component_of.pop(id_) for id_ in gone}
        lost = {_original(self._articles[id_]) for id_ in gone}
        for id_ in gone:
            del self._articles[id_]
        self._articles |= new
        grown = abs(len(self._articles) - self._learned_from)
        if grown > _RELEARN_GROWTH * self._learned_from:
            self._terms = TermWeights(list(self._articles.values()), self._settings)
            self._threshold = self._settings.threshold_for(len(self._articles))
            self._learned_from = len(self._articles)
            self._cluster(list(self._articles))
        elif new or touched:
            self._cluster(self._affected(new, lost, touched))
        for id_ in self._story_of.keys() - self._articles.keys():
            del self._story_of[id_]

    def _affected(self, new: Collection[str], lost: Collection[str], touched: set[int]) -> list[str]:
        """New articles, and those of components that they belong to or that others went from.

        Args:
            new: identifiers of new articles.
            lost: originals of articles that went: a copy may stand in their place now, near to other articles.
            touched: components that articles went from; grows.
        """
        known = [id_ for id_ in self._articles if id_ not in new]
        originals = {_original(self._articles[id_]) for id_ in new}
        for id_ in known:
            # A story that was named by an article which left takes another name when that comes back.
            if _original(self._articles[id_]) in originals or self._story_of[id_] in new:
                touched.add(self._component_of[id_])
        compared = [*new, *(id_ for id_ in known if _original(self._articles[id_]) in lost)]
        if compared and known:
            articles = [self._articles[id_] for id_ in (*compared, *known)]
            similarity = PairSimilarity(articles, self._terms, self._settings)
            columns = np.arange(len(compared), len(articles))
            for rows in self._blocks(np.arange(len(compared))):
                near = (similarity.between(rows, columns) >= self._threshold).any(axis=0)
                touched |= {self._component_of[known[place]] for place in np.flatnonzero(near)}
        return [*new, *(id_ for id_ in known if self._component_of[id_] in touched)]

    def _cluster(self, ids: Sequence[str]) -> None:
        """Finds the components and stories of articles that no other article is near to."""
        if not ids:
            return
        copies = _with_copies([self._articles[id_] for id_ in ids])
        similarity = PairSimilarity([group[0] for group in copies], self._terms, self._settings)
        groups: list[list[StoryArticle]] = []
        for component in self._components(similarity, np.arange(len(copies)), self._threshold):
            for place in component:
                self._component_of |= {each.id: self._next_component for each in copies[place]}
            self._next_component += 1
            if self._is_stopped:
                raise StoppedError
            for part in self._bounded(similarity, component, self._threshold):
                groups += [
                    sorted((each for place in group for each in copies[place]), key=lambda each: each.place)
                    for group in _average_linkage(similarity, part, self._threshold)
                ]
        self._name(groups)

    def _bounded(
        self, similarity: PairSimilarity, component: Places, threshold: float, step: float = _STRICTER
    ) -> Iterator[Places]:
        """Divides a component that is too large: by stricter thresholds, and equal articles by time."""
        limit = self._settings.max_story_articles
        if len(component) <= limit:
            yield component
        elif threshold + step > 1:
            yield from (component[start : start + limit] for start in range(0, len(component), limit))
        else:
            for part in self._components(similarity, component, threshold + step):
                # Twice the step, so that even a flood of equal articles takes a few passes only.
                yield from self._bounded(similarity, part, threshold + step, 2 * step)

    def _components(self, similarity: PairSimilarity, places: Places, threshold: float) -> list[Places]:
        """The connected components of the pairs at or above a threshold, each in the order of `places`."""
        labels = np.arange(len(places))
        for block in self._blocks(np.arange(len(places))):
            # Pairs are symmetric: those with earlier articles were seen from there.
            later = np.arange(block[0], len(places))
            rows, columns = np.nonzero(similarity.between(places[block], places[later]) >= threshold)
            labels = _joined(labels, labels[block[rows]], labels[later[columns]])
        order = np.argsort(labels, kind="stable")
        cuts = np.flatnonzero(np.diff(labels[order])) + 1
        return [places[each] for each in np.split(order, cuts)]

    def _blocks(self, places: Places) -> Iterator[Places]:
        for start in range(0, len(places), _BLOCK):
            if self._is_stopped:
                raise StoppedError
            yield places[start : start + _BLOCK]

    def _name(self, groups: Sequence[Sequence[StoryArticle]]) -> None:
        """Gives stories their identifiers: each keeps that of the story most of its articles come from.

        An identifier goes where its article is. One whose article left the window goes with most of its story.
        """
        named = {article.id: number for number, group in enumerate(groups) for article in group}
        taken = {story for id_, story in self._story_of.items() if id_ in self._articles and id_ not in named}
        claims: list[tuple[int, str, int]] = []
        for number, group in enumerate(groups):
            stories = Counter(self._story_of[each.id] for each in group if each.id in self._story_of)
            claims += [
                (-count, story, number)
                for story, count in stories.items()
                if story not in self._articles or named.get(story) == number
            ]
        names: dict[int, str] = {}
        for _, story, number in sorted(claims):
            if number not in names and story not in taken:
                names[number] = story
                taken.add(story)
        for number, group in enumerate(groups):
            self._story_of |= dict.fromkeys((each.id for each in group), names.get(number, group[0].id))


def cluster_stories(
    articles: Iterable[StoryArticle], settings: StorySettings = _DEFAULT_SETTINGS
) -> list[Story]:
    """Puts articles into stories, whatever their order; as `StoryClustering.stories`."""
    clustering = StoryClustering(settings)
    clustering.update(added=articles)
    return clustering.stories()


def _original(article: StoryArticle) -> str:
    return article.duplicate_of or article.id


def _with_copies(articles: Iterable[StoryArticle]) -> list[list[StoryArticle]]:
    """Each article with its near-duplicates, earliest first; they stand for one, however many they are."""
    groups: dict[str, list[StoryArticle]] = defaultdict(list)
    for article in sorted(articles, key=lambda each: each.place):
        groups[_original(article)].append(article)
    return list(groups.values())


def _joined(labels: Places, ends: Places, other_ends: Places) -> Places:
    """Joins labels that pairs connect; the new labels are numbered from 0."""
    from scipy.sparse import coo_array  # noqa: PLC0415 (see story_similarity.py)
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    count = int(labels.max()) + 1
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends, other_ends)), shape=(count, count))
    joined: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return joined[labels].astype(np.intp)


def _average_linkage(similarity: PairSimilarity, places: Places, threshold: float) -> list[Places]:
    """Groups articles until no two groups have a mean similarity of at least the threshold."""
    if len(places) == 1:
        return [places]
    from scipy.cluster.hierarchy import fcluster, linkage  # noqa: PLC0415 (see story_similarity.py)

    distances = 1.0 - similarity.between(places, places)
    pairs = np.triu_indices(len(places), 1)
    tree = linkage(np.maximum(distances[pairs], 0.0), "average")
    labels = fcluster(tree, 1.0 - threshold, "distance")
    return [places[labels == label] for label in range(1, int(labels.max()) + 1)]
