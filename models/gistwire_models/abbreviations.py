"""Word lists of sentences.py: which full stops end no sentence, in English, German, French and Spanish."""

from gistwire_models.deferred_pattern import deferred_pattern


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


NEVER_LAST = _words(
    """
    Mr Mrs Ms Mx Messrs Dr Prof Sen Rep Gov Gen Lt Col Sgt Cpl Capt Cmdr Maj Adm Rev Hon Pres Supt Det Amb Mt
    vs approx viz cf e.g i.e
    Hr Fr z.B d.h u.a i.d.R ca bzw vgl sog evtl ggf inkl zzgl Dipl
    M MM Mme Mmes Mlle Mgr
    Sra Srta Dra Dña p.ej
    """
)
"""Abbreviations that stand before something: titles and the like."""

SOMETIMES_LAST = _words(
    """
    Inc Corp Co Ltd Cos Bros LLC Jr Sr St Ste Ave Blvd Rd Dept Univ Assn Intl Natl Est
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thurs Fri
    Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan Ky La Mass Md Mich Minn Miss Mo Mont Neb Nev Okla Ont
    Ore Pa Que Tenn Tex Va Vt Wash Wis Wyo
    Ph.D Mio Mrd Std Str
    """
)
"""Abbreviations that end a sentence if a word follows that often begins one."""

NUMBERED = _words("No Nos no nos Nr nr Art art p pp Vol vol Fig fig Abs Núm núm n")
"""Abbreviations that stand before a number; without one they are words or end a sentence."""

TIME_OF_DAY = _words("a.m p.m A.M P.M")

AFTER_TIME_OF_DAY = _words(
    """
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday EST EDT ET CST CDT CT MST MDT MT PST PDT PT GMT
    UTC BST CET Eastern Central Mountain Pacific
    """
)
"""What goes on with a time of day; anything else in upper case after it begins a sentence."""

EXCLAIMING_NAMES = _words("Yahoo Jeopardy E Joomla Chips")
"""Names written with an exclamation mark."""

ORDINAL_NOUNS = _words(
    """
    Januar Februar März April Mai Juni Juli August September Oktober November Dezember
    Jahrhundert Bundesliga Liga Platz Runde Tag Mal Minute
    """
)
"""German nouns that follow an ordinal number, which is written with a full stop."""

SENTENCE_STARTERS = _words(
    """
    The A An This That These Those It Its He His She Her They Their We Our I You My There Here
    In On At For As By From With Of To After Before During Since Under Over Among Despite According
    But And Or So Yet Still However Meanwhile Although Though Because When While If Once Until Now Then Also
    Some Many Most Both All Each Every One Two Three Several Other Another Such Not No What Who Why How Where
    Is Are Was Were Will Last Earlier Later
    Der Die Das Ein Eine Er Sie Es Wir Im Am Mit Nach Bei Auf Für Und Aber Doch Auch Seit Zum Zur Laut
    Le Les L Un Une Il Elle Ils Elles Ce Cette Ces Dans En Mais Et Pour Selon
    El Los Las Una Pero Y Según Para Por
    """
)
"""Words that seldom follow an abbreviation within a sentence."""

SPACED_ABBREVIATION = deferred_pattern(
    r"(?<!\w)(?:z\. ?B|d\. ?h|u\. ?a|o\. ?Ä|i\. ?d\. ?R|p\. ?ej|e\. ?g|i\. ?e)\Z"
)
"""Abbreviations of several words, up to their last full stop."""
