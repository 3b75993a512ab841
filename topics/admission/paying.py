"""Who pays for a turn, and how much is leased at once. Pure."""

from __future__ import annotations

from schemas.generation import Turn
from topics.admission.sums import Who

FIRST_TOKENS = 64
"""Of an answer, leased before it begins."""
MAX_STEP_TOKENS = 512
"""Of an extension. Each is twice the one before, up to this."""


def account_of(turn: Turn) -> str:
    """The billing account of a turn."""
    return turn.user_id if turn.attribution is None else turn.attribution.account


def who_of(turn: Turn) -> Who:
    """For whom within its account."""
    return Who(turn.user_id, "" if turn.attribution is None else turn.attribution.key_id)


def first_tokens(most: int | None) -> int:
    """How many tokens the lease of an answer of at most so many begins with."""
    return FIRST_TOKENS if most is None else max(min(FIRST_TOKENS, most), 1)


def step_tokens(number: int) -> int:
    """How many tokens extension `number`, from 1, asks for."""
    return min(FIRST_TOKENS << min(number, 16), MAX_STEP_TOKENS)
