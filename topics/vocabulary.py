"""Vocabularies that grow: a fold that meets an unknown word must not guess. Pure."""

from __future__ import annotations

from collections.abc import Collection

from schemas.codec import NewerRecord

_SHOWN_CHARS = 40


class NewerValue(NewerRecord):
    """A record of a known schema with a word that only a newer release knows, in a field that decides."""

    def __init__(self, field: str, value: str) -> None:
        Exception.__init__(self, f"{field} {value[:_SHOWN_CHARS]!r} comes from a newer release: upgrade this process")
        self.schema_id = 0


def check_word(field: str, value: str, known: Collection[str]) -> None:
    """Raises NewerValue if `value` is none of the words that this release knows."""
    if value not in known:
        raise NewerValue(field, value)
