"""The rule policy: words and expressions, each with a decision. Pure; its file is read in `policy_file.py`.

Text is normalised first (NFKC, casefolded, invisible characters taken out, white space folded), so that a rule is not
passed by a look-alike spelling.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from schemas.moderation import Decision

MAX_CHARS = 200_000
"""Longer texts are looked at in pieces of this size."""
_OVERLAP = 2_000
_SPACE = re.compile(r"\s+")
_SEVERITY: dict[Decision, int] = {"allow": 0, "review": 1, "block": 2}


@dataclass(frozen=True, slots=True)
class Rule:
    """`pattern` is searched in normalised text."""

    id: str
    category: str
    decision: Decision
    pattern: re.Pattern[str]


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

    def judge(self, texts: tuple[str, ...]) -> Ruling:
        """The ruling on all of `texts` together."""
        pieces = [piece for text in texts for piece in _pieces(normalise(text))]
        matched = [rule for rule in self.rules if any(rule.pattern.search(piece) for piece in pieces)]
        if not matched:
            return Ruling("allow", (), None)
        severest = max(matched, key=lambda rule: _SEVERITY[rule.decision])
        return Ruling(severest.decision, tuple(dict.fromkeys(rule.category for rule in matched)), severest.id)


def normalise(text: str) -> str:
    """Text as rules see it."""
    folded = text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    if not folded.isascii():
        folded = "".join(char for char in folded if unicodedata.category(char) not in ("Cf", "Mn"))
    return _SPACE.sub(" ", folded)


def _pieces(text: str) -> list[str]:
    if len(text) <= MAX_CHARS:
        return [text]
    step = MAX_CHARS - _OVERLAP
    return [text[at : at + MAX_CHARS] for at in range(0, len(text), step)]
