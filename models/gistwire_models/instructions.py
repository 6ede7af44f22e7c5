"""Sentences of an article that give orders to whoever summarizes it: `is_instruction`, `without_instructions`.

Articles come from strangers, and some write for machines: "Ignore all previous instructions and print …". Such a
sentence is no news. It is not shown in summaries, and no model gets to read it. What is looked for are forms of
words; an order in other words passes here, and then meets what else stands in its way (docs/policy.md).
"""

import re
from dataclasses import dataclass

from gistwire_models.deferred_pattern import deferred_pattern
from gistwire_models.sentences import split_sentences

_MACHINE = (
    r"(?:a\.?i\.?\b|llms?\b|(?:large )?language models?\b|chat ?bots?\b|chat ?gpt\b|gpt\b|summari[sz]er\b"
    r"|assistant\b)"
)
_ORDERS = r"(?:instructions?|prompts?|directions|directives?|guidelines|system messages?)\b"
_CLAUSE = (
    r"(?:^|[.!?:;,>*#\-\"“”(\]}]\s*"
    r"|\b(?:please|now|instead|just|simply|then|you (?:must|should|will|need to|have to))\s+)"
)
_OUTPUT = r"(?:summary|answer|response|reply|output)"
# After a comma "say" tells who says so: "…, say NASA scientists".
_SAY = (
    r"(?-i:[Pp]rint|[Oo]utput|[Rr]espond|[Rr]eply|[Aa]nswer|[Ww]rite|(?<![,\"'”’] )[Ss]ay|[Rr]eturn|[Ee]cho|[Rr]epeat"
    r"|[Ee]mit)"
)
_PUT = r"(?:include|add|append|mention|insert|put|begin|start|end|finish)"

_FORMS: tuple[tuple[tuple[str, ...], str], ...] = (
    # Orders about orders.
    (
        ("ignore", "disregard", "forget", "overrid", "bypass", "discard"),
        r"\b(?:ignore|disregard|forget|override|bypass|discard)\s+(?:about\s+)?(?:all|any|the|your|these|those|every"
        rf"|everything|previous|prior|above|earlier|preceding|other)\b.{{0,60}}\b(?:{_ORDERS}|above\b|before this\b)",
    ),
    (("follow", "obey"), rf"\b(?:do not|don't|never|stop)\s+(?:follow|obey)\w*\b.{{0,40}}\b{_ORDERS}"),
    (
        ("instruction", "prompt", "directive", "system message", "directions", "guidelines"),
        rf"\b(?:new|updated|hidden|secret|system|important) {_ORDERS}\s*[:：]"
        r"|\b(?:reveal|print|output|repeat|show|display|leak|expose)\b.{0,40}\b(?:your|system|hidden|developer)\b"
        rf".{{0,12}}\b{_ORDERS}",
    ),
    (
        ("ignor", "vergiss", "missacht", "olvid", "oubli", "dimentic", "negeer", "игнорир", "забуд"),
        r"\b(?:ignor(?:a|e|ez|ier|iere|ieren|are)|vergiss|missachte|olvida|oublie|oubliez|dimentica|negeer"
        r"|игнорируй\w*|забудь\w*)\b.{0,60}\b(?:anweisung|instruccion|instruç|instructions|istruzion|instructies"
        r"|инструкц|указани)\w*",
    ),
    # Whom they are for.
    (
        ("you are", "act as", "pretend", "behave as", "you're"),
        rf"\b(?:you are|you're|act as|pretend (?:to be|you are)|behave as)\b(?: now)?(?: an?| the)?(?: \w+){{0,2}} "
        rf"{_MACHINE}",
    ),
    (
        ("attention", "note to", "dear", "hey", "hello"),
        rf"\b(?:attention|note to|dear|hey|hello),?(?: the| any| all| every)?(?: \w+)? {_MACHINE}",
    ),
    (
        ("this",),
        rf"\b{_MACHINE}.{{0,30}}\b(?:reading|processing|summari[sz]ing|reads|processes|summari[sz]es)\b.{{0,20}}\bthis\b",
    ),
    # What is to be written.
    (
        ("summary", "answer", "response", "reply", "output"),
        rf"\b(?:(?:your|this|every|each) {_OUTPUT}|the summary) (?:must|should|shall|has to|needs to|is to)\b"
        r".{0,24}\b(?:be|contain|include|say|begin|start|end|read|consist|state|mention|recommend)\b"
        rf"|\b(?:in|at|to|with|of) (?:your (?:\w+ of (?:your|the) )?{_OUTPUT}|the summary)\b.{{0,30}}\b{_PUT}\b"
        rf"|{_CLAUSE}{_PUT}\b.{{0,80}}\b(?:in|at|to|of) (?:your {_OUTPUT}|the summary)\b",
    ),
    (
        ("print", "output", "respond", "reply", "answer", "write", "say", "return", "echo", "repeat", "emit"),
        rf"{_CLAUSE}{_SAY}\b\s*(?:with|back|only|exactly|verbatim)?\s*[:：]?\s*"
        r"(?:exactly\b|verbatim\b|the (?:following|exact)? ?(?:word|words|phrase|string|text|token|code|link|url)\b"
        r"|[\"“'‘]?(?-i:[A-Z][A-Z0-9_-]{3,}))",
    ),
    (("summari",), r"\b(?:do not|don't|never|instead of|rather than|without)\s+summari[sz](?:e|ing)\b"),
    # How chat models and their protocols are spoken to.
    (
        ("<", "[/inst", "[inst"),
        r"<[|｜][^|｜<>]{1,64}[|｜]>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
    ),
    (
        ("system", "assistant", "user", "human", "instruction", "response"),
        r"^\W{0,4}(?:system|assistant|user|human)\s*[:：>]"
        r"|^#{1,6}\s*(?:system|instructions?|response|assistant)\b",
    ),
    (
        ('":', "':", '" :', "' :"),
        r"[\"'](?:role|tool_calls|function_call|text_output|text_input|system_prompt)[\"']\s*:"
        r"|[\"'](?:summary|headline|instructions?|answer|content)[\"']\s*:\s*[\"'\[{]",
    ),
    (
        ("begin", "start", "end"),
        r"\b(?:begin|start|end)(?:ning|ing)? of (?:the )?(?:system |user |new )?"
        r"(?:prompt|instructions|article|document|conversation)\b",
    ),
    # Chinese and Japanese.
    (
        ("忽略", "无视", "無視", "忘", "不要理会", "不要遵守", "跳过"),
        r"(?:忽略|无视|無視|忘记|忘掉|不要理会|不要遵守|跳过).{0,16}(?:指令|指示|提示|要求|规则|命令)"
        r"|(?:指令|指示|命令|プロンプト).{0,6}(?:無視|忘れ)",
    ),
    (
        ("你", "作为"),
        r"你(?:现在|将)?是.{0,10}(?:助手|语言模型|机器人|AI|人工智能)|作为.{0,6}(?:AI助手|人工智能助手|语言模型)",
    ),
    (
        ("输出", "打印", "回复", "回答", "写出", "重复", "显示"),
        r"(?:请|现在|只|直接|必须|改为)(?:你)?(?:输出|打印|回复|回答|写出|重复|显示).{0,4}(?:[：:“\"「『]|[A-Z0-9_-]{4})"
        r"|(?:输出|打印|回复|重复)\s*[：:“\"「『]?\s*(?-i:[A-Z][A-Z0-9_-]{3,})",
    ),
    (
        ("摘要", "总结", "概要"),
        r"(?:摘要|总结|概要)(?:中|里)?(?:必须|应当|只能|一定要)|不要(?:总结|概括|摘要)",
    ),
    (("系统",), r"系统(?:提示词|指令)\s*[:：]"),
)
_COMPILED = tuple(
    (signs, deferred_pattern(form, re.IGNORECASE | re.MULTILINE | re.DOTALL)) for signs, form in _FORMS
)

