"""All rules of a configuration as one: `TextRules` masks and refuses texts, `DraftFilter` those being written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gistwire.v1 import events_pb2

from gistwire_server.errors import ConfigurationError
from gistwire_server.policy.blocked_terms import BlockedTermRule, read_terms
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.numbers import IbanRule, IdentityNumberRule, NumberRule, unknown_regions
from gistwire_server.policy.rules import Finding, TextRule, merged
from gistwire_server.policy.web_addresses import EmailRule, WebAddressRule


@dataclass(frozen=True, slots=True)
class Mask:
    """A part of a text that was masked.

    Attributes:
        start: place of its first character in the original.
        end: place after its last one.
        text: what stands there now.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class JudgedText:
    """A text as it may be shown.

    Attributes:
        text: the text, masked; empty if it is refused.
        masks: what was masked, in order.
        actions: what was done, for the event; empty if nothing was.
        refused_by: the rule that refuses the text; None if none does.
    """

    text: str
    masks: tuple[Mask, ...] = ()
    actions: tuple[events_pb2.PolicyAction, ...] = ()
    refused_by: str | None = None


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text for models to read.

    Attributes:
        text: the text, masked.
        rules: the rule of each mask that stands in it.
    """

    text: str
    rules: Mapping[str, str]


class TextRules:
    """Masks and refuses texts by rules.

    Args:
        rules: the rules; none leaves every text as it is.
    """

    def __init__(self, rules: Sequence[TextRule]) -> None:
        self._rules = tuple(rules)

    @property
    def is_empty(self) -> bool:
        """Whether there are no rules."""
        return not self._rules

    def judge(self, text: str) -> JudgedText:
        """Says how a text may be shown. CPU work of some microseconds, without a number in it."""
        findings = self.find(text)
        if not findings:
            return JudgedText(text)
        refusing = next((each for each in findings if each.mask is None), None)
        if refusing is not None:
            return JudgedText("", refused_by=refusing.rule)
        masks = tuple(Mask(each.start, each.end, each.mask or "") for each in findings)
        counts = Counter(each.rule for each in findings)
        actions = tuple(
            events_pb2.PolicyAction(kind=events_pb2.PolicyAction.MASKED, rule=rule, count=count)
            for rule, count in counts.items()
        )
        return JudgedText(masked(text, masks), masks, actions)

    def mask(self, text: str) -> MaskedText:
        """Masks a text, and leaves in it what would refuse it."""
        findings = [each for each in self.find(text) if each.mask is not None]
        masks = [Mask(each.start, each.end, each.mask or "") for each in findings]
        return MaskedText(masked(text, masks), {each.mask or "": each.rule for each in findings})

    def find(self, text: str) -> list[Finding]:
        """What the rules ask to hide, in order and disjoint."""
        return merged([finding for rule in self._rules for finding in rule.find(text)])

    def decided_length(self, text: str, findings: Sequence[Finding]) -> int:
        """As TextRule says, of all rules; `findings` are those in the text."""
        decided = min((rule.decided_length(text) for rule in self._rules), default=len(text))
        for each in reversed(findings):
            if each.start < decided < each.end:
                decided = each.start
        return decided


class DraftFilter:
    """Lets through of a draft what no rule can ask to hide any more, however it goes on.

    What has been let through is always the beginning of the masked text. From a term on that refuses the text,
    nothing more is let through.
    """

    def __init__(self, rules: TextRules) -> None:
        self._rules = rules
        self._draft = ""
        self._sent_characters = 0
        self._is_refused = False

    def add(self, piece: str) -> str:
        """Takes what was written next; returns what may be sent now."""
        if self._rules.is_empty:
            return piece
        if self._is_refused:
            return ""
        self._draft += piece
        findings = self._rules.find(self._draft)
        decided = self._rules.decided_length(self._draft, findings)
        return self._sendable(findings, decided)

    def end(self) -> str:
        """Returns what may be sent of the rest, when nothing more will be written."""
        if not self._draft or self._is_refused:
            return ""
        return self._sendable(self._rules.find(self._draft), len(self._draft))

    def _sendable(self, findings: Sequence[Finding], decided: int) -> str:
        refusing = next((each for each in findings if each.mask is None), None)
        if refusing is not None:
            self._is_refused = True
            decided = min(decided, refusing.start)
        masks = [Mask(each.start, each.end, each.mask or "") for each in findings if each.end <= decided]
        shown = masked(self._draft[:decided], masks)
        sendable = shown[self._sent_characters :]
        self._sent_characters += len(sendable)
        return sendable


def masked(text: str, masks: Sequence[Mask]) -> str:
    """A text with masks in place; they are in order and disjoint."""
    pieces = []
    position = 0
    for each in masks:
        pieces += [text[position : each.start], each.text]
        position = each.end
    return "".join([*pieces, text[position:]])


def rules_of(config: PolicyConfig) -> TextRules:
    """The rules of a configuration.

    Raises:
        ConfigurationError: a region is unknown, or the file of terms cannot be read.
    """
    if unknown := unknown_regions(config.phone_regions):
        raise ConfigurationError(f"policy.phone_regions: {unknown[0]!r} is no region of telephone numbers")
    kinds = set(config.mask)
    rules: list[TextRule] = []
    if "email" in kinds:
        rules.append(EmailRule())
    if "web_address" in kinds:
        rules.append(WebAddressRule())
    if numbers := kinds & {"phone", "payment_card", "national_id"}:
        rules.append(NumberRule(numbers, config.phone_regions))
    if "national_id" in kinds:
        rules.append(IdentityNumberRule())
    if "iban" in kinds:
        rules.append(IbanRule())
    terms = list(config.blocked_terms)
    if config.blocked_terms_file is not None:
        terms += read_terms(config.blocked_terms_file)
    blocked = BlockedTermRule(terms, refuse=config.blocked_terms_action == "refuse")
    if not blocked.is_empty:
        rules.append(blocked)
    return TextRules(rules)
