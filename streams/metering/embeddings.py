"""Bills embeddings of accounts with a hard budget from their settlements, and settles what nobody else will.

The api that computes embeddings settles their lease; the bill follows from the first settlement in the log, whatever
becomes of the api. A lease that is not settled in its time is settled here, as unused: a later settlement is void.
"""

from __future__ import annotations

import asyncio

from infra.clock import now_us
from infra.crash_points import crash_point
from infra.logging import get_logger
from schemas.admission import EmbeddingsSettled
from streams.faust.handlers import Source
from topics.admission.book import Book
from topics.admission.embeddings import bill, settlement
from topics.catalogue import ADMISSIONS, USAGE_RECORDS
from topics.errors import LogUnavailable
from topics.producer import LogProducer

READ_S = 10.0
LOOK_EVERY_S = 1.0
_ACTOR = "system:metering"
_log = get_logger(__name__)


class EmbeddingBills:
    """`book`: has read all that was in admissions when this process began."""

    def __init__(self, producer: LogProducer, book: Book) -> None:
        self._producer = producer
        self._book = book

    async def handle(self, record: EmbeddingsSettled, source: Source) -> None:
        """Bill a settlement, if it counts. The same one gives the same bill. Raises LogUnavailable."""
        await self._book.read_up_to(source.partition, source.offset + 1, READ_S)
        account = self._book.account(record.account)
        settled = None if account is None or not record.used else account.settled.get(record.lease_id)
        if settled is None or not settled.used:
            return
        made = bill(record, settled)
        crash_point("metering.before_embeddings")
        await self._producer.send(USAGE_RECORDS, made.user_id, made)
        crash_point("metering.after_embeddings")

    async def run(self) -> None:
        """Settle what was given up, until cancelled. Two processes write the same."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._settle_given_up()
            except LogUnavailable as error:
                _log.warning("leases of embeddings are settled later", reason=str(error))

    async def _settle_given_up(self) -> None:
        at_us = now_us()
        found = [(name, lease) for name, account in self._book.accounts.items() for lease in account.given_up(at_us)]
        for name, lease in found:
            crash_point("metering.before_given_up")
            await self._producer.send(ADMISSIONS, name, settlement(name, lease, _ACTOR, None))
