"""What a job, the log or a stall can do to a worker: the job has its end, its partition moves on, the others go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaError
from prometheus_client import REGISTRY

from inference_workers import attempt as attempt_module
from inference_workers import slots as slots_module
from inference_workers.letters import MAX_BURIALS
from inference_workers.parking import GIVE_UP_S
from inference_workers.ports import Delta, Finish
from inference_workers.slots import MAX_FAULTS
from infra.exits import EXIT_NEWER, exit_status
from infra.runtime.failures import leaves
from schemas.codec import NewerRecord, decode, encode
from schemas.conversation import ChatMessage, Sampling
from schemas.envelope import Position, Sealed
from schemas.generation import AttemptEnded, GenerationEnded, GenerationRequested, TokenChunk
from schemas.registry import registered_schemas
from tests.generation_logs import TURN, chunk
from tests.unit.inference_workers.memory_log import JOBS, ScriptedEngine, Shop, job_record
from topics.catalogue import DEAD_LETTERS, TOKEN_CHUNKS
from topics.dead_letters import MAX_POISON_IN_A_ROW
from topics.errors import FatalLogError, LogUnavailable, TooMuchPoison

GOOD = (Delta("Yes.", 1), Finish("stop", 9, 1, 0))
NEWER = b"\x00" + (max(registered_schemas()) + 1).to_bytes(4, "big") + b"?"


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def committed(shop: Shop, offset: int) -> bool:
    return shop.reader.committed.get((JOBS, 0)) == offset


def served(shop: Shop, *values: bytes | GenerationRequested) -> None:
    """Deliver these and wait until the worker is through with them all."""

    async def main() -> None:
        shop.deliver(*values)
        await shop.until(lambda: committed(shop, len(values)))

    shop.run(main)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"sampling": Sampling(max_tokens=-5)}, "invalid_request"),
        ({"turn": replace(TURN, model="no such model")}, "model_not_found"),
        ({"deadline_at_us": -(2**62)}, "deadline_exceeded"),
        ({"messages": (ChatMessage("user", Sealed("key", b"", b"")),)}, None),
        ({"prompt_tokens": -(2**63)}, None),
        ({"prompt_tokens": 2**63 - 1}, None),
        ({"first_token_timeout_ms": -(2**62), "inter_token_timeout_ms": 2**62}, None),
        ({"deadline_at_us": 2**62}, None),
        ({"messages": ()}, None),
    ],
)
def test_a_job_of_nonsense_has_its_end(changed: dict[str, Any], code: str | None) -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    served(shop, job_record(**changed))
    end = shop.log.fold().end
    assert isinstance(end, AttemptEnded)
    assert (end.failure.code if end.failure else None) == code
    assert shop.log.letters == []


def test_a_job_whose_start_cannot_be_recorded_is_given_up_and_the_next_one_is_served() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    record = job_record()
    huge = replace(record, turn=replace(record.turn, generation_id="huge", model="m" * 2_000_000))
    served(shop, huge, record)
    (letter,) = shop.log.letters
    assert (letter.topic, letter.offset, letter.consumer) == (JOBS, 0, "worker")
    ended = [each for each in shop.log.generation if isinstance(each, GenerationEnded)]
    assert [(each.turn.generation_id, each.reason) for each in ended] == [("huge", "failed")]
    assert [each.finish_reason for each in shop.log.generation if isinstance(each, AttemptEnded)] == ["stop"]


@pytest.mark.parametrize("refused", [KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), KafkaError(KafkaError.INVALID_RECORD)])
def test_a_chunk_that_the_broker_never_takes_ends_its_answer_as_failed(refused: KafkaError) -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    shop.log.refusal = lambda topic, value: refused if isinstance(decode(value), TokenChunk) else None
    served(shop, job_record())
    end = shop.log.fold().end
    assert isinstance(end, AttemptEnded)
    assert end.failure is not None
    assert (end.finish_reason, end.failure.code) == ("failed", "internal_error")
    assert len(shop.engine.calls) == attempt_module.MAX_TRIES_AT_FAULT


def test_an_end_that_the_broker_never_takes_leads_to_one_from_outside() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    refused = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    shop.log.refusal = lambda topic, value: refused if isinstance(decode(value), AttemptEnded) else None
    served(shop, job_record())
    end = shop.log.fold().end
    assert isinstance(end, GenerationEnded)
    assert end.reason == "failed"
    assert len(shop.log.letters) == 1


def test_a_job_that_a_worker_fails_at_is_tried_a_few_times_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    class Faulty(attempt_module.Attempt):
        async def run(self) -> None:
            tries.append(1)
            raise ZeroDivisionError

    monkeypatch.setattr(slots_module, "Attempt", Faulty)
    shop = Shop(ScriptedEngine(*GOOD))
    served(shop, job_record())
    assert len(tries) == MAX_FAULTS
    assert isinstance(shop.log.fold().end, GenerationEnded)
    assert [letter.reason.split(" (")[0] for letter in shop.log.letters] == ["ZeroDivisionError"]


def test_a_log_that_is_away_is_no_fault_of_the_job() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    left = [LogUnavailable("away")] * (MAX_FAULTS + 3)
    shop.log.refusal = lambda topic, value: left.pop() if left else None
    served(shop, job_record())
    assert shop.log.letters == []
    assert shop.log.fold().text == "Yes."


def test_a_producer_that_is_refused_for_good_ends_the_process() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    shop.log.refusal = lambda topic, value: FatalLogError("fenced") if isinstance(decode(value), TokenChunk) else None
    with pytest.raises(BaseExceptionGroup) as ended:
        served(shop, job_record())
    assert [type(leaf) for leaf in leaves(ended.value)] == [FatalLogError]
    assert shop.reader.committed == {}


def test_a_job_that_is_still_ours_after_a_stall_is_taken_up_again() -> None:
    """The loop stood still, so the reader's thread did not poll; the partition stays ours all the same."""
    shop = Shop(ScriptedEngine(*GOOD))

    async def main() -> None:
        shop.reader.in_touch = False
        shop.deliver(job_record(maybe_repeat=True))
        await asyncio.sleep(5)
        assert shop.log.generation == []
        shop.reader.in_touch = True
        await shop.until(lambda: committed(shop, 1), 30.0)

    shop.run(main)
    assert shop.log.fold().text == "Yes."


