"""Turns what sources call text into plain text. Preprocessing calls it for every field of an article.

Markup is read by a scanner of our own rather than by an HTML parser. A parser takes the ticker in
"STANDARD OIL <SRD>" for an element, and its time grows with the square of the nesting; articles come from
anyone, so all work here grows linearly with the text.
"""

import html
import re
import unicodedata
from functools import cache
from html.entities import html5

from gistwire_models.deferred_pattern import deferred_pattern

# Text that was escaped more often than this was not escaped by accident.
_MAX_PASSES = 4
_WITHOUT_MARKUP_CHARACTERS = dict.fromkeys(map(ord, "<>&#;[]"))

# Stream-Safe Text Format (Unicode Standard Annex #15): no language stacks more marks than this on a letter.
# Normalization takes quadratic time in the length of such a stack.
_MAX_COMBINING_MARKS = 30

_UNPRINTABLE = deferred_pattern(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # C0 and C1 controls, but white space
    "\xad\u180e\u200b\ufeff\u2060-\u2064"  # soft hyphen, zero-width, byte order mark
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # bidirectional controls
    "\ufff9-\ufffb\ufffe\uffff"  # interlinear annotation, noncharacters
    "\ud800-\udfff"  # surrogates without their other half
    "\U000e0000-\U000e007f"  # tags, which carry hidden text
    "]"
    # Joiners are spelling between letters of Arabic and Indic scripts, and invisible everywhere else.
    "|(?<![\u0600-\u0dff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u0dff])"
)

# UTF-8 that was read as Latin-1, as far as its control characters give it away.
_MISREAD_UTF8 = deferred_pattern(
    "[\xc2-\xdf][\x80-\x9f]"
    "|[\xe0-\xef](?:[\x80-\x9f][\x80-\xbf]|[\xa0-\xbf][\x80-\x9f])"
    "|[\xf0-\xf4](?=[\x80-\xbf]{0,2}[\x80-\x9f])[\x80-\xbf]{3}"
)

_BLOCK = (
    "address|article|aside|blockquote|body|br|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]"
    "|head|header|hr|html|li|main|nav|ol|option|p|pre|section|select|table|tbody|tfoot|thead|title|tr|ul"
)
_CELL = "td|th"
_DROPPED = "iframe|noscript|script|style|svg|template|title"
_INLINE = (
    "a|abbr|acronym|audio|b|bdi|bdo|big|button|caption|cite|code|col|colgroup|data|del|dfn|em|embed|font|i|img"
    "|input|ins|kbd|label|legend|link|map|mark|meta|nobr|object|param|path|picture|q|rp|rt|ruby|s|samp|small"
    "|source|span|strike|strong|sub|summary|sup|time|tt|u|var|video|wbr"
)
_VOID_ELEMENT = deferred_pattern("br|col|embed|hr|img|input|link|meta|param|source|wbr")
_BLOCK_ELEMENT = deferred_pattern(_BLOCK)
_CELL_ELEMENT = deferred_pattern(_CELL)
_DROPPED_ELEMENT = deferred_pattern(_DROPPED)

# A quoted value may hold ">". No part crosses "<", so that the scan of one tag ends where the next begins.
_ATTRIBUTES = r"""(?:[^<>"'=]*+=(?:[^<>"']++|"[^"<]*+"|'[^'<]*+'|["'])*+)"""
_MARKUP = deferred_pattern(
    rf"<(?P<end>/?)(?P<name>{_BLOCK}|{_CELL}|{_DROPPED}|{_INLINE}|(?-i:[a-z]++[-:][a-z:-]++))"
    rf"(?P<attributes>\s{_ATTRIBUTES}|\s++hidden)?\s*/?>"
    r"|(?P<comment><!--)|(?P<comment_end>-->)"
    r"|(?P<declaration><!doctype[^<>]*>|<\?xml[^<>]*>|<!\[CDATA\[)|(?P<cdata_end>\]\]>)",
    re.IGNORECASE,
)

