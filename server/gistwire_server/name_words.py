"""Words that stand before, beside or instead of names: the tables that proper_names.py reads with."""

from collections.abc import Mapping

_OPENERS = """
    a about according after again all also although amid among an and another any as at because before
    both but by former for from he her here his how however if in its it just last late later many
    meanwhile more most my new no not now of on once one only or other our over she since so some still
    such that the their then there these they this those three through to today tomorrow two under until
    we what when where which while who why with yesterday actor actress analysts chief company court ex
    government minister officials police president researchers scientists shares state
    """
_HONORIFICS = """
    mr mrs ms miss dr prof sir sen rep gov gen capt lt col sgt st jr sr inc co corp ltd plc llc herr frau sra
    señor señora monsieur madame mme
    """
_ABBREVIATIONS = "vs no etc jan feb mar apr jun jul aug sep sept oct nov dec"
_CALENDAR = """
    january february march april june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
    """
_SAME_COUNTRY = """
    us usa america american americans
    uk britain british briton britons
    france french
    spain spanish spaniard spaniards
    netherlands dutch
    switzerland swiss
    denmark danish dane danes
    sweden swedish swede swedes
    poland polish pole poles
    turkey turkish turk turks
    finland finnish finn finns
    greece greek greeks
    ireland irish
    scotland scottish scots
    afghanistan afghan afghans
    thailand thai
    philippines philippine filipino filipinos
    """

OPENERS = frozenset(_OPENERS.split())
"""English words whose capital says no more than that they open a sentence, or stand before a name."""

OPENER_ENDINGS = ("ed", "ing", "ly")
"""Endings of English words that open a sentence more often than a name: Alleged, Following, Nearly."""

HONORIFICS = frozenset(_HONORIFICS.split())
"""Forms of address and of companies, which newspapers leave out or add at will."""

ABBREVIATIONS = HONORIFICS | frozenset(_ABBREVIATIONS.split())
"""Words whose full stop ends no sentence."""

CALENDAR = frozenset(_CALENDAR.split())
"""English months and days of the week; their first three letters tell them apart."""

SAME_COUNTRY: Mapping[str, str] = {
    variant: line.split()[0] for line in _SAME_COUNTRY.strip().splitlines() for variant in line.split()
}
"""For names of countries and peoples that their endings do not relate, the first of the names."""

CHINESE_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛"
    "叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺"
    "赖龚文"
)
"""Common family names of one character."""
