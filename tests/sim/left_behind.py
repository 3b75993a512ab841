"""What a run leaves behind for the checker: the journal, the log and the tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from projections.messages.rows import MessageRow, outcome_from_cells
from schemas.codec import UndecodableRecord, decode
from schemas.outcome import GenerationCompleted
from tests.fakes.broker import MemoryBroker
from tests.faults.evidence import Entry, Evidence, LogRecord, StoredMessage
from tests.sim.plans import Plan
from tests.sim.store import Store, messages_in


def evidence_of(plan: Plan, journal: Iterable[Entry], broker: MemoryBroker, store: Store) -> Evidence:
    return Evidence(
        tuple(journal),
        tuple(_log(broker)),
        tuple(_stored(plan, store)),
        tuple(str(fault) for fault in plan.faults) or ("calm",),
    )


def _log(broker: MemoryBroker) -> Iterator[LogRecord]:
    for message in broker.records():
        record: Any
        try:
            record = decode(message.value())
        except UndecodableRecord:
            record = message.value()
        yield LogRecord(
            message.topic(),
            message.partition(),
            message.offset(),
            message.key().decode(),
            message.timestamp_us(),
            record,
        )


def _stored(plan: Plan, store: Store) -> Iterator[StoredMessage]:
    for conversation in dict.fromkeys(prompt.conversation_id for prompt in plan.prompts):
        for row in messages_in(store, conversation):
            yield _message(row)
    for (conversation, _), cells in store.table("messages").items():
        if cells.get("kind") is None and "outcome" in cells:  # of a stateless turn
            outcome = outcome_from_cells(cells["answer"], cells["marks"], cells["outcome"])
            yield StoredMessage(
                conversation,
                outcome.turn.generation_id,
                "assistant",
                cells["answer"],
                cells["status"],
                cells["finish_reason"] if isinstance(outcome, GenerationCompleted) else cells["status"],
                outcome.usage,
                cells["cost_micros"],
            )


def _message(row: MessageRow) -> StoredMessage:
    ended = row.role == "assistant" and row.status != "running"
    return StoredMessage(
        row.conversation_id,
        row.message_id,
        row.role,
        str(row.content),
        row.status,
        (row.finish_reason or row.status) if ended else None,
        row.usage,
        row.cost_micros,
    )
