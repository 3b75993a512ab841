"""The one reading of a generation: AttemptStarted | TokenChunk | AttemptEnded | GenerationEnded -> the accepted stream.

Recorder, SSE, workers and CLI all fold with this class, over the same partition order, so all agree. Pure: no clock, no
IO; mutable only for speed. The rules (DESIGN, "A generation"):

- Attempt `number` is owned by the first AttemptStarted that carries it; a later one with the same or a smaller number
  is void. The newest number owns the generation. Nothing counts before attempt 1 was seen, but a GenerationEnded.
- A chunk counts if it is the owner's and its seq the next. A gap is no end: readers hold there.
- AttemptEnded counts if it is the owner's and agrees on last seq and text. `handed_over` ends the attempt alone.
- GenerationEnded counts whatever came before. The first end that counts is the end; nothing counts after it.
"""

from __future__ import annotations

from hashlib import sha256

from schemas.envelope import Position, plain
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    GenerationEnded,
    GenerationRecord,
    TokenChunk,
    Turn,
    Usage,
)
from schemas.marks_codec import chunk_mark
from schemas.outcome import ChunkMark


class GenerationFold:
    """Folds the records of one generation, in the order of their partition."""

    __slots__ = (
        "_deltas",
        "_digest",
        "attempt_id",
        "completion_tokens",
        "end",
        "end_position",
        "last_seq",
        "marks",
        "number",
        "prompt_tokens",
        "start",
        "turn",
    )

    def __init__(self) -> None:
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

    def apply(self, record: GenerationRecord, position: Position | None = None) -> int | None:
        """Take the next record of this generation.

        Returns the seq of the frame it is: 0 for the start, n for a chunk, last + 1 for the end. None: it is no frame,
        because it does not count or (a further attempt's start, a hand-over) only changes who may go on.
        Raises SealedContent, and changes nothing, for a chunk that is the next and sealed.
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
                if self.turn is None:
                    self.turn = record.turn
                return self._ended(record, position)
            case _:
                return None

    def _chunk(self, chunk: TokenChunk) -> int | None:
        if chunk.attempt_id != self.attempt_id or chunk.seq != self.last_seq + 1:
            return None
        delta = chunk.delta if type(chunk.delta) is str else plain(chunk.delta)
        utf8 = delta.encode()  # whatever can fail has been done before anything is changed
        self.last_seq = chunk.seq
        self.completion_tokens += chunk.tokens
        self.marks.append(chunk_mark(len(delta), chunk.tokens, chunk.at_us))
        self._deltas.append(delta)
        self._digest.update(utf8)
        return chunk.seq

    def _started(self, started: AttemptStarted) -> int | None:
        first = self.number == 0
        if started.number <= self.number or (first and started.number != 1):
            return None
        self.number = started.number
        self.attempt_id = started.attempt_id
        if not first:
            return None
        # The first attempt's count is the prompt's; a later one's may hold the text it resumes from.
        self.prompt_tokens = started.prompt_tokens
        self.turn = started.turn
        self.start = started
        return 0

    def _attempt_ended(self, ended: AttemptEnded, position: Position | None) -> int | None:
        if ended.attempt_id != self.attempt_id or ended.last_seq != self.last_seq or ended.sha256 != self.sha256:
            return None
        if ended.finish_reason == "handed_over":
            self.attempt_id = None
            return None
        return self._ended(ended, position)

    def _ended(self, ended: AttemptEnded | GenerationEnded, position: Position | None) -> int:
        self.end = ended
        self.end_position = position
        return self.last_seq + 1

    @property
    def finished(self) -> bool:
        return self.end is not None

    @property
    def text(self) -> str:
        """All accepted text."""
        return "".join(self._deltas)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of `text` in UTF-8."""
        return self._digest.hexdigest()

    @property
    def usage(self) -> Usage:
        """Tokens to be billed: the engine's own count (over all attempts) where it ended the generation, else those
        accepted."""
        if isinstance(self.end, AttemptEnded):
            return self.end.usage
        return Usage(self.prompt_tokens, self.completion_tokens)

    @property
    def cost_micros(self) -> int:
        """Cost in millionths of the currency at the turn's price; 0 while nothing is known of the turn."""
        return 0 if self.turn is None else self.turn.price.cost_micros(self.usage)
