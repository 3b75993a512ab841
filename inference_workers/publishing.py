"""Writes attempts to token-chunks. Hot path: no task, no await, one encoded record per chunk."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from confluent_kafka import KafkaError

from inference_workers.coalescing import Gathered, Pipe
from inference_workers.metrics import TICK
from inference_workers.ticking import WINDOW_S, Tempo
from inference_workers.written_parts import FIRST_TEXT, WrittenParts
from infra.clock import now_us
from infra.crash_points import crash_point
from schemas.chunk_codec import made_chunk
from schemas.codec import UnencodableRecord
from schemas.generation import AttemptEnded, AttemptStarted, Failure, FinishReason, GenerationRecord, TokenChunk, Turn
from schemas.parts import AnswerPart, ChunkPart, PartKind, stream_digest
from schemas.price import Usage
from topics.catalogue import TOKEN_CHUNKS, Catalogue
from topics.errors import LogError, LogUnavailable, RecordRefused
from topics.headers import headers_of
from topics.producer import Acknowledged, LogProducer, log_error

BUSY_LINGER_MS = 1.0
_HALVES = re.compile("[\ud800-\udfff]")
MAX_CHUNK_CHARS = 128 * 1024
"""Longer texts leave as several records: a record of token-chunks holds 1 MiB at most."""
_encode = TOKEN_CHUNKS.bytes_of


class Outlet:
    """The worker's way into token-chunks: a gate a partition, and one tick for all of them.

    `calm` has no linger, for records that are alone; `busy` has BUSY_LINGER_MS, which makes a burst one request.
    """

    def __init__(self, calm: LogProducer, busy: LogProducer, topics: Catalogue) -> None:
        self._calm = calm
        self._busy = busy
        self._topics = topics
        self._gates: dict[int, Gate] = {}
        self._loop = asyncio.get_running_loop()
        self._tempo = Tempo(self._loop.time())
        self._due: list[Gate] = []
        self._looks = False
        self.running = 0
        """Attempts that are open."""
        self.tokens = 0
        """Tokens that have left."""

    def gate(self, conversation_id: str) -> Gate:
        """The gate of this conversation's partition."""
        partition = self._topics.partition(TOKEN_CHUNKS, conversation_id)
        if partition not in self._gates:
            self._gates[partition] = Gate(self, self._calm, self._busy)
        return self._gates[partition]

    @property
    def ticks(self) -> bool:
        """Whether what may wait waits for a tick now."""
        return self._tempo.tick_s > 0

    @property
    def waits(self) -> bool:
        """Whether something waits for a tick."""
        return bool(self._due)

    def accepted_below(self) -> Iterable[tuple[int, int]]:
        """The partitions that were written to, and the offset below which all of ours is acknowledged."""
        return ((partition, gate.below) for partition, gate in self._gates.items())

    def at_tick(self, gate: Gate) -> None:
        """Tell this gate of the next tick."""
        if not self._due:
            self._loop.call_at(self._tempo.next_s(self._loop.time()), self._tick)
        self._due.append(gate)

    def left(self, writers: Iterable[AttemptWriter]) -> None:
        """A burst of these has left."""
        self._counted(writer.key for writer in writers)

    def _counted(self, speakers: Iterable[str]) -> None:
        if self._tempo.left(speakers, self.tokens, self.running, self._loop.time()):
            TICK.set(self._tempo.tick_s)
        if self._tempo.tick_s and not self._looks:
            self._looks = True
            self._loop.call_later(WINDOW_S, self._look)

    def _look(self) -> None:
        """Where nothing leaves any more, nothing else would see that the load is gone."""
        self._looks = False
        if self._tempo.tick_s:
            self._counted(())

    def _tick(self) -> None:
        due, self._due = self._due, []
        for gate in due:
            gate.tick()


