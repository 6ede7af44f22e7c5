"""A sink that keeps articles in memory, and refuses or fails as a test tells it."""

from dataclasses import dataclass, field

from gistwire_indexer.errors import ArticleError, IndexUnavailableError
from gistwire_indexer.index import WriteOutcome
from gistwire_indexer.sources.record import RawArticle


@dataclass
class ScriptedSink:
    """Has every article that it was given, by id; refuses those whose headline is blank."""

    articles: dict[str, RawArticle] = field(default_factory=dict)
    upserts: list[RawArticle] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    fails_after: int | None = None

    @property
    def headlines(self) -> list[str]:
        return sorted(article.headline for article in self.articles.values())

    @property
    def bodies(self) -> list[str]:
        return [article.body for article in self.articles.values()]

    async def upsert(self, article: RawArticle) -> WriteOutcome:
        if self.fails_after is not None and len(self.upserts) >= self.fails_after:
            raise IndexUnavailableError("the index went away")
        if not article.headline.strip():
            raise ArticleError("headline", "must not be blank")
        self.upserts.append(article)
        known = self.articles.get(article.id)
        self.articles[article.id] = article
        if known is None:
            return WriteOutcome.CREATED
        return WriteOutcome.UNCHANGED if known == article else WriteOutcome.UPDATED

    async def delete(self, article_id: str) -> None:
        self.articles.pop(article_id, None)
        self.deleted.append(article_id)
