"""Decides which text leaves together: at once while the producer is idle, in batches while it is busy. Pure.

Everything that waits leaves in one burst, and the next burst leaves when all of the last is acknowledged. So a calm log
gets a record a token at once, and a slow one gets fewer and fuller requests instead of a queue, however slow it is.
While many streams speak, `ticking` adds a short wait, so that the bursts of a quick log are not of a token each.

Why not a time limit, and a linger instead: an idempotent librdkafka producer has five messages of a partition under way
at most, and while it holds another its thread spins at full speed. Whatever is produced before the acknowledgement
reaches no reader sooner, and wastes a core.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.parts import ChunkPart

MAX_LOGPROBS_CHARS = 256 * 1024
"""Of one record: a record of token-chunks holds 1 MiB at most."""


class Pipe:
    """The gate of one partition: the caller sends a burst whenever it is told to, and reports its acknowledgements."""

    __slots__ = ("_in_flight", "_waiting")

    def __init__(self) -> None:
        self._in_flight = 0
        self._waiting = False

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._in_flight

    def arrived(self) -> bool:
        """Something waits to leave. True: a burst may leave now."""
        self._waiting = True
        return not self._in_flight

    def sent(self, records: int) -> None:
        """A burst of everything that waited has left."""
        self._waiting = False
        self._in_flight += records

    def acknowledged(self) -> bool:
        """A record was acknowledged (or refused for good). True: what waits may leave now."""
        self._in_flight -= 1
        return self._waiting and not self._in_flight


Run = tuple[ChunkPart | None, str, int, str]
"""What waits of one part, as (part, text, tokens, logprobs): it leaves as one record, or several if it is long.

A part of None is part 0, text."""


class Gathered:
    """One attempt's answer between bursts. Nothing of it leaves until `opened`: its start must be acknowledged first.

    What belongs to two parts is never joined.
    """

    __slots__ = ("_logprobs", "_logprobs_size", "_part", "_runs", "_texts", "_tokens", "opened")

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._part: ChunkPart | None = None
        self._texts: list[str] = []
        self._tokens = 0
        self._logprobs: list[str] = []
        self._logprobs_size = 0
        self.opened = False

    def __bool__(self) -> bool:
        return bool(self._texts or self._runs)

    @property
    def says(self) -> bool:
        """Whether anything of it will be a record: an empty text is none."""
        return any(self._texts) or any(text for _, text, _, _ in self._runs)

    def put(self, text: str, tokens: int) -> None:
        self._texts.append(text)
        self._tokens += tokens

    def put_told(self, text: str, tokens: int, logprobs: str) -> None:
        """Text with what is known of its tokens, a JSON array of at most MAX_LOGPROBS_CHARS."""
        if self._logprobs_size + len(logprobs) > MAX_LOGPROBS_CHARS:
            self._close_run()
        self.put(text, tokens)
        self._logprobs.append(logprobs)
        self._logprobs_size += len(logprobs)

    def turn_to(self, part: ChunkPart | None) -> None:
        """What is put from now on belongs to this part."""
        self._close_run()
        self._part = part

    def take(self) -> Sequence[Run]:
        """Everything that waits, in its order."""
        if not self._runs:
            return (self._run(),)
        self._close_run()
        runs, self._runs = self._runs, []
        return runs

    def _close_run(self) -> None:
        if self._texts:
            self._runs.append(self._run())

    def _run(self) -> Run:
        text = self._texts[0] if len(self._texts) == 1 else "".join(self._texts)
        run = self._part, text, self._tokens, _joined(self._logprobs) if self._logprobs else ""
        self._texts.clear()
        self._tokens = 0
        if self._logprobs:
            self._logprobs, self._logprobs_size = [], 0
        if self._part is not None and (self._part.call_id or self._part.name):
            self._part = ChunkPart(self._part.index, self._part.kind)  # said once
        return run


def _joined(arrays: Sequence[str]) -> str:
    """JSON arrays as one."""
    if len(arrays) == 1:
        return arrays[0]
    return f"[{','.join(inner for each in arrays if (inner := each[1:-1].strip()))}]"
