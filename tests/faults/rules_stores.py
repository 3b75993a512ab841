"""What the stores must show once everything is quiet: I4, I8, I2. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from schemas.conversation import PromptSubmitted
from schemas.envelope import plain
from schemas.messages import prompt_content
from schemas.outcome import GenerationCancelled, GenerationCompleted, Outcome
from schemas.parts import visible_text
from schemas.turns import kind_of
from tests.faults.evidence import Intent, StoredMessage, Violation
from tests.faults.facts import STATUS, Facts


def nothing_is_missing(facts: Facts) -> Iterator[Violation]:
    """I8: every command and every outcome of the log stands in the stores, in each conversation of the journal."""
    mine = {entry.conversation_id for entry in facts.evidence.journal if isinstance(entry, Intent)}
    mine |= {ack.conversation_id for acks in facts.acks.values() for ack in acks}
    for generation, entries in facts.commands.items():
        command = entries[0].record
        if command.conversation_id not in mine or command.conversation_id in facts.deleted:
            continue
        if isinstance(command, PromptSubmitted) and command.kind == "chat":
            prompts = facts.stored.get(command.message_id, [])
            if not prompts and command.message_id not in facts.hidden:
                yield Violation("I8", command.message_id, "a prompt of the log is not in the stores")
            elif any(prompt.content != plain(prompt_content(command)) for prompt in prompts):
                yield Violation("I4", command.message_id, "the stored prompt is not the log's")
        outcome = facts.outcome(generation)
        if kind_of(command) in ("title", "compaction"):
            if facts.stored.get(generation):
                yield Violation("I8", generation, f"a {kind_of(command)} is among the messages")
        elif generation in facts.hidden:
            if facts.stored.get(generation):
                yield Violation("I8", generation, "a deleted answer is among the messages")
        elif outcome is not None and not facts.stored.get(generation):
            yield Violation("I8", generation, "an outcome of the log is not in the stores")


def shown_as_it_was(facts: Facts) -> Iterator[Violation]:
    """I4: stored answers are their outcomes, text, end, tokens and cost; I8: none is still shown as running."""
    for generation in facts.outcomes:
        outcome = facts.outcome(generation)
        assert outcome is not None
        for message in facts.stored.get(generation, []):
            yield from _shown(generation, message, outcome)


def _shown(generation: str, message: StoredMessage, outcome: Outcome) -> Iterator[Violation]:
    if message.status == "running":
        yield Violation("I8", generation, "the stores show it as running, the log has its outcome")
        return
    if message.content != visible_text(plain(outcome.text), outcome.parts):
        yield Violation("I4", generation, "the stored text is not the outcome's")
    # A list of messages has no finish reason but for completed ones: their status says it all.
    silent = message.finish_reason is None and not isinstance(outcome, GenerationCompleted)
    told = (message.status, reason_of(outcome) if silent else message.finish_reason)
    if told != (STATUS[type(outcome)], reason_of(outcome)):
        yield Violation("I4", generation, f"stored as {told}, the outcome is {type(outcome).__name__}")
    if message.usage is not None and message.usage != outcome.usage:
        yield Violation("I9", generation, f"stored with {message.usage}, the outcome says {outcome.usage}")
    if message.cost_micros is not None and message.cost_micros != outcome.cost_micros:
        yield Violation("I9", generation, f"stored with cost {message.cost_micros}, due is {outcome.cost_micros}")


def reason_of(outcome: Outcome) -> str:
    if isinstance(outcome, GenerationCompleted):
        return outcome.finish_reason
    return outcome.reason if isinstance(outcome, GenerationCancelled) else STATUS[type(outcome)]


def stored_once(facts: Facts) -> Iterator[Violation]:
    """I2: a list of messages shows each prompt and each answer once."""
    seen: dict[tuple[str, str, str], int] = defaultdict(int)
    for message in facts.evidence.stored:
        seen[message.conversation_id, message.message_id, message.role] += 1
    for (_, message_id, role), times in seen.items():
        if times > 1:
            yield Violation("I2", message_id, f"this {role} message is stored {times} times")
