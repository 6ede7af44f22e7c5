"""What a rule of the policy is: it finds parts of a text, also of one that is still being written (`TextRule`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Finding:
    """A part of a text that a rule asks to hide.

    Attributes:
        start: place of its first character.
        end: place after its last character.
        rule: the rule's name, as PolicyAction shows it.
        mask: what may stand in its place; None if the whole text is to be refused.
    """

    start: int
    end: int
    rule: str
    mask: str | None


class TextRule(Protocol):
    """Finds parts of texts.

    What is found before `decided_length` stays: for every continuation of the text, the findings that begin before
    it are the same, and end at or before it.
    """

    def find(self, text: str) -> list[Finding]:
        """Finds what the rule asks to hide, in order and disjoint."""
        ...

    def decided_length(self, text: str) -> int:
        """Tells how much of the beginning of a text, in characters, no continuation can change the findings of."""
        ...


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """Puts findings in order; of those that overlap it makes one, of the rule that begins first.

    A refusal among them makes it a refusal.
    """
    result: list[Finding] = []
    for each in sorted(findings, key=lambda finding: (finding.start, -finding.end)):
        if not result or each.start >= result[-1].end:
            result.append(each)
            continue
        last = result[-1]
        refusing = each if each.mask is None and last.mask is not None else last
        result[-1] = Finding(last.start, max(last.end, each.end), refusing.rule, refusing.mask)
    return result
