"""The fold of a generation: AttemptStarted | TokenChunk | AttemptEnded | GenerationEnded -> the accepted stream.

Recorder, SSE, workers and CLI all fold with this class, over the same partition order, so all agree. Pure: no clock, no
IO; mutable only for speed. The rules (DESIGN, "A generation"):

- Attempt `number` is owned by the first AttemptStarted that carries it; a later one with the same or a smaller number
  is void. The newest number owns the generation. Nothing counts before attempt 1 was seen, but a GenerationEnded.
- A chunk counts if it is the owner's, its seq the next, and its part the one before it or the next. A gap is no end:
  readers hold there.
- AttemptEnded counts if it is the owner's and agrees on last seq and text. `handed_over` ends the attempt alone.
- GenerationEnded counts whatever came before. The first end that counts is the end; nothing counts after it.

What is read here can always be recorded (`topics.outcomes`), and what is recorded is what was streamed, whatever the
log says:

- A generation holds at most MAX_STREAM_BYTES of text and chunk marks. The chunk that would go beyond does not count,
  and no chunk after it does (`full`): no reader shows it, no outcome has it. AttemptEnded of the owner then counts
  whatever text it names, and the generation has failed. No worker of ours writes as much (MAX_ANSWER_CHARS).
- A token count that cannot be true (negative, above MAX_TOKENS, a part larger than its whole) is not believed: what was
  accepted is counted instead, and the usage says that it is estimated.
- The texts of a turn are cut to what any id or name of ours is far below.
- A sealed chunk does not count: it cannot be shown without its key.
- A finish reason, end reason or kind of part that this release does not know stops the reader (NewerValue): it is
  never guessed.
"""

from __future__ import annotations

from hashlib import sha256
from typing import get_args

from schemas.bounding import bounded
from schemas.envelope import Position
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    EndReason,
    FinishReason,
    GenerationEnded,
    GenerationRecord,
    TokenChunk,
    Turn,
)
from schemas.limits import MAX_RECORD_BYTES, MAX_TOKENS
from schemas.marks_codec import chunk_mark
from schemas.outcome import ChunkMark
from schemas.parts import AnswerPart, ChunkPart, PartKind, stream_digest, visible_text
from schemas.price import Usage
from topics.vocabulary import check_word

MARK_BYTES = 24
"""The most that a chunk's mark takes in an outcome (and what it takes in the projections): a length of up to four
bytes, a count and a time of up to ten each."""
PART_BYTES = 32
"""The most that a part takes beside its call id and name."""
LOGPROB_BYTES = 4
"""The most that the length of a chunk's logprobs takes."""
MAX_STREAM_BYTES = MAX_RECORD_BYTES - 1024 * 1024
"""Text (in UTF-8), marks, parts and logprobs of one generation; the rest of an outcome's record is for everything else
in it."""
_FINISH_REASONS = frozenset(get_args(FinishReason))
_END_REASONS = frozenset(get_args(EndReason))
_KINDS = frozenset(get_args(PartKind))
_TEXT = ChunkPart(0, "text")
"""The part of a chunk that names none."""


