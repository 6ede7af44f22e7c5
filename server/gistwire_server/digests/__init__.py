"""Digests: one text over several articles, each sentence with what supports it. composition.py is where to begin."""