def test_a_job_that_comes_back_while_it_is_handed_over_is_taken_up_again() -> None:
    shop = Shop(ScriptedEngine(Delta("Yes.", 1), continues=True))

    async def never() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        shop.engine.events = (Delta("Yes", 1), never)
        shop.deliver(job_record())
        await asyncio.sleep(1)
        shop.log.ack_s = 0.5
        leaving = asyncio.ensure_future(shop.worker.partitions_revoked([(JOBS, 0)]))
        await asyncio.sleep(0.1)
        assert not leaving.done(), "it is being handed over"
        shop.worker.partitions_assigned({(JOBS, 0): 1})
        shop.deliver(job_record(), assigned=False)
        shop.engine.events = (Delta(".", 1), Finish("stop"))
        await leaving
        shop.worker.partitions_lost([])
        await shop.until(lambda: shop.log.fold().finished, 30.0)

    shop.run(main)
    assert shop.log.fold().text == "Yes."


def test_a_job_that_is_lost_while_the_log_is_away_comes_back_as_a_new_one() -> None:
    shop = Shop(ScriptedEngine(*GOOD))

    async def main() -> None:
        away = LogUnavailable("away")
        shop.log.refusal = lambda topic, value: away
        shop.deliver(job_record())
        await asyncio.sleep(0.5)
        shop.worker.partitions_lost([(JOBS, 0)])
        await asyncio.sleep(5)
        shop.log.refusal = lambda topic, value: None
        shop.deliver(job_record())
        await shop.until(lambda: committed(shop, 1), 30.0)

    shop.run(main)
    assert shop.log.fold().text == "Yes."


