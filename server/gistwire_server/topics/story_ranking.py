"""Which stories of a window come first: by size and momentum. Pure functions, called by topic_messages.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gistwire_server.topics.stories import Story
from gistwire_server.topics.story_articles import time_of
from gistwire_server.topics.windows import WindowStories

TIMELINE_PARTS = 24
"""Equal parts of the window that articles are counted in."""

MIN_ARTICLES = 2
"""Articles of a story: one alone is no topic yet."""


@dataclass(frozen=True, slots=True)
class RankedStory:
    """A story with what it is ranked by.

    Attributes:
        story: the story.
        timeline: number of its articles in each part of the window, oldest first.
        momentum: articles of the last quarter of the window, divided by a quarter of them all: from 0, for a story
            that is over, by 1, for one that goes on as before, to 4, for one that has just begun.
    """

    story: Story
    timeline: tuple[int, ...]
    momentum: float

    @property
    def score(self) -> float:
        """``articles · (1 + momentum) / 2``: their number, if the story goes on as before."""
        return len(self.story.article_ids) * (1 + self.momentum) / 2


def rank_stories(window: WindowStories, limit: int) -> list[RankedStory]:
    """Returns the first stories of a window, best first; ties go to the larger, then by identifier."""
    ranked = [_ranked(story, window) for story in window.stories if len(story.article_ids) >= MIN_ARTICLES]
    ranked.sort(key=lambda each: (-each.score, -len(each.story.article_ids), each.story.id))
    return ranked[:limit]


def timeline(times: Sequence[datetime], since: datetime, until: datetime) -> tuple[int, ...]:
    """Counts moments in equal parts of a window, oldest first; those outside count to its ends."""
    part_s = (until - since).total_seconds() / TIMELINE_PARTS
    counts = [0] * TIMELINE_PARTS
    for time in times:
        part = int((time - since).total_seconds() // part_s)
        counts[min(max(part, 0), TIMELINE_PARTS - 1)] += 1
    return tuple(counts)


def momentum(counts: Sequence[int]) -> float:
    """Articles of the last quarter, divided by a quarter of them all, in [0, 4]; of none it is 0."""
    total = sum(counts)
    return 4 * sum(counts[-(len(counts) // 4) :]) / total if total else 0.0


def _ranked(story: Story, window: WindowStories) -> RankedStory:
    times = [time_of(window.articles[id_]) for id_ in story.article_ids]
    counts = timeline(times, window.since, window.until)
    return RankedStory(story, counts, momentum(counts))
