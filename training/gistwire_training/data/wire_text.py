"""Removes from articles what news wires add and no reader needs. `clean_pair` calls it for each text.

Each function takes plain text and leaves text alone in which it finds nothing.
"""

import re

from gistwire_models.sentences import split_sentences

_AGENCIES = (
    r"AP|AFP|CP|UPI|PTI|ANI|IANS|DPA|dpa|Xinhua|Reuters?|REUTERS?|The Associated Press|Associated Press|Bloomberg"
    r"|Bloomberg News|Canadian Press|Agence France-Presse|USA ?TODAY|Forbes|Ticker|Sports Network"
    r"|NewsFactor|InfoWorld|PC World|PC Magazine|MacCentral|TechWeb|Ziff Davis|The Motley Fool"
    r"|Los Angeles Times|New York Times|Washington Post|Investor's Business Daily|CBS\.MW|Kyodo(?: News)?"
    r"|(?:[\w-]+\.)+(?:com|co\.uk|net|org)(?: [A-Z]\w+)?"
)

# "TORONTO, Canada -- ", "SAN FRANCISCO (Reuters) - ", "NEW YORK, May 9 (AP) – ", "WASHINGTON : "
_DAY = r"(?i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[A-Za-z]*\.? \d{1,2}(?:, \d{4})?"
_PLACE = r"[A-Z][A-Z.'’/-]+(?:[ ,]+(?:de|la|[A-Z][A-Z.'’/-]+)){0,7}"
_NAME = r"[A-Z][\w.'’-]+(?: [A-Z][\w.'’-]+){0,2}"
_REGION = r"(?:, ?[A-Z][\w.'’-]*(?: (?:of |the )?[A-Z][\w.'’-]*){0,3}){0,2}"
_DASH = r"\s*(?:--+|–|—|(?<=\s)-(?=\s))\s*"
# A byline, an agency and a place; what is longer is a first clause in capitals.
_MAX_DATELINES = 3
_MAX_DATELINE_WORDS = 12
_MAX_DATELINE_CHARACTERS = 200
_DATELINE = re.compile(
    rf"(?:(?:{_PLACE}{_REGION}|{_NAME}{_REGION}(?= ?\((?:{_AGENCIES})\))|{_NAME}, {_NAME}(?=\s*(?:--|–|—))"
    rf"|{_NAME}(?=, {_DAY}\s)|[A-Z][a-z]+(?= --? )|{_DAY})"
    rf"(?:[.,]* {_DAY}\.?)?(?:,? ?\([^()]{{2,40}}\)| \w+\.com)?|(?:{_AGENCIES}))"
    rf"(?:{_DASH}|\s*:\s+)(?=[\"'“‘(\[$€£]*[A-Z0-9]|eBay\b|iP)"
)
_BYLINE = re.compile(
    r"(?:By|BY) (?:[A-Z][\w.'’-]+(?: (?:and|AND|[A-Z][\w.'’-]+)){1,6})"
    r"(?:, (?:[A-Z][\w.'’-]+ ?){1,4})?(?:\n|,? (?=(?:[A-Z]{3,}[ ,]|[A-Z][\w ]+ \()))"
)

# Feeds that copy a web page begin with the way to it: "India News > ".
_BREADCRUMBS = re.compile(r"(?:[A-Z][\w:&]*(?: [A-Z][\w:&]*){0,3} > )+")

_SIGN_OFF = re.compile(
    r"(?:(?<=[.!?\"”'’)])|\n|\s)\s*(?:REUTER|Reuter|reuter)S?(?:[ .]{0,4}|\^M)*$|\s-[\w-]+\.com$"
)
_COPYRIGHT = re.compile(r"\s*(?:\(c\)|©|Copyright) ?(?:\d{4}|AP|Reuters)[^\n]{0,120}$", re.IGNORECASE)
_CONTROL_CARETS = re.compile(r"\^[A-Z](?!\w)")

_QUOTE_LINKS = re.compile(
    r" ?\((?:<?[A-Z0-9.^=-]{1,12}>?(?:: ?|, ))+(?:Quote|quote|Cotización|news|Profile|Research)[^()]*\)?"
    r"| ?\((?:[A-Z.]{1,8} ?: ?[A-Za-z]{2,8}|[A-Za-z]{2,8} ?: ?[A-Z.]{1,8})(?: ?- ?[a-zA-Z]+)+ ?\)"
    r"|, (?:Quote|Profile|Research)(?:, (?:Quote|Profile|Research))*\)"
)
_EXCHANGE_TICKER = re.compile(
    r" ?\((?:(?:NASDAQ|Nasdaq|NYSE|AMEX|Amex|LSE|OTC|TSX|NSE|BSE)[A-Z]{0,3}: ?[A-Za-z0-9.]{1,8}(?:[,;] )?)+\)"
)
_RIC = re.compile(r" ?\((?:(?:[A-Z0-9^]{1,8}[.>][A-Z]{1,3}|\.[A-Z0-9]{2,6})[)>]|[A-Z]{1,8} [A-Z]{1,3}>)")

# "<SWSZ.Z>" is a ticker, "<biow>" one that was misspelt; "<Bohai Aluminium Industries Ltd>" is the name itself.
_TICKER = re.compile(r" ?<[A-Z0-9.,=^/& -]{0,12}[>)]|<[a-z.]{1,5}>")
# Opening brackets that are never closed, or closed by the wrong sign, are misprints of the wire.
_BRACKETED_NAME = re.compile(r"<([^<>\s][^<>\n]{1,100})>|<([^<>()\s][^<>()\n]{1,60})\)|<(?=[A-Z])")
_CUT_MARKUP = re.compile(r"<(?:/?(?:a|img|font|br|p|b|i)\b|!--)[^<>]*$", re.IGNORECASE)

