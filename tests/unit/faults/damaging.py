"""How a run is damaged: a record changed or left out, a frame shown otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.faults.evidence import Acked, Frame, LogRecord
from tests.unit.faults.good_run import Run, good_run

FIRST, SECOND, ALONE, HELD = (
    entry.generation_id for entry in good_run().journal if isinstance(entry, Acked)
)  # "first", "second", "alone" and "held" of the good run

Damage = Callable[[Run], None]


def edit(run: Run, change: Callable[[LogRecord], Any], found: Callable[[LogRecord], bool]) -> None:
    """Change the first record that is found."""
    hits = [index for index, entry in enumerate(run.log) if found(entry)]
    assert hits, "nothing to damage"
    run.log[hits[0]] = replace(run.log[hits[0]], record=change(run.log[hits[0]]))


def drop(run: Run, found: Callable[[LogRecord], bool]) -> None:
    """Leave out every record that is found."""
    before = len(run.log)
    run.log[:] = [entry for entry in run.log if not found(entry)]
    assert len(run.log) < before, "nothing to drop"


def of(generation: str, *types: type) -> Callable[[LogRecord], bool]:
    """What finds the records of these types of a generation."""

    def found(entry: LogRecord) -> bool:
        record = entry.record
        turn = getattr(record, "turn", None)
        own = turn.generation_id if turn is not None else getattr(record, "generation_id", None)
        return isinstance(record, types) and own == generation

    return found


def frame_at(run: Run, reader: str, seq: int) -> int:
    """Where in the journal a reader was shown this frame."""
    return next(
        index
        for index, entry in enumerate(run.journal)
        if isinstance(entry, Frame) and (entry.reader, entry.seq) == (reader, seq)
    )


def reframe(run: Run, reader: str, seq: int, **changes: Any) -> None:
    """Have a reader shown another frame."""
    at = frame_at(run, reader, seq)
    entry = run.journal[at]
    assert isinstance(entry, Frame)
    run.journal[at] = replace(entry, **changes)
