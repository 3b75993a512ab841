"""What a lease takes and what a budget leaves, in tokens or in millionths of a currency. Pure, in whole numbers.

Leases in money are rounded up, bills half up: a bill of at most what was leased is never above the lease.
"""

from __future__ import annotations

from schemas.price import MAX_COST_MICROS, Price, Usage

MILLION = 1_000_000


def is_free(price: Price) -> bool:
    """Whether nothing can be spent at this price."""
    return not (
        price.input_micros_per_million or price.cached_input_micros_per_million or price.output_micros_per_million
    )


def leased_micros(price: Price, prompt: int, answer: int) -> int:
    """The most that so many tokens cost, rounded up."""
    return min(-(-_millionths(price, prompt, answer) // MILLION), MAX_COST_MICROS)


def answer_tokens_for(price: Price, prompt: int, left_micros: int, most: int) -> int:
    """How many tokens of an answer `left_micros` pay for after its prompt, at most `most`; negative: not the prompt."""
    if left_micros < 0:
        return -1
    left = left_micros * MILLION - _millionths(price, prompt, 0)
    if left < 0:
        return -1
    each = price.output_micros_per_million
    return most if each <= 0 else min(left // each, most)


def capped(usage: Usage, prompt: int, answer: int) -> Usage:
    """A usage as it is charged under a lease of so many tokens of prompt and answer."""
    prompt_tokens, completion = min(usage.prompt_tokens, prompt), min(usage.completion_tokens, answer)
    return Usage(
        prompt_tokens,
        completion,
        cached_tokens=min(usage.cached_tokens, prompt_tokens),
        reasoning_tokens=min(usage.reasoning_tokens, completion),
        estimated=usage.estimated,
    )


def tokens_of(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens


def _millionths(price: Price, prompt: int, answer: int) -> int:
    each = max(price.input_micros_per_million, price.cached_input_micros_per_million)
    return prompt * each + answer * price.output_micros_per_million
