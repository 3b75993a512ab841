"""A small run in which every promise was kept: a takeover, a cancel, cut readers, poison."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from schemas import ids
from schemas.conversation import ChatMessage, Sampling, TurnKind
from schemas.dead_letter import DeadLetter
from schemas.envelope import Envelope, Position, plain
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    FinishReason,
    GenerationEnded,
    TokenChunk,
)
from schemas.outcome import Outcome
from schemas.price import Price, Usage
from schemas.turns import turn_of
from streams.metering.reactor import usage_record
from tests import records
from tests.faults.evidence import (
    Acked,
    CancelAnswered,
    Cut,
    Entry,
    Evidence,
    Frame,
    Intent,
    LogRecord,
    Refused,
    StoredMessage,
    Transcript,
    Unknown,
    expected_json,
    expected_text,
    question,
    schema_of,
)
from tests.faults.facts import STATUS
from tests.faults.rules_stores import reason_of
from topics.catalogue import CONVERSATION_EVENTS, DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS, USAGE_RECORDS
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

PRICE = Price("2026-01", "EUR", 1_000_000, 100_000, 3_000_000)
USER = ids.user_id("tester")
CONVERSATION = ids.conversation_id(USER, "conversation")
PROMPT_TOKENS = 9


class Run:
    """Appends to log, journal and stores as the product would."""

    def __init__(self) -> None:
        self.log: list[LogRecord] = []
        self.journal: list[Entry] = []
        self.stored: list[StoredMessage] = []

    def append(self, topic: str, record: Any, key: str = CONVERSATION) -> Position:
        offset = sum(entry.topic == topic for entry in self.log)
        self.log.append(LogRecord(topic, 0, offset, key, 1_000_000 + len(self.log), record))
        return Position(0, 0, offset)

    def evidence(self, *faults: str) -> Evidence:
        return Evidence(tuple(self.journal), tuple(self.log), tuple(self.stored), faults)


class Told:
    """One turn, told step by step."""

    def __init__(
        self, run: Run, key: str, count: int, parent: Told | None = None, kind: TurnKind = "chat", requests: int = 1,
        *, held: bool = False,
    ) -> None:  # fmt: skip
        self.run, self.key, self.count, self.tag = run, key, count, key.upper()
        self.conversation = CONVERSATION if kind == "chat" else ids.conversation_id(USER, key)
        keyed = records.keyed(USER, self.conversation, key)
        self.generation = keyed["generation_id"]
        self.said: list[str] = []
        self.prompt = question(self.tag, count)
        tail = Position(0, 0, sum(entry.topic == TOKEN_CHUNKS for entry in run.log))
        command = records.prompt(
            self.prompt if kind == "chat" else None,
            **keyed,
            envelope=envelope(keyed["message_id"]),
            parent_message_id=parent.generation if parent else None,
            kind=kind,
            messages=() if kind == "chat" else (ChatMessage("user", self.prompt),),
            model="verbatim-local",
            sampling=Sampling(response_schema=json.dumps(schema_of(self.tag, count)) if held else ""),
            tail=tail,
            request_hash=self.body(),
            idempotency_key=key,
            deadline_at_us=2_000_000,
        )
        causes = []
        for number in range(requests):
            if number:
                run.journal.append(Unknown(key, "ReadTimeout"))
            run.journal.append(Intent(key, self.conversation if kind == "chat" else "", self.tag, count, self.body()))
            causes.append(run.append(CONVERSATION_EVENTS, command, self.conversation))
        run.journal.append(Acked(key, self.generation, self.conversation))
        self.turn = turn_of(command, causes[0], PRICE)
        history = (ChatMessage("assistant", "".join(parent.said)),) if parent else ()
        job = records.job(
            self.turn,
            envelope=envelope(f"job {key}"),
            messages=(*history, ChatMessage("user", self.prompt)),
            prompt_tokens=PROMPT_TOKENS,
            deadline_at_us=2_000_000,
        )
        run.append("generation-jobs.default.interactive", job, self.conversation)

    def body(self) -> str:
        return sha256(self.prompt.encode()).hexdigest()

    def start(self, attempt: str, number: int = 1) -> None:
        begun = AttemptStarted(
            envelope=envelope(attempt),
            turn=self.turn,
            attempt_id=attempt,
            number=number,
            prompt_tokens=PROMPT_TOKENS,
            worker="worker",
            job=Position(0, 0, 0),
        )
        self.run.append(TOKEN_CHUNKS, begun, self.conversation)

    def chunk(self, attempt: str, delta: str | None = None, seq: int | None = None) -> None:
        """The next chunk of the count; with `delta` and `seq`, whatever a zombie says."""
        seq = seq or len(self.said) + 1
        if delta is None:
            delta = (", " if self.said else "") + f"{self.tag}:{seq}"
            self.said.append(delta)
        self.run.append(TOKEN_CHUNKS, TokenChunk(self.generation, attempt, seq, seq, 1, delta), self.conversation)

    def json(self, attempt: str) -> None:
        """The whole JSON answer, in two chunks."""
        text = expected_json(self.tag, self.count)
        for delta in (text[:9], text[9:]):
            self.said.append(delta)
            self.chunk(attempt, delta, len(self.said))

    def end(self, attempt: str, finish: FinishReason = "stop") -> None:
        digest = sha256("".join(self.said).encode()).hexdigest()
        usage = Usage(PROMPT_TOKENS, len(self.said))
        ended = AttemptEnded(
            generation_id=self.generation,
            conversation_id=self.conversation,
            attempt_id=attempt,
            at_us=99,
            last_seq=len(self.said),
            sha256=digest,
            finish_reason=finish,
            usage=usage,
            failure=None,
        )
        self.run.append(TOKEN_CHUNKS, ended, self.conversation)

    def cancel(self) -> None:
        ended = GenerationEnded(envelope(f"cancel {self.key}"), self.turn, "cancelled", None, None)
        self.run.append(TOKEN_CHUNKS, ended, self.conversation)

    def record(self) -> Outcome:
        """Recorder, metering and projections do their work."""
        fold = GenerationFold()
        for entry in self.run.log:
            own = (
                entry.record.turn.generation_id
                if isinstance(entry.record, AttemptStarted | GenerationEnded)
                else getattr(entry.record, "generation_id", "")
            )
            if entry.topic == TOKEN_CHUNKS and own == self.generation:
                fold.apply(entry.record, Position(0, entry.partition, entry.offset))
        outcome = outcome_of(fold)
        at = self.run.append(GENERATION_OUTCOMES, outcome, self.conversation)
        self.run.append(USAGE_RECORDS, usage_record(outcome, at), USER)
        if self.turn.kind == "chat":
            self._store(self.turn.message_id, "user", self.prompt, "completed", None, None, None)
        reason = reason_of(outcome)
        cost = outcome.cost_micros
        status = STATUS[type(outcome)]
        self._store(self.generation, "assistant", plain(outcome.text), status, reason, outcome.usage, cost)
        return outcome

    def _store(
        self, message: str, role: str, text: str, status: str, reason: str | None, usage: Usage | None, cost: int | None
    ) -> None:
        self.run.stored.append(
            StoredMessage(self.conversation, message, role, text, status, reason, usage, cost),
        )

    def read(self, reader: str, outcome: Outcome, *cuts: int) -> None:
        """A whole stream, its connection cut after each of the frames `cuts`."""
        start = {"messageId": self.generation, "conversationId": self.conversation, "model": "verbatim-local"}
        frames: list[tuple[str, Any]] = [("message_start", start)]
        frames += [("content_chunk", {"delta": delta}) for delta in self.said]
        usage = {
            "promptTokens": outcome.usage.prompt_tokens,
            "completionTokens": outcome.usage.completion_tokens,
            "cachedTokens": outcome.usage.cached_tokens,
        }
        end = {"finishReason": reason_of(outcome), "usage": usage, "costMicros": outcome.cost_micros}
        for seq, (event, data) in enumerate([*frames, ("message_end", end)]):
            self.run.journal.append(Frame(reader, self.generation, seq, event, json.dumps(data)))
            if seq in cuts:
                self.run.journal.append(Cut(reader, seq))


def envelope(name: str) -> Envelope:
    return Envelope(name, 1_000, None, "request", "system:test")


def good_run() -> Run:
    """Turns "first" (a takeover, a retried request), "second" (cancelled), "alone" (stateless), "held" (so too, to a
    schema); poison, parked."""
    run = Run()
    first = Told(run, "first", 6, requests=2)
    first.start("a")
    for _ in range(3):
        first.chunk("a")
    first.start("b", 2)
    first.chunk("b")
    first.chunk("a", ", zombie", 5)
    first.chunk("b")
    first.chunk("b")
    first.end("b")
    outcome = first.record()
    first.read("first/own", outcome, 2, 4)
    first.read("first/second", outcome)
    other = sha256(b"other").hexdigest()
    run.journal += [Intent("first", CONVERSATION, "OTHER", 3, other), Refused("first", 422, "idempotency_key_reused")]

    second = Told(run, "second", 5, parent=first)
    second.start("c")
    second.chunk("c")
    second.chunk("c")
    second.cancel()
    second.chunk("c", f", {second.tag}:3", 3)
    second.end("c")
    outcome = second.record()
    run.append(GENERATION_OUTCOMES, outcome)  # recorded again by a recorder that was restarted
    second.read("second/own", outcome)
    run.journal += [CancelAnswered(second.generation, 200, "cancelled")] * 2

    alone = Told(run, "alone", 4, kind="stateless")
    alone.start("d")
    for _ in range(4):
        alone.chunk("d")
    alone.end("d")
    alone.record()
    run.journal.append(Transcript("alone/own", alone.generation, expected_text("ALONE", 4), "stop"))

    held = Told(run, "held", 3, kind="stateless", held=True)
    held.start("e")
    held.json("e")
    held.end("e")
    held.record()
    run.journal.append(Transcript("held/own", held.generation, expected_json("HELD", 3), "stop"))

    at = run.append(CONVERSATION_EVENTS, b"\x00rubbish", "poison")
    run.append(DEAD_LETTERS, letter(at, "letter"), "poison")
    return run


def letter(at: Position, name: str, consumer: str = "conversation") -> DeadLetter:
    return DeadLetter(
        envelope=envelope(name),
        topic=CONVERSATION_EVENTS,
        partition=at.partition,
        offset=at.offset,
        consumer=consumer,
        error_type="Undecodable",
        reason="rubbish",
        key=b"poison",
        value=b"\x00rubbish",
        headers=(),
    )
