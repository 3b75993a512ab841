"""The rule policy: phrases and expressions, each with a decision. Pure; its file is read in `policy_file.py`.

Text is normalised first (NFKC, casefolded, invisible characters and combining marks taken out, white space folded), so
that a rule is not passed by a look-alike spelling.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from schemas.moderation import Decision

MAX_CHARS = 100_000
"""Longer texts are looked at in pieces of this size, which overlap: the time is linear in the text."""
OVERLAP = 2_000
"""More than any rule can match."""
_UNSEEN = frozenset({"Cf", "Mn", "Me"})
_SEVERITY: dict[Decision, int] = {"allow": 0, "review": 1, "block": 2}
_UNKNOWN = 3
"""How severe a decision is that this release does not know: nothing allows less."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` is searched in normalised text, if one of `needles` is in it: that is looked up ten times as fast."""

    id: str
    category: str
    decision: Decision
    pattern: re.Pattern[str]
    needles: tuple[str, ...] = ()

    def matches(self, text: str) -> bool:
        """Whether normalised `text` has what this rule is about."""
        if self.needles and not any(needle in text for needle in self.needles):
            return False
        return self.pattern.search(text) is not None


@dataclass(frozen=True, slots=True)
class Ruling:
    """The severest decision of all rules that matched; `rule` is the first one that gave it (None: none matched)."""

    decision: Decision
    categories: tuple[str, ...]
    rule: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """`version` changes with every change of the file."""

    version: str
    rules: tuple[Rule, ...]

    def matching(self, texts: tuple[str, ...]) -> list[Rule]:
        """The rules that match anything in `texts`, in their order."""
        pieces = [piece for text in texts for piece in _pieces(normalise(text))]
        return [rule for rule in self.rules if any(map(rule.matches, pieces))]

    def judge(self, texts: tuple[str, ...]) -> Ruling:
        """The ruling on all of `texts` together. Nothing that matched is kept."""
        matched = self.matching(texts)
        if not matched:
            return Ruling("allow", (), None)
        severest = max(matched, key=lambda rule: _SEVERITY.get(rule.decision, _UNKNOWN))
        return Ruling(severest.decision, tuple(dict.fromkeys(rule.category for rule in matched)), severest.id)


def normalise(text: str) -> str:
    """Text as rules see it. Applying it again changes nothing."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # The set is small whatever the text's length.
    unseen = {ord(char): None for char in set(folded) if unicodedata.category(char) in _UNSEEN}
    return " ".join(unicodedata.normalize("NFKC", folded.translate(unseen) if unseen else folded).split())


def _pieces(text: str) -> list[str]:
    if len(text) <= MAX_CHARS:
        return [text]
    return [text[at : at + MAX_CHARS] for at in range(0, len(text) - OVERLAP, MAX_CHARS - OVERLAP)]
