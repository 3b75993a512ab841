"""The leases that a worker's answers run on: what was announced, and what is asked for more.

What may be said is in the log before it is said. An announcement that is not here is looked for from the lease's place
on, where an attempt that takes over finds all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import chain, repeat

from confluent_kafka import KafkaError, Message

from inference_workers.ports import EngineTimeout
from infra.clock import now_us
from infra.crash_points import crash_point
from infra.logging import get_logger
from infra.runtime.bounded import Bounded
from schemas import ids
from schemas.admission import LeaseDenied, LeaseExtensionRequested, LeaseGranted
from schemas.codec import NewerRecord, UndecodableRecord, encode, record_type_of
from schemas.envelope import Envelope, Position
from schemas.generation import GenerationRequested
from topics.admission.paying import account_of, step_tokens
from topics.catalogue import ADMISSIONS
from topics.errors import LogError
from topics.producer import LogProducer
from topics.scan import scan, watermarks

MAX_REMEMBERED = 20_000
"""Generations whose announcements are kept before their jobs come; what is forgotten is looked for in the log."""
SOON_S = 0.05
"""How long an announcement that is on its way is waited for before the log is searched for it."""
AGAIN_S = 1.0
"""How often what is not answered is asked for, and looked for, again."""
_ANNOUNCED = frozenset({LeaseGranted, LeaseDenied})
_log = get_logger(__name__)


class Announced:
    """What was announced of one lease. The first announcement of a number counts; they may come in any order.

    `decided`: how many requests are answered, from the first on without a gap. `granted`: tokens, by these; `step`: by
    the last of them; `denied`: it was none.
    """

    __slots__ = ("_numbers", "changed", "decided", "denied", "granted", "step")

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self.changed = asyncio.Event()
        self.decided = self.granted = self.step = 0
        self.denied = False

    def take(self, record: LeaseGranted | LeaseDenied) -> None:
        self._numbers.setdefault(record.number, record.tokens if isinstance(record, LeaseGranted) else 0)
        while (tokens := self._numbers.get(self.decided)) is not None:
            self.decided += 1
            self.granted += tokens
            self.step, self.denied = tokens, not tokens
        self.changed.set()


class Leases:
    """Feed `on_admissions` with a tail of admissions."""

    def __init__(self, properties: Mapping[str, str], producer: LogProducer) -> None:
        self._properties = properties
        self._producer = producer
        self._known: Bounded[str, Announced] = Bounded(MAX_REMEMBERED)
        self._kept: dict[str, Announced] = {}

    def on_admissions(self, messages: list[Message]) -> None:
        for message in messages:
            self._take(message.value())

    def keeper(self, request: GenerationRequested, lease: Position, said: int) -> LeaseKeeper:
        """The keeper of an attempt that goes on after `said` tokens. `close` it."""
        generation_id = request.turn.generation_id
        announced = self._kept.get(generation_id) or self._known.get(generation_id) or Announced()
        self._kept[generation_id] = announced
        return LeaseKeeper(self, request, lease, announced, said)

    def closed(self, generation_id: str) -> None:
        announced = self._kept.pop(generation_id, None)
        if announced is not None:
            self._known[generation_id] = announced

    def fire(self, request: LeaseExtensionRequested) -> None:
        """Ask; whoever waits asks again."""
        crash_point("worker.before_extension_requested")
        try:
            self._producer.fire(ADMISSIONS, request.account, encode(request), _answered)
        except LogError as error:
            _log.warning("an extension cannot be asked for", reason=str(error))

    async def look(self, account: str, lease: Position) -> None:
        """Take all announcements of an account from a lease's place on. Raises LogError."""
        for value in await asyncio.to_thread(self._scanned, account.encode(), lease):
            self._take(value)

    def _scanned(self, key: bytes, lease: Position) -> list[bytes | None]:
        end = watermarks(self._properties, ADMISSIONS, lease.partition)[1]
        found = scan(self._properties, ADMISSIONS, lease.partition, lease.offset, end)
        return [message.value() for message in found if message.key() == key]

    def _take(self, value: bytes | None) -> None:
        if record_type_of(value) not in _ANNOUNCED:
            return
        try:
            record = ADMISSIONS.decode(value)
        except (UndecodableRecord, NewerRecord):
            return  # it grants nothing
        if isinstance(record, LeaseGranted | LeaseDenied):
            kept = self._kept.get(record.generation_id)
            if kept is None:
                kept = self._known.get(record.generation_id) or Announced()
                self._known[record.generation_id] = kept
            kept.take(record)


class LeaseKeeper:
    """Counts what one attempt says against its lease, and asks for more at half of what was granted last."""

    def __init__(
        self, leases: Leases, request: GenerationRequested, lease: Position, announced: Announced, said: int
    ) -> None:
        self._leases = leases
        self._request = request
        self._lease = lease
        self._announced = announced
        self._said = said
        self._most = request.sampling.max_tokens or 0
        self._asked = 0

    @property
    def _is_whole(self) -> bool:
        """Whether all that the answer may have is granted: what an engine says beyond it is not billed."""
        return self._announced.granted >= self._most > 0

    def take(self, tokens: int) -> bool:
        """Count tokens that are about to be said. False: the lease does not cover them; nothing is counted."""
        announced = self._announced
        left = announced.granted - self._said - tokens
        if left < 0 and not self._is_whole:
            return False
        self._said += tokens
        if 2 * left <= announced.step and announced.decided > self._asked and not announced.denied:
            self._ask()
        return True

    async def covers(self, tokens: int, within_s: float) -> bool:
        """Wait until the lease covers so many more tokens, and count them. False: it never will.

        Raises EngineTimeout if neither is known within `within_s`: the stream is silent for too long.
        """
        try:
            async with asyncio.timeout(within_s):
                return await self._covers(tokens)
        except TimeoutError:
            raise EngineTimeout("inter_token", within_s) from None

    async def _covers(self, tokens: int) -> bool:
        announced = self._announced
        for pause_s in chain((SOON_S,), repeat(AGAIN_S)):
            announced.changed.clear()
            if self.take(tokens):
                return True
            if announced.denied:
                return False
            if announced.decided:
                self._ask()
            try:
                async with asyncio.timeout(pause_s):
                    await announced.changed.wait()
            except TimeoutError:
                await self._look()
        return False

    async def _look(self) -> None:
        try:
            await self._leases.look(account_of(self._request.turn), self._lease)
        except LogError as error:
            _log.warning("a lease cannot be looked for", reason=str(error))

    def close(self) -> None:
        self._leases.closed(self._request.turn.generation_id)

    def _ask(self) -> None:
        """Ask for the next extension, or once more for it."""
        if self._is_whole:
            return
        number = self._asked = self._announced.decided
        turn, cause = self._request.turn, self._request.envelope
        tokens = step_tokens(number)
        self._leases.fire(
            LeaseExtensionRequested(
                envelope=Envelope(
                    ids.event_id(turn.generation_id, "LeaseExtensionRequested", number),
                    now_us(),
                    cause.event_id,
                    cause.correlation_id,
                    "system:worker",
                ),
                account=account_of(turn),
                generation_id=turn.generation_id,
                number=number,
                tokens=min(tokens, self._most - self._announced.granted) if self._most else tokens,
            )
        )


def _answered(error: KafkaError | None, _: int) -> None:
    """Whoever waits for an answer asks again."""
