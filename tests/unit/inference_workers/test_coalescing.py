"""What leaves when: at once when calm, all together when busy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference_workers.coalescing import MAX_LOGPROBS_CHARS, Gathered, Pipe
from schemas.parts import ChunkPart


def test_the_first_leaves_at_once_and_the_rest_with_its_acknowledgement() -> None:
    pipe = Pipe()
    assert pipe.arrived()
    pipe.sent(1)
    assert not pipe.arrived()
    assert not pipe.arrived()
    assert pipe.acknowledged()
    pipe.sent(2)
    assert not pipe.acknowledged()  # one of two
    assert not pipe.acknowledged()  # nothing waits
    assert pipe.arrived()


def test_a_burst_of_nothing_closes_nothing() -> None:
    pipe = Pipe()
    assert pipe.arrived()
    pipe.sent(0)
    assert pipe.arrived()


@given(st.lists(st.sampled_from(["arrive", "acknowledge"]), max_size=60))
def test_nothing_is_sent_while_anything_is_under_way_and_nothing_is_left_behind(steps: list[str]) -> None:
    pipe, waiting, under_way = Pipe(), 0, 0

    def burst() -> None:
        nonlocal waiting, under_way
        assert under_way == 0
        pipe.sent(waiting)
        waiting, under_way = 0, waiting

    for step in [*steps, *["acknowledge"] * 200]:
        if step == "arrive":
            waiting += 1
            if pipe.arrived():
                burst()
        elif under_way:
            under_way -= 1
            if pipe.acknowledged():
                burst()
    assert (waiting, under_way) == (0, 0)


def test_text_gathers_into_one_record() -> None:
    gathered = Gathered()
    assert not gathered
    gathered.put("a", 1)
    gathered.put("b", 2)
    assert gathered
    assert gathered.take() == ((None, "ab", 3, ""),)
    assert not gathered
    gathered.put("c", 1)
    assert gathered.take() == ((None, "c", 1, ""),)


def test_parts_are_never_joined_and_a_call_says_once_which_it_is() -> None:
    gathered = Gathered()
    gathered.put("a", 1)
    first = ChunkPart(1, "tool_call", "call_1", "f")
    gathered.turn_to(first)
    gathered.put("", 1)
    assert gathered.take() == [(None, "a", 1, ""), (first, "", 1, "")]
    gathered.put("{", 1)
    gathered.put("}", 1)
    second = ChunkPart(2, "tool_call", "call_2", "f")
    gathered.turn_to(second)
    gathered.put("", 0)
    gathered.put("{}", 1)
    assert gathered.take() == [(ChunkPart(1, "tool_call"), "{}", 2, ""), (second, "{}", 1, "")]
    assert not gathered


def test_logprobs_are_joined_up_to_what_a_record_holds() -> None:
    gathered = Gathered()
    gathered.put_told("a", 1, '[{"token": "a"}]')
    gathered.put_told("", 1, "[]")
    gathered.put_told("b", 1, '[{"token": "b"}]')
    gathered.put("c", 1)
    assert gathered.take() == ((None, "abc", 4, '[{"token": "a"},{"token": "b"}]'),)
    large = f'["{"x" * (MAX_LOGPROBS_CHARS // 2)}"]'
    for text in "ab":
        gathered.put_told(text, 1, large)
    assert gathered.take() == [(None, "a", 1, large), (None, "b", 1, large)]
