"""The checker's own reading of answers in parts says what the fold says."""

from __future__ import annotations

from schemas.codec import decode
from schemas.envelope import Position
from schemas.generation import GenerationRecord
from schemas.parts import visible_text
from tests.faults.accepted import accepted
from tests.histories.history import HISTORIES, read_log
from topics.catalogue import TOKEN_CHUNKS
from topics.generation_fold import GenerationFold
from topics.scan import generation_of


def test_text_digest_and_end_of_every_answer_of_the_history_are_those_of_the_fold() -> None:
    found: dict[str, list[GenerationRecord]] = {}
    for raw in read_log(HISTORIES / "parts"):
        record = decode(raw.value)
        if raw.topic == TOKEN_CHUNKS and isinstance(record, GenerationRecord):
            found.setdefault(generation_of(record), []).append(record)
    assert len(found) > 8
    kinds = set()
    for records in found.values():
        fold, reading = GenerationFold(), accepted(records)
        for offset, record in enumerate(records):
            fold.apply(record, Position(0, 0, offset))
        assert fold.finished
        assert (reading.text, reading.sha256, reading.end) == (fold.text, fold.sha256, fold.end)
        assert reading.visible == visible_text(fold.text, fold.parts)
        kinds |= {part.kind for part in fold.parts}
    assert kinds == {"reasoning", "text", "tool_call", "refusal"}
