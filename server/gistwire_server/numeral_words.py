"""Words that are numbers, by language: the tables that numerals.py reads with."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

CHINESE_DIGITS: Mapping[str, int] = {
    **{character: value for value, character in enumerate("零一二三四五六七八九")},
    "〇": 0,
    "两": 2,
}
"""Value of each Chinese digit."""

CHINESE_SCALES: Mapping[str, Decimal] = {
    "十": Decimal(10),
    "百": Decimal(100),
    "千": Decimal(1000),
    "万": Decimal(10**4),
    "萬": Decimal(10**4),
    "亿": Decimal(10**8),
    "億": Decimal(10**8),
}
"""Factor of each Chinese unit of counting."""

CHINESE_MEASURES = frozenset(
    "人名位个年月日天岁次倍元美成家届只国强场轮票吨米座套台辆架艘册款项条起例所万亿分秒时"
)
"""Characters before which a single Chinese numeral counts something."""

# Cardinals from 2 on, then ordinals; "1" is left to the words of _ONE, which are articles and pronouns first
# of all.
_CARDINALS = {
    "en": """
        two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen twenty
        """,
    "de": """
        zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn
        sechzehn siebzehn achtzehn neunzehn zwanzig
        """,
    "es": """
        dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis
        diecisiete dieciocho diecinueve veinte
        """,
    "fr": """
        deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
        dix-sept dix-huit dix-neuf vingt
        """,
    "it": """
        due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici
        sedici diciassette diciotto diciannove venti
        """,
    "pt": """
        dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis
        dezessete dezoito dezenove vinte
        """,
}
_ORDINALS = {
    "en": """
        second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
        fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
        """,
    "de": "zweite dritte vierte fünfte sechste siebte achte neunte zehnte",
    "es": "segundo tercero cuarto quinto sexto séptimo octavo noveno décimo",
    "fr": "deuxième troisième quatrième cinquième sixième septième huitième neuvième dixième",
    "it": "secondo terzo quarto quinto sesto settimo ottavo nono decimo",
    "pt": "segundo terceiro quarto quinto sexto sétimo oitavo nono décimo",
}
# 30, 40 … 90.
_TENS = {
    "en": "thirty forty fifty sixty seventy eighty ninety",
    "de": "dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "es": "treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "fr": "trente quarante cinquante soixante",
    "it": "trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "pt": "trinta quarenta cinquenta sessenta setenta oitenta noventa",
}
_ONE = {
    "en": "one first",
    "de": "ein eine einen einem einer eins erste ersten erster",
    "es": "un una uno primer primero primera",
    "fr": "un une premier première",
    "it": "un una uno primo prima",
    "pt": "um uma primeiro primeira",
}
# Words that mean something else too ("neuf" is new, "second" a time, "sei" are): support, but no claim.
_AMBIGUOUS = {
    "en": "second",
    "es": "segundo cuarto",
    "fr": "neuf six",
    "it": "sei secondo",
    "pt": "segundo quarto",
    "de": "acht",
}
_SCALES: Mapping[str, Mapping[str, int]] = {
    "en": {
        "dozen": 12,
        "hundred": 100,
        "k": 10**3,
        "thousand": 10**3,
        "lakh": 10**5,
        "lakhs": 10**5,
        "m": 10**6,
        "mn": 10**6,
        "mln": 10**6,
        "mil": 10**6,
        "million": 10**6,
        "cr": 10**7,
        "crore": 10**7,
        "crores": 10**7,
        "b": 10**9,
        "bn": 10**9,
        "bln": 10**9,
        "billion": 10**9,
        "tn": 10**12,
        "trln": 10**12,
        "trillion": 10**12,
    },
    "de": {
        "dutzend": 12,
        "hundert": 100,
        "tausend": 10**3,
        "tsd": 10**3,
        "mio": 10**6,
        "million": 10**6,
        "millionen": 10**6,
        "mrd": 10**9,
        "milliarde": 10**9,
        "milliarden": 10**9,
        "billion": 10**12,
        "billionen": 10**12,
    },
    "es": {
        "docena": 12,
        "cien": 100,
        "mil": 10**3,
        "millón": 10**6,
        "millones": 10**6,
        "billón": 10**12,
        "billones": 10**12,
    },
    "fr": {
        "douzaine": 12,
        "cent": 100,
        "cents": 100,
        "mille": 10**3,
        "million": 10**6,
        "millions": 10**6,
        "milliard": 10**9,
        "milliards": 10**9,
    },
    "it": {
        "dozzina": 12,
        "cento": 100,
        "mila": 10**3,
        "mille": 10**3,
        "milione": 10**6,
        "milioni": 10**6,
        "miliardo": 10**9,
        "miliardi": 10**9,
    },
    "pt": {
        "dúzia": 12,
        "cem": 100,
        "mil": 10**3,
        "milhão": 10**6,
        "milhões": 10**6,
        "bilhão": 10**9,
        "bilhões": 10**9,
    },
}


@cache
def value_words(language: str) -> Mapping[str, Decimal]:
    """Number words of a language and their values; of none for a language that is not known."""
    values: dict[str, int] = dict.fromkeys(_ONE.get(language, "").split(), 1)
    for table in (_CARDINALS, _ORDINALS):
        values.update({word: value for value, word in enumerate(table.get(language, "").split(), start=2)})
    values.update(
        {
            word: value
            for value, word in zip(range(30, 100, 10), _TENS.get(language, "").split(), strict=False)
        }
    )
    return {word.casefold(): Decimal(value) for word, value in values.items()}


@cache
def unclaimed_words(language: str) -> frozenset[str]:
    """Number words that need not mean a number."""
    return frozenset(f"{_ONE.get(language, '')} {_AMBIGUOUS.get(language, '')}".split())


@cache
def scale_words(language: str) -> Mapping[str, Decimal]:
    """Words that multiply the number before them, and the factor.

    A language that is not known has those of English, whose abbreviations are written everywhere.
    """
    return {word: Decimal(factor) for word, factor in _SCALES.get(language, _SCALES["en"]).items()}
