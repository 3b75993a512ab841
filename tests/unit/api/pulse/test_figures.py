"""The figures of the moment, from records alone."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pulse import figures as figures_module
from api.pulse.figures import ENDED_KEPT_MS, STALE_MS, Figures
from api.pulse.fleet import lags
from schemas.codec import encode
from schemas.dead_letter import DeadLetter, DeadLetterResolved
from schemas.envelope import Envelope, Position
from schemas.registry import registered_schemas
from tests.generation_logs import TURN, chunk, ended, started, stopped
from tests.records import title
from tests.unit.api.log_view.logged import outcome, prompt
from topics.catalogue import CONVERSATION_EVENTS, DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.log import RawRecord

NOW_MS = 1_763_700_100_000
ENVELOPE = Envelope("e", 0, None, "r", "system:x")


def figures(*records: tuple[int, str, Any]) -> Figures:
    """The figures after (milliseconds before now, topic, record)."""
    made = Figures()
    for offset, (before_ms, topic, record) in enumerate(records):
        value = record if isinstance(record, bytes) else encode(record)
        made.take(RawRecord(topic, 0, offset, NOW_MS - before_ms, b"k", value))
    return made


def test_nothing_is_nothing() -> None:
    assert Figures().snapshot(NOW_MS) == {
        "tokensPerS": 0.0,
        "promptsPerS": 0.0,
        "ttftMs": {"p50": None, "p99": None, "n": 0},
        "running": 0,
        "queued": 0,
    }


def test_a_prompt_waits_runs_and_ends() -> None:
    made = figures((3000, CONVERSATION_EVENTS, prompt()))
    assert (made.snapshot(NOW_MS)["queued"], made.snapshot(NOW_MS)["running"]) == (1, 0)
    made = figures((3000, CONVERSATION_EVENTS, prompt()), (2000, TOKEN_CHUNKS, started("a")))
    assert (made.snapshot(NOW_MS)["queued"], made.snapshot(NOW_MS)["running"]) == (0, 1)
    assert made.busy() == {"worker": 1}
    for end in (ended("a", 1, ""), stopped(), outcome()):
        made.take(RawRecord(TOKEN_CHUNKS, 0, 9, NOW_MS, b"k", encode(end)))
        assert (made.snapshot(NOW_MS)["running"], made.busy()) == (0, {})


def test_a_title_is_work_and_no_prompt() -> None:
    asked = title(generation_id=TURN.generation_id)
    made = figures(
        (3000, CONVERSATION_EVENTS, asked), (2900, TOKEN_CHUNKS, started("a")), (2000, TOKEN_CHUNKS, chunk("a", 1))
    )
    shown = made.snapshot(NOW_MS)
    assert (shown["promptsPerS"], shown["ttftMs"]["n"], shown["queued"], shown["running"]) == (0.0, 0, 0, 1)


def test_a_handed_over_answer_still_runs() -> None:
    made = figures((10, TOKEN_CHUNKS, started("a")), (5, TOKEN_CHUNKS, ended("a", 0, "", "handed_over")))
    assert made.snapshot(NOW_MS)["running"] == 1


def test_the_time_to_the_first_token_whatever_is_seen_first() -> None:
    asked, first = (3000, CONVERSATION_EVENTS, prompt()), (2750, TOKEN_CHUNKS, chunk("a", 1))
    for order in ((asked, first), (first, asked)):
        made = figures(*order, (2700, TOKEN_CHUNKS, chunk("a", 2)))
        assert made.snapshot(NOW_MS)["ttftMs"] == {"p50": 250, "p99": 250, "n": 1}
        assert made.snapshot(NOW_MS + 120_000)["ttftMs"]["n"] == 0


def test_after_a_look_back_only_the_last_minute_counts_however_it_was_read() -> None:
    """Partition by partition: a young answer may be read before old ones."""
    times_ms = [1000, 600_000, 90_000, 30_000, 70_000, 2000, 800_000]
    made = Figures()
    for number, before_ms in enumerate(times_ms):
        turn = replace(TURN, generation_id=f"g{number}")
        asked = replace(prompt(), generation_id=turn.generation_id)
        first = replace(chunk("a", 1), generation_id=turn.generation_id)
        for topic, record, at_ms in (
            (CONVERSATION_EVENTS, asked, NOW_MS - before_ms - 100 * (number + 1)),
            (TOKEN_CHUNKS, first, NOW_MS - before_ms),
        ):
            made.take(RawRecord(topic, 0, number, at_ms, b"k", encode(record)))
    assert made.snapshot(NOW_MS)["ttftMs"] == {"p50": 400, "p99": 600, "n": 3}
    assert made.snapshot(NOW_MS)["promptsPerS"] == 0.4
    assert made.snapshot(NOW_MS + 40_000)["ttftMs"]["n"] == 2


def test_of_too_many_answers_the_oldest_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_module, "MAX_TTFTS", 2)
    made = Figures()
    for number, before_ms in enumerate((1000, 30_000, 2000)):
        turn = replace(TURN, generation_id=f"g{number}")
        asked, first = (
            replace(prompt(), generation_id=turn.generation_id),
            replace(chunk("a", 1), generation_id=turn.generation_id),
        )
        made.take(RawRecord(CONVERSATION_EVENTS, 0, number, NOW_MS - before_ms - 100, b"k", encode(asked)))
        made.take(RawRecord(TOKEN_CHUNKS, 0, number, NOW_MS - before_ms, b"k", encode(first)))
    assert made.snapshot(NOW_MS + 10_000)["ttftMs"]["n"] == 2
    assert made.snapshot(NOW_MS + 40_000)["ttftMs"]["n"] == 2


def test_rates_are_those_of_the_last_whole_seconds() -> None:
    made = figures(*[(1000 * second, TOKEN_CHUNKS, chunk("a", 1, tokens=10)) for second in range(12)])
    assert made.snapshot(NOW_MS)["tokensPerS"] == 10.0
    assert made.snapshot(NOW_MS + 60_000)["tokensPerS"] == 0.0


def test_what_is_long_over_is_forgotten() -> None:
    made = figures((0, CONVERSATION_EVENTS, prompt()))
    assert made.snapshot(NOW_MS + STALE_MS + 1)["queued"] == 0
    made = figures((0, TOKEN_CHUNKS, stopped()))
    made.take(RawRecord(TOKEN_CHUNKS, 0, 1, NOW_MS, b"k", encode(chunk("a", 7))))
    assert made.snapshot(NOW_MS)["running"] == 0, "a late chunk of a zombie"
    made.snapshot(NOW_MS + ENDED_KEPT_MS + 1)
    assert made._generations.items() == ()


def test_open_letters() -> None:
    letter = DeadLetter(
        envelope=ENVELOPE,
        topic=TOKEN_CHUNKS,
        partition=0,
        offset=1,
        consumer="streams.recorder",
        error_type="X",
        reason="why",
        key=None,
        value=None,
        headers=(),
    )
    made = figures((9, DEAD_LETTERS, letter))
    assert made.open_letters() == 1
    resolved = DeadLetterResolved(ENVELOPE, Position(0, 0, 0), "dropped", "")
    made.take(RawRecord(DEAD_LETTERS, 0, 1, NOW_MS, b"k", encode(resolved)))
    assert made.open_letters() == 0


def test_what_a_newer_release_wrote_is_passed_over() -> None:
    newer = struct.pack(">bI", 0, max(registered_schemas()) + 1) + b"?"
    assert figures((100, TOKEN_CHUNKS, newer)).snapshot(NOW_MS)["running"] == 0


def test_damage_is_passed_over() -> None:
    assert figures((0, TOKEN_CHUNKS, b"\x00nonsense")).snapshot(NOW_MS)["running"] == 0


@given(st.randoms(use_true_random=False))
def test_the_order_of_topics_does_not_matter(shuffled: random.Random) -> None:
    parts: list[tuple[int, str, Any]] = [
        (3000, CONVERSATION_EVENTS, prompt()),
        (2500, TOKEN_CHUNKS, started("a")),
        (2000, TOKEN_CHUNKS, chunk("a", 1)),
        (1500, TOKEN_CHUNKS, ended("a", 1, "<a1>")),
        (1000, GENERATION_OUTCOMES, outcome()),
    ]
    expected = figures(*parts).snapshot(NOW_MS)
    shuffled.shuffle(parts)
    assert figures(*parts).snapshot(NOW_MS) == expected


def test_lag_is_summed_over_partitions() -> None:
    committed = {("t", 0): {"g": 5, "h": 9}, ("t", 1): {"g": 3}, ("u", 0): {"g": 1}, ("gone", 0): {"g": 1}}
    ends = {("t", 0): 8, ("t", 1): 3, ("u", 0): 0}
    assert lags(committed, ends) == {("g", "t"): 3, ("h", "t"): 0, ("g", "u"): 0}
