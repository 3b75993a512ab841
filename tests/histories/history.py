"""A recorded log in the repository: its records, and what every projection and stream was when it was recorded.

A folder each: `log.jsonl` (never edited), `dumps/PROJECTION.jsonl` (canonical dumps), `streams.json` (SHA-256 of the
server-sent events of every generation), `parked.json` (records that make no rows, and why).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.streaming.frames import EventFrames
from api.streaming.sources import FinishedSource
from projections.registry import PROJECTIONS
from projections.replay.dump import line_of
from projections.replay.folding import Parked, RecordFold
from projections.replay.merged import Source
from projections.replay.ring import Span
from projections.replay.spool import Spool
from schemas.codec import UndecodableRecord, decode
from schemas.envelope import Position
from schemas.generation import GenerationRecord
from schemas.outcome import Outcome
from topics.catalogue import TOKEN_CHUNKS, catalogue
from topics.generation_fold import GenerationFold
from topics.log import RawRecord
from topics.outcomes import outcome_of
from topics.scan import generation_of

HISTORIES = Path(__file__).parent / "recorded"
TOPICS = catalogue()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a log comes to, as the files of its folder: by name, their bytes."""

    files: dict[str, bytes]


def read_log(folder: Path) -> list[RawRecord]:
    """The records of a history, as they stood in the log."""
    return [_from_line(json.loads(line)) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]


def write_log(folder: Path, records: Iterable[RawRecord]) -> None:
    """Keep records for good, in the order of their places."""
    folder.mkdir(parents=True)
    ordered = sorted(records, key=lambda raw: (raw.topic, raw.partition, raw.offset))
    (folder / "log.jsonl").write_text("".join(json.dumps(_to_line(raw)) + "\n" for raw in ordered), "utf-8")


def _to_line(raw: RawRecord) -> dict[str, Any]:
    return {
        "topic": raw.topic,
        "partition": raw.partition,
        "offset": raw.offset,
        "timestamp_ms": raw.timestamp_ms,
        "key": None if raw.key is None else raw.key.decode(),
        "value": None if raw.value is None else base64.b64encode(raw.value).decode(),
    }


def _from_line(line: dict[str, Any]) -> RawRecord:
    key, value = line["key"], line["value"]
    return RawRecord(
        line["topic"],
        line["partition"],
        line["offset"],
        line["timestamp_ms"],
        None if key is None else key.encode(),
        None if value is None else base64.b64decode(value),
    )


def replayed(records: list[RawRecord], scratch: Path) -> Replayed:
    """What today's code makes of a log."""
    files: dict[str, bytes] = {}
    parked: dict[tuple[str, int, int], str] = {}
    for projection in PROJECTIONS:
        fold = RecordFold(projection, TOPICS)
        spool = Spool(scratch / projection.name, projection.tables, Span(), "history")
        for raw in records:
            if raw.topic not in projection.topics:
                continue
            changes = fold.changes(raw)
            if isinstance(changes, Parked):
                parked[changes.topic, changes.partition, changes.offset] = changes.reason
            else:
                spool.add(changes, Source(raw.topic, raw.partition, raw.offset))
        spool.save()
        lines = [line_of(table, key, cells) for table in projection.tables for _, key, cells in spool.rows(table)]
        spool.discard()
        files[f"dumps/{projection.name}.jsonl"] = b"".join(lines)
    listed = [[*place, reason] for place, reason in sorted(parked.items())]
    files["parked.json"] = _json(listed)
    files["streams.json"] = _json(dict(sorted(_streams(records))))
    return Replayed(files)


def _streams(records: list[RawRecord]) -> Iterator[tuple[str, str]]:
    """Of every generation that has ended the digest of its stream: read from its chunks, and from its outcome."""
    folds: dict[str, GenerationFold] = {}
    outcomes: dict[str, Outcome] = {}
    for raw in records:
        try:
            record = decode(raw.value)
        except UndecodableRecord:
            continue
        if raw.topic == TOKEN_CHUNKS and isinstance(record, GenerationRecord):
            fold = folds.setdefault(generation_of(record), GenerationFold())
            fold.apply(record, Position(TOPICS[TOKEN_CHUNKS].epoch, raw.partition, raw.offset))
        elif isinstance(record, Outcome):
            outcomes.setdefault(record.turn.generation_id, record)
    for generation, fold in folds.items():
        if fold.finished:
            digest = _transcript(outcome_of(fold))
            assert generation not in outcomes or digest == _transcript(outcomes[generation])
            yield generation, digest
    for generation, outcome in outcomes.items():
        if generation not in folds:
            yield generation, _transcript(outcome)


def _transcript(outcome: Outcome) -> str:
    """The SHA-256 of the server-sent events of a generation, of all from the first to the last."""
    source, frames = FinishedSource(outcome), EventFrames()
    assert source.turn is not None and source.ending is not None
    content = [frames.start(source.turn, source.started_at_us)]
    content += frames.chunks(source.pieces, 0, len(source.pieces))
    content.append(frames.end(source.ending, len(source.pieces) + 1))
    return hashlib.sha256(b"".join(content)).hexdigest()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=True) + "\n").encode()
