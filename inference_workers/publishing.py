"""Putting attempts into token-chunks, on the hot path: no task, no await, and one record encoded a chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256

from confluent_kafka import KafkaError

from inference_workers.coalescing import Gathered, Pipe
from infra.clock import now_us
from schemas.codec import UnencodableRecord, encode
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    Failure,
    FinishReason,
    GenerationRecord,
    TokenChunk,
    Turn,
    Usage,
)
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.errors import LogError, LogUnavailable, RecordRefused
from topics.producer import Acknowledged, LogProducer

BUSY_LINGER_MS = 1.0
MAX_CHUNK_CHARS = 128 * 1024
"""Longer texts leave as several records: a record of token-chunks holds 1 MiB at most."""


class Outlet:
    """The worker's way into token-chunks: a gate a partition.

    `calm` has no linger, for records that are alone; `busy` has BUSY_LINGER_MS, which makes a burst one request.
    """

    def __init__(self, calm: LogProducer, busy: LogProducer, topics: Catalogue, coalesce_s: float) -> None:
        self._calm = calm
        self._busy = busy
        self._topics = topics
        self._coalesce_s = coalesce_s
        self._gates: dict[int, Gate] = {}

    def gate(self, conversation_id: str) -> Gate:
        """The gate of this conversation's partition."""
        partition = self._topics.partition(TOKEN_CHUNKS, conversation_id)
        if partition not in self._gates:
            self._gates[partition] = Gate(self._calm, self._busy, self._coalesce_s)
        return self._gates[partition]


class Gate:
    """One partition: what is ready leaves in bursts, as `coalescing.Pipe` rules.

    The two producers are unordered among themselves: the change is made only while nothing is under way.
    """

    def __init__(self, calm: LogProducer, busy: LogProducer, coalesce_s: float) -> None:
        self._calm = calm
        self._busy = busy
        self._producer = calm
        self._pipe = Pipe(coalesce_s)
        self._ready: list[AttemptWriter] = []
        self._loop = asyncio.get_running_loop()
        self._called = False
        self._timer: asyncio.TimerHandle | None = None

    def fire(self, key: str, record: GenerationRecord, acknowledged: Acknowledged, *, alone: bool = True) -> None:
        """Produce now, in order with all that was produced through this gate. Raises LogError: then it was not."""
        if self._pipe.calm:
            self._producer = self._calm if alone else self._busy

        def taken(error: KafkaError | None, offset: int) -> None:
            self._pipe.in_flight -= 1
            acknowledged(error, offset)

        self._producer.fire(TOKEN_CHUNKS, key, encode(record), taken)
        self._pipe.in_flight += 1

    def ready(self, writer: AttemptWriter) -> None:
        """This attempt has text that may leave: `flush` will be called once, with the next burst."""
        self._ready.append(writer)
        if self._called:
            return
        if self._pipe.arrived(self._loop.time()):
            # Soon, not now: what else arrives in this turn of the loop belongs to the same burst.
            self._called = True
            self._loop.call_soon(self._burst)
        elif self._timer is None and (due := self._pipe.due_s()) is not None:
            self._timer = self._loop.call_at(due, self._burst)

    def _burst(self) -> None:
        self._called = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ready, self._ready = self._ready, []
        alone, left = len(ready) == 1, 0

        def one_acknowledged() -> None:
            nonlocal left
            left -= 1
            if not left and self._pipe.burst_acknowledged() and not self._called:
                self._burst()

        for writer in ready:
            left += writer.flush(one_acknowledged, alone=alone)
        self._pipe.sent(left)


