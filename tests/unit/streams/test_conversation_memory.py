"""What the agent remembers is bounded and never contradicts the order of what it read."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.conversation import ChatMessage
from schemas.envelope import plain
from schemas.price import Price
from schemas.turns import turn_of
from streams.conversation.counting import RememberedCounts
from streams.conversation.memory import Begun, Memory
from tests.records import CAUSE, NOW_US, prompt

PRICE = Price("v", "USD", 1, 1, 1)


def test_a_deleted_conversation_stays_deleted() -> None:
    memory = Memory()
    memory.started("c", "be brief")
    known = memory.beginning("c")
    assert known is not None and (known.system_prompt, known.deleted) == ("be brief", False)
    memory.deleted("c")
    memory.started("c", "again")
    known = memory.beginning("c")
    assert known is not None and known.deleted


def test_only_turns_within_their_deadlines_may_still_run() -> None:
    memory = Memory()
    for number in range(3):
        turn = turn_of(prompt(generation_id=f"g{number}"), CAUSE, PRICE)
        memory.begun(f"g{number}", Begun(turn, NOW_US + number))
    memory.begun("nothing began", None)
    assert [turn.generation_id for turn in memory.running("conversation", NOW_US)] == ["g1", "g2"]
    assert memory.running("another", NOW_US) == ()
    assert memory.has_begun("g0") and memory.has_begun("nothing began") and not memory.has_begun("g9")


class CountedLetters:
    """One token a letter; notes what it was asked."""

    frame = 3

    def __init__(self) -> None:
        self.asked: list[str] = []

    def count_message(self, message: ChatMessage) -> int:
        self.asked.append(plain(message.content))
        return len(plain(message.content)) + len(message.role)

    def count_messages(self, messages: Sequence[ChatMessage]) -> int:
        return self.frame + sum(map(self.count_message, messages))


@given(st.lists(st.tuples(st.sampled_from(("user", "tool")), st.text(max_size=5), st.none() | st.text(max_size=2))))
def test_remembered_counts_are_the_counters_own(messages: list[tuple[str, str, str | None]]) -> None:
    asked = [ChatMessage(*message) for message in messages]
    remembered = RememberedCounts(CountedLetters())
    assert (
        remembered.count_messages(asked) == remembered.count_messages(asked) == CountedLetters().count_messages(asked)
    )


def test_a_message_is_counted_once_while_it_is_remembered() -> None:
    counter = CountedLetters()
    remembered = RememberedCounts(counter, most=2)
    for text in ("a", "b", "a", "b", "c", "a"):
        remembered.count_message(ChatMessage("user", text))
    assert counter.asked == ["a", "b", "c", "a"]