_HEADLINE_AGENCY = re.compile(rf"\s*\((?:{_AGENCIES}|(?i:update) ?\d*)\)$| -\d-$")
_HEADLINE_UPDATE = re.compile(
    r"^(?:(?:UPDATE|WRAPUP|RPT|CORRECTED|BREAKING) ?\d*\s?[-:]+\s?)+(?=\S)", re.IGNORECASE
)

_BACKSLASHES = re.compile(r"\\+n?(?=\s|$)|\\+(?=['\"])|\\+")
_SPACED_CLITIC = re.compile(r"(?<=[\w.!]) (?=['’](?:s|t|re|ve|ll|d|m)\b(?!['’]))|(?<=s) (?=' )")
_SPLIT_NEGATION = re.compile(
    r"\b(are|ca|could|did|do|does|had|has|have|is|should|was|were|wo|would) n['’]t\b"
)
_SPACED_MARK = re.compile(r"(?<=[\w.]) (?=[,;](?: |$)|\.(?:$|\n| [A-Z\"“]))")
_STRAY_N = re.compile(r"(?<=[.!?\"”]) ?n$")
_SPACES = re.compile(r"[ \t]{2,}")

# UTF-8 read as Latin-1 or Windows-1252: "Ã©", "Â£", "â€™", "â‚¬". No orthography has these sequences.
_MISREAD = re.compile("[ÂÃ][\xa0-\xbf]|â[\x80-\x84€‚ƒ„†ˆ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
# The same after its second and third bytes were lost.
_LOST_APOSTROPHE = re.compile(r"(?<=[A-Za-z])â ?(?=(?:s|t|re|ve|ll|d|m)\b)")
_LOST_SIGN = re.compile(r"(?<!\w)â(?!\w)")
_LOST_RUPEE = re.compile("â\x82?¹")

# Three dots end what a feed cut off.
_SENTENCE_END = re.compile(r"(?:(?<!\.)\.|[!?。！？।؟۔:])['\"”’»)\]」』）]*$")


def repair_encoding(text: str) -> str:
    """Restores characters whose UTF-8 was read as Latin-1 or Windows-1252, even if part of it was lost."""
    if text.isascii():
        return text
    text = _LOST_RUPEE.sub("₹", _MISREAD.sub(_read_as_utf8, text))
    return _LOST_SIGN.sub(" ", _LOST_APOSTROPHE.sub("'", text))


def repair_spacing(text: str) -> str:
    """Joins what exports part, as in "it 's" and "would n't", and removes their backslashes."""
    text = _SPLIT_NEGATION.sub(r"\1n't", _SPACED_CLITIC.sub("", _BACKSLASHES.sub(_space_of, text)))
    return _SPACES.sub(" ", _STRAY_N.sub("", _SPACED_MARK.sub("", text))).strip()


def remove_tickers(text: str) -> str:
    """Removes tickers and links to quotes: "Humana Inc <HUM>", "Qualcomm (QCOM.O: Quote, Profile)".

    Names in angle brackets, by which the wire marks companies without a ticker, stay without the brackets.
    """
    text = _QUOTE_LINKS.sub("", _CUT_MARKUP.sub("", text))
    text = _RIC.sub("", _EXCHANGE_TICKER.sub("", text))
    return _BRACKETED_NAME.sub(_name_of, _TICKER.sub("", text))


def remove_dateline(body: str) -> str:
    """Removes bylines, agencies, places and days before the first sentence: "BOSTON, May 9 (AP) -- "."""
    body = _BREADCRUMBS.sub("", body, count=1) if " > " in body[:80] else body
    for _ in range(_MAX_DATELINES):
        match = _BYLINE.match(body) or _DATELINE.match(body, 0, _MAX_DATELINE_CHARACTERS)
        if not match or len(match[0].split()) > _MAX_DATELINE_WORDS:
            break
        body = body[match.end() :].lstrip()
    return body


def remove_sign_off(body: str) -> str:
    """Removes what ends a wire story: "Reuter", "REUTER^M", "(c) 2004 AP"."""
    return _CONTROL_CARETS.sub("", _COPYRIGHT.sub("", _SIGN_OFF.sub("", body))).rstrip()


def remove_cut_sentence(body: str, language: str) -> str:
    """Removes a last sentence that was cut off, if others stand before it."""
    if not is_cut_off(body):
        return body
    sentences = split_sentences(body, language)
    return body[: sentences[-2].end] if len(sentences) > 1 and not is_cut_off(sentences[-2].text) else body


def is_cut_off(text: str) -> bool:
    """Tells whether a text ends within a sentence, as far as signs tell; three dots count as such an end."""
    return not _SENTENCE_END.search(text)


def remove_headline_tags(headline: str) -> str:
    """Removes agencies after a headline and wire codes before it: "(AP)", "(Update1)", "UPDATE 2-"."""
    return _HEADLINE_UPDATE.sub("", _HEADLINE_AGENCY.sub("", headline)).strip()


def _read_as_utf8(match: re.Match[str]) -> str:
    encoded = bytearray()
    for character in match[0]:
        # Five bytes have no character in Windows-1252, and then stand for themselves.
        encoded += character.encode("latin-1" if ord(character) < 0x100 else "cp1252")
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return match[0]


def _name_of(match: re.Match[str]) -> str:
    return match[1] or match[2] or ""


def _space_of(match: re.Match[str]) -> str:
    """What stands in the place of backslashes: nothing before a quote or white space, else a space."""
    following = match.string[match.end() : match.end() + 1]
    return "" if not following or following.isspace() or following in "'\"" else " "
