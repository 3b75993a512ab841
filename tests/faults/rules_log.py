"""What the log alone, held against the acknowledgements, must fulfil: I1, I2, I5, I9, I12, I16, I20, I22. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from schemas import ids
from schemas.conversation import PromptSubmitted, TitleRequested
from schemas.dead_letter import DeadLetter
from schemas.envelope import Position, SealedContent
from schemas.generation import AttemptEnded, GenerationEnded
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, Outcome
from schemas.turns import hash_of
from schemas.usage import UsageRecorded
from tests.faults.accepted import Accepted
from tests.faults.evidence import Acked, CancelAnswered, Refused, Violation
from tests.faults.facts import STATUS, Facts
from tests.faults.rules_json import may_be_interrupted
from topics.catalogue import DEAD_LETTERS, catalogue
from topics.generation_fold import GenerationFold

FIRST_CHUNK_AFTER_CANCEL_S = 1.0
_ENDS_OF_REASONS = {
    "cancelled": "cancelled",
    "deleted": "cancelled",
    "refused": "refused",
    "expired": "failed",
    "failed": "failed",
}


def one_end(facts: Facts, expect_all_finished: bool) -> Iterator[Violation]:
    """I1: what was acknowledged, and whatever else the log took, ends once, with one outcome."""
    for key, acks in facts.acks.items():
        if not facts.generations_of_key.get(key) and not any(ack.generation_id in facts.commands for ack in acks):
            yield Violation("I1", key, "acknowledged, but the log holds no command with this key")
    for generation in facts.generations:
        outcomes = facts.outcomes.get(generation, [])
        reading = facts.accepted.get(generation)
        if expect_all_finished and (reading is None or reading.end is None):
            yield Violation("I1", generation, "no terminal in the log")
        elif expect_all_finished and not outcomes:
            yield Violation("I1", generation, "it ended, but has no outcome")
    for generation, outcomes in facts.outcomes.items():
        first = outcomes[0].record
        for other in outcomes[1:]:
            if other.record != first:
                what = f"two outcomes that differ: {type(first).__name__} and {type(other.record).__name__}"
                yield Violation("I1", generation, f"{what} at {other.partition}/{other.offset}")
        if generation not in facts.commands:
            yield Violation("I1", generation, "an outcome, but no command asked for it")
        yield from _true_to_its_end(facts, generation, first)


def _true_to_its_end(facts: Facts, generation: str, outcome: Outcome) -> Iterator[Violation]:
    reading = facts.accepted.get(generation)
    if reading is None or reading.end is None or reading.end_index is None:
        yield Violation("I1", generation, "an outcome, but no terminal in the log that counts")
        return
    end, place = reading.end, facts.generation_records[generation][reading.end_index]
    told: object = STATUS[type(outcome)]
    if isinstance(end, GenerationEnded):
        true: object = _ENDS_OF_REASONS[end.reason]
    elif end.finish_reason == "failed":
        true = "failed"
    else:
        true = ("completed", end.finish_reason)
        told = ("completed", outcome.finish_reason) if isinstance(outcome, GenerationCompleted) else told
    if told != true:
        yield Violation("I1", generation, f"the outcome says {told}, the first terminal {true}")
    at = (place.partition, place.offset)
    if (outcome.end.partition, outcome.end.offset) != at:
        yield Violation("I1", generation, f"the outcome is made of {outcome.end}, the first terminal is at {at}")


def one_turn_a_key(facts: Facts) -> Iterator[Violation]:
    """I2: however often a request was sent, one turn or none; none at all if all that was ever said to it was no."""
    for key in {*facts.acks, *facts.generations_of_key}:
        acked = [ack.generation_id for ack in facts.acks.get(key, []) if ack.generation_id]
        turns = dict.fromkeys([*acked, *facts.generations_of_key.get(key, [])])
        if len(turns) > 1:
            yield Violation("I2", key, f"one key, {len(turns)} turns: {', '.join(turns)}")
    tags: dict[str, str] = {}
    for generation, entries in facts.commands.items():
        asked = facts.question(generation)
        if asked is None or not isinstance(entries[0].record, PromptSubmitted):
            continue
        turn = entries[0].record.generation_id
        other = tags.setdefault(asked[0], turn)
        if other != turn:
            yield Violation("I2", asked[0], f"one prompt, two turns: {other} and {generation}")
    for key, requests in facts.asked.items():
        if all(isinstance(asked.answer, Refused) for asked in requests) and facts.generations_of_key.get(key):
            yield Violation("I2", key, "every request was refused, and yet a turn began")


def one_title_a_conversation(facts: Facts) -> Iterator[Violation]:
    """I2: of a conversation at most one title is made, and it is not begun again; I9: nobody pays for it."""
    made: dict[str, str] = {}
    for generation, entries in facts.commands.items():
        if not isinstance(entries[0].record, TitleRequested):
            continue
        conversation = entries[0].record.conversation_id
        if made.setdefault(conversation, generation) != generation:
            yield Violation("I2", conversation, "two titles were asked for")
        if any(entry.record.cost_micros for entry in facts.usage.get(generation, [])):
            yield Violation("I9", generation, "somebody pays for a title")


def one_body_a_key(facts: Facts) -> Iterator[Violation]:
    """I16: a key with its body is the same turn for ever; with another body it is refused."""
    for key, requests in facts.asked.items():
        body: str | None = None
        for asked in requests:
            sent = asked.intent.body_sha256
            if isinstance(asked.answer, Acked):
                if body is not None and sent != body:
                    yield Violation("I16", key, "two bodies were accepted under one key")
                body = body or sent
            elif isinstance(asked.answer, Refused) and asked.answer.status == 422 and sent == body:
                yield Violation("I16", key, "the very body that had been accepted was refused")
    for generation, reading in facts.accepted.items():
        command = facts.first_command(generation)
        if command is None:
            continue
        for start in reading.starts:
            if start.turn.request_hash != hash_of(command):
                yield Violation("I16", generation, "a later command's body is answered, not the first one's")


def nothing_published_changes(facts: Facts) -> Iterator[Violation]:
    """I5: the fold that every process reads with says what the rules say; zombies change nothing."""
    for generation, entries in facts.generation_records.items():
        fold = GenerationFold()
        try:
            for entry in entries:
                fold.apply(entry.record, Position(0, entry.partition, entry.offset))
        except SealedContent:
            continue
        reading = facts.accepted[generation]
        if (fold.text, fold.last_seq, fold.end) != (reading.text, len(reading.chunks), reading.end):
            yield Violation("I5", generation, "GenerationFold and the rules disagree on what counts")


def billed_once(facts: Facts, expect_all_finished: bool) -> Iterator[Violation]:
    """I9: one usage record an outcome, with the tokens and the price of what counts."""
    for generation in facts.outcomes:
        outcome = facts.outcome(generation)
        assert outcome is not None
        reading = facts.accepted.get(generation)
        if reading is not None and reading.end is not None and outcome.usage != reading.usage:
            yield Violation("I9", generation, f"the outcome bills {outcome.usage}, due is {reading.usage}")
        if outcome.cost_micros != outcome.turn.price.cost_micros(outcome.usage):
            yield Violation("I9", generation, f"{outcome.cost_micros} micros is not the price of {outcome.usage}")
        if reading is not None and isinstance(reading.end, AttemptEnded) and facts.question(generation) is not None:
            yield from _all_tokens_counted(generation, outcome, reading)
        bills = [entry.record for entry in facts.usage.get(generation, [])]
        if not bills and expect_all_finished:
            yield Violation("I9", generation, "no usage record")
        if len({bill.envelope.event_id for bill in bills}) > 1:
            yield Violation("I9", generation, "billed twice: usage records with different event ids")
        due = (STATUS_NAMES[type(outcome)], outcome.usage, outcome.cost_micros, outcome.turn.user_id)
        for bill in bills:
            if (bill.outcome_type, bill.usage, bill.cost_micros, bill.user_id) != due:
                yield Violation("I9", generation, f"billed {bill.usage} for {bill.cost_micros}, due is {due}")
            if bill.envelope.event_id != ids.event_id(generation, UsageRecorded.__name__):
                yield Violation("I9", generation, "its usage record's id is not the derived one")
    for generation in facts.usage:
        if generation not in facts.outcomes:
            yield Violation("I9", generation, "billed, but it has no outcome")


CALL_TOKENS = 32
"""At most so many tokens stand around a call's arguments: its mark, the function's name, what closes it."""
STATUS_NAMES = {outcome_type: outcome_type.__name__ for outcome_type in STATUS}


def _all_tokens_counted(generation: str, outcome: Outcome, reading: Accepted) -> Iterator[Violation]:
    # The words around a call are tokens of the engine's, and of no chunk.
    around = CALL_TOKENS * sum(part.kind == "tool_call" for part in outcome.parts)
    if not reading.tokens <= outcome.usage.completion_tokens <= reading.tokens + around:
        told = outcome.usage.completion_tokens
        yield Violation("I9", generation, f"{told} completion tokens billed, {reading.tokens} were published")


def cancelled_once(facts: Facts) -> Iterator[Violation]:
    """I12, the log's part: what a cancel was answered is true, and a job cancelled in the queue never begins."""
    for entry in facts.evidence.journal:
        if not isinstance(entry, CancelAnswered):
            continue
        generation = entry.generation_id
        outcome, reading = facts.outcome(generation), facts.accepted.get(generation)
        if entry.status == 200 and outcome is not None and entry.state != STATUS[type(outcome)]:
            yield Violation("I12", generation, f"a cancel was told {entry.state}, it ended {STATUS[type(outcome)]}")
        if entry.status in (200, 202) and (reading is None or reading.end is None):
            yield Violation("I12", generation, f"a cancel was answered {entry.status}, the log holds no end")
    for generation, outcomes in facts.outcomes.items():
        cancelled = sum(isinstance(entry.record, GenerationCancelled) for entry in outcomes)
        if cancelled and any(entry.record != outcomes[0].record for entry in outcomes):
            yield Violation("I12", generation, "cancelled, and ended in another way too")
    if facts.evidence.faults:
        return  # a process that was stopped in between may say late what it had decided early
    for generation, reading in facts.accepted.items():
        if reading.starts or not isinstance(reading.end, GenerationEnded) or reading.end_index is None:
            continue
        records = facts.generation_records[generation]
        ended_us = records[reading.end_index].timestamp_us
        for void in facts.generation_records[generation][reading.end_index + 1 :]:
            if void.timestamp_us - ended_us > FIRST_CHUNK_AFTER_CANCEL_S * 1e6:
                yield Violation("I12", generation, "it was ended in the queue, and begun all the same")
                break


