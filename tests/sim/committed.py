"""I8, looked at in the moment of every commit: what is committed has had its effect, durably.

A restart reads from the commit on, so whatever lies before it and has had no effect is lost for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from projections.registry import PROJECTIONS, TOPICS, fold_all
from projections.rows import Erase
from projections.versions import physical_name
from schemas.admission import AdmissionRecord, EmbeddingsSettled
from schemas.codec import UndecodableRecord, decode
from schemas.conversation import PromptSubmitted, RegenerateRequested
from schemas.generation import AttemptStarted, GenerationEnded, GenerationRecord, GenerationRequested, TokenChunk
from schemas.outcome import Outcome
from schemas.usage import EmbeddingsComputed, UsageRecorded
from streams.recorder.shell import GROUP as RECORDER
from tests.fakes.broker import MemoryBroker, MemoryMessage, Place
from tests.sim.store import Store
from tests.sim.worker_process import GROUP as WORKERS
from topics.admission.account import Account
from topics.catalogue import ADMISSIONS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.generation_fold import GenerationFold
from topics.scan import generation_of

_COMMANDS = (PromptSubmitted, RegenerateRequested)


class CommitWitness:
    """Notes in `broken` what is committed and has had no effect, and knows when all there is has had one."""

    def __init__(self, broker: MemoryBroker, store: Store) -> None:
        self._broker = broker
        self._store = store
        self._looked: dict[tuple[str, Place], int] = {}
        self._folds: dict[str, GenerationFold] = {}
        self._ends_at: dict[Place, dict[int, str]] = {}
        self._asked: dict[str, Place] = {}
        self._answered: set[str] = set()
        self._outcomes: set[str] = set()
        self._billed: set[str] = set()
        self._charged: set[str] = set()
        self._accounts: dict[str, Account] = {}
        self._numbers: dict[str, int] = {}
        self._first_seq: dict[str, int] = {}
        self._wrote: set[str] = set()
        self.broken: list[str] = []
        broker.on_append.append(self._appended)
        broker.on_commit.append(self._committed)
        self._due: dict[str, Callable[[Any, MemoryMessage], str | None]] = {
            WORKERS: self._job,
            RECORDER: self._chunk,
            "verbatim-conversation": self._command,
            "verbatim-metering": self._bill,
            "verbatim-watchdog": self._watched,
            "verbatim-projections": self._projected,
        }

    def _appended(self, message: MemoryMessage) -> None:
        try:
            record = decode(message.value())
        except UndecodableRecord:
            return
        if message.topic() == TOKEN_CHUNKS and isinstance(record, GenerationRecord):
            self._begins(record)
            fold = self._folds.setdefault(generation_of(record), GenerationFold())
            was_open = not fold.finished
            fold.apply(record, self._broker.topics.position(message.topic(), message.partition(), message.offset()))
            if isinstance(record, AttemptStarted) and fold.attempt_id == record.attempt_id:
                self._first_seq[record.attempt_id] = fold.last_seq + 1
            if was_open and fold.finished:
                ends = self._ends_at.setdefault((TOKEN_CHUNKS, message.partition()), {})
                ends[message.offset()] = generation_of(record)
            if isinstance(record, GenerationEnded):
                self._answered.add(record.turn.generation_id)
        elif isinstance(record, GenerationRequested):
            self._answered.add(record.turn.generation_id)
        elif isinstance(record, _COMMANDS):
            self._asked.setdefault(record.generation_id, (message.topic(), message.partition()))
        elif isinstance(record, Outcome):
            self._outcomes.add(record.turn.generation_id)
        elif isinstance(record, UsageRecorded):
            self._billed.add(record.generation_id)
        elif isinstance(record, EmbeddingsComputed):
            self._billed.add(record.embedding_id)
        elif isinstance(record, AdmissionRecord):
            at = self._broker.topics.position(message.topic(), message.partition(), message.offset())
            self._accounts.setdefault(record.account, Account()).apply(record, at, message.timestamp_us())
            if isinstance(record, EmbeddingsSettled) and self._is_charged(record):
                self._charged.add(record.embedding_id)

    def _is_charged(self, record: EmbeddingsSettled) -> bool:
        settled = self._accounts[record.account].settled.get(record.lease_id)
        return record.used and settled is not None and settled.used

    def _begins(self, record: GenerationRecord) -> None:
        """An attempt after the first writes only once it has seen that it owns the generation, and from where.

        The first one may write unseen: of a fresh job nobody else can know, and if somebody does, its number is void.
        """
        if isinstance(record, AttemptStarted):
            self._numbers[record.attempt_id] = record.number
        elif isinstance(record, TokenChunk) and record.attempt_id not in self._wrote:
            self._wrote.add(record.attempt_id)
            number, due = self._numbers.get(record.attempt_id), self._first_seq.get(record.attempt_id)
            if number is None:
                self.broken.append(f"an attempt of {record.generation_id} wrote before its start was in the log")
            elif number > 1 and record.seq != due:
                self.broken.append(f"attempt {number} of {record.generation_id} began at {record.seq}, due was {due}")

    def _committed(self, group: str, place: Place, offset: int) -> None:
        looked = self._looked.get((group, place), 0)
        due = self._due[group]
        for message in self._broker.read(*place, looked, max(offset - looked, 0)):
            missing = due(decode(message.value()), message)
            if missing is not None:
                self.broken.append(f"I8 {group} committed {place[0]}[{place[1]}] up to {offset}: {missing}")
        self._looked[group, place] = max(looked, offset)

    def _ended(self, generation: str) -> bool:
        fold = self._folds.get(generation)
        return fold is not None and fold.finished

    def _job(self, record: Any, message: MemoryMessage) -> str | None:
        generation = record.turn.generation_id
        return None if self._ended(generation) else f"the job at {message.offset()} has no end ({generation})"

    def _chunk(self, record: Any, message: MemoryMessage) -> str | None:
        generation = self._ends_at.get((TOKEN_CHUNKS, message.partition()), {}).get(message.offset())
        if generation is not None and generation not in self._outcomes:
            return f"the end at {message.offset()} has no outcome ({generation})"
        fold = self._folds[generation_of(record)]
        if fold.start is not None and not fold.finished:
            return f"the generation at {message.offset()} is open"
        return None

    def _command(self, record: Any, message: MemoryMessage) -> str | None:
        if isinstance(record, _COMMANDS) and record.generation_id not in self._answered:
            return f"the command at {message.offset()} has neither job nor end ({record.generation_id})"
        return None

    def _bill(self, record: Any, message: MemoryMessage) -> str | None:
        if message.topic() == ADMISSIONS:
            due = isinstance(record, EmbeddingsSettled) and self._is_charged(record)
            missing = due and record.embedding_id not in self._billed
            return f"the embeddings at {message.offset()} are not billed ({record.embedding_id})" if missing else None
        generation = record.turn.generation_id
        return None if generation in self._billed else f"the outcome at {message.offset()} is not billed ({generation})"

    def _watched(self, record: Any, message: MemoryMessage) -> str | None:
        if isinstance(record, _COMMANDS) and not self._ended(record.generation_id):
            return f"the command at {message.offset()} has no end and is watched no more ({record.generation_id})"
        return None

    def _projected(self, record: Any, message: MemoryMessage) -> str | None:
        position = self._broker.topics.position(message.topic(), message.partition(), message.offset())
        wanted = tuple(projection for projection in PROJECTIONS if message.topic() in projection.topics)
        rows = self._store.rows.rows()
        for version, change in fold_all(wanted, record, position):
            table = physical_name("memory", change.table, version).partition(".")[2]
            if not isinstance(change, Erase) and change.key not in rows.get(table, {}):
                return f"{table} has no row of the record at {message.offset()}"
        return None

    # -- rest ---------------------------------------------------------------------------------------------------------

    def undone(self) -> list[str]:
        """What has not had its effect yet, anywhere."""
        found = [f"{name} has no end" for name in self._asked if not self._ended(name)]
        found += [f"{name} has no outcome" for name in self._asked if name not in self._outcomes]
        found += [f"{name} is not billed" for name in self._outcomes | self._charged if name not in self._billed]
        for account in self._accounts.values():
            found += [f"{name} has its lease" for name, lease in account.leases.items() if lease.embeddings is not None]
        for topic in TOPICS:
            for place in self._broker.places(topic):
                end = self._broker.end(*place)
                if (self._broker.committed("verbatim-projections", place) or 0) < end:
                    found.append(f"the projections have not come to the end of {place[0]}[{place[1]}]")
        for group, topic in (
            ("verbatim-conversation", CONVERSATION_EVENTS),
            ("verbatim-watchdog", CONVERSATION_EVENTS),
            ("verbatim-metering", GENERATION_OUTCOMES),
            ("verbatim-metering", ADMISSIONS),
        ):
            for place in self._broker.places(topic):
                if (self._broker.committed(group, place) or 0) < self._broker.end(*place):
                    found.append(f"{group} has not committed the end of {place[0]}[{place[1]}]")
        return found

    def all_done(self) -> bool:
        return not self.undone()
