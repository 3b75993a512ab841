from __future__ import annotations

from dataclasses import replace
from typing import Literal

from projections.messages.chain import Chain
from projections.messages.hidden import NOTHING, Hidden
from projections.messages.rows import AppendedRow, MessageRow, SaidRow, TurnRow
from schemas.conversation import ChatMessage
from schemas.parts import ContentPart, PartText

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


def walked(leaf: str, *turns: SaidRow, most: int = 100) -> Chain:
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


def appended(n: int, parent: str | None, *texts: str) -> AppendedRow:
    """Row n: messages m<n>.0 and on, in turn of the user and the assistant."""
    found = []
    for k, text in enumerate(texts):
        role = "assistant" if k % 2 else "user"
        found.append(MessageRow(f"m{n}.{k}", "c", role, n, parent, text, (), "", n, "completed", appended=True))
        parent = f"m{n}.{k}"
    return AppendedRow(n, tuple(found))


def test_appended_messages_stand_in_the_chain_and_may_be_followed() -> None:
    rows = (turn(1, None), appended(2, "a1", "by hand", "so", "and"), turn(3, "m2.2"), turn(4, "m2.1"))
    assert said(walked("a3", *rows)) == ["prompt 1", "answer 1", "by hand", "so", "and", "prompt 3", "answer 3"]
    assert said(walked("a4", *rows)) == ["prompt 1", "answer 1", "by hand", "so", "prompt 4", "answer 4"]
    assert said(walked("m2.1", *rows)) == ["prompt 1", "answer 1", "by hand", "so"]
    assert [message.role for message in walked("m2.1", *rows).messages] == ["user", "assistant"] * 2


def called(n: int, parent: str | None) -> TurnRow:
    """Turn n, whose answer calls a function."""
    plain = turn(n, parent)
    call = PartText("tool_call", "{}", f"call-{n}", "look")
    return replace(plain, reply=replace(plain.reply, content="", parts=(PartText("reasoning", "hm"), call)))


def results(n: int, parent: str, *of: int) -> TurnRow:
    """Turn n, whose prompt brings results of calls."""
    plain = turn(n, parent)
    assert plain.prompt is not None
    brought = tuple(ChatMessage("tool", "", None, (ContentPart("tool_result", "42", f"call-{k}"),)) for k in of)
    return replace(plain, prompt=replace(plain.prompt, content="", messages=brought))


def test_a_round_of_tools_comes_back_as_calls_and_results_without_the_reasoning() -> None:
    chain = walked("a2", called(1, None), results(2, "a1", 1))
    assert chain.messages == (
        ChatMessage("user", "prompt 1"),
        ChatMessage("assistant", "", None, (ContentPart("tool_call", "{}", "call-1", "look"),)),
        ChatMessage("tool", "", None, (ContentPart("tool_result", "42", "call-1"),)),
        ChatMessage("assistant", "answer 2"),
    )


def test_a_deleted_message_is_told_to_nobody_and_a_deleted_answer_stays_in_what_follows() -> None:
    chain = walked("a3", turn(1, None), turn(2, "a1"), turn(3, "a2"))
    told, _ = chain.told(Hidden(frozenset({"p1", "a2"}), frozenset({"p1"})))
    assert [message.content for message in told] == ["answer 1", "prompt 2", "answer 2", "prompt 3", "answer 3"]
    assert chain.told(Hidden(frozenset({"a2"}))) == (chain.messages, False)


def test_with_a_deleted_call_its_result_goes_too() -> None:
    chain = walked("a2", called(1, None), results(2, "a1", 1))
    told, _ = chain.told(Hidden(frozenset({"a1"}), frozenset({"a1"})))
    assert [message.content for message in told] == ["prompt 1", "answer 2"]


def told(chain: Chain) -> tuple[list[str], bool]:
    messages, unanswered = chain.told()
    return [str(message.content) for message in messages], unanswered


def test_a_prompt_without_an_answer_is_told_with_the_next_one() -> None:
    failed, stopped = turn(1, None, "failed", ""), turn(2, "a1", "cancelled", "")
    assert told(walked("a3", failed, stopped, turn(3, "a2"))) == (
        ["prompt 1\n\nprompt 2\n\nprompt 3", "answer 3"],
        False,
    )
    assert told(walked("p3", failed, turn(2, "a1"), turn(3, "a2"))) == (
        ["prompt 1\n\nprompt 2", "answer 2", "prompt 3"],
        True,
    )
    assert told(walked("a2", failed, stopped)) == (["prompt 1\n\nprompt 2"], True)
    assert told(walked("a1", turn(1, None, "failed", "half"))) == (["prompt 1", "half"], False)
    assert told(walked("a3", turn(1, None, "refused"), stopped, turn(3, "a2"))) == (
        ["prompt 2\n\nprompt 3", "answer 3"],
        False,
    )


