"""Every record is handled, parked or left for the next process; nothing is acknowledged before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from infra.exits import EXIT_NEWER, exit_status
from schemas.codec import NewerRecord, UnencodableRecord, encode
from schemas.dead_letter import DeadLetter
from schemas.envelope import SealedContent
from streams.errors import GaveUp, Poison, Retry
from streams.faust import agents
from streams.faust.handlers import Source
from tests.unit.streams.consuming import FUTURE, NEWER, OTHER, USER, Agent, FlakyLog, Message, RefusingLog, failing
from topics.dead_letters import MAX_KEY_BYTES, PoisonRun
from topics.errors import LogUnavailable, RecordRefused, TooMuchPoison
from topics.vocabulary import NewerValue


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "FIRST_PAUSE_S", 0.0)


async def test_a_wanted_record_is_handled_with_its_source_then_acknowledged() -> None:
    agent = Agent()
    await agent.take(Message(1, encode(USER)), Message(2, encode(USER), key=None))
    (record, source), (_, later) = agent.handled
    assert record == USER
    assert (source.topic, source.partition, source.offset, source.key) == ("topic", 0, 1, b"u")
    assert (source.timestamp_us, source.maybe_repeat, later.maybe_repeat) == (12_500_000, True, False)
    assert agent.acknowledged == [1, 2]


async def test_other_types_are_acknowledged_undecoded() -> None:
    agent = Agent()
    damaged = encode(OTHER)[:7]
    await agent.take(Message(1, damaged), Message(2, encode(OTHER)))
    assert (agent.handled, agent.acknowledged, agent.log.sent) == ([], [1, 2], [])


@pytest.mark.parametrize(
    ("value", "error"),
    [(FUTURE, None), (b"", None), (None, None), (encode(USER)[:-1], None), (encode(USER), Poison("hopeless"))],
)
async def test_hopeless_records_are_parked_whole_and_then_acknowledged(
    value: bytes | None, error: Exception | None
) -> None:
    agent = Agent(failing(error) if error else None)
    await agent.take(Message(7, value, headers=[("h", b"v"), ("empty", None)]), Message(8, encode(USER)))
    ((topic, key, letter),) = agent.log.sent
    assert isinstance(letter, DeadLetter)
    assert (topic, key) == ("dead-letters", "u")
    assert (letter.topic, letter.partition, letter.offset, letter.consumer) == ("topic", 0, 7, "streams.agent")
    assert letter.value == value
    assert [(header.name, header.value) for header in letter.headers] == [("h", b"v"), ("empty", b"")]
    assert agent.acknowledged == [7, 8]


async def test_parking_the_same_record_again_gives_the_same_letter() -> None:
    first, again = Agent(), Agent()
    await first.take(Message(7, FUTURE))
    await again.take(Message(7, FUTURE))
    assert encode(first.log.sent[0][2]) == encode(again.log.sent[0][2])


async def test_sealed_content_without_its_key_is_parked() -> None:
    agent = Agent(failing(SealedContent("key")))
    await agent.take(Message(1, encode(USER)))
    assert len(agent.log.sent) == 1 and agent.acknowledged == [1]


async def test_what_is_away_is_tried_again_and_counts_as_a_repeat() -> None:
    agent = Agent(failing(Retry("away"), LogUnavailable("away"), OSError("away")), retry_on=(OSError,))
    await agent.take(Message(5, encode(USER)))
    assert [source.maybe_repeat for _, source in agent.handled] == [False, True, True, True]
    assert agent.acknowledged == [5]


async def test_a_dead_letter_that_is_not_taken_is_tried_again() -> None:
    agent = Agent(log=FlakyLog(failures=2))
    await agent.take(Message(5, FUTURE))
    assert len(agent.log.sent) == 1 and agent.acknowledged == [5]


async def test_what_stays_away_ends_the_process_unacknowledged() -> None:
    agent = Agent(failing(*[Retry("away")] * 3), give_up_s=-1.0)
    with pytest.raises(BaseExceptionGroup) as raised:
        await agent.take(Message(5, encode(USER)))
    assert raised.group_contains(GaveUp, match="topic/0/5")
    assert agent.acknowledged == []


async def test_an_unforeseen_error_ends_the_process_unacknowledged() -> None:
    agent = Agent(failing(ValueError("a bug")))
    with pytest.raises(BaseExceptionGroup) as raised:
        await agent.take(Message(5, encode(USER)), Message(6, encode(USER)))
    assert raised.group_contains(ValueError)
    assert agent.acknowledged == [] and len(agent.handled) == 1


async def test_while_stopping_nothing_is_tried_again_and_nothing_lost() -> None:
    agent = Agent(failing(Retry("away")))
    agent.stopping = True
    await agent.take(Message(5, encode(USER)), Message(6, encode(USER)))
    assert len(agent.handled) == 2
    assert agent.acknowledged == []  # 6 is done, but 5 stands before it


@pytest.mark.parametrize(
    "error", [RecordRefused("too large"), UnencodableRecord("does not fit"), SealedContent("k"), Poison("hopeless")]
)
async def test_a_record_that_leads_to_what_cannot_be_written_is_parked_and_the_rest_goes_on(error: Exception) -> None:
    agent = Agent(failing(error))
    await agent.take(Message(7, encode(USER)), Message(8, encode(USER)))
    ((_, _, letter),) = agent.log.sent
    assert (letter.offset, letter.error_type, letter.value) == (7, type(error).__name__, encode(USER))
    assert agent.acknowledged == [7, 8]


async def test_a_newer_record_ends_the_process_unacknowledged_and_unparked() -> None:
    agent = Agent()
    with pytest.raises(BaseExceptionGroup) as raised:
        await agent.take(Message(1, encode(USER)), Message(2, NEWER), Message(3, encode(USER)))
    assert raised.group_contains(NewerRecord, match="upgrade")
    assert exit_status(raised.value) == EXIT_NEWER
    assert (agent.acknowledged, agent.log.sent) == ([1], [])


async def test_a_newer_word_that_a_handler_meets_ends_the_process_likewise() -> None:
    agent = Agent(failing(NewerValue("the kind", "draft")))
    with pytest.raises(BaseExceptionGroup) as raised:
        await agent.take(Message(1, encode(USER)))
    assert raised.group_contains(NewerRecord)
    assert (agent.acknowledged, agent.log.sent) == ([], [])


async def test_a_letter_that_is_refused_holds_nothing_up() -> None:
    agent = Agent(failing(Poison("hopeless")), log=RefusingLog())
    await agent.take(Message(7, encode(USER)), Message(8, encode(USER)))
    assert agent.acknowledged == [7, 8]


async def test_what_is_held_may_be_parked_later_once_the_log_is_there_and_is_acknowledged_then() -> None:
    agent = Agent(holds=True, log=FlakyLog(failures=2))
    await agent.take(Message(7, encode(USER)))
    ((_, source),) = agent.handled
    await source.park(ValueError("the store refuses it"))
    ((_, _, letter),) = agent.log.sent
    assert (letter.offset, letter.key, letter.value, letter.error_type) == (7, b"u", None, "ValueError")
    assert "read it at its offset" in letter.reason
    assert agent.acknowledged == [7]


async def test_a_key_of_megabytes_is_parked_within_the_limits() -> None:
    agent = Agent()
    await agent.take(Message(7, b"garbage", key=b"\xff" * 2_000_000))
    ((_, key, letter),) = agent.log.sent
    assert len(key.encode()) < 4096 and len(letter.key) == MAX_KEY_BYTES and "2000000 bytes, is cut" in letter.reason


async def test_a_flood_of_poison_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "PoisonRun", lambda: PoisonRun(3))
    agent = Agent()
    await agent.take(Message(1, FUTURE), Message(2, FUTURE), Message(3, encode(USER)), Message(4, FUTURE))
    with pytest.raises(BaseExceptionGroup) as raised:
        await agent.take(Message(5, FUTURE), Message(6, FUTURE))
    assert raised.group_contains(TooMuchPoison, match="3 records in a row")
    assert agent.acknowledged == [1, 2, 3, 4, 5]


async def test_side_by_side_the_slow_one_holds_back_the_acknowledgements() -> None:
    slow = asyncio.Event()
    handled_others = asyncio.Event()

    async def handle(record: Any, source: Source) -> None:
        if source.offset == 1:
            await handled_others.wait()
            assert agent.acknowledged == []
            slow.set()
        elif source.offset == 3:
            handled_others.set()

    agent = Agent(handle)
    messages = [Message(offset, encode(USER), key=str(offset).encode()) for offset in (1, 2, 3)]
    await agent.take(*messages, most_in_flight=3)
    assert slow.is_set() and agent.acknowledged == [1, 2, 3]


async def test_holding_agents_acknowledge_themselves_and_keep_no_payload() -> None:
    agent = Agent(holds=True)
    message = Message(1, encode(USER))
    await agent.take(message, Message(2, encode(OTHER)), Message(3, FUTURE))
    assert agent.acknowledged == [] and message.value is None
    agent.handled[0][1].acknowledge()
    assert agent.acknowledged == [1, 2, 3]


async def test_a_handler_that_counts_them_is_told_of_what_it_never_gets() -> None:
    passed: list[int] = []

    class Counting:
        async def __call__(self, record: Any, source: Source) -> None:
            source.acknowledge()

        async def passed(self, topic: str, partition: int, offset: int, acknowledge: Callable[[], None]) -> None:
            assert (topic, partition) == ("topic", 0)
            passed.append(offset)
            acknowledge()

    agent = Agent(holds=True)
    agent.consumption._handler = Counting()
    agent.consumption._passed = agent.consumption._handler.passed
    await agent.take(Message(1, encode(USER)), Message(2, encode(OTHER)), Message(3, FUTURE), Message(4, b"garbage"))
    assert (passed, agent.acknowledged) == ([2, 3, 4], [1, 2, 3, 4])


@pytest.mark.parametrize("holds", [False, True])
async def test_another_logs_history_is_passed_over_and_acknowledged(holds: bool) -> None:
    agent = Agent(holds=holds)
    mark: list[tuple[str, bytes | None]] = [("event-id", b"e"), ("imported", b"sha:7")]
    await agent.take(Message(3, encode(USER), headers=mark), Message(4, FUTURE, headers=mark))
    assert (agent.handled, agent.acknowledged, agent.log.sent) == ([], [3, 4], [])


async def test_who_shows_history_gets_it() -> None:
    agent = Agent(imported=True)
    await agent.take(Message(3, encode(USER), headers=[("imported", b"sha:7")]))
    assert [record for record, _ in agent.handled] == [USER]


@pytest.mark.parametrize("holds", [False, True])
async def test_a_newer_record_that_an_operator_set_aside_is_passed_over(holds: bool) -> None:
    agent = Agent(holds=holds, set_aside=(1,))
    await agent.take(Message(1, NEWER))
    assert (agent.acknowledged, agent.handled, agent.log.sent) == ([1], [], [])
    with pytest.raises(ExceptionGroup) as raised:
        await agent.take(Message(2, NEWER))
    assert exit_status(raised.value) == EXIT_NEWER
    assert agent.acknowledged == [1]