class Gate:
    """One partition: what is ready leaves in bursts, as `coalescing.Pipe` rules, at once or with the outlet's tick.

    The two producers are unordered among themselves; a burst leaves while nothing is under way, so it may take either.
    """

    def __init__(self, outlet: Outlet, calm: LogProducer, busy: LogProducer) -> None:
        self._outlet = outlet
        self._calm = calm
        self._busy = busy
        self._pipe = Pipe()
        self._ready: list[AttemptWriter] = []
        self._loop = asyncio.get_running_loop()
        self._called = False
        self._ticking = False
        self._hurried = False
        self._taken: list[tuple[AttemptWriter, int]] = []
        self._highest = 0
        self.below = 0
        """All of ours below this offset is acknowledged, and counted as accepted."""

    def ready(self, writer: AttemptWriter, *, urgent: bool) -> None:
        """This attempt has something to say: it will be asked for it once, with the next burst.

        What is `urgent`, and all that waits with it, never waits for a tick.
        """
        self._ready.append(writer)
        self._hurried = self._hurried or urgent
        if self._pipe.arrived():
            self._leave()
        elif self._outlet.ticks:
            self._wait_for_tick()  # if that is over before the acknowledgement comes, nothing more is waited for

    def hurry(self) -> None:
        """Something urgent has joined what an attempt has to say already."""
        self._hurried = True
        if self._pipe.idle:
            self._leave()

    def tick(self) -> None:
        """What waited for a tick leaves now, or with the acknowledgement that it has to wait for."""
        self._ticking = False
        self._hurried = bool(self._ready)
        if self._hurried and self._pipe.idle and not self._called:
            self._burst()

    def _leave(self) -> None:
        """Nothing is under way, and something waits."""
        if self._called:
            return
        if self._hurried or not self._outlet.ticks:
            # Soon, not now: what else arrives in this turn of the loop belongs to the same burst.
            self._called = True
            self._loop.call_soon(self._burst)
        else:
            self._wait_for_tick()

    def _wait_for_tick(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._outlet.at_tick(self)

    def _burst(self) -> None:
        self._called = self._hurried = False
        writers, self._ready = self._ready, []
        outgoing = [(writer, *said) for writer in writers for said in _said(writer)]
        producer = self._calm if len(outgoing) == 1 else self._busy
        for writer, record, acknowledged in outgoing:
            self._fire(producer, writer, record, acknowledged)
        self._pipe.sent(len(outgoing))
        self._outlet.left(writers)

    def taken(self, writer: AttemptWriter, tokens: int, offset: int) -> None:
        """The log has a chunk. It counts with the rest of its burst, whose answers may come in any order."""
        self._taken.append((writer, tokens))
        if offset > self._highest:
            self._highest = offset

    def acknowledged(self) -> None:
        """A record of the last burst was answered, well or not: each record's callback says so, last of all.

        What waited for it leaves at once, unless it may wait for a tick that is still to come.
        """
        may_leave = self._pipe.acknowledged()
        if self._taken and self._pipe.idle:
            for writer, tokens in self._taken:
                writer.accepted += tokens
                writer.under_way -= 1
            self._taken.clear()
            self.below = self._highest + 1
        if may_leave and not self._called:
            if self._hurried or not self._outlet.ticks:
                self._burst()
            else:
                self._wait_for_tick()

    def _fire(
        self, producer: LogProducer, writer: AttemptWriter, record: GenerationRecord, acknowledged: Acknowledged
    ) -> None:
        """Produce a record, or answer it soon. Nothing follows a record of an attempt that was not taken."""
        if writer.broken is None:
            try:
                headers = None if type(record) is TokenChunk else headers_of(record)
                producer.fire(TOKEN_CHUNKS, writer.key, _encode(record), acknowledged, headers)
                crash_point("worker.after_record_fired")
                return
            except LogError as error:
                writer.break_off(error)
            except UnencodableRecord as error:
                writer.break_off(RecordRefused(str(error)))
        self._loop.call_soon(acknowledged, KafkaError(KafkaError._FAIL, str(writer.broken)), -1)


def _said(writer: AttemptWriter) -> list[tuple[GenerationRecord, Acknowledged]]:
    """What an attempt has to say. One whose text is none is broken off; the others of the burst are sent."""
    try:
        return writer.outgoing()
    except Exception as error:
        writer.break_off(RecordRefused(f"the answer's text cannot be sent: {type(error).__name__}"))
        return []


class AttemptWriter:
    """One attempt's records, in order. `broken` is set once any of them was not taken by the log.

    After a broken record nothing more is produced: readers hold at the gap until a later attempt goes on. `broken` is
    RecordRefused where the log will never take that record, FatalLogError where it takes none of this process any more.

    `accepted`: tokens of the chunks that the log has taken; `under_way`: chunks that
    do not count yet.
    `doubtful`: it did not say of one whether it took it.

    `last_seq` is that of the generation's last chunk. Halves of surrogate pairs are published as U+FFFD. `tokens`: all
    that were put; `thought`: those of reasoning among them.
    """

    def __init__(self, outlet: Outlet, turn: Turn, attempt_id: str, on_broken: Callable[[LogError], None]) -> None:
        self.key = turn.conversation_id
        self.attempt_id = attempt_id
        self.broken: LogError | None = None
        self.tokens = self.thought = self.accepted = self.under_way = 0
        self.doubtful = False
        self._outlet = outlet
        self._gate = outlet.gate(turn.conversation_id)
        self._turn = turn
        self._on_broken = on_broken
        self._gathered = Gathered()
        self._outgoing: list[tuple[GenerationRecord, Acknowledged]] = []
        self._queued = False
        self._spoken = False
        self._digest = sha256()
        self._part = 0  # the part that is put to
        self._begun = False  # a part was begun
        self._parts = WrittenParts()
        self._closed = False
        self._unanswered: deque[int] = deque()
        self.last_seq = 0
        outlet.running += 1

    def begin(self, started: AttemptStarted, *, open_when_acknowledged: bool) -> asyncio.Future[int]:
        """Publish the start; the future has its offset. No chunk leaves before `open`."""
        return self._awaited(started, self.open if open_when_acknowledged else None)

    def resume_at(self, first_seq: int, prefix: str, parts: Sequence[AnswerPart] = ()) -> None:
        """The accepted text, its parts and the next seq, as the scan up to our own start showed them."""
        self.last_seq = first_seq - 1
        self._digest = sha256(prefix.encode())
        self._parts = WrittenParts(len(prefix), parts)
        if parts:
            self._part = len(parts) - 1
            self._gathered.turn_to(ChunkPart(self._part, parts[-1].kind))

    def open(self) -> None:
        """Chunks may leave: our start is acknowledged, so it comes before them for every reader."""
        crash_point("worker.after_start_acknowledged")
        self._gathered.opened = True
        if self._gathered:
            self._offer(urgent=True)

    def put(self, text: str, tokens: int) -> None:
        """More of the part that is open: of part 0, text, at first. Leaves with the next burst; only the first never
        waits for a tick."""
        self.tokens += tokens
        self._gathered.put(text, tokens)
        if not self._queued and self._gathered.opened:
            self._offer(urgent=not self._spoken)

    def put_told(self, text: str, tokens: int, logprobs: str) -> None:
        """As `put`, with a JSON array of at most MAX_LOGPROBS_CHARS of the tokens of this text."""
        self.tokens += tokens
        self._gathered.put_told(text, tokens, logprobs)
        if not self._queued and self._gathered.opened:
            self._offer(urgent=not self._spoken)

    def begin_part(self, kind: PartKind, call_id: str = "", name: str = "") -> None:
        """What is put from now on belongs to a new part; something must be put, "" for a call without arguments."""
        if self._begun or self.last_seq or self._gathered.says:
            self._part += 1
        self._begun = True
        part = ChunkPart(self._part, kind, call_id, name)
        self._gathered.turn_to(None if part == FIRST_TEXT else part)

    def end(self, finish_reason: FinishReason, usage: Usage, failure: Failure | None = None) -> asyncio.Future[int]:
        """Publish what waits and the end; the future is done when the end is acknowledged.

        Call after `open`. Raises LogError if the attempt is broken already.
        """
        if self.broken is not None:
            raise self.broken
        self._cut_chunks()
        return self._awaited(
            AttemptEnded(
                generation_id=self._turn.generation_id,
                conversation_id=self._turn.conversation_id,
                attempt_id=self.attempt_id,
                at_us=now_us(),
                last_seq=self.last_seq,
                sha256=stream_digest(self._digest.hexdigest(), self._parts.all),
                finish_reason=finish_reason,
                usage=usage,
                failure=failure,
            )
        )

    def close(self) -> None:
        """Produce nothing more; what has not left is dropped."""
        self.broken = self.broken or LogUnavailable("the attempt is closed")
        if not self._closed:
            self._closed = True
            self._outlet.running -= 1

    def break_off(self, error: LogError) -> None:
        """The log did not take a record: end the attempt, once."""
        if self.broken is None:
            self.broken = error
            self._on_broken(error)

    def outgoing(self) -> list[tuple[GenerationRecord, Acknowledged]]:
        """What leaves now. For the gate."""
        self._queued = False
        if self._gathered.opened and self._gathered:
            self._cut_chunks()
        said, self._outgoing = self._outgoing, []
        return said

    def _offer(self, *, urgent: bool) -> None:
        if not self._queued:
            self._queued = True
            self._gate.ready(self, urgent=urgent)
        elif urgent:
            self._gate.hurry()

    def _cut_chunks(self) -> None:
        """Turn the text that waits into records."""
        if not self._gathered:
            return
        self._spoken = True
        for part, text, tokens, logprobs in self._gathered.take():
            self._outlet.tokens += tokens
            if part is not None or logprobs or len(text) > MAX_CHUNK_CHARS:
                self._cut(part, text, tokens, logprobs)
            elif text:
                self._cut_text(text, tokens)

    def _cut_text(self, text: str, tokens: int) -> None:
        """A record of text of part 0, as nearly all are."""
        try:
            utf8 = text.encode()
        except UnicodeEncodeError:
            text = _HALVES.sub("\ufffd", text)
            utf8 = text.encode()
        self._parts.first_text += len(text)
        self.last_seq += 1
        self._digest.update(utf8)
        chunk = made_chunk(self._turn.generation_id, self.attempt_id, self.last_seq, now_us(), tokens, text)
        self._unanswered.append(tokens)
        self.under_way += 1
        self._outgoing.append((chunk, self._chunk_taken))

    def _cut(self, part: ChunkPart | None, text: str, tokens: int, logprobs: str) -> None:
        turn = self._turn
        self._parts.more(part, len(text))
        # A call is told of even before it has arguments; an empty text is nothing.
        size = len(text) or int(part is not None and part.kind == "tool_call")
        for at in range(0, size, MAX_CHUNK_CHARS):
            piece = text[at : at + MAX_CHUNK_CHARS] if len(text) > MAX_CHUNK_CHARS else text
            try:
                utf8 = piece.encode()
            except UnicodeEncodeError:
                piece = _HALVES.sub("\ufffd", piece)
                utf8 = piece.encode()
            self.last_seq += 1
            self._digest.update(utf8)
            chunk = made_chunk(turn.generation_id, self.attempt_id, self.last_seq, now_us(), tokens, piece, part)
            if logprobs:
                chunk, logprobs = replace(chunk, logprobs=logprobs), ""
            self._unanswered.append(tokens)
            self.under_way += 1
            self._outgoing.append((chunk, self._chunk_taken))
            tokens = 0
            if part is not None and part.kind == "tool_call":
                part = ChunkPart(part.index, part.kind)

    def _chunk_taken(self, error: KafkaError | None, offset: int) -> None:
        tokens = self._unanswered.popleft()
        if error is None:
            self._gate.taken(self, tokens, offset)
        else:
            self.under_way -= 1
            self._refused(error)
        self._gate.acknowledged()

    def _refused(self, error: KafkaError) -> None:
        # What follows a broken record is never produced: there is no doubt about it.
        self.doubtful = self.doubtful or error.code() != KafkaError._FAIL
        self.break_off(log_error(error))

    def _awaited(self, record: GenerationRecord, then: Callable[[], None] | None = None) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_looked_at)

        def taken(error: KafkaError | None, offset: int) -> None:
            if error is not None:
                self._refused(error)
            elif then is not None:
                then()
            if not future.done():
                if error is None:
                    future.set_result(offset)
                else:
                    future.set_exception(self.broken or LogUnavailable("not acknowledged"))
            self._gate.acknowledged()

        self._outgoing.append((record, taken))
        self._offer(urgent=True)
        return future


def _looked_at(future: asyncio.Future[int]) -> None:
    """After an attempt is given up no one fetches the error; `broken` has reported it already."""
    if not future.cancelled():
        future.exception()
