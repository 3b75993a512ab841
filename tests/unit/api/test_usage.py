"""Usage as both surfaces say it: what is new is said only where there is something to say."""

from __future__ import annotations

from api.openai.shapes import completion_usage
from api.streaming.frames import usage_json
from schemas.price import Usage

PLAIN = Usage(7, 5, 2)
OURS = Usage(7, 5, 2, reasoning_tokens=3, estimated=True)


def test_usage_of_an_older_answer_is_what_it_was() -> None:
    assert usage_json(PLAIN) == {"promptTokens": 7, "completionTokens": 5, "cachedTokens": 2}
    assert "estimated" not in completion_usage(PLAIN)
    assert completion_usage(PLAIN)["completion_tokens_details"]["reasoning_tokens"] == 0


def test_reasoning_and_estimates_are_told() -> None:
    said = usage_json(OURS)
    assert said == usage_json(PLAIN) | {"reasoningTokens": 3, "estimated": True}
    theirs = completion_usage(OURS)
    assert theirs["estimated"] is True
    assert theirs["completion_tokens_details"]["reasoning_tokens"] == 3
    assert theirs["total_tokens"] == 12
