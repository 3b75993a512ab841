"""One running generation in this process: the fold of its records, and the readers that wait for more.

However many clients read it, its text is held once and each chunk is decoded and written as JSON once: a reader is a
place in `pieces`. So a slow reader holds nothing beside the one copy that the fold holds anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from api.http.errors import Overloaded
from api.streaming.endings import Ending, ending_of_fold
from api.streaming.pieces import Piece, Placing, piece, pieces_of
from api.streaming.sources import Listener
from schemas.envelope import Position
from schemas.generation import GenerationRecord, TokenChunk, Turn
from topics.generation_fold import GenerationFold

MAX_HELD = 20_000
"""Live records held back while the log is read up to them."""


class Feed:
    """A live source (api.streaming.sources.Source) that knows the generation's records from position `since` on.

    `command`: the turn as its command had it, known here before the first record of the generation is.

    Live records are held back from `hold` to `fill`, while the log is read up to them.
    """

    __slots__ = (
        "_begun",
        "_held",
        "_listeners",
        "_over",
        "_placing",
        "command",
        "conversation_id",
        "ending",
        "fold",
        "generation_id",
        "lost",
        "pieces",
        "since",
        "user_id",
        "users",
    )

    def __init__(self, generation_id: str, conversation_id: str, user_id: str, since: Position) -> None:
        self.generation_id = generation_id
        self.conversation_id = conversation_id
        self.user_id = user_id
        self.since = since
        self.users = 0
        self.command: Turn | None = None
        self.fold = GenerationFold()
        self.pieces: list[Piece] = []
        self._placing = Placing()
        self.ending: Ending | None = None
        self.lost: Exception | None = None
        self._held: list[tuple[GenerationRecord, Position | None]] | None = None
        self._listeners: list[Listener] = []
        self._over: list[Callable[[], None]] = []
        self._begun: list[Callable[[], None]] = []

    @property
    def turn(self) -> Turn | None:
        return self.fold.turn

    @property
    def started_at_us(self) -> int:
        """When attempt 1 began; when the generation ended if none ever did."""
        if self.fold.start is not None:
            return self.fold.start.envelope.occurred_at_us
        return 0 if self.ending is None else self.ending.at_us

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def leave(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    @property
    def watched(self) -> int:
        """How many read it now."""
        return len(self._listeners)

    def take(self, record: GenerationRecord, position: Position | None) -> bool:
        """The next record of this generation's partition; True if readers have something new.

        `position` is needed for records that may end the generation. Whatever it raises, the feed can go on no more:
        see `lose`.
        """
        if self._held is not None:
            if len(self._held) >= MAX_HELD:
                self.lose(
                    Overloaded(f"more than {MAX_HELD} records arrived while the beginning of the answer was read")
                )
            else:
                self._held.append((record, position))
            return False
        if self.fold.apply(record, position) is None:
            return False
        if type(record) is TokenChunk:
            delta: str = record.delta  # type: ignore[assignment]  # the fold took it, so it is plain
            if record.part is None and not record.logprobs:
                self.pieces.append(piece(delta))
            else:
                self.pieces.append(self._placing.piece(delta, record.part, record.logprobs))
        elif self.fold.end is not None:
            self.ending = ending_of_fold(self.fold)
        return True

    def wake(self) -> None:
        for listener in self._listeners:
            listener.wake()
        if self._begun and (self.fold.start is not None or self.ending is not None or self.lost is not None):
            begun, self._begun = self._begun, []
            for callback in begun:
                callback()
        if self._over and (self.ending is not None or self.lost is not None):
            over, self._over = self._over, []
            for callback in over:
                callback()

    def when_begun(self, callback: Callable[[], None]) -> None:
        """Call it once, when attempt 1 has begun, the answer has ended or cannot be followed any more; it is no
        reader."""
        self._begun.append(callback)
        if self.fold.start is not None or self.ending is not None or self.lost is not None:
            self.wake()

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call it once, when the answer has ended or cannot be followed any more; it is no reader."""
        self._over.append(callback)
        if self.ending is not None or self.lost is not None:
            self.wake()

    def whole_from(self, tail: Position) -> bool:
        """Whether nothing is missing of a generation whose records begin at `tail` or later."""
        return self._held is None and (self.since.epoch, self.since.offset) <= (tail.epoch, tail.offset)

    def hold(self, since: Position) -> None:
        """From now on keep live records back: what stands before `since` is being read from the log."""
        self.since = since
        self.lost = None
        self._held = []

    def fill(self, fold: GenerationFold) -> None:
        """`fold` holds everything before `since`; go on with what was held back."""
        held, self._held = self._held or [], None
        self.fold = fold
        self._placing = Placing()
        self.pieces = pieces_of(fold.text, fold.marks, fold.parts, fold.logprobs, self._placing)
        self.ending = ending_of_fold(fold)
        for record, position in held:
            self.take(record, position)
        self.wake()

    def lose(self, error: Exception) -> None:
        """It gets no more records here until it is held again: readers get the reason."""
        self.lost = error
        self.wake()
