from __future__ import annotations

from dataclasses import replace
from typing import Literal

from projections.messages.chain import Chain
from projections.messages.rows import MessageRow, TurnRow
from schemas.conversation import ChatMessage

Status = Literal["running", "completed", "failed", "cancelled", "refused"]


def turn(
    n: int, parent: str | None, status: Status = "completed", answer: str | None = None, regenerates: int | None = None
) -> TurnRow:
    """Turn n: prompt p<n> and answer a<n>; or another answer to the prompt of turn `regenerates`."""
    content = f"answer {n}" if answer is None else answer
    reply = MessageRow(f"a{n}", "c", "assistant", n, f"p{n}", content, (), "m", n, status)
    if regenerates is not None:
        return TurnRow(n, f"a{n}", None, replace(reply, parent_message_id=f"p{regenerates}"))
    prompt = MessageRow(f"p{n}", "c", "user", n, parent, f"prompt {n}", (), "m", n, "completed")
    return TurnRow(n, f"a{n}", prompt, reply)


def walked(leaf: str, *turns: TurnRow, most: int = 100) -> Chain:
    chain = Chain(leaf, most)
    chain.take(sorted(turns, key=lambda t: -t.cause))
    return chain


def said(chain: Chain) -> list[str]:
    return [str(message.content) for message in chain.messages]


def test_a_straight_conversation_comes_whole_and_oldest_first() -> None:
    chain = walked("a2", turn(1, None), turn(2, "a1"))
    assert chain.finished
    assert chain.messages == (
        ChatMessage("user", "prompt 1"),
        ChatMessage("assistant", "answer 1"),
        ChatMessage("user", "prompt 2"),
        ChatMessage("assistant", "answer 2"),
    )


def test_branches_beside_the_chain_stay_out() -> None:
    chain = walked("a3", turn(1, None), turn(2, "a1"), turn(3, "a1"), turn(4, "a2"))
    assert said(chain) == ["prompt 1", "answer 1", "prompt 3", "answer 3"]


def test_another_answer_follows_the_prompt_it_answers() -> None:
    chain = walked("a4", turn(1, None), turn(2, "a1"), turn(3, None, regenerates=2), turn(4, "a3"))
    assert said(chain) == ["prompt 1", "answer 1", "prompt 2", "answer 3", "prompt 4", "answer 4"]


def test_another_answer_counts_though_the_first_one_is_running_or_refused() -> None:
    statuses: tuple[Status, ...] = ("running", "refused")
    for status in statuses:
        chain = walked("a3", turn(1, None), turn(2, "a1", status), turn(3, None, regenerates=2))
        assert said(chain) == ["prompt 1", "answer 1", "prompt 2", "answer 3"]


def test_a_running_answer_keeps_the_chain_open() -> None:
    chain = walked("a3", turn(1, None), turn(2, "a1", "running"), turn(3, "a2"))
    assert chain.is_open
    assert chain.finished


def test_what_was_refused_stays_out_with_its_prompt() -> None:
    chain = walked("a3", turn(1, None), turn(2, "a1", "refused"), turn(3, "a2"))
    assert said(chain) == ["prompt 1", "answer 1", "prompt 3", "answer 3"]
    refused_again = walked("a4", turn(1, None), turn(2, "a1"), turn(3, None, "refused", regenerates=2), turn(4, "a3"))
    assert said(refused_again) == ["prompt 1", "answer 1", "prompt 4", "answer 4"]


def test_an_answer_without_text_is_left_out_and_a_partial_one_kept() -> None:
    chain = walked("a3", turn(1, None, "failed", ""), turn(2, "a1", "cancelled", "half an"), turn(3, "a2"))
    assert said(chain) == ["prompt 1", "prompt 2", "half an", "prompt 3", "answer 3"]


def test_a_missing_parent_leaves_the_chain_unfinished() -> None:
    assert not walked("a3", turn(1, None), turn(3, "a2")).finished
    assert not walked("nobody", turn(1, None)).finished


def test_the_newest_messages_are_kept_and_the_cut_is_told() -> None:
    chain = walked("a3", turn(1, None), turn(2, "a1"), turn(3, "a2"), most=3)
    assert said(chain) == ["answer 2", "prompt 3", "answer 3"]
    assert chain.truncated
    exact = walked("a2", turn(1, None), turn(2, "a1"), most=4)
    assert len(exact.messages) == 4
    assert not exact.truncated


def test_a_prompt_as_the_leaf_stands_without_its_answer_however_that_stands() -> None:
    statuses: tuple[Status, ...] = ("completed", "running", "refused", "failed")
    for status in statuses:
        assert said(walked("p2", turn(1, None), turn(2, "a1", status))) == ["prompt 1", "answer 1", "prompt 2"]


def test_a_prompt_that_is_followed_directly_counts_by_its_own_answer() -> None:
    def followed(status: Status) -> Chain:
        return walked("a2", turn(1, None, status), turn(2, "p1"))

    assert said(followed("completed")) == ["prompt 1", "prompt 2", "answer 2"]
    assert said(followed("refused")) == ["prompt 2", "answer 2"]
    assert followed("running").is_open
