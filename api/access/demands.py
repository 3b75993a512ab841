"""Which limits hold for a request, and what it takes of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from api.access.rates import HOUR_US, MINUTE_US, Draw, Kind, Rate, Slots
from infra.tiers.limited import Limited
from infra.tiers.tier import Limits, Tier

GUESSED_TOKENS = 1024
"""What an answer is reserved whose request names no maximum; its outcome corrects it."""
_RATES: tuple[tuple[Kind, str, int], ...] = (
    ("requests", "requests_per_minute", MINUTE_US),
    ("messages", "messages_per_hour", HOUR_US),
    ("tokens", "tokens_per_minute", MINUTE_US),
)


def smallest(one: Limits, other: Limits) -> Limits:
    """What holds where both do."""

    def least(name: str) -> int | None:
        known = [limit for limit in (getattr(one, name), getattr(other, name)) if limit is not None]
        return min(known, default=None)

    return Limits(**{field.name: least(field.name) for field in fields(Limits)})


def limits_of(limited: Limited, tier: Tier) -> Iterator[tuple[str, Limits]]:
    """Every subject that the requester is counted as, with its limits."""
    yield f"user:{limited.user_id}", tier.user
    if limited.key_id:
        yield f"key:{limited.key_id}", smallest(tier.key, limited.key_limits)
    if limited.organisation_id:
        yield f"organisation:{limited.organisation_id}", tier.organisation


def rates_of(limited: Limited, tier: Tier, *kinds: Kind) -> tuple[Rate, ...]:
    """The rates of these kinds (all, without any) that hold for the limited."""
    found = []
    for subject, limits in limits_of(limited, tier):
        for kind, name, period_us in _RATES:
            limit: int | None = getattr(limits, name)
            if limit is not None and (not kinds or kind in kinds):
                found.append(Rate(subject, kind, limit, period_us))
    return tuple(found)


def slots_of(limited: Limited, tier: Tier) -> tuple[Slots, ...]:
    """How many answers at a time, of each subject that is limited."""
    return tuple(
        Slots(subject, limits.concurrent_streams)
        for subject, limits in limits_of(limited, tier)
        if limits.concurrent_streams is not None
    )


def message_draws(limited: Limited, tier: Tier, tokens: int) -> tuple[Draw, ...]:
    """What a request for an answer takes, beside the request itself."""
    rates = rates_of(limited, tier, "messages", "tokens")
    return tuple(Draw(rate, tokens if rate.kind == "tokens" else 1) for rate in rates)


def estimated_tokens(prompt: int, most: int | None, longest: int, choices: int, rates: tuple[Rate, ...]) -> int:
    """What is reserved for a prompt and its answers: `most` tokens each, as asked for; else a guess, which is never
    what makes a request too large. `longest`: what the model can answer at most."""
    if most is not None:
        return prompt + choices * min(most, longest)
    guess = prompt + choices * min(GUESSED_TOKENS, longest)
    limits = [rate.limit for rate in rates if rate.kind == "tokens"]
    return max(min([guess, *limits]), prompt)
