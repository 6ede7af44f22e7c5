"""The words that a summary may use although its article does not: those that only join others."""

FUNCTION_WORDS: tuple[str, ...] = tuple(
    (
        "a an the this that these those it its he she they his her their them who which whose whom what where when "
        "and or but nor yet so if than then as because while although though after before since until during "
        "of in to for on at by with from into over under about against between among through across amid despite "
        "without within near off out up down per via according including following "
        "is are was were be been being has have had do does did will would can could may might must should "
        "not no more most less least other another some any all both each every few many much several such only also "
        "still just even now there here again later earlier first last new "
        "say says said saying told"
    ).split()
)

PUNCTUATION: tuple[str, ...] = tuple(". , ; : - – — ' \" ’ “ ” ( ) $ % & / ?".split())

SUFFIXES: tuple[str, ...] = ("##s", "##ed", "##ing", "##d", "##ly", "##er")
"""Endings of words, as BERT's vocabulary has them."""
