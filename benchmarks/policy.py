"""What the default policy does to real news, where it should do next to nothing: `python -m benchmarks policy`."""

import time
from collections import Counter
from collections.abc import Sequence

from gistwire_indexer.errors import ArticleError
from gistwire_indexer.preprocessing import preprocess
from gistwire_models.instructions import is_instruction
from gistwire_models.sentences import split_sentences
from gistwire_server.policy.config import PolicyConfig
from gistwire_server.policy.text_rules import rules_of

from benchmarks.corpus import read_articles
from benchmarks.machine import describe_machine

_CONTEXT_CHARACTERS = 40
_SHOWN = 3


def measure_policy(sources: Sequence[str]) -> None:
    """Prints how often each rule finds something in whole articles, some of it with its context, and the time."""
    rules = rules_of(PolicyConfig())
    found: Counter[str] = Counter()
    shown: dict[str, list[str]] = {}
    articles = sentences = characters = 0
    rules_s = instructions_s = 0.0
    for raw in read_articles(sources):
        try:
            article = preprocess(raw)
        except ArticleError:
            continue
        text = article.text
        articles += 1
        characters += len(text)
        begin = time.perf_counter()
        findings = rules.find(text)
        rules_s += time.perf_counter() - begin
        parts = [each.text for each in split_sentences(text, article.language)]
        sentences += len(parts)
        begin = time.perf_counter()
        orders = [part for part in parts if is_instruction(part)]
        instructions_s += time.perf_counter() - begin
        contexts = [
            (each.rule, text[max(each.start - _CONTEXT_CHARACTERS, 0) : each.end + _CONTEXT_CHARACTERS])
            for each in findings
        ]
        for rule, context in [*contexts, *(("instruction", order) for order in orders)]:
            found[rule] += 1
            shown.setdefault(rule, []).append(" ".join(context.split()))
    print(describe_machine())
    print(f"{articles:,} articles, {sentences:,} sentences, {characters:,} characters")
    for rule, count in found.most_common():
        print(f"{rule}: {count}")
        for context in shown[rule][:_SHOWN]:
            print(f"    {context}")
    for name, taken_s in (("rules", rules_s), ("instructions", instructions_s)):
        print(f"{name}: {taken_s / max(characters, 1) * 1e6:.2f} ms for 1 000 characters")
