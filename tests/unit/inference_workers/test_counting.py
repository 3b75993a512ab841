"""Which counts are believed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference_workers.counting import RUNAWAY_FACTOR, SLACK_TOKENS, counted_usage, runaway_at
from inference_workers.ports import Finish
from schemas.limits import MAX_TOKENS
from schemas.price import Usage

CONTEXT, ASKED = 4096, 100
ints = st.one_of(st.integers(-10, 5000), st.integers(-(2**70), 2**70), st.sampled_from((2**31 - 1, 2**63, 2**64 - 1)))


def counted(finish: Finish | None, *, thought: int = 0, before: int = 0) -> Usage:
    return counted_usage(
        finish, prompt=9, said=5, thought=thought, before=before, max_tokens=ASKED, context_tokens=CONTEXT
    )


@given(
    told=st.none() | st.builds(Finish, st.just("stop"), *[st.none() | ints] * 4),
    own=st.tuples(ints, ints, ints, ints),
    resumed=st.booleans(),
    asked=ints,
    context=ints,
)
def test_a_usage_can_always_be_recorded_and_is_possible(
    told: Finish | None, own: tuple[int, int, int, int], resumed: bool, asked: int, context: int
) -> None:
    prompt, said, thought, before = own
    usage = counted_usage(
        told,
        prompt=prompt,
        said=said,
        thought=thought,
        before=before,
        resumed=resumed,
        max_tokens=asked,
        context_tokens=context,
    )
    assert 0 <= usage.cached_tokens <= usage.prompt_tokens <= MAX_TOKENS
    assert 0 <= usage.reasoning_tokens <= usage.completion_tokens <= MAX_TOKENS
    assert usage.completion_tokens <= max(before, 0) + max(asked, 1) + SLACK_TOKENS
    if usage.prompt_tokens not in (prompt, 0, MAX_TOKENS):
        assert usage.prompt_tokens <= context
    if told is None or told.prompt_tokens is None or told.completion_tokens is None or resumed:
        assert usage.estimated


def test_what_an_engine_tells_stands_as_it_is() -> None:
    assert counted(Finish("stop", 17, 4, 3, 2)) == Usage(17, 4, 3, 2)
    assert counted(Finish("length", CONTEXT, ASKED + SLACK_TOKENS, 0)) == Usage(CONTEXT, ASKED + SLACK_TOKENS)


def test_what_cannot_be_true_is_our_own_count_and_said_to_be() -> None:
    assert counted(Finish("stop", 3_000_000_000, 4)) == Usage(9, 4, estimated=True)
    assert counted(Finish("stop", 17, 2**63 - 1)) == Usage(17, 5, estimated=True)
    assert counted(Finish("stop", CONTEXT + 1, ASKED + SLACK_TOKENS + 1)) == Usage(9, 5, estimated=True)
    assert counted(Finish("stop", 17, 4, 18)) == Usage(17, 4, 0, estimated=True)
    assert counted(Finish("stop", 17, 4, 0, 5), thought=1) == Usage(17, 4, 0, 1, estimated=True)
    assert counted(Finish("stop", 17, 0)) == Usage(17, 5, estimated=True)


def test_what_is_not_told_is_our_own_count() -> None:
    assert counted(None) == counted(Finish("stop")) == Usage(9, 5, estimated=True)
    assert counted(None, thought=3) == Usage(9, 8, 0, 3, estimated=True)


def test_a_resumed_attempt_keeps_the_first_count_of_the_prompt() -> None:
    assert counted(Finish("stop", 30, 4, 20), before=7) == Usage(9, 11, estimated=True)


def test_an_engine_is_stopped_only_far_beyond_what_was_asked() -> None:
    assert runaway_at(ASKED) == ASKED * RUNAWAY_FACTOR + SLACK_TOKENS
    assert runaway_at(0) == runaway_at(-5) == RUNAWAY_FACTOR + SLACK_TOKENS
