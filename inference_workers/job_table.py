"""The jobs that a worker is responsible for, from delivery to commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from inference_workers.publishing import AttemptWriter
from schemas.generation import GenerationRequested
from schemas.picks import Pick
from topics.errors import LogError


class Interrupt(Enum):
    """Why a running job is stopped from outside."""

    CANCELLED = "its generation has ended"
    HANDED_OVER = "another worker shall go on"
    LOST = "another worker owns it already"
    BROKEN = "the log did not take a record"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record of the job topics, and the assignment epoch it came under."""

    topic: str
    partition: int
    offset: int
    epoch: int


@dataclass(slots=True)
class Started:
    """Why a job runs, who writes for it, and whether the log was told of an attempt."""

    pick: Pick
    writers: list[AttemptWriter] = field(default_factory=list)
    told: bool = False


@dataclass(slots=True, eq=False)
class Job:
    """One generation to be answered. Several deliveries of it are one job: the first wins.

    `faults`: how often this worker failed at it because of the job itself; `fault` says at what, without its content.
    `broken`: why its last attempt was stopped as BROKEN. `started`: while it has a slot, why.
    """

    request: GenerationRequested
    deliveries: list[Delivery]
    old: bool
    task: asyncio.Task[bool] | None = None
    interrupt: Interrupt | None = None
    ended_at_s: float | None = None
    outcome_seen: bool = False
    engine_calls: int = 0
    faults: int = 0
    fault: str = ""
    broken: LogError | None = None
    started: Started | None = None

    @property
    def generation_id(self) -> str:
        return self.request.turn.generation_id

    def failed_at(self, error: Exception) -> None:
        """This worker failed at the job, and not because the log or an engine was away."""
        self.faults += 1
        self.fault = f"{type(error).__name__}: {error}" if isinstance(error, LogError) else type(error).__name__

    def stop(self, why: Interrupt) -> None:
        """Stop it if it runs; the first reason stays."""
        if self.task is not None and self.interrupt is None:
            self.interrupt = why
            self.task.cancel()


@dataclass(slots=True)
class JobTable:
    """All jobs, by generation and by conversation (outcomes are keyed by conversation)."""

    _by_generation: dict[str, Job] = field(default_factory=dict)
    _keys: dict[bytes, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_generation)

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._by_generation.values()))

    def get(self, generation_id: str) -> Job | None:
        return self._by_generation.get(generation_id)

    def has_conversation(self, key: bytes) -> bool:
        """Whether a job of the conversation with this record key is here."""
        return key in self._keys

    def take(self, job: Job) -> None:
        self._by_generation[job.generation_id] = job
        key = job.request.turn.conversation_id.encode()
        self._keys[key] = self._keys.get(key, 0) + 1

    def release(self, job: Job) -> None:
        """Forget a job; doing so twice does nothing."""
        if self._by_generation.pop(job.generation_id, None) is None:
            return
        key = job.request.turn.conversation_id.encode()
        if self._keys[key] == 1:
            del self._keys[key]
        else:
            self._keys[key] -= 1
