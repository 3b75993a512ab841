"""Partitions came, and jobs with them: what their users were served before is read from the newest records of the log.

Nothing waits for it. Until it is read, all users count as equally served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from inference_workers.job_reader import Partition
from inference_workers.lookback import Lookback
from inference_workers.picking import Picking
from infra.clock import now_us
from infra.logging import get_logger
from topics.errors import LogError
from topics.fairness.heirs import Leads

MAX_RECORDS = 10_000
"""Of each partition of token-chunks."""
MAX_AGE_MS = 120_000
"""What is older tells nothing: whoever waits is served more often."""

_log = get_logger(__name__)


class Inheriting:
    """`run` it beside the work; `chunk_partitions`: how many token-chunks has."""

    def __init__(self, picking: Picking, lookback: Lookback, chunk_partitions: int) -> None:
        self._picking = picking
        self._lookback = lookback
        self._chunk_partitions = chunk_partitions
        self._came: set[Partition] = set()
        self._wanted = asyncio.Event()

    def came(self, places: Iterable[Partition]) -> None:
        """These partitions of jobs are ours now."""
        self._came |= set(places)
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            places, self._came = frozenset(self._came), set()
            leads = Leads(places, self._picking.name)
            try:
                since_ms = now_us() // 1000 - MAX_AGE_MS
                await self._lookback.recent(self._chunk_partitions, MAX_RECORDS, since_ms, leads.take)
            except LogError as error:
                _log.warning("what users were served before cannot be read", reason=str(error))
                continue
            self._picking.inherit(leads.found())
