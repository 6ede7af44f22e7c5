"""What a search runs on: the index, the models, and what they have cost lately."""

from dataclasses import dataclass, field

from gistwire_indexer.index import DEFAULT_TENANT, ArticleIndex
from gistwire_indexer.user_events import UserEventStore
from gistwire_models.encoder import ModelVersion, TextEncoder
from gistwire_models.summarizer import Summarizer

from gistwire_server.budget import StepCosts
from gistwire_server.config import ServerConfig
from gistwire_server.kept_answers import KeptAnswers
from gistwire_server.paging import TokenSigner
from gistwire_server.personal.ratings import Collaboration
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.summary_policy import SummaryPolicy, open_policy
from gistwire_server.prepared_articles import PreparedArticles
from gistwire_server.scoring import Scorer


@dataclass(frozen=True, slots=True)
class Engines:
    """Everything that the searches of a tenant share.

    Attributes:
        config: the configuration.
        index: holds the articles.
        user_events: holds the users.
        encoder: embeds queries and texts.
        summarizer: writes candidate summaries.
        scorer: chooses among them.
        signer: makes and reads tokens.
        costs: running cost of each step.
        tenant: whose articles and users these are.
        collaboration: what users who rate alike think of articles.
        policy: what may be shown of articles.
        prepared: articles that were summarized lately.
        answers: whole answers to searches that were made lately.
    """

    config: ServerConfig
    index: ArticleIndex
    user_events: UserEventStore
    encoder: TextEncoder
    summarizer: Summarizer
    scorer: Scorer
    signer: TokenSigner
    costs: StepCosts = field(default_factory=StepCosts)
    tenant: str = DEFAULT_TENANT
    collaboration: Collaboration = field(default_factory=Collaboration)
    policy: SummaryPolicy = field(default_factory=lambda: open_policy(PolicyConfig()))
    prepared: PreparedArticles = field(init=False)
    answers: KeptAnswers = field(init=False)

    def __post_init__(self) -> None:
        # Each tenant has its own: `replace` makes others.
        cache = self.config.cache
        prepared = PreparedArticles(self.policy, max_characters=cache.article_characters)
        object.__setattr__(self, "prepared", prepared)
        answers = KeptAnswers(
            self.index,
            self.models,
            max_bytes=cache.answers_bytes if self.policy.is_deterministic else 0,
            max_age_s=cache.answers_max_age_s,
        )
        object.__setattr__(self, "answers", answers)

    def models(self) -> tuple[ModelVersion, ModelVersion, ModelVersion]:
        """The encoder, the summarizer and the scorer that are at work now."""
        return self.encoder.model, self.summarizer.model, self.scorer.model