class GenerationFold:
    """Folds the records of one generation, in the order of their partition.

    `max_bytes`: of text and marks. `room`: how many are left; negative once a chunk went beyond. `doubtful`: a count of
    tokens was not believed.
    """

    __slots__ = (
        "_deltas",
        "_digest",
        "_logprobs",
        "_starts",
        "attempt_id",
        "completion_tokens",
        "doubtful",
        "end",
        "end_position",
        "last_seq",
        "marks",
        "number",
        "prompt_tokens",
        "room",
        "start",
        "turn",
    )

    def __init__(self, max_bytes: int = MAX_STREAM_BYTES) -> None:
        self.room = max_bytes
        self.doubtful = False
        self.turn: Turn | None = None
        self.start: AttemptStarted | None = None
        self.attempt_id: str | None = None
        self.number = 0
        self.last_seq = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.marks: list[ChunkMark] = []
        self.end: AttemptEnded | GenerationEnded | None = None
        self.end_position: Position | None = None
        self._deltas: list[str] = []
        self._digest = sha256()
        self._starts: list[tuple[ChunkPart, int]] = []  # parts and the chunks before them; empty: all of it is text
        self._logprobs: list[str] = []  # empty, or one for each chunk

    def apply(self, record: GenerationRecord, position: Position | None = None) -> int | None:
        """Take the next record of this generation.

        Returns the seq of the frame it is: 0 for the start, n for a chunk, last + 1 for the end. None: it is no frame,
        because it does not count or (a further attempt's start, a hand-over) only changes who may go on.
        Raises NewerValue, and changes nothing, for an end whose reason this release does not know.
        """
        if self.end is not None:
            return None
        if type(record) is TokenChunk:
            return self._chunk(record)
        match record:
            case AttemptStarted():
                return self._started(record)
            case AttemptEnded():
                return self._attempt_ended(record, position)
            case GenerationEnded():
                check_word("the end's reason", record.reason, _END_REASONS)
                if self.turn is None:
                    self.turn = bounded(record.turn)
                return self._ended(record, position)
            case _:
                return None

    def _chunk(self, chunk: TokenChunk) -> int | None:
        if chunk.attempt_id != self.attempt_id or chunk.seq != self.last_seq + 1:
            return None
        delta = chunk.delta
        if type(delta) is not str:
            return None
        utf8 = delta.encode()  # whatever can fail has been done before anything is changed
        room = self.room - len(utf8) - MARK_BYTES
        part = chunk.part
        if part is not None or self._starts:
            part = part or _TEXT
            if not self._follows(part):
                return None
            if part.index != self._part.index or not (self._starts or self.last_seq):
                room -= PART_BYTES + len(part.call_id.encode()) + len(part.name.encode())
        else:
            part = None
        if chunk.logprobs:
            room -= len(chunk.logprobs.encode()) + LOGPROB_BYTES
        if room < 0:
            self.room = room
            return None
        tokens = chunk.tokens
        if not 0 <= tokens <= MAX_TOKENS:
            tokens = self._believed(tokens)
        self.room = room
        self.last_seq = chunk.seq
        self.completion_tokens += tokens
        if part is not None:
            self._place(part)
        if chunk.logprobs or self._logprobs:
            self._logprobs += [""] * (len(self.marks) - len(self._logprobs))
            self._logprobs.append(chunk.logprobs)
        self.marks.append(chunk_mark(len(delta), tokens, chunk.at_us))
        self._deltas.append(delta)
        self._digest.update(utf8)
        return chunk.seq

    @property
    def _part(self) -> ChunkPart:
        """The part of the last chunk; of none yet, the one that a chunk without a part would have."""
        return self._starts[-1][0] if self._starts else _TEXT

    def _follows(self, part: ChunkPart) -> bool:
        """Whether the next chunk may be of this part. Raises NewerValue for a kind that this release does not know."""
        check_word("the part's kind", part.kind, _KINDS)
        if not self._starts and not self.last_seq:
            return part.index == 0
        last = self._part
        if part.index == last.index:
            return part.kind == last.kind and not part.call_id and not part.name
        return part.index == last.index + 1

    def _place(self, part: ChunkPart) -> None:
        """Take down where a part begins."""
        if not self._starts:
            if self.last_seq == 1 and part != _TEXT:  # this chunk is the first
                self._starts.append((part, 0))
            elif part.index:
                self._starts += ((_TEXT, 0), (part, len(self.marks)))
        elif part.index != self._starts[-1][0].index:
            self._starts.append((part, len(self.marks)))

    def _started(self, started: AttemptStarted) -> int | None:
        first = self.number == 0
        if started.number <= self.number or (first and started.number != 1):
            return None
        self.number = started.number
        self.attempt_id = started.attempt_id
        if not first:
            return None
        # The first attempt's count is the prompt's; a later one's may hold the text it resumes from.
        self.prompt_tokens = self._believed(started.prompt_tokens)
        self.turn = bounded(started.turn)
        self.start = started
        return 0

    def _attempt_ended(self, ended: AttemptEnded, position: Position | None) -> int | None:
        if ended.attempt_id != self.attempt_id:
            return None
        if not self.full and (ended.last_seq != self.last_seq or ended.sha256 != self.sha256):
            return None
        check_word("the attempt's finish reason", ended.finish_reason, _FINISH_REASONS)
        if ended.finish_reason == "handed_over":
            self.attempt_id = None
            return None
        return self._ended(ended, position)

    def _ended(self, ended: AttemptEnded | GenerationEnded, position: Position | None) -> int:
        self.end = ended
        self.end_position = position
        return self.last_seq + 1

    def _believed(self, tokens: int) -> int:
        if 0 <= tokens <= MAX_TOKENS:
            return tokens
        self.doubtful = True
        return 0 if tokens < 0 else MAX_TOKENS

    @property
    def full(self) -> bool:
        """Whether a chunk did not count because it went beyond what an outcome can hold. None counts after it."""
        return self.room < 0

    @property
    def finished(self) -> bool:
        return self.end is not None

    @property
    def text(self) -> str:
        """All accepted text."""
        return "".join(self._deltas)

    @property
    def parts(self) -> tuple[AnswerPart, ...]:
        """What the accepted text consists of; empty: text alone."""
        starts, marks = self._starts, self.marks
        if not starts:
            return ()
        ends = [start for _, start in starts[1:]] + [len(marks)]
        return tuple(
            AnswerPart(part.kind, sum(mark.length for mark in marks[start:end]), end - start, part.call_id, part.name)
            for (part, start), end in zip(starts, ends, strict=True)
        )

    @property
    def reasoning_tokens(self) -> int:
        """Of `completion_tokens`."""
        at = tokens = 0
        for part in self.parts:
            if part.kind == "reasoning":
                tokens += sum(mark.tokens for mark in self.marks[at : at + part.chunks])
            at += part.chunks
        return tokens

    @property
    def visible_text(self) -> str:
        """What is shown of the accepted text: that of text and refusal parts."""
        return visible_text(self.text, self.parts) if self._starts else self.text

    @property
    def logprobs(self) -> tuple[str, ...]:
        """Of each chunk, as its record had them; empty: of none."""
        return tuple(self._logprobs)

    @property
    def sha256(self) -> str:
        """The digest of what is accepted: of `text` in UTF-8, and of `parts` where there are any."""
        return stream_digest(self._digest.hexdigest(), self.parts) if self._starts else self._digest.hexdigest()

    @property
    def usage(self) -> Usage:
        """Tokens to be billed: the engine's own count (over all attempts) where it ended the generation and can be
        true, else those accepted."""
        ended = self.end if isinstance(self.end, AttemptEnded) else None
        if ended is not None and _is_possible(ended.usage) and not self.full:
            return ended.usage
        completion = min(self.completion_tokens, MAX_TOKENS)
        estimated = ended is not None or self.doubtful or completion != self.completion_tokens
        reasoning = min(self.reasoning_tokens, completion)
        return Usage(self.prompt_tokens, completion, reasoning_tokens=reasoning, estimated=estimated)

    @property
    def cost_micros(self) -> int:
        """Cost in millionths of the currency at the turn's price; 0 while nothing is known of the turn."""
        return 0 if self.turn is None else self.turn.price.cost_micros(self.usage)


def _is_possible(usage: Usage) -> bool:
    return (
        0 <= usage.cached_tokens <= usage.prompt_tokens <= MAX_TOKENS
        and 0 <= usage.reasoning_tokens <= usage.completion_tokens <= MAX_TOKENS
    )