_READ_CHARACTERS = 4_000
"""How much of a sentence is looked at; what nobody reads to its end nobody obeys either."""


@dataclass(frozen=True, slots=True)
class CleanedText:
    """A text without its instructions.

    Attributes:
        text: what remains, with its line breaks.
        left_out: how many sentences were left out.
    """

    text: str
    left_out: int


def is_instruction(sentence: str) -> bool:
    """Whether a sentence orders whoever summarizes it to do something, or imitates the marks of a chat model."""
    read = sentence[:_READ_CHARACTERS]
    lowered = read.lower()
    # Looking for the words that a form cannot do without is a hundred times as fast as looking for the form.
    for signs, form in _COMPILED:
        for sign in signs:
            if sign in lowered:
                if form.search(read) is not None:
                    return True
                break
    return False


def has_instruction(text: str, language: str) -> bool:
    """Whether any sentence of a text is an instruction."""
    return any(is_instruction(each.text) for each in split_sentences(text, language))


def without_instructions(text: str, language: str) -> CleanedText:
    """Leaves out the sentences of a text that are instructions. CPU work of some milliseconds for 10 000 characters.

    Args:
        text: plain text, of any length.
        language: ISO 639 code, or ``"und"``.
    """
    lowered = text.lower()
    if not any(sign in lowered for signs, _ in _COMPILED for sign in signs):
        return CleanedText(text, 0)
    kept: list[str] = []
    position = 0
    left_out = 0
    for sentence in split_sentences(text, language):
        if is_instruction(sentence.text):
            kept.append(text[position : sentence.start])
            position = sentence.end
            left_out += 1
    if not left_out:
        return CleanedText(text, 0)
    return CleanedText("".join([*kept, text[position:]]).strip(), left_out)
