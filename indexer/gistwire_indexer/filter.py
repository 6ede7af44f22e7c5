"""Filters: an AIP-160 subset over source, language, category and published."""
