"""The policy for what is shown of articles: `SummaryPolicy`, which all streams ask; `open_policy` makes it."""

import asyncio
import re
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cachetools import LRUCache
from gistwire.v1 import events_pb2
from gistwire_indexer.article import Article
from gistwire_models.instructions import has_instruction, is_instruction, without_instructions

from gistwire_server.policy.classifier import SummaryClassifier, ask, load_classifier
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.text_rules import DraftFilter, JudgedText, TextRules, rules_of
from gistwire_server.scoring import ScoredCandidate

PolicyAction = events_pb2.PolicyAction

_REMEMBERED = 4_096
_LONGEST_REMEMBERED = 2_000
"""How many texts the rules need not read again, and how long each may be, in characters."""

_MANY_DIGITS = 60
"""From here on a text is read in a thread: each number that may be a telephone's takes milliseconds."""


@dataclass(frozen=True, slots=True)
class ShownCandidates:
    """The candidates of an article that may be shown.

    Attributes:
        candidates: masked, best first; may be empty.
        unmasked: the same as they were written.
        actions: what was done to the best one, and to those that it takes the place of, or that are left out.
    """

    candidates: tuple[ScoredCandidate, ...]
    unmasked: tuple[ScoredCandidate, ...]
    actions: tuple[PolicyAction, ...]