# What no reader of the page sees, but a reader of its text would.
_ATTRIBUTE = deferred_pattern(r"""([^\s=<>"'/]++)(?:\s*+=\s*+("[^"<]*+"|'[^'<]*+'|[^\s"'<>]*+))?""")
_HIDING_STYLE = deferred_pattern(
    r"display\s*+:\s*+none|visibility\s*+:\s*+hidden|(?:font-size|opacity)\s*+:\s*+0(?![.\d]*[1-9])",
    re.IGNORECASE,
)

# Markdown: of a link its text remains, of an image nothing.
_MARKDOWN_LINK = deferred_pattern(
    r"(?P<image>!?)\[(?P<text>[^\[\]\n]{0,500})\]\((?:(?:https?|data|javascript|mailto):|www\.|//?)[^()\s]{0,4000}\)",
    re.IGNORECASE,
)

_ENTITY = deferred_pattern(r"&(#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPED_AMPERSANDS = deferred_pattern(r"&(?:(?:amp|AMP|#0{0,5}38|#[xX]0{0,4}26);)+")

# Some archives (AG News among them) lost the ampersand: "it #39;s", "Johnson amp; Johnson". Only characters
# that such archives are known to escape are restored, so that "finished #12; then" stays.
_BROKEN_ENTITY = deferred_pattern(
    r"(^| )(#0*(?:3[4689]|6[02]|12[89]|1[3-9]\d|2[0-4]\d|25[0-5]|82\d\d);|(?:amp|lt|gt|quot|nbsp);)",
    re.MULTILINE,
)
# A space stands in its place, and does not belong before an apostrophe, a closing quote or the "&" of "AT&T".
_BROKEN_ENTITY_WITHIN_WORD = deferred_pattern(
    r"(?:^| )((?:#0*(?:39|146|148|8217|8221)|apos);|(?:#0*38|amp);(?=\S))", re.MULTILINE
)


def clean_text(text: str, *, multiline: bool) -> str:
    """Makes plain text of text that may hold markup, entities and invisible characters.

    HTML elements go; block elements leave a line break; scripts, styles and what is hidden go with their content. Of
    Markdown's links the text remains, of its images nothing. Entities are decoded, also those that were escaped
    twice. Angle brackets and ampersands that are no markup stay: "AT&T <T.N> rose". The result is in Unicode normal
    form C without unprintable characters; white space is folded to single spaces. Cleaning a clean text changes
    nothing.

    Args:
        text: any text.
        multiline: whether line breaks are kept as single newlines; otherwise they become spaces.
    """
    for _ in range(_MAX_PASSES):
        cleaned = _clean_once(text, multiline=multiline)
        if cleaned == text:
            return cleaned
        text = cleaned
    return _clean_once(text.translate(_WITHOUT_MARKUP_CHARACTERS), multiline=multiline)


def remove_unprintable(text: str) -> str:
    """Removes what cannot be seen: control, bidirectional and zero-width characters, lone surrogates.

    White space stays as it is, and so does markup.
    """
    return _UNPRINTABLE.sub("", text)


def _clean_once(text: str, *, multiline: bool) -> str:
    text = _normalize(remove_unprintable(_MISREAD_UTF8.sub(_read_as_utf8, text)))
    if "&" in text or ";" in text:
        text = _decode_entities(text)
    if "<" in text:
        text = _strip_markup(text)
    if "](" in text:
        text = _MARKDOWN_LINK.sub(lambda link: "" if link["image"] else link["text"], text)
    return _fold_white_space(text, multiline=multiline)


def _read_as_utf8(match: re.Match[str]) -> str:
    try:
        return match[0].encode("latin-1").decode()
    except UnicodeDecodeError:
        return match[0]


def _normalize(text: str) -> str:
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _excess_combining_marks().sub(r"\1", text))


@cache
def _excess_combining_marks() -> re.Pattern[str]:
    """Matches a stack of combining marks that is too high; its first group is the part that may stay."""
    # Combining marks end well before the emoji, and there are none among the ideographs after them.
    marks = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{{_MAX_COMBINING_MARKS}}})[{marks}]++")


