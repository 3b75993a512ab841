"""The checker's own reading of a generation agrees with the rules written word for word, on every damaged log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.generation import FinishReason, GenerationRecord, TokenChunk
from tests.faults.accepted import accepted
from tests.generation_logs import chunk, ended, naive_reading, started, stopped

ATTEMPTS = ("a", "b", "c")
FINISHES: tuple[FinishReason, ...] = ("stop", "failed", "handed_over")


@st.composite
def logs(draw: st.DrawFn) -> list[GenerationRecord]:
    """Writers that mostly do the right thing, and zombies, repeats and gaps among them."""
    log: list[GenerationRecord] = []
    for _ in range(draw(st.integers(0, 14))):
        now = naive_reading(log)
        attempt = now.owner if now.owner and draw(st.booleans()) else draw(st.sampled_from(ATTEMPTS))
        match draw(st.sampled_from(("start", "chunk", "chunk", "chunk", "end", "stop", "again"))):
            case "start":
                log.append(started(attempt, max(0, now.number + draw(st.sampled_from((-1, 0, 1, 1, 1, 2))))))
            case "chunk":
                log.append(chunk(attempt, max(1, now.last_seq + draw(st.sampled_from((-1, 0, 1, 1, 1, 1, 2))))))
            case "end":
                text = now.text if draw(st.integers(0, 3)) else now.text + "x"
                log.append(ended(attempt, now.last_seq, text, draw(st.sampled_from(FINISHES))))
            case "stop" if draw(st.integers(0, 3)) == 0:
                log.append(stopped())
            case "again" if log:
                log.append(draw(st.sampled_from(log)))
    return log


@given(logs())
def test_it_agrees_with_the_rules_word_for_word(log: list[GenerationRecord]) -> None:
    reading, naive = accepted(log), naive_reading(log)
    assert (reading.text, len(reading.chunks), reading.end) == (naive.text, naive.last_seq, naive.end)
    assert reading.usage == naive.usage
    assert len(reading.chunks) + len(reading.void) == sum(isinstance(record, TokenChunk) for record in log)


def test_a_void_chunk_says_why() -> None:
    log: list[GenerationRecord] = [
        started("a"),
        chunk("a", 1, "one"),
        chunk("a", 3, "three"),
        started("b", 2),
        chunk("a", 2, "zombie"),
        chunk("b", 2, "two"),
        stopped(),
        chunk("b", 3, "late"),
    ]
    reading = accepted(log)
    assert reading.text == "onetwo"
    assert [(void.chunk.delta, void.why) for void in reading.void] == [
        ("three", "out_of_sequence"),
        ("zombie", "not_owner"),
        ("late", "after_end"),
    ]
