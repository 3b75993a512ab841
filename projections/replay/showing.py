"""Past states as plain values for people and scripts, and the differences between two of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from projections.conversation_marks.queries import UNMARKED, Marks
from projections.embeddings.table import EMBEDDINGS
from projections.replay.as_of import Past, PastConversation
from projections.usage.fold import EMBEDDINGS_COMPUTED
from projections.usage.table import USAGE
from schemas.envelope import Content, Position, Sealed
from schemas.outcome import Outcome
from schemas.parts import AnswerPart, PartText, visible_text
from schemas.turns import Command
from topics.generation_fold import GenerationFold

State = dict[str, Any]
_TOKENS = ("prompt_tokens", "completion_tokens")


def conversation_state(conversation_id: str, past: PastConversation) -> State:
    """A conversation with its messages, each under its id."""
    state: State = {"conversation": conversation_id, "state": "there" if past.row is not None else "not there"}
    if past.deleted:
        state["state"] = "deleted"
    if past.row is not None:
        row = past.row
        state |= {
            "user": row.user_id,
            "title": _text(row.title),
            "system_prompt": _text(row.system_prompt),
            "model": row.model,
            "created_at": iso(row.created_at_us),
            "updated_at": iso(row.updated_at_us),
            **_marked(past.marks),
        }
        if row.temporary:
            state["temporary"] = True
    state["messages"] = {
        message.message_id: {
            "role": message.role,
            "parent": message.parent_message_id,
            "status": message.status,
            "content": _text(message.content),
            "parts": _parts(message.parts),
            "model": message.model,
            "created_at": iso(message.created_at_us),
            "finish_reason": message.finish_reason,
            "failure": None if message.failure is None else f"{message.failure.code}: {message.failure.message}",
            "tokens": None
            if message.usage is None
            else f"{message.usage.prompt_tokens}+{message.usage.completion_tokens}",
            "cost_micros": message.cost_micros,
            "currency": message.currency,
            "feedback": past.ratings.get(message.message_id),
        }
        for message in past.messages
    }
    return state


def generation_state(
    generation_id: str,
    command: Command | None,
    cause: Position | None,
    stream: GenerationFold,
    outcome: Outcome | None,
) -> State:
    """A generation: what asked for it, how far its stream had come, and how it ended."""
    state: State = {"generation": generation_id, "state": "not there"}
    if command is not None and cause is not None:
        state |= {
            "state": "asked for",
            "conversation": command.conversation_id,
            "user": command.user_id,
            "model": command.model,
            "asked_at": iso(command.envelope.occurred_at_us),
            "asked_by": f"conversation-events:{cause.partition} offset {cause.offset}",
        }
    if stream.turn is not None:
        state |= {"state": "running", "attempts": stream.number, "last_seq": stream.last_seq}
        state |= {"text": visible_text(stream.text, stream.parts), "parts": _parts(stream.parts)}
    if stream.end is not None:
        state["state"] = "ended"
    if outcome is not None:
        state |= {
            "state": type(outcome).__name__.removeprefix("Generation").lower(),
            "attempts": outcome.attempts,
            "last_seq": len(outcome.chunks),
            "text": _shown(outcome),
            "parts": _parts(outcome.parts),
            "ended_at": iso(outcome.ended_at_us),
            "tokens": f"{outcome.usage.prompt_tokens}+{outcome.usage.completion_tokens}",
            "cost_micros": outcome.cost_micros,
            "currency": outcome.turn.price.currency,
        }
        for name in ("finish_reason", "reason"):
            if name in {field.name for field in fields(outcome)}:
                state["finish_reason"] = getattr(outcome, name)
        if (failure := getattr(outcome, "failure", None)) is not None:
            state["failure"] = f"{failure.code}: {failure.message}"
    return state


def user_state(user_id: str, past: Past) -> State:
    """A user: keys, conversations, and what was used, in sums by model and currency."""
    user, keys = past.user(user_id)
    state: State = {"user": user_id, "state": "there" if user is not None else "not there"}
    if user is not None:
        state |= {"name": user.name, "created_at": iso(user.created_at_us)}
    state["keys"] = {
        key.key_id: {
            "label": key.label,
            "hint": key.hint,
            "created_at": iso(key.created_at_us),
            "revoked_at": None if key.revoked_at_us is None else iso(key.revoked_at_us),
        }
        for key in keys
    }
    state["settings"] = {name: _text(value) for name, value in past.settings(user_id).items()}
    state["folders"] = {folder.folder_id: _text(folder.name) for folder in past.folders(user_id)}
    state["snippets"] = {
        snippet.snippet_id: {"name": _text(snippet.name), "text": _text(snippet.text)}
        for snippet in past.snippets(user_id)
    }
    marks = past.marks(user_id)
    state["conversations"] = {
        conversation_id: "deleted"
        if row is None
        else {
            "title": _text(row.title),
            "updated_at": iso(row.updated_at_us),
            **_marked(marks.get(conversation_id, UNMARKED)),
        }
        for conversation_id, row in past.conversations()
        if row is None or row.user_id == user_id
    }
    state["usage"] = _usage(user_id, past)
    return state


def _marked(marks: Marks) -> dict[str, Any]:
    """What its user has put to a conversation, as far as there is something."""
    said = {
        "pinned": marks.pinned or None,
        "archived": marks.archived or None,
        "folder": marks.folder_id,
        "settings": _text(marks.settings),
    }
    return {name: value for name, value in said.items() if value is not None}


def _usage(user_id: str, past: Past) -> dict[str, dict[str, int]]:
    """What was used, in sums by model and currency."""
    used: dict[str, dict[str, int]] = {}
    firsts = {embedding_id: cells.get("at_us") for (embedding_id,), cells in past.rows(EMBEDDINGS).items()}
    for key, cells in past.rows(USAGE).items():
        if key[0] == user_id and "model" in cells:
            kind = "embeddings" if cells["outcome_type"] == EMBEDDINGS_COMPUTED else "generations"
            if kind == "embeddings" and firsts.get(key[3]) != key[2]:
                continue  # a repeat of one that counts already
            sums = used.setdefault(f"{cells['model']}, {cells['currency']}", {})
            # What counts is the newest price that was given to it.
            cost = cells.get("rerated_cost_micros", cells["cost_micros"])
            for name, value in (*((name, cells[name]) for name in _TOKENS), ("cost_micros", cost)):
                sums[name] = sums.get(name, 0) + value
            sums[kind] = sums.get(kind, 0) + 1
            if cells.get("estimated"):
                sums[f"estimated_{kind}"] = sums.get(f"estimated_{kind}", 0) + 1
    return used


def flat(state: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """A state line by line: what it is called, and its value; what is absent is left out."""
    for name, value in state.items():
        called = f"{above}{name}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{called} ")
        elif value is not None:
            yield called, str(value)


def changes(before: State, after: State) -> list[tuple[str, str | None, str | None]]:
    """What differs, in the order of the lines: its name, and its value before and after (None: it was not there)."""
    old, new = dict(flat(before)), dict(flat(after))
    names = list(dict.fromkeys([*old, *new]))
    return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def iso(at_us: int) -> str:
    """UTC to the microsecond; a time beyond all calendars as its number."""
    seconds, micros = divmod(at_us, 1_000_000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"
    except (ValueError, OverflowError, OSError):
        return f"{at_us} µs"


def _shown(outcome: Outcome) -> str | None:
    text = outcome.text
    return visible_text(text, outcome.parts) if isinstance(text, str) else _text(text)


def _parts(parts: Sequence[AnswerPart | PartText]) -> str | None:
    """The kinds of an answer's parts, and what its calls call; None for text alone."""
    return ", ".join(f"{part.kind} {part.name}".rstrip() for part in parts) or None


def _text(content: Content | None) -> str | None:
    return f"(sealed under key {content.key_id})" if isinstance(content, Sealed) else content
