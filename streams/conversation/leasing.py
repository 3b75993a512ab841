"""Leases of the conversation agent: a job of an account with a hard budget leaves on a lease, or not at all.

The agent folds the account itself, so it knows the decision as soon as it reads its own request; the announcements
that workers read are written where a record of the account is handled, by whichever process has its partition.
"""

from __future__ import annotations

from dataclasses import replace

from infra.crash_points import crash_point
from infra.runtime.bounded import Seen
from schemas import ids
from schemas.admission import BudgetChanged, LeaseDenied, LeaseExtensionRequested, LeaseGranted, LeaseRequested
from schemas.admission import LeaseSettled as Settlement
from schemas.envelope import Envelope
from schemas.generation import Failure, GenerationRequested, Turn
from streams.conversation.reactor import End, Job, ended
from streams.faust.handlers import Source
from topics.admission.account import Account
from topics.admission.book import Book
from topics.admission.leases import CURRENCY, Decision, Lease
from topics.admission.paying import account_of, first_tokens, who_of
from topics.catalogue import ADMISSIONS
from topics.producer import LogProducer

READ_S = 10.0
"""How long a request may take from its acknowledgement until it is read here, before it is tried again."""
ANNOUNCED = 100_000
_ACTOR = "system:conversation"
Deciding = BudgetChanged | LeaseRequested | LeaseExtensionRequested | Settlement
"""The records after which there may be something to announce."""

SPENT = Failure("insufficient_quota", "You exceeded your current quota: the budget is spent.", False)
OTHER_CURRENCY = Failure("budget_currency", "The model is priced in another currency than the budget.", False)


class Leasing:
    """`book`: has read all that was in admissions when this process began."""

    def __init__(self, producer: LogProducer, book: Book) -> None:
        self._producer = producer
        self._book = book
        self._announced: Seen[tuple[str, int]] = Seen(ANNOUNCED)

    def is_limited(self, turn: Turn) -> bool:
        """Whether a hard budget counts the turn, as far as this process has read admissions."""
        account = None if turn.kind == "title" else self._book.account(account_of(turn))
        return account is not None and (turn.generation_id in account.leases or account.is_limited(who_of(turn)))

    async def leased(self, job: Job) -> Job | End | None:
        """The job on its lease, or its end where that is denied. None: the generation has its end already.

        Asking twice asks once. Raises LogUnavailable: nothing is known yet.
        """
        request = job.record
        turn = request.turn
        account, lease = self._known(turn)
        if account is None or (lease is None and turn.generation_id not in account.settled):
            at = await self._producer.send(ADMISSIONS, account_of(turn), _request(request))
            crash_point("conversation.after_lease_requested")
            await self._book.read_up_to(at.partition, at.offset + 1, READ_S)
            account, lease = self._known(turn)
        if lease is None:
            return None  # it was settled before it could be leased, or is too old to be
        if not lease.is_open:
            denied = lease.decisions[0].reason == CURRENCY
            return ended(request.envelope, turn, OTHER_CURRENCY if denied else SPENT)
        return replace(job, record=replace(request, lease=lease.position))

    async def announce(self, record: Deciding, source: Source) -> None:
        """Announce all that is decided about an account and has not been. Raises LogUnavailable."""
        await self._book.read_up_to(source.partition, source.offset + 1, READ_S)
        account = self._book.account(record.account)
        for generation_id, lease, decision in () if account is None else tuple(account.to_announce()):
            said = generation_id, decision.number
            if said not in self._announced:
                announcement = announcement_of(record.account, generation_id, lease, decision)
                crash_point("conversation.before_announcement")
                await self._producer.send(ADMISSIONS, record.account, announcement)
                self._announced.add(said)

    def _known(self, turn: Turn) -> tuple[Account | None, Lease | None]:
        account = self._book.account(account_of(turn))
        return account, None if account is None else account.leases.get(turn.generation_id)


def announcement_of(account: str, generation_id: str, lease: Lease, decision: Decision) -> LeaseGranted | LeaseDenied:
    """Says what was decided. The same decision gives the same record."""
    name = "LeaseGranted" if decision.tokens else "LeaseDenied"
    envelope = Envelope(ids.event_id(generation_id, name, decision.number), 0, None, generation_id, _ACTOR)
    if decision.tokens:
        return LeaseGranted(
            envelope=envelope,
            account=account,
            generation_id=generation_id,
            number=decision.number,
            tokens=decision.tokens,
            lease_at=lease.position,
        )
    return LeaseDenied(
        envelope=envelope,
        account=account,
        generation_id=generation_id,
        number=decision.number,
        reason=decision.reason,
        lease_at=lease.position,
    )


def _request(job: GenerationRequested) -> LeaseRequested:
    turn, cause = job.turn, job.envelope
    who = who_of(turn)
    return LeaseRequested(
        envelope=Envelope(
            ids.event_id(turn.generation_id, "LeaseRequested"),
            cause.occurred_at_us,
            cause.causation_id,
            cause.correlation_id,
            _ACTOR,
        ),
        account=account_of(turn),
        user_id=who.user_id,
        key_id=who.key_id,
        generation_id=turn.generation_id,
        model=turn.model,
        price=turn.price,
        prompt_tokens=job.prompt_tokens,
        tokens=first_tokens(job.sampling.max_tokens),
    )