def no_turn_fails_by_a_restart(facts: Facts) -> Iterator[Violation]:
    """I20: where all that happened were graceful stops, no acknowledged turn failed."""
    faults = facts.evidence.faults
    if not faults or not all(fault.split()[0] == "term" for fault in faults):
        return
    for generation in facts.acked:
        outcome = facts.outcome(generation)
        if isinstance(outcome, GenerationFailed) and not may_be_interrupted(facts, generation, outcome):
            yield Violation("I20", generation, f"failed by a graceful restart: {outcome.failure.code}")


def poison_is_parked_once(facts: Facts) -> Iterator[Violation]:
    """I22: what cannot be read is parked, once a consumer, and nothing that can be."""
    letters: dict[tuple[str, int, int], dict[str, set[str]]] = {}
    for entry in facts.log:
        if isinstance(entry.record, DeadLetter):
            place = (entry.record.topic, entry.record.partition, entry.record.offset)
            letters.setdefault(place, {}).setdefault(entry.record.consumer, set()).add(entry.record.envelope.event_id)
    types = {spec.name: spec.record_types for spec in catalogue()}
    for entry in facts.log:
        place = (entry.topic, entry.partition, entry.offset)
        subject = f"{entry.topic}/{entry.partition}/{entry.offset}"
        belongs = entry.topic not in types or isinstance(entry.record, types[entry.topic])
        if isinstance(entry.record, bytes) and place not in letters and entry.topic != DEAD_LETTERS:
            yield Violation("I22", subject, "it cannot be read and was not parked")
        elif place in letters and not isinstance(entry.record, bytes) and belongs:
            yield Violation("I22", subject, f"parked by {', '.join(letters[place])}, though it can be read")
        for consumer, event_ids in letters.get(place, {}).items():
            if len(event_ids) > 1:
                yield Violation("I22", subject, f"parked {len(event_ids)} times by {consumer}")