class AttemptWriter:
    """One attempt's records, in order. `broken` is set once any of them was not taken by the log.

    After a broken record nothing more is produced: readers hold at the gap until a later attempt goes on.
    """

    def __init__(self, outlet: Outlet, turn: Turn, attempt_id: str, on_broken: Callable[[LogError], None]) -> None:
        self._gate = outlet.gate(turn.conversation_id)
        self._turn = turn
        self.attempt_id = attempt_id
        self._on_broken = on_broken
        self._gathered = Gathered()
        self._queued = False
        self._digest = sha256()
        self._seq = 0
        self.broken: LogError | None = None
        self.tokens = 0

    def begin(self, started: AttemptStarted, *, open_when_acknowledged: bool) -> asyncio.Future[int]:
        """Publish the start; the future has its offset. No chunk leaves before `open`."""
        return self._awaited(started, self.open if open_when_acknowledged else None)

    def resume_at(self, first_seq: int, prefix: str) -> None:
        """The accepted text and the next seq, as the scan up to our own start showed them."""
        self._seq = first_seq - 1
        self._digest = sha256(prefix.encode())

    def open(self) -> None:
        """Chunks may leave: our start is acknowledged, so it comes before them for every reader."""
        self._gathered.opened = True
        if self._gathered:
            self._offer()

    def put(self, text: str, tokens: int) -> None:
        """Text of the answer. Leaves in this turn of the loop, or within the coalescing time."""
        self.tokens += tokens
        self._gathered.put(text, tokens)
        if not self._queued and self._gathered.opened:
            self._offer()

    def end(self, finish_reason: FinishReason, usage: Usage, failure: Failure | None = None) -> asyncio.Future[int]:
        """Publish what waits and the end; the future is done when the end is acknowledged.

        Call after `open`. Raises LogError if the attempt is broken already.
        """
        if self._gathered and self.broken is None:
            self._produce(_nothing, alone=True)
        if self.broken is not None:
            raise self.broken
        return self._awaited(
            AttemptEnded(
                generation_id=self._turn.generation_id,
                conversation_id=self._turn.conversation_id,
                attempt_id=self.attempt_id,
                at_us=now_us(),
                last_seq=self._seq,
                sha256=self._digest.hexdigest(),
                finish_reason=finish_reason,
                usage=usage,
                failure=failure,
            )
        )

    def close(self) -> None:
        """Produce nothing more; what has not left is dropped."""
        self.broken = self.broken or LogUnavailable("the attempt is closed")

    def flush(self, acknowledged: Callable[[], None], *, alone: bool) -> int:
        """Produce what waits; `acknowledged` is called for each of the records under way, whose number is returned."""
        self._queued = False
        if not self._gathered or self.broken is not None:
            return 0
        return self._produce(acknowledged, alone=alone)

    def _offer(self) -> None:
        self._queued = True
        self._gate.ready(self)

    def _produce(self, acknowledged: Callable[[], None], *, alone: bool) -> int:
        text, tokens = self._gathered.take()
        if len(text) <= MAX_CHUNK_CHARS:
            return self._chunk(text, tokens, acknowledged, alone=alone)
        sent = 0
        for at in range(0, len(text), MAX_CHUNK_CHARS):
            sent += self._chunk(text[at : at + MAX_CHUNK_CHARS], tokens, acknowledged, alone=False)
            tokens = 0
        return sent

    def _chunk(self, text: str, tokens: int, acknowledged: Callable[[], None], *, alone: bool) -> int:
        if self.broken is not None:
            return 0
        self._seq += 1
        self._digest.update(text.encode())
        turn = self._turn

        def taken(error: KafkaError | None, _: int) -> None:
            if error is not None:
                self._break(LogUnavailable(f"not acknowledged: {error.str()}"))
            acknowledged()

        chunk = TokenChunk(turn.generation_id, self.attempt_id, self._seq, now_us(), tokens, text)
        try:
            self._gate.fire(turn.conversation_id, chunk, taken, alone=alone)
        except LogError as error:
            self._break(error)
            return 0
        except UnencodableRecord as error:
            self._break(RecordRefused(str(error)))
            return 0
        return 1

    def _awaited(self, record: GenerationRecord, then: Callable[[], None] | None = None) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_looked_at)

        def taken(error: KafkaError | None, offset: int) -> None:
            if error is not None:
                self._break(LogUnavailable(f"not acknowledged: {error.str()}"))
            elif then is not None:
                then()
            if future.done():
                return
            if error is None:
                future.set_result(offset)
            else:
                future.set_exception(self.broken or LogUnavailable("not acknowledged"))

        try:
            self._gate.fire(self._turn.conversation_id, record, taken)
        except LogError as error:
            self._break(error)
            future.set_exception(error)
        return future

    def _break(self, error: LogError) -> None:
        if self.broken is None:
            self.broken = error
            self._on_broken(error)


def _nothing() -> None:
    """For records that belong to no burst."""


def _looked_at(future: asyncio.Future[int]) -> None:
    """An attempt that is given up leaves nobody to fetch the error; `broken` has told it already."""
    if not future.cancelled():
        future.exception()