def test_a_tail_where_no_record_can_be_is_no_job() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    record = job_record()
    served(shop, replace(record, turn=replace(record.turn, tail=Position(0, 17, 0))), record)
    assert [letter.error_type for letter in shop.log.letters] == ["UndecodableRecord"]


def test_a_tail_beyond_the_end_is_read_from_the_end() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    record = job_record(maybe_repeat=True)
    served(shop, replace(record, turn=replace(record.turn, tail=Position(0, 0, 2**62))))
    assert shop.log.fold().text == "Yes."


def test_a_job_of_a_newer_release_ends_the_process_unacknowledged() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    with pytest.raises(BaseExceptionGroup) as ended:
        served(shop, NEWER)
    assert exit_status(ended.value) == EXIT_NEWER
    assert [type(leaf) for leaf in leaves(ended.value)] == [NewerRecord]
    assert (shop.reader.committed, shop.log.letters) == ({}, [])


def test_a_chunk_of_a_newer_release_ends_the_process_unacknowledged() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    shop.log.append(TOKEN_CHUNKS, b"conversation", NEWER)
    with pytest.raises(BaseExceptionGroup) as ended:
        served(shop, job_record(maybe_repeat=True))
    assert exit_status(ended.value) == EXIT_NEWER
    assert (shop.reader.committed, shop.log.letters) == ({}, [])


def test_newer_records_that_an_operator_has_set_aside_are_passed_over() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    shop.log.set_aside = {(JOBS, 0), (TOKEN_CHUNKS, 0)}
    shop.log.append(TOKEN_CHUNKS, b"conversation", NEWER)
    served(shop, NEWER, job_record(maybe_repeat=True))
    assert any(isinstance(record, AttemptEnded) for record in shop.log.generation)


def test_cancel_notices_and_outcomes_of_a_newer_release_are_passed_over() -> None:
    shop = Shop(ScriptedEngine(*GOOD))

    async def main() -> None:
        message: Any = shop.log.of("control")
        shop.log.append("control", b"conversation", NEWER)
        shop.worker.signals.on_control(message)
        shop.deliver(job_record())
        shop.worker.signals.on_outcomes(message)
        await shop.until(lambda: committed(shop, 1))

    shop.run(main)


def test_a_sealed_chunk_in_a_look_back_harms_nobody() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    shop.log.append(TOKEN_CHUNKS, b"conversation", encode(replace(chunk("a", 1), delta=Sealed("key", b"", b""))))
    served(shop, job_record(maybe_repeat=True))
    assert shop.log.fold().text == "Yes."


def test_nothing_but_poison_ends_the_process_after_a_while() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    with pytest.raises(BaseExceptionGroup) as ended:
        served(shop, *[b"damaged"] * (MAX_POISON_IN_A_ROW + 1))
    assert {type(leaf) for leaf in leaves(ended.value)} == {TooMuchPoison}


def test_reading_stops_while_dead_letters_are_not_taken_and_the_process_ends_after_a_while() -> None:
    shop = Shop(ScriptedEngine(*GOOD))
    shop.log.refusal = lambda topic, value: LogUnavailable("away") if topic == DEAD_LETTERS else None
    before = counted("verbatim_bounds_reached_total", bound="worker.letters")
    retried = counted("verbatim_retries_total", operation="worker.letter")

    async def main() -> None:
        shop.deliver(*[b"damaged"] * MAX_BURIALS)
        await asyncio.sleep(1)
        assert shop.reader.paused
        # Once, for as long as it lasts.
        assert counted("verbatim_bounds_reached_total", bound="worker.letters") == before + 1
        assert counted("verbatim_retries_total", operation="worker.letter") >= retried + MAX_BURIALS
        await asyncio.sleep(GIVE_UP_S + 10)

    with pytest.raises(BaseExceptionGroup) as ended:
        shop.run(main)
    assert {type(leaf) for leaf in leaves(ended.value)} == {FatalLogError}
    assert shop.reader.committed == {}
