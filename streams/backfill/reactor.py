"""Re-pricing: an outcome and a price table -> what its tokens cost by it. Pure: however it is cut up, the same records.

The rule is the one that billed the outcome at first, `Price.cost_micros`: whole millionths, rounded once a generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas import ids
from schemas.envelope import Envelope, Position
from schemas.outcome import Outcome
from schemas.price import Price, Usage
from schemas.usage import UsageRerated

_ACTOR = "system:backfill"


class Unprocessable(Exception):
    """The parameters do not fit the history: the run ends there, with nothing of it to be used."""


@dataclass(frozen=True, slots=True)
class Left:
    """A record that gives none: what counts today stays. `reason` groups those alike.

    `as_due`: there is nothing to be done about it; otherwise something may be missing.
    """

    reason: str
    as_due: bool = False


Produced = tuple[UsageRerated, ...] | Left


@dataclass(frozen=True, slots=True)
class Repricing:
    """The new prices by model, and the name of the backfill that brings them. `capped`: by generation, what bills count
    that are less than their outcomes, since they ran on a lease."""

    backfill: str
    prices: Mapping[str, Price]
    capped: Mapping[str, Usage] = field(default_factory=dict)


def reprice(outcome: Outcome, position: Position, repricing: Repricing) -> Produced:
    """What `outcome`, which stands at `position` in generation-outcomes, costs at the new price: all of it, or what its
    bill counts that a lease capped.

    A model without a new price, one priced in another currency, and a title are left as they are. Raises Unprocessable
    if a price has the version that the outcome was billed at, but other figures: the two could never be told apart.
    """
    turn = outcome.turn
    if turn.kind == "title":
        return Left("titles cost their users nothing", as_due=True)
    price = repricing.prices.get(turn.model)
    if price is None:
        return Left(f"model {turn.model!r} has no new price")
    if price == turn.price:
        return Left(f"model {turn.model!r} was billed at this very price", as_due=True)
    if price.version == turn.price.version:
        raise Unprocessable(
            f"the price of {turn.model!r} has version {price.version!r}, and so has what history was billed at, "
            "with other figures: give the new price a version of its own"
        )
    if price.currency != turn.price.currency:
        return Left(f"model {turn.model!r} was billed in {turn.price.currency}, not in {price.currency}")
    usage = repricing.capped.get(turn.generation_id)
    billed = outcome.cost_micros if usage is None else turn.price.cost_micros(usage)
    usage = usage or outcome.usage
    return (
        UsageRerated(
            envelope=Envelope(
                ids.event_id(turn.generation_id, f"UsageRerated/{repricing.backfill}/{price.version}"),
                outcome.ended_at_us,
                outcome.envelope.event_id,
                outcome.envelope.correlation_id,
                _ACTOR,
            ),
            user_id=turn.user_id,
            conversation_id=turn.conversation_id,
            generation_id=turn.generation_id,
            model=turn.model,
            usage=usage,
            price_version=price.version,
            currency=price.currency,
            cost_micros=price.cost_micros(usage),
            superseded_price_version=turn.price.version,
            superseded_cost_micros=billed,
            outcome=position,
            ended_at_us=outcome.ended_at_us,
            backfill=repricing.backfill,
            attribution=turn.attribution,
        ),
    )