def _decode_entities(text: str) -> str:
    text = _ESCAPED_AMPERSANDS.sub("&", text)
    text = _BROKEN_ENTITY_WITHIN_WORD.sub(r"&\1", text)
    text = _BROKEN_ENTITY.sub(r"\1&\2", text)
    return _ENTITY.sub(_decode_entity, text)


def _decode_entity(match: re.Match[str]) -> str:
    if match[1].startswith("#"):
        return html.unescape(match[0])
    return html5.get(f"{match[1]};", match[0])


def _strip_markup(text: str) -> str:
    tokens = list(_MARKUP.finditer(text))
    if not any(_is_surely_markup(token) for token in tokens):
        return text
    pieces: list[str] = []
    position = 0
    dropping_until = ""
    depth = 0
    for token in tokens:
        if dropping_until:
            depth += _depth_change(token, dropping_until)
            if depth == 0:
                dropping_until = ""
                position = token.end()
            continue
        pieces.append(text[position : token.start()])
        pieces.append(_replacement(token))
        position = token.end()
        dropping_until = _dropped_until(token)
        depth = 1
    # What is never closed is not dropped: the rest of the article would go with it. The next pass cleans it.
    pieces.append(text[position:])
    return "".join(pieces)


def _is_surely_markup(token: re.Match[str]) -> bool:
    """Tells markup from symbols and names in angle brackets, as in "SEARS <S> SEES GAIN" or "<e-tron>"."""
    if token["comment_end"] or token["cdata_end"]:
        return False
    if not token["name"] or token["end"] or token["attributes"]:
        return True
    if "-" in token["name"]:
        return False
    text = token.string
    before, after = text[max(token.start() - 1, 0) : token.start()], text[token.end() : token.end() + 1]
    return not token["name"].isupper() or (not before.isspace() and (after == "<" or after.isalnum()))


def _end_kind(token: re.Match[str]) -> str:
    """Name of the element that the token ends, "-->" for a comment, else empty."""
    if token["end"]:
        return token["name"].lower()
    return token["comment_end"] or ""


def _depth_change(token: re.Match[str], dropped: str) -> int:
    """By how much a token within a dropped element changes how many of this name are open."""
    if _end_kind(token) == dropped:
        return -1
    # A script may write "<script>"; an element that is hidden may hold others of its name.
    nests = _DROPPED_ELEMENT.fullmatch(dropped) is None and (token["name"] or "").lower() == dropped
    return 1 if nests and not token["end"] else 0


def _dropped_until(token: re.Match[str]) -> str:
    """The `_end_kind` up to which everything after the token is dropped; empty if nothing is."""
    if token["comment"]:
        return "-->"
    name = (token["name"] or "").lower()
    if token["end"] or not name:
        return ""
    is_hidden = _hides(token["attributes"] or "") and not _VOID_ELEMENT.fullmatch(name)
    return name if is_hidden or _DROPPED_ELEMENT.fullmatch(name) else ""


def _hides(attributes: str) -> bool:
    """Whether attributes keep an element from being seen."""
    return any(
        name.lower() == "hidden" or (name.lower() == "style" and _HIDING_STYLE.search(value) is not None)
        for name, value in _ATTRIBUTE.findall(attributes)
    )


def _replacement(token: re.Match[str]) -> str:
    name = (token["name"] or "").lower()
    if _BLOCK_ELEMENT.fullmatch(name):
        return "\n"
    if _CELL_ELEMENT.fullmatch(name):
        return " "
    # An arrow in the text is no comment's end.
    return token["comment_end"] or token["cdata_end"] or ""


def _fold_white_space(text: str, *, multiline: bool) -> str:
    if not multiline:
        return " ".join(text.split())
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