@dataclass(frozen=True, slots=True)
class ShownText:
    """The first of several texts that may be shown.

    Attributes:
        text: the text, masked; empty if none may be shown.
        place: which of them it is; their number if none is.
        actions: what was done to it, and to those before it.
    """

    text: str
    place: int
    actions: tuple[PolicyAction, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What of an article summaries are made of.

    Attributes:
        headline: the headline, masked; empty if it is an order to whoever summarizes.
        body: the body without such orders, masked: a model that copies words could take a part of an address.
        left_out: what was left out.
        masks: the rule of each mask.
    """

    headline: str
    body: str
    left_out: tuple[PolicyAction, ...] = ()
    masks: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Headline and body."""
        return "\n".join(filter(None, (self.headline, self.body)))

    def mended(self, text: str) -> str:
        """A text in which a model that copies words took only a part of a mask, with the whole of it."""
        for mask in self.masks:
            word = re.escape(mask[1:-1])
            text = re.sub(rf"(?<![\w\[]){word}\]|\[{word}(?![\w\]])", mask, text)
        return text

    def actions(self, summary: str) -> list[PolicyAction]:
        """What was done to a summary by what was done to the article."""
        counts = Counter({rule: summary.count(mask) for mask, rule in self.masks.items()})
        return [*_actions(PolicyAction.MASKED, +counts), *self.left_out]


class SummaryPolicy:
    """Says how texts may be shown: rules first, then the classifier.

    Args:
        rules: mask and refuse.
        classifier: judges what they leave; None for none.
        config: how long it may take, and what if it fails.
    """

    def __init__(
        self,
        rules: TextRules,
        classifier: SummaryClassifier | None = None,
        config: PolicyConfig | None = None,
    ) -> None:
        self._rules = rules
        self._classifier = classifier
        self._config = config or PolicyConfig()
        # What rules say of a text never changes, and the same headlines and summaries are shown for many queries.
        self._judged: LRUCache[str, JudgedText] = LRUCache(_REMEMBERED)
        self._with_instruction: LRUCache[tuple[str, str], bool] = LRUCache(_REMEMBERED)

    @property
    def streams_drafts(self) -> bool:
        """Whether drafts may be streamed: a classifier judges whole texts only."""
        return self._classifier is None

    @property
    def is_deterministic(self) -> bool:
        """Whether it says the same of a text each time: a classifier may fail, or know better by now."""
        return self._classifier is None

    def evidence(self, article: Article) -> Evidence:
        """What of an article may be summarized. CPU work of some milliseconds for a long one: call it in a thread."""
        headline, body, left_out = article.headline, article.body, 0
        if self._config.leave_out_instructions:
            cleaned = without_instructions(body, article.language)
            headline, body = "" if is_instruction(headline) else headline, cleaned.text
            left_out = cleaned.left_out + (not headline)
        shown_headline, shown_body = self._rules.mask(headline), self._rules.mask(body)
        return Evidence(
            shown_headline.text,
            shown_body.text,
            (_instructions_refused(left_out),) if left_out else (),
            {**shown_headline.rules, **shown_body.rules},
        )

    def mask(self, text: str) -> str:
        """A text with masks in place of what rules hide; what would refuse it stays."""
        return self._rules.mask(text).text

    def draft_filter(self) -> DraftFilter:
        """A filter for one draft."""
        return DraftFilter(self._rules)

    async def judge(self, text: str, language: str) -> JudgedText:
        """Says how a text may be shown.

        Args:
            text: a text; an empty one may always be shown.
            language: ISO 639 code, or ``"und"``.
        """
        judged = await self._judge_by_rules(text)
        if self._classifier is None or not judged.text:
            return judged
        refused_by = await ask(self._classifier, judged.text, language, self._config)
        return judged if refused_by is None else JudgedText("", refused_by=refused_by)

    async def judge_all(self, texts: Iterable[str], language: str) -> list[JudgedText]:
        """As `judge`, of several texts at a time."""
        return await self._at_a_time(self.judge(text, language) for text in texts)

    async def _judge_by_rules(self, text: str) -> JudgedText:
        judged = self._judged.get(text)
        if judged is None:
            is_slow = sum(map(str.isdigit, text)) > _MANY_DIGITS
            judged = await asyncio.to_thread(self._rules.judge, text) if is_slow else self._rules.judge(text)
            if len(text) <= _LONGEST_REMEMBERED:
                self._judged[text] = judged
        return judged

    async def _at_a_time(self, judging: Iterable[Coroutine[None, None, JudgedText]]) -> list[JudgedText]:
        if self._classifier is None:
            # Rules wait for nothing: tasks would only cost time.
            return [await each for each in judging]
        return list(await asyncio.gather(*judging))

    async def _judge_summary(self, text: str, language: str) -> JudgedText:
        if self._config.leave_out_instructions and self._has_instruction(text, language):
            return JudgedText("", refused_by="instruction")
        return await self.judge(text, language)

    def _has_instruction(self, text: str, language: str) -> bool:
        key = text, language
        if key not in self._with_instruction:
            self._with_instruction[key] = has_instruction(text, language)
        return self._with_instruction[key]

    async def first_shown(self, texts: Sequence[str], language: str) -> ShownText:
        """Returns the first of several texts that may be shown as a summary, and how."""
        refused: Counter[str] = Counter()
        for place, text in enumerate(texts):
            judged = await self._judge_summary(text, language)
            if judged.refused_by is None:
                actions = (*judged.actions, *_actions(PolicyAction.REPLACED, refused))
                return ShownText(judged.text, place, actions)
            refused[judged.refused_by] += 1
        return ShownText("", len(texts), tuple(_actions(PolicyAction.REFUSED, refused)))

    async def choose(self, scored: Sequence[ScoredCandidate], language: str) -> ShownCandidates:
        """Says which candidates may be shown, and how.

        Args:
            scored: all candidates, best first.
            language: ISO 639 code of the article, or ``"und"``.
        """
        judged = await self._at_a_time(self._judge_summary(each.candidate.text, language) for each in scored)
        allowed = [place for place, each in enumerate(judged) if each.refused_by is None]
        best = allowed[0] if allowed else len(scored)
        replaced = Counter(each.refused_by for each in judged[:best] if each.refused_by is not None)
        refused = Counter(each.refused_by for each in judged[best:] if each.refused_by is not None)
        shown = tuple(_with_text(scored[place], judged[place].text) for place in allowed)
        return ShownCandidates(
            shown,
            tuple(scored[place] for place in allowed),
            (
                *(judged[best].actions if allowed else ()),
                *_actions(PolicyAction.REPLACED, replaced),
                *_actions(PolicyAction.REFUSED, refused),
            ),
        )


def _with_text(scored: ScoredCandidate, text: str) -> ScoredCandidate:
    if scored.candidate.text == text:
        return scored
    return replace(scored, candidate=replace(scored.candidate, text=text))


def _instructions_refused(count: int) -> PolicyAction:
    return PolicyAction(kind=PolicyAction.REFUSED, rule="instruction", count=count)


def refusal(rule: str) -> PolicyAction:
    """Tells that a text was refused and nothing stands in its place."""
    return PolicyAction(kind=PolicyAction.REFUSED, rule=rule, count=1)


def all_refused(actions: Iterable[PolicyAction]) -> list[PolicyAction]:
    """Tells that what was replaced was refused, since what should have replaced it was refused too."""
    kinds = {PolicyAction.REPLACED: PolicyAction.REFUSED}
    return [
        PolicyAction(kind=kinds.get(each.kind, each.kind), rule=each.rule, count=each.count)
        for each in actions
    ]


def added_up(actions: Iterable[PolicyAction]) -> list[PolicyAction]:
    """One action for all of the same kind and rule, in the order of the first of each."""
    counts: Counter[tuple[PolicyAction.Kind.ValueType, str]] = Counter()
    for each in actions:
        counts[each.kind, each.rule] += each.count
    return [PolicyAction(kind=kind, rule=rule, count=count) for (kind, rule), count in counts.items()]


def open_policy(config: PolicyConfig) -> SummaryPolicy:
    """The policy of a configuration.

    Raises:
        ConfigurationError: a file, a region or the classifier cannot be used.
    """
    classifier = None if config.classifier is None else load_classifier(config.classifier)
    return SummaryPolicy(rules_of(config), classifier, config)


def _actions(kind: PolicyAction.Kind.ValueType, counts: Counter[str]) -> list[PolicyAction]:
    return [PolicyAction(kind=kind, rule=rule, count=count) for rule, count in counts.items()]
