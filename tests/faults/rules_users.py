"""What a user was told, against what is: reads see one's own writes (I8), and a right request is not refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.conversation import PromptSubmitted
from schemas.envelope import plain
from schemas.messages import message_text
from schemas.parts import visible_text
from tests.faults.evidence import Frame, Intent, Refused, Violation
from tests.faults.facts import Facts
from tests.faults.rules_readers import ENDS

_EXPECTED_REFUSALS = (409, 422, 429)


def context_is_whole(facts: Facts) -> Iterator[Violation]:
    """I8: the job of a prompt carries the answer that it follows."""
    for generation, jobs in facts.jobs.items():
        command = facts.first_command(generation)
        parent = command.parent_message_id if isinstance(command, PromptSubmitted) else None
        answer = facts.outcome(parent) if parent is not None else None
        text = visible_text(plain(answer.text), answer.parts) if answer is not None else ""
        for job in jobs:
            if text and not any(message_text(said) == text for said in job.record.messages):
                yield Violation("I8", generation, f"its job does not hold the answer it follows ({parent})")


def follows_what_was_seen(facts: Facts) -> Iterator[Violation]:
    """I8: a prompt that is sent after an answer was read to its end follows that answer, or a later one."""
    seen: dict[str, tuple[int, str]] = {}
    due: dict[str, tuple[int, str]] = {}
    for entry in facts.evidence.journal:
        if isinstance(entry, Frame) and entry.event in ENDS:
            command = facts.first_command(entry.generation_id)
            if command is not None:
                place = (facts.commands[entry.generation_id][0].offset, entry.generation_id)
                seen[command.conversation_id] = max(place, seen.get(command.conversation_id, place))
        elif isinstance(entry, Intent) and entry.conversation_id in seen:
            due.setdefault(entry.key, seen[entry.conversation_id])
    for key, (offset, answer) in due.items():
        for generation in facts.generations_of_key.get(key, []):
            command = facts.first_command(generation)
            if not isinstance(command, PromptSubmitted) or facts.commands[generation][0].offset <= offset:
                continue
            parent = facts.commands.get(command.parent_message_id or "")
            if parent is None or parent[0].offset < offset:
                told = f"it follows {command.parent_message_id}, its user had read {answer} to the end"
                yield Violation("I8", generation, told)


def right_requests_are_taken(facts: Facts) -> Iterator[Violation]:
    """I8: a conversation or an answer that its user was told of is found; a 4xx that says otherwise is a lie."""
    for entry in facts.evidence.journal:
        if isinstance(entry, Refused) and entry.status not in _EXPECTED_REFUSALS:
            yield Violation("I8", entry.key, f"a right request was refused: {entry.status} {entry.code}")
