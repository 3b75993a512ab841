"""Sums of tokens and money by whom they are for and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.admission import TOKENS
from topics.admission.periods import Moment

Key = tuple[str, str, str, int]
"""Scope, subject, period, and which of its periods."""


@dataclass(frozen=True, slots=True)
class Who:
    """For whom something is spent within an account."""

    user_id: str
    key_id: str

    @property
    def scopes(self) -> Iterator[tuple[str, str]]:
        yield "account", ""
        if self.user_id:
            yield "user", self.user_id
        if self.key_id:
            yield "key", self.key_id


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, and what they cost in millionths of a currency."""

    tokens: int
    micros: int
    currency: str

    def of(self, unit: str) -> int:
        return self.tokens if unit == TOKENS else self.micros if unit == self.currency else 0


class Sums:
    """Sums of amounts. A sum that was never added to is 0."""

    def __init__(self) -> None:
        self._sums: dict[Key, dict[str, int]] = {}

    def add(self, who: Who, moment: Moment, amount: Amount, sign: int = 1) -> None:
        for scope, subject in who.scopes:
            for period, index in moment.all:
                sums = self._sums.setdefault((scope, subject, period, index), {})
                for unit, number in ((TOKENS, amount.tokens), (amount.currency, amount.micros)):
                    if number:
                        sums[unit] = sums.get(unit, 0) + sign * number

    def of(self, key: Key, unit: str) -> int:
        sums = self._sums.get(key)
        return 0 if sums is None else sums.get(unit, 0)

    def forget_before(self, moment: Moment) -> None:
        """Drop the sums of days and months before."""
        gone = [key for key in self._sums if key[2] != "total" and key[3] < moment.index(key[2])]
        for key in gone:
            del self._sums[key]

    def __len__(self) -> int:
        return len(self._sums)
