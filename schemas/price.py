"""Tokens, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

MAX_COST_MICROS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one generation. `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`.

    `estimated`: at least one count is our own, because the engine told none or one that cannot be true.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Who asked and who pays.

    `account`: the billing account: the organisation that has taken the user, else the user. `organisation_id` and
    `key_id`: empty: none. `tier`: whose limits and weight held.
    """

    account: str
    organisation_id: str = ""
    key_id: str = ""
    tier: str = "default"


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost, in millionths of `currency` a million tokens: integers, so that sums are exact."""

    version: str
    currency: str
    input_micros_per_million: int
    cached_input_micros_per_million: int
    output_micros_per_million: int

    def cost_micros(self, usage: Usage) -> int:
        """Cost in millionths of `currency`, rounded half up once over the whole generation.

        Never negative, and at most MAX_COST_MICROS: whatever the counts and the price, a record can hold it.
        """
        fresh = usage.prompt_tokens - usage.cached_tokens
        total = (
            fresh * self.input_micros_per_million
            + usage.cached_tokens * self.cached_input_micros_per_million
            + usage.completion_tokens * self.output_micros_per_million
        )
        return min(max((total + 500_000) // 1_000_000, 0), MAX_COST_MICROS)
