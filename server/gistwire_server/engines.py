"""What a search runs on: the index, the models, and what they have cost lately."""

from dataclasses import dataclass, field

from gistwire_indexer.index import DEFAULT_TENANT, ArticleIndex
from gistwire_indexer.user_events import UserEventStore
from gistwire_models.encoder import TextEncoder
from gistwire_models.summarizer import Summarizer

from gistwire_server.budget import StepCosts
from gistwire_server.config import ServerConfig
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

    def __post_init__(self) -> None:
        # One for each tenant: `replace` makes another.
        kept = self.config.cache.article_characters
        object.__setattr__(self, "prepared", PreparedArticles(self.policy, max_characters=kept))
