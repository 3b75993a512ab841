"""Leases of requests for embeddings whose account has a hard budget: asked for before, settled after.

Requests, settlements and the decisions on them stand in `admissions`, which this process folds as every other does. So
what it reads back of its own record is what holds; the bill follows from the settlement (`streams/metering`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from api.consistency.commanding import Author, IdempotencyKey, send
from api.consistency.ports import CommandLog
from api.http.errors import ApiError, KeyReused, unavailable
from api.turns.quotas import Quotas, refused
from infra.crash_points import crash_point
from infra.ids import draw_attempt_id
from infra.logging import get_logger
from schemas import ids
from schemas.admission import EmbeddingsRequested
from schemas.envelope import Position
from schemas.price import Price
from schemas.usage import EmbeddingsComputed
from topics.admission.book import Book
from topics.admission.embeddings import settlement
from topics.admission.leases import Charged, Lease
from topics.admission.sums import Who
from topics.catalogue import ADMISSIONS
from topics.errors import LogUnavailable, RecordRefused

READ_S = 10.0
"""How long a record of ours may take from its acknowledgement until it is read here."""
SETTLED_BY_S = 30.0
"""How long after the model's deadline a lease may still be settled by who asked for it."""
_ACTOR = "system:api"
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request for embeddings that is to be leased. `tokens`: it has at most so many; `timeout_s`: of its model."""

    author: Author
    key: IdempotencyKey
    embedding_id: str
    request_hash: str
    model: str
    price: Price
    tokens: int
    timeout_s: float

    @property
    def account(self) -> str:
        return self.author.limited.account


class EmbeddingLeases:
    """`book`: accounts with budgets as this process has read them."""

    def __init__(self, log: CommandLog, book: Book, quotas: Quotas) -> None:
        self._log = log
        self._book = book
        self._quotas = quotas
        self._giving_back: set[asyncio.Task[None]] = set()

    def is_needed(self, account: str, who: Who) -> bool:
        """Whether a hard budget counts what they ask for."""
        return self._quotas.is_limited(account, who)

    def charged(self, account: str, embedding_id: str, request_hash: str) -> Charged | None:
        """What was charged for these embeddings already. Raises KeyReused if that was of another body."""
        known = self._book.account(account)
        found = None if known is None else known.charged(embedding_id)
        if found is not None and found.request_hash not in ("", request_hash):
            raise KeyReused
        return found

    async def granted(self, wanted: Wanted) -> Lease:
        """The lease of a request, asked for here. `settle` it, or `give_back`.

        Raises ApiError 429 for what the budget does not cover, 400 for a model of another currency, 503 if the log
        does not say in time.
        """
        self._quotas.check(wanted.account, wanted.author.who, wanted.price, wanted.tokens, answer=0)
        # One without a key is never asked for under the same id again, unless its key was told: then it is one.
        embedding_id = wanted.embedding_id
        lease_id = ids.lease_id(embedding_id, draw_attempt_id()) if wanted.key.given else embedding_id
        at = await send(self._log, ADMISSIONS, wanted.account, _request(wanted, lease_id), wanted.key)
        try:
            crash_point("api.after_embeddings_requested")
            await self._read(wanted, at)
        except BaseException:
            self._give_back(wanted.account, lease_id, at)
            raise
        account = self._book.account(wanted.account)
        lease = None if account is None else account.leases.get(lease_id)
        if lease is None:
            settled = None if account is None else account.settled.get(lease_id)
            if settled is not None and settled.denied:
                raise refused(settled.denied)
            raise _over(wanted)
        return lease

    async def settle(self, wanted: Wanted, lease: Lease, computed: EmbeddingsComputed) -> tuple[Charged, bool]:
        """What vectors that were made are charged, and whether that was so already, by another request of their key.

        Raises ApiError 503: it may have been accepted, or came too late; KeyReused.
        """
        record = settlement(wanted.account, lease, computed.envelope.actor, computed)
        crash_point("api.before_embeddings_settled")
        at = await send(self._log, ADMISSIONS, wanted.account, record, wanted.key)
        crash_point("api.after_embeddings_settled")
        await self._read(wanted, at)
        account = self._book.account(wanted.account)
        settled = None if account is None else account.settled.get(record.lease_id)
        if settled is not None and settled.used:
            return Charged(settled.at_us, settled.usage, wanted.request_hash), False
        before = self.charged(wanted.account, wanted.embedding_id, wanted.request_hash)
        if before is None:
            raise _over(wanted)
        return before, True

    def give_back(self, account: str, lease: Lease) -> None:
        """Settle a lease as unused, without waiting. What cannot be settled here, metering settles when it is over."""
        if lease.embeddings is not None:
            self._give_back(account, lease.embeddings.lease_id, lease.position)

    def _give_back(self, account: str, lease_id: str, at: Position) -> None:
        task = asyncio.get_running_loop().create_task(self._unused(account, lease_id, at))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def _unused(self, account: str, lease_id: str, at: Position) -> None:
        try:
            await self._book.read_up_to(at.partition, at.offset + 1, READ_S)
            known = self._book.account(account)
            lease = None if known is None else known.leases.get(lease_id)
            if lease is not None:
                await self._log.send(ADMISSIONS, account, settlement(account, lease, _ACTOR, None))
        except (LogUnavailable, RecordRefused) as error:
            _log.warning("a lease of embeddings was not given back", reason=str(error))

    async def _read(self, wanted: Wanted, at: Position) -> None:
        try:
            await self._book.read_up_to(at.partition, at.offset + 1, READ_S)
        except LogUnavailable:
            raise unavailable(
                "It is not known yet what the budget says to this request. Retry with the header "
                f"Idempotency-Key: {wanted.key.value}",
                code="log_unavailable",
                headers={"Idempotency-Key": wanted.key.value},
            ) from None


def _request(wanted: Wanted, lease_id: str) -> EmbeddingsRequested:
    return EmbeddingsRequested(
        envelope=wanted.author.envelope(lease_id, EmbeddingsRequested.__name__),
        account=wanted.account,
        user_id=wanted.author.who.user_id,
        key_id=wanted.author.who.key_id,
        lease_id=lease_id,
        embedding_id=wanted.embedding_id,
        model=wanted.model,
        price=wanted.price,
        tokens=wanted.tokens,
        held_us=round((wanted.timeout_s + SETTLED_BY_S) * 1_000_000),
    )


def _over(wanted: Wanted) -> ApiError:
    return unavailable(
        "The request took longer than its lease on the budget. Nothing is billed. Retry with the header "
        f"Idempotency-Key: {wanted.key.value}",
        code="lease_over",
        headers={"Idempotency-Key": wanted.key.value},
    )