def test_thinking_in_the_text_is_told_to_nobody_and_nothing_else_is_no_answer() -> None:
    thought, cut = turn(1, None, answer="<think>hm</think>\n\nseven"), turn(2, "a1", "completed", "<think>hm, hm")
    assert told(walked("a3", thought, cut, turn(3, "a2"))) == (
        ["prompt 1", "seven", "prompt 2\n\nprompt 3", "answer 3"],
        False,
    )
    brought = appended(1, None, "<think>mine</think>", "<think>hm</think>so", "and", "<think>hm")
    assert told(walked("a2", brought, turn(2, "m1.3"))) == (
        ["<think>mine</think>", "so", "and\n\nprompt 2", "answer 2"],
        False,
    )


def test_what_a_request_put_side_by_side_stays_so() -> None:
    several = (ChatMessage("user", "one"), ChatMessage("user", "two"))
    first = turn(1, None, "failed", "")
    assert first.prompt is not None
    first = replace(first, prompt=replace(first.prompt, content="two", messages=several))
    assert told(walked("a2", first, turn(2, "a1"))) == (["one", "two\n\nprompt 2", "answer 2"], False)


def test_what_was_put_in_without_an_answer_is_told_with_the_next_prompt() -> None:
    brought = appended(1, None, "one", "", "two")
    assert told(walked("a2", brought, turn(2, "m1.2"))) == (["one\n\ntwo\n\nprompt 2", "answer 2"], False)
    assert told(walked("m1.2", brought)) == (["one\n\ntwo"], True)
    rows = [replace(message, role="user") for message in appended(1, None, "one", "two").messages]
    assert told(walked("m1.1", AppendedRow(1, tuple(rows)))) == (["one", "two"], True)


def test_a_prompt_of_parts_is_told_with_the_next_one_too() -> None:
    picture = ContentPart("image", sha256="0" * 64, media_type="image/png", size_bytes=3)
    asked = (ChatMessage("user", "", None, (ContentPart("text", "what is it?"), picture)),)
    first = turn(1, None, "failed", "")
    assert first.prompt is not None
    first = replace(first, prompt=replace(first.prompt, content="what is it?", messages=asked))
    messages, _ = walked("a2", first, turn(2, "a1")).told()
    assert messages[0].parts == (
        ContentPart("text", "what is it?"),
        picture,
        ContentPart("text", "\n\n"),
        ContentPart("text", "prompt 2"),
    )
    assert len(messages) == 2


def test_a_prompt_whose_answer_was_deleted_for_engines_is_told_with_the_next_one() -> None:
    chain = walked("a2", turn(1, None), turn(2, "a1"))
    messages, _ = chain.told(Hidden(frozenset({"a1"}), frozenset({"a1"})))
    assert [message.content for message in messages] == ["prompt 1\n\nprompt 2", "answer 2"]


def unjudged(chain: Chain, hidden: Hidden = NOTHING) -> list[str]:
    return [str(message.content) for message in chain.unjudged(hidden)]


def test_what_was_appended_is_unjudged_until_an_answer_completes_behind_it() -> None:
    brought = appended(1, None, "by hand", "so")
    assert unjudged(walked("m1.1", brought)) == ["by hand", "so"]
    statuses: tuple[Status, ...] = ("refused", "failed", "cancelled")
    for status in statuses:
        assert unjudged(walked("a3", brought, turn(2, "m1.1", status), turn(3, "a2"))) == []
        assert unjudged(walked("a2", brought, turn(2, "m1.1", status))) == ["by hand", "so"]
    assert unjudged(walked("a2", brought, turn(2, "m1.1"))) == []
    later = appended(3, "a2", "again")
    assert unjudged(walked("m3.0", brought, turn(2, "m1.1"), later)) == ["again"]


def test_a_deleted_message_needs_no_verdict() -> None:
    chain = walked("m1.1", appended(1, None, "by hand", "so"))
    assert unjudged(chain, Hidden(frozenset({"m1.0"}), frozenset({"m1.0"}))) == ["so"]


def test_of_an_appended_answer_reasoning_is_not_told_and_one_without_anything_else_is_left_out() -> None:
    thought, text = ContentPart("reasoning", "hm"), ContentPart("text", "so")
    of = appended(1, None, "one", "", "two", "", "three", "")
    said = ChatMessage("assistant", "", None, (thought, text))
    only_thought = ChatMessage("assistant", "", None, (thought,))
    messages = (
        of.messages[0],
        replace(of.messages[1], messages=(said,)),
        of.messages[2],
        replace(of.messages[3], messages=(only_thought,)),
        *of.messages[4:],
    )
    chain = walked("m1.5", AppendedRow(1, messages))
    assert [(each.role, each.content) for each in chain.messages] == [
        ("user", "one"), ("assistant", "so"), ("user", "two"), ("user", "three"),
    ]  # fmt: skip
