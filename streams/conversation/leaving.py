"""Ends temporary conversations that nobody uses any more. Every process of the agent does: they write the same.

What is still open stands in a table, so a restart, or a week without us, forgets none.
"""

from __future__ import annotations

import asyncio

from infra.clock import now_us
from infra.logging import get_logger
from infra.runtime.bounded import Seen
from infra.runtime.metrics import bound
from streams.conversation.passing import DAY_US, end_of, is_over
from streams.conversation.ports import TemporaryPort
from topics.catalogue import CONVERSATION_EVENTS
from topics.errors import LogUnavailable
from topics.producer import LogProducer

LOOK_EVERY_S = 60.0
LOOK_S = 30.0
"""A look that takes longer is gone on with at the next one."""
DAYS = 2
DAYS_AT_FIRST = 60
"""A conversation that began longer ago than DAYS is in use, or a stop of ours kept it open: so many days are looked at
first, and once a day."""
MAX_LOOKED_AT = 2000
REMEMBERED = 200_000
_full = bound("conversation.temporaries")
_log = get_logger(__name__)


class EndingTemporaries:
    """`store_errors`: what `port` raises while its store is away."""

    def __init__(
        self, producer: LogProducer, port: TemporaryPort, store_errors: tuple[type[Exception], ...] = ()
    ) -> None:
        self._producer = producer
        self._port = port
        self._away: tuple[type[Exception], ...] = (*store_errors, LogUnavailable, TimeoutError)
        self._over: Seen[str] = Seen(REMEMBERED)
        self._missed: Seen[str] = Seen(REMEMBERED)
        self._looked_back_on = -1
        self._left_at: tuple[int, str] | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled. Trouble with log and store is waited out."""
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self.look(now_us())
            except self._away as error:
                _log.warning("temporary conversations are looked at later", error=type(error).__name__)
            except Exception as error:  # whatever it is: what is left behind must never stop prompts
                _log.error("temporary conversations cannot be looked at", error=repr(error)[:300])
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, at_us: int) -> None:
        """End what is over at a time; of more than MAX_LOOKED_AT the next call goes on with the rest.

        Raises LogUnavailable, and what the store raises.
        """
        today = at_us // DAY_US
        days = DAYS if self._looked_back_on == today else DAYS_AT_FIRST
        begin, after = self._left_at or (today, "")
        left = MAX_LOOKED_AT
        for day in range(begin, today - days, -1):
            while page := await self._port.temporaries_begun(day, after):
                for conversation_id in page:
                    if conversation_id not in self._over:
                        if not left:
                            _full()
                            return
                        left -= 1
                        # Whatever becomes of this look, the next one goes on behind it.
                        self._left_at = day, conversation_id
                        await self._look_at(conversation_id, at_us)
                    after = conversation_id
            after = ""
        self._left_at, self._looked_back_on = None, today

    async def _look_at(self, conversation_id: str, at_us: int) -> None:
        conversation = await self._port.temporary(conversation_id)
        if conversation is None:
            # Missing once, its row may still come; missing again, it is gone.
            (self._over if conversation_id in self._missed else self._missed).add(conversation_id)
        elif is_over(conversation, at_us):
            await self._producer.send(CONVERSATION_EVENTS, conversation_id, end_of(conversation))
