"""Finds where a text can be cut without splitting a visible character: an emoji, a flag, a letter with accents. Pure.

A small part of Unicode's rule for grapheme clusters (UAX 29), from the standard library's data: what joins on is never
cut off, and what is written one by one may be. Hangul and CRLF are included; Indic conjuncts are not.
"""

from __future__ import annotations

import unicodedata

MAX_CLUSTER = 64
"""Characters one cluster is looked at for; more accents than that are cut."""
_ZWJ = "\u200d"
_CATEGORIES = frozenset({"Mn", "Me", "Mc"})


def without_last_cluster(text: str) -> str:
    """`text` without its last cluster, of which more may have followed."""
    start = len(text) - 1
    while start > 0 and len(text) - start < MAX_CLUSTER and _joined(text, start):
        start -= 1
    return text[: max(start, 0)]


def first_clusters(text: str, most: int) -> int:
    """The place after the first `most` clusters of `text`; its length where it has no more than those."""
    found = 0
    for at in range(1, len(text)):
        if not _joined(text, at):
            found += 1
            if found == most:
                return at
    return len(text)


def _joined(text: str, at: int) -> bool:
    """Whether the characters before and after the place `at` belong together."""
    before, after = text[at - 1], text[at]
    if after == _ZWJ or unicodedata.category(after) in _CATEGORIES or _extends(after):
        return True
    if before == _ZWJ:
        return not after.isascii()
    if _regional(before) and _regional(after):
        return _run_of_regionals(text, at) % 2 == 1
    return (before == "\r" and after == "\n") or _hangul_joined(before, after)


def _extends(char: str) -> bool:
    """Skin tones, variation selectors, tags, the joiner that keeps apart."""
    code = ord(char)
    return 0x1F3FB <= code <= 0x1F3FF or 0xFE00 <= code <= 0xFE0F or 0xE0020 <= code <= 0xE01EF or code == 0x200C


def _regional(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


def _run_of_regionals(text: str, at: int) -> int:
    """How many of them stand right before `at`; two make a flag."""
    start = at
    while start > 0 and at - start < MAX_CLUSTER and _regional(text[start - 1]):
        start -= 1
    return at - start


def _hangul_joined(before: str, after: str) -> bool:
    first, second = ord(before), ord(after)
    leads = 0x1100 <= first <= 0x115F or 0xA960 <= first <= 0xA97C
    syllable = 0xAC00 <= first <= 0xD7A3
    vowel = 0x1160 <= second <= 0x11A7 or 0xD7B0 <= second <= 0xD7C6
    tail = 0x11A8 <= second <= 0x11FF or 0xD7CB <= second <= 0xD7FB
    if leads:
        return vowel or 0x1100 <= second <= 0x115F or 0xA960 <= second <= 0xA97C or 0xAC00 <= second <= 0xD7A3
    open_syllable = syllable and (first - 0xAC00) % 28 == 0
    if open_syllable or 0x1160 <= first <= 0x11A7 or 0xD7B0 <= first <= 0xD7C6:
        return vowel or tail
    return tail and (syllable or 0x11A8 <= first <= 0x11FF or 0xD7CB <= first <= 0xD7FB)
