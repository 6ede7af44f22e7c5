"""The server's configuration: read once, at the edge, into frozen objects (`load_config`)."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from gistwire_indexer.index import check_tenant

from gistwire_server.errors import ConfigurationError
from gistwire_server.overload.config import OverloadConfig
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.security.config import SecurityConfig
from gistwire_server.security.exposure import check_exposure, host_of
from gistwire_server.telemetry.config import TelemetryConfig

UNIX_SOCKET = "unix"
"""Value of `listen` for a private Unix socket, which only this user can reach."""

Weight = Annotated[float, msgspec.Meta(ge=0, le=100)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
PositiveInt = Annotated[int, msgspec.Meta(ge=1)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]


class RetrievalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Defaults of RetrievalSpec."""

    lexical_weight: Weight = 1.0
    """Weight of the lexical list in the fusion."""
    dense_weight: Weight = 3.0
    """Weight of the dense list in the fusion."""
    dense_weight_uncovered: Weight = 0.15
    """What `dense_weight` is multiplied by for a query in a script that the encoder was not trained on."""
    fusion_constant: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 5
    """Constant k of reciprocal rank fusion."""
    depth: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    """Length of each of the two lists."""


class SummaryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Defaults of SummarySpec."""

    candidates: Annotated[int, msgspec.Meta(ge=1, le=8)] = 3
    """Candidates for each hit in mode BEST."""
    max_tokens: Annotated[int, msgspec.Meta(ge=8, le=256)] = 64
    """Longest summary, in tokens."""
    concurrency: PositiveInt = 10
    """Most hits of one search that are summarized at a time."""


class RankConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Defaults of RankSpec."""

    query_similarity: Weight = 2.0
    """Weight of the closeness of summary and query."""
    fusion: Weight = 1.0
    """Weight of the fused retrieval score."""
    recency: Weight = 0.05
    """Weight of freshness."""
    interest: Weight = 0.5
    """Weight of closeness to the user's interests."""
    source_quality: Weight = 0.1
    """Weight of the trust in the source."""
    redundancy: Weight = 0.0
    """Weight of the penalty for resembling a hit ranked above."""
    popularity: Weight = 0.05
    """Weight of how much an article was read and liked lately; in recommendations alone."""
    collaborative: Weight = 0.05
    """Weight of how users who rate alike rated it; in recommendations alone."""
    recency_half_life_hours: Annotated[float, msgspec.Meta(ge=1 / 60, le=87_600)] = 168.0
    """Age at which the recency signal is one half."""
    source_trust: dict[str, Share] = {}
    """Trust in each source, by its name; sources that are not named have 0.5 once any is."""


class RatingsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From when on ratings tell which users rate alike."""

    min_users: PositiveInt = 50
    """Fewest users with ratings enough; with fewer there is no collaborative signal."""
    min_ratings_of_user: PositiveInt = 5
    """Fewest ratings of a user who takes part."""
    min_ratings_of_article: PositiveInt = 3
    """Fewest ratings of an article that takes part."""
    factors: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    """Number of tastes that ratings are explained by."""
    days: PositiveFloat = 90.0
    """How far back ratings count, in days."""
    max_ratings: PositiveInt = 200_000
    """Most ratings that are taken into account; the latest."""
    time_to_live_s: PositiveFloat = 60.0
    """How long what was computed from them is used, in seconds."""


class PersonalConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is made of the events of users."""

    history_events: PositiveInt = 10_000
    """Latest events of a user that are taken into account."""
    interest_articles: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 200
    """Latest articles of a history that interests are found in."""
    interest_half_life_days: PositiveFloat = 14.0
    """Age at which an event counts half, in days."""
    interest_min_similarity: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.25
    """Cosine down to which clusters of a history become one interest, and articles belong to it."""
    max_interests: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    """Most clusters of a history that are taken into account; the weightiest."""
    interest_weight: Weight = 2.0
    """Default of RankWeights.interest in recommendations."""
    redundancy_weight: Weight = 0.1
    """Default of RankWeights.redundancy in recommendations."""
    exploration: Share = 0.1
    """Default of StreamRecommendRequest.exploration."""
    popularity_days: PositiveFloat = 7.0
    """How far back popularity looks, in days."""
    ratings: RatingsConfig = RatingsConfig()
    """From when on ratings tell which users rate alike."""


class WatchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How new articles are watched for."""

    min_similarity: Share = 0.6
    """Default of WatchRequest.min_similarity."""
    poll_interval_s: PositiveFloat = 0.5
    """Pause between two looks at the index, in seconds, while anybody watches."""
    overlap_s: Annotated[float, msgspec.Meta(ge=1, le=3_600)] = 60.0
    """How long an article may take from its stamp to being visible, in seconds, with what the clocks of writers and
    servers differ by. One that takes longer may be missed."""
    resumable_hours: PositiveFloat = 24.0
    """How far back a watch can be resumed; more than the overlap."""
    bookmark_interval_s: PositiveFloat = 300.0
    """After how long without a match a newer token is sent, in seconds."""


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much work is admitted."""

    max_message_bytes: PositiveInt = 4 * 1024 * 1024
    """Largest message; a larger one is refused with RESOURCE_EXHAUSTED."""
    concurrent_searches: PositiveInt = 64
    """Most searches with the default options that run at a time; of smaller ones more, of larger ones fewer."""
    waiting_searches: Annotated[int, msgspec.Meta(ge=0)] = 256
    """Calls that wait for their turn; more are refused with RESOURCE_EXHAUSTED."""
    concurrent_watches: PositiveInt = 256
    """Watches at a time; more are refused with RESOURCE_EXHAUSTED."""
    concurrent_ingests: PositiveInt = 8
    """Ingest streams at a time; more are refused with RESOURCE_EXHAUSTED."""
    ingest_window: PositiveInt = 4_096
    """Most operations of an ingest stream that may be unacknowledged; it is given fewer while batches are small."""
    ingest_batch: PositiveInt = 256
    """Most operations that are embedded and written together."""
    ingest_batch_minimum: PositiveInt = 8
    """Fewest operations that batches of a busy ingest stream are reduced to; at most `ingest_batch` all the same."""
    default_deadline_s: PositiveFloat = 10.0
    """Time for a search whose caller sets no deadline, in seconds."""
    max_deadline_s: PositiveFloat = 60.0
    """Most time for a search, whatever its caller sets, in seconds."""
    page_token_lifetime_s: PositiveFloat = 600.0
    """How long page tokens are honoured, in seconds."""
    drain_s: PositiveFloat = 30.0
    """How long running calls may take after a signal to end, in seconds."""
    max_connection_age_s: PositiveFloat | None = None
    """After how long clients are asked to connect anew, in seconds, so that they find servers that were added behind
    the same name; streams under way go on to their ends. None for never."""


class ElasticsearchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The cluster that holds the articles, with ``index = "elasticsearch"``."""

    urls: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("http://127.0.0.1:9200",)
    """Addresses of its nodes; requests go to all of them in turn."""
    prefix: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,62}$")] = "gistwire"
    """What the names of all indices and aliases begin with."""
    api_key_file: Path | None = None
    """File with an encoded API key; without it the environment's GISTWIRE_ELASTICSEARCH_API_KEY, if there is one."""
    username: str | None = None
    """Name for basic authentication."""
    password_file: Path | None = None
    """File with its password; without it the environment's GISTWIRE_ELASTICSEARCH_PASSWORD."""
    ca_file: Path | None = None
    """Certificates that sign the nodes' own; none for those of the system."""
    client_certificate_file: Path | None = None
    """This server's certificate, in PEM, for a cluster that asks for one; read when the server starts."""
    client_key_file: Path | None = None
    """Its private key, in PEM."""
    shards: PositiveInt = 1
    """Primary shards of an index that is made."""
    replicas: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Copies of each of them."""
    refresh_interval_s: PositiveFloat = 1.0
    """How often what was written becomes visible, in seconds."""
    request_timeout_s: PositiveFloat = 30.0
    """Longest wait for an answer, in seconds; a search's own deadline may end it earlier."""
    write_patience_s: PositiveFloat = 600.0
    """How long a write waits for a cluster that is busy or takes no writes, in seconds."""


class PromptedConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A large language model on Triton with the vLLM backend's interface, as the summarizer."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """The model's name on the servers."""
    version: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "1"
    """Change it whenever what the model writes may change: stored summaries of another version are not shown."""
    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes of the languages it writes."""
    template_file: Path | None = None
    """Prompt with ``{begin}``, ``{body}``, ``{end}`` and, as wanted, ``{headline}`` and ``{language}``; none for one
    that fits models which follow instructions."""
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    """Of the first candidate."""
    candidate_temperature: Annotated[float, msgspec.Meta(gt=0, le=2)] = 0.7
    """Of the others."""


class TritonConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The Triton servers that host the models, with ``models = "triton"``."""

    endpoints: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("127.0.0.1:8001",)
    """``HOST:PORT`` of each one's gRPC service; requests go to all of them in turn."""
    ca_file: Path | None = None
    """Certificates that sign the servers' own; none for connections in the clear, in a private network."""
    client_certificate_file: Path | None = None
    """This server's certificate, in PEM, for servers that ask for one; it takes `ca_file`."""
    client_key_file: Path | None = None
    """Its private key, in PEM."""
    timeout_s: PositiveFloat = 10.0
    """Longest wait for vectors of ingested texts, and for each piece of a summary, in seconds."""
    reader_timeout_s: PositiveFloat = 2.0
    """Longest wait for the vector of a query or a summary, in seconds; a search's own deadline may end it earlier."""
    hedge_after_s: PositiveFloat | None = 0.1
    """After how long a reader's text is sent to a second server, too, in seconds; none for never."""
    prompted: PromptedConfig | None = None
    """A large language model that writes the summaries in place of the model ``summarizer``."""


class CacheConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a server keeps in memory, of what it may be asked for again.

    Nothing of it can be out of date: what is made of texts is kept by these texts, and whole answers are no longer
    told once anything was written to the index.
    """

    embeddings: Annotated[int, msgspec.Meta(ge=0)] = 8_192
    """Queries and summaries whose embeddings are kept, about 2 KB each; 0 for none."""
    article_characters: Annotated[int, msgspec.Meta(ge=0)] = 4_000_000
    """Text of articles that is kept ready for checking summaries of them, in characters, about ten bytes each; 0 for
    none. Each tenant has as much."""
    answers_bytes: Annotated[int, msgspec.Meta(ge=0)] = 16 * 1024 * 1024
    """Answers that are kept for the same search to be told again, in bytes, about 20 KB each; 0 for none. Each tenant
    has as much. Searches of a user are never kept, nor are any with ``index = "elasticsearch"`` or with a policy that
    has a classifier."""
    answers_max_age_s: PositiveFloat = 30.0
    """How long an answer is told again at most, in seconds, as articles grow older meanwhile; a thousandth of the
    search's recency half-life if that is less."""


class ServerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole configuration."""

    data_dir: Path
    """Folder of the embedded index, and of what the server keeps."""
    token_key_file: Path | None = None
    """Key that signs tokens, made if it is missing; none for one in `data_dir`. Replicas must share it."""
    listen: str = "127.0.0.1:50051"
    """``HOST:PORT`` (port 0: a free one), or ``"unix"`` for a private socket, which is not encrypted. An address that
    other machines reach takes settings of `security`."""
    processes: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Server processes that share the port of `listen`, where one event loop is the limit. The kernel hands each new
    connection to one of them. Each has models, caches, limits and rates of its own, a share of the cores unless the
    numbers of threads are set, and its metrics at the port of `telemetry.metrics_listen` plus 0, 1, 2 and so on."""
    index: Literal["embedded", "elasticsearch"] = "embedded"
    """Where articles are kept."""
    elasticsearch: ElasticsearchConfig = ElasticsearchConfig()
    """The cluster, if that is where."""
    tenants: tuple[str, ...] = ()
    """Tenants besides the default one; a call names its own in the metadata ``gistwire-tenant``."""
    retention_days: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Age at which articles are deleted, in days since publication; none to keep them all."""
    models: Literal["local", "triton"] = "local"
    """Where models run: in this process, or on Triton servers."""
    triton: TritonConfig = TritonConfig()
    """The Triton servers, if that is where."""
    encoder_dir: Path | None = None
    """Folder of a converted encoder; none for the one that comes with Gistwire. With Triton its description and its
    vocabulary: the servers must host the same one, as the index holds its vectors."""
    encoder_threads: PositiveInt | None = None
    """Threads of the encoder; none to choose by the machine."""
    summarizer: Literal["generating", "extracting"] = "generating"
    """Whether summaries are generated, with extracts standing by, or are extracts alone."""
    summarizer_dir: Path | None = None
    """Folder of an exported summarizer, or of a model repository whose served version is taken; none for the one that
    comes with Gistwire."""
    summarizer_threads: PositiveInt | None = None
    """Articles that are summarized at once, a core each; none to choose by the machine."""
    retrieval: RetrievalConfig = RetrievalConfig()
    summary: SummaryConfig = SummaryConfig()
    rank: RankConfig = RankConfig()
    personal: PersonalConfig = PersonalConfig()
    watch: WatchConfig = WatchConfig()
    cache: CacheConfig = CacheConfig()
    limits: LimitsConfig = LimitsConfig()
    overload: OverloadConfig = OverloadConfig()
    security: SecurityConfig = SecurityConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    policy: PolicyConfig = PolicyConfig()


def load_config(path: Path | None = None, **overrides: object) -> ServerConfig:
    """Reads the configuration.

    Args:
        path: a TOML file with the fields of ServerConfig; None for defaults.
        overrides: fields that win over the file; those that are None count as absent.

    Raises:
        ConfigurationError: the file cannot be read, or a value makes no sense; the error names it.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"{path}: {error}") from error
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        config = msgspec.convert(values, ServerConfig, dec_hook=_to_path)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path or 'configuration'}: {error}") from error
    _check_listen(config)
    _check_tenants(config)
    return config


def _to_path(kind: type, value: object) -> object:
    if kind is not Path or not isinstance(value, str | Path):
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
    return Path(value).expanduser()


def _check_tenants(config: ServerConfig) -> None:
    for name in config.tenants:
        try:
            check_tenant(name)
        except ValueError as error:
            raise ConfigurationError(f"tenants: {name!r}: {error}") from error


def _check_listen(config: ServerConfig) -> None:
    host = None if config.listen == UNIX_SOCKET else host_of(config.listen, "listen")
    check_exposure(host, config.security)
