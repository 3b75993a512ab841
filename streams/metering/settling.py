"""Settles what accounts with budgets have used: a record in admissions for each generation that has ended.

What it is billed is what the first settlement in the log charges it, so bill and budget agree to the token.
"""

from __future__ import annotations

from infra.crash_points import crash_point
from schemas import ids
from schemas.admission import LeaseSettled
from schemas.envelope import Envelope, Position
from schemas.outcome import Outcome
from topics.admission.book import Book
from topics.admission.following import Fence
from topics.admission.leases import Settled
from topics.admission.paying import account_of, who_of
from topics.catalogue import ADMISSIONS
from topics.producer import LogProducer

READ_S = 10.0
_ACTOR = "system:metering"


class Settling:
    """`fence`: a lease that was asked for before an outcome is in the book once it has been passed."""

    def __init__(self, producer: LogProducer, book: Book, fence: Fence) -> None:
        self._producer = producer
        self._book = book
        self._fence = fence

    async def settled(self, outcome: Outcome, position: Position) -> Settled | None:
        """What the generation of the outcome at `position` is charged; None: its account never had a budget.

        Raises LogUnavailable: nothing is known yet.
        """
        turn = outcome.turn
        if turn.kind == "title":
            return None
        await self._fence.passed()
        account = self._book.account(account_of(turn))
        if account is None:
            return None
        if turn.generation_id not in account.settled:
            crash_point("metering.before_settlement")
            at = await self._producer.send(ADMISSIONS, account_of(turn), settlement(outcome, position))
            crash_point("metering.after_settlement")
            await self._book.read_up_to(at.partition, at.offset + 1, READ_S)
        return account.settled.get(turn.generation_id)


def settlement(outcome: Outcome, position: Position) -> LeaseSettled:
    """The settlement of an outcome at `position`: the same at every call."""
    turn = outcome.turn
    who = who_of(turn)
    return LeaseSettled(
        envelope=Envelope(
            ids.event_id(turn.generation_id, "LeaseSettled"),
            outcome.ended_at_us,
            outcome.envelope.event_id,
            outcome.envelope.correlation_id,
            _ACTOR,
        ),
        account=account_of(turn),
        user_id=who.user_id,
        key_id=who.key_id,
        generation_id=turn.generation_id,
        usage=outcome.usage,
        price=turn.price,
        outcome=position,
    )
