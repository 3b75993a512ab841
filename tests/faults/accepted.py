"""Which records of a generation count, said once more and in another way than topics.generation_fold. Pure.

A bug in the fold would be invisible to a checker that folds. This reading looks at the whole log at once: first who
owned it when, then what of the owner's is in sequence, then which end is the first that is true.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from schemas.envelope import plain
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, GenerationRecord, TokenChunk
from schemas.parts import ChunkPart
from schemas.price import Usage

WhyVoid = Literal["after_end", "not_owner", "out_of_sequence"]


@dataclass(frozen=True, slots=True)
class Void:
    """A chunk that does not count."""

    chunk: TokenChunk
    why: WhyVoid


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a generation's records come to. `end_index`: which record is its end (None: it has none)."""

    starts: tuple[AttemptStarted, ...]
    chunks: tuple[TokenChunk, ...]
    void: tuple[Void, ...]
    end: AttemptEnded | GenerationEnded | None
    end_index: int | None

    @property
    def text(self) -> str:
        return "".join(plain(chunk.delta) for chunk in self.chunks)

    @property
    def sha256(self) -> str:
        """Of the raw text, and of its parts where there are any."""
        return _digest(self.chunks)

    @property
    def visible(self) -> str:
        """What people see of it."""
        return "".join(plain(chunk.delta) for chunk in self.chunks if kind_of(chunk) in ("text", "refusal"))

    @property
    def tokens(self) -> int:
        """Completion tokens of what counts."""
        return sum(chunk.tokens for chunk in self.chunks)

    @property
    def usage(self) -> Usage:
        """What is to be billed."""
        if isinstance(self.end, AttemptEnded):
            return self.end.usage
        thought = sum(chunk.tokens for chunk in self.chunks if kind_of(chunk) == "reasoning")
        return Usage(self.starts[0].prompt_tokens if self.starts else 0, self.tokens, reasoning_tokens=thought)


def accepted(records: Sequence[GenerationRecord]) -> Accepted:
    """Read one generation's records, in the order of their partition."""
    owners = _owners(records)
    counted: list[tuple[int, TokenChunk]] = []
    void: list[tuple[int, Void]] = []
    for index, record in enumerate(records):
        if isinstance(record, TokenChunk):
            if record.attempt_id != owners[index]:
                void.append((index, Void(record, "not_owner")))
            elif record.seq != len(counted) + 1:
                void.append((index, Void(record, "out_of_sequence")))
            else:
                counted.append((index, record))
    end_index = _end(records, owners, counted)
    last = len(records) if end_index is None else end_index
    late = [(index, Void(chunk, "after_end")) for index, chunk in counted if index > last]
    early = [(index, Void(entry.chunk, "after_end") if index > last else entry) for index, entry in void]
    return Accepted(
        starts=tuple(_numbered(records[:last]).values()),
        chunks=tuple(chunk for index, chunk in counted if index < last),
        void=tuple(entry for _, entry in sorted([*late, *early], key=lambda pair: pair[0])),
        end=None if end_index is None else _as_end(records[end_index]),
        end_index=end_index,
    )


def _numbered(records: Sequence[GenerationRecord]) -> dict[int, AttemptStarted]:
    """The starts that count, by index: the first is number 1, each later one has a new highest number."""
    found: dict[int, AttemptStarted] = {}
    highest = 0
    for index, record in enumerate(records):
        if isinstance(record, AttemptStarted) and (record.number > highest if found else record.number == 1):
            found[index] = record
            highest = record.number
    return found


def _owners(records: Sequence[GenerationRecord]) -> list[str | None]:
    """Whose attempt owned the generation when each record came, if nothing had ended it."""
    counting = _numbered(records)
    owner: str | None = None
    owners: list[str | None] = []
    counted: list[TokenChunk] = []
    for index, record in enumerate(records):
        owners.append(owner)
        if index in counting:
            owner = counting[index].attempt_id
        elif isinstance(record, TokenChunk) and record.attempt_id == owner and record.seq == len(counted) + 1:
            counted.append(record)
        elif isinstance(record, AttemptEnded) and record.finish_reason == "handed_over":
            agrees = (record.attempt_id, record.last_seq, record.sha256) == (owner, len(counted), _digest(counted))
            owner = None if agrees else owner
    return owners


def _end(
    records: Sequence[GenerationRecord], owners: Sequence[str | None], counted: Sequence[tuple[int, TokenChunk]]
) -> int | None:
    for index, record in enumerate(records):
        if isinstance(record, GenerationEnded):
            return index
        if isinstance(record, AttemptEnded) and record.finish_reason != "handed_over":
            before = [chunk for at, chunk in counted if at < index]
            if (record.attempt_id, record.last_seq, record.sha256) == (owners[index], len(before), _digest(before)):
                return index
    return None


def kind_of(chunk: TokenChunk) -> str:
    """Of the part that a chunk belongs to."""
    return "text" if chunk.part is None else chunk.part.kind


def _digest(chunks: Sequence[TokenChunk]) -> str:
    """As a worker tells it: of the text; with parts, of their kinds, lengths, ids and names and then of that."""
    digest = sha256("".join(plain(chunk.delta) for chunk in chunks).encode()).hexdigest()
    if all(chunk.part is None for chunk in chunks):
        return digest
    parts: dict[int, list[Any]] = {}
    for chunk in chunks:
        part = chunk.part or ChunkPart(0, "text")
        said = parts.setdefault(part.index, [part.kind, 0, part.call_id, part.name])
        said[1] += len(plain(chunk.delta))
    listed = json.dumps(list(parts.values()), separators=(",", ":"))
    return sha256(f"{listed}{digest}".encode()).hexdigest()


def _as_end(record: GenerationRecord) -> AttemptEnded | GenerationEnded:
    assert isinstance(record, AttemptEnded | GenerationEnded)
    return record
