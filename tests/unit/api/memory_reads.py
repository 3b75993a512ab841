"""Projections in memory, and the outcomes they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from projections.commands.queries import CommandRow
from projections.conversation_lists.kinds import EVERY, Kind
from projections.conversation_lists.queries import ConversationPage, cursor_after
from projections.conversation_marks.queries import UNMARKED
from projections.conversations.queries import ConversationRow
from projections.cursors import decode_cursor, encode_cursor
from projections.embeddings.queries import EmbeddingRow
from projections.feedback.queries import Rating
from projections.generations.asked_cell import NOTHING, asked_of
from projections.generations.queries import GenerationRow
from projections.messages.answers import Said, answer_message, appended_message, each_answered, without_orphans
from projections.messages.branch_queries import BranchMessage, BranchPage
from projections.messages.context import ProjectedContext
from projections.messages.lists import MessageList
from projections.messages.queries import MessagePage
from projections.messages.rows import MessageRow, Status
from projections.messages.text_queries import TextPage
from projections.messages.turns import TurnPlace
from projections.order import order_key
from projections.stored_generations.queries import Order
from schemas import turns
from schemas.conversation import (
    ChatMessage,
    ConversationDeleted,
    ConversationMetadataChanged,
    ConversationRenamed,
    ConversationStarted,
    FeedbackGiven,
    GenerationDeleted,
    GenerationMetadataChanged,
    MessageDeleted,
    MessagesAppended,
    PromptSubmitted,
    RegenerateRequested,
)
from schemas.envelope import Position
from schemas.messages import prompt_content, shown_content
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    Outcome,
)
from schemas.parts import parts_of, visible_text
from schemas.thinking import visible_answer
from schemas.turns import Command, UserCommand, generations_of
from schemas.usage import EmbeddingsComputed
from tests.fakes.naive_branch import naive_branch
from tests.unit.api.memory_log import MemoryLog, turn_of
from tests.unit.api.memory_stored import MemoryStored
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS


class MemoryReads(MemoryStored):
    """The projections: read from the log itself at every call, so always current.

    `blind` sees nothing, with `sees_when_waited` until somebody waits; `unseen` is a type of event that has not arrived
    yet; `forgets_outcomes`: no generation seems to have ended.
    """

    def __init__(self, log: MemoryLog) -> None:
        super().__init__(log)
        self.sees_when_waited = False
        self.forgets_outcomes = False
        self.asked_positions: list[dict[tuple[str, int], int]] = []
        self.caught_up = True

    async def conversation(self, conversation_id: str) -> ConversationRow | None:
        row: ConversationRow | None = None
        imported_us = 0
        for event, _ in self._events(CONVERSATION_EVENTS):
            if event.conversation_id != conversation_id:
                continue
            at_us = event.envelope.occurred_at_us
            match event:
                case ConversationStarted() if row is not None and event.envelope.actor == turns.IMPORTS:
                    row = replace(row, updated_at_us=at_us)
                case MessagesAppended() if event.envelope.actor == turns.IMPORTS:
                    imported_us = imported_us or at_us
                case ConversationStarted() if row is None:
                    row = ConversationRow(
                        conversation_id,
                        event.user_id,
                        imported_us or at_us,
                        event.title,
                        event.system_prompt,
                        event.model,
                        None,
                        at_us,
                        metadata=event.metadata,
                        temporary=event.temporary,
                    )
                case ConversationRenamed() if row is not None:
                    row = replace(row, title=event.title)
                case PromptSubmitted() if row is not None:
                    preview = str(prompt_content(event))
                    row = replace(row, preview=preview, updated_at_us=at_us, model=event.model)
                case RegenerateRequested() if row is not None:
                    row = replace(row, model=event.model)
                case MessagesAppended() if row is not None:
                    users = [one.message for one in event.messages if one.message.role == "user"]
                    newest = str(shown_content(users)) or row.preview
                    row = replace(row, preview=newest, updated_at_us=at_us)
                case ConversationMetadataChanged() if row is not None:
                    row = replace(row, metadata=event.metadata)
                case ConversationDeleted():
                    return None
        return row

    async def begun_at(self, conversation_id: str) -> int | None:
        if await self.conversation(conversation_id) is None:
            return None
        said = [
            order_key(at) for event, at in self._events(CONVERSATION_EVENTS) if event.conversation_id == conversation_id
        ]
        return min(said, default=None)

    async def command(self, conversation_id: str, event_id: str) -> CommandRow | None:
        for event, _ in self._events(CONVERSATION_EVENTS):
            if event.envelope.event_id == event_id and event.conversation_id == conversation_id:
                if not event.request_hash or (
                    self._deleted(conversation_id) and not isinstance(event, ConversationDeleted)
                ):
                    continue
                match event:
                    case ConversationRenamed():
                        return CommandRow(event.user_id, event.request_hash, event.title)
                    case FeedbackGiven():
                        said = event.comment or None
                        return CommandRow(event.user_id, event.request_hash, None, event.rating, said)
                    case ConversationMetadataChanged() | GenerationMetadataChanged():
                        return CommandRow(event.user_id, event.request_hash, comment=event.metadata)
                    case (
                        ConversationStarted()
                        | ConversationDeleted()
                        | MessagesAppended()
                        | GenerationDeleted()
                        | MessageDeleted()
                    ):
                        return CommandRow(event.user_id, event.request_hash)
        return None

    async def embedding(self, embedding_id: str) -> EmbeddingRow | None:
        for event, _ in self._events(USAGE_RECORDS):
            if isinstance(event, EmbeddingsComputed) and event.embedding_id == embedding_id:
                at_us = event.envelope.occurred_at_us
                return EmbeddingRow(event.user_id, event.request_hash, at_us, event.model, event.usage)
        return None

    def _deleted(self, conversation_id: str) -> bool:
        events = (event for event, _ in self._events(CONVERSATION_EVENTS) if isinstance(event, ConversationDeleted))
        return any(event.conversation_id == conversation_id for event in events)

    async def conversations(
        self, user_id: str, cursor: str | None = None, limit: int = 30, kind: Kind = EVERY
    ) -> ConversationPage:
        rows = [row for name in self._conversation_ids() if (row := await self.conversation(name))]
        marks = await self.marks(user_id, [row.conversation_id for row in rows])
        places = {
            (row.updated_at_us, row.conversation_id): row
            for row in rows
            if row.user_id == user_id and kind.holds(row, marks.get(row.conversation_id, UNMARKED))
        }
        after = None if cursor is None else decode_cursor(cursor)
        left = [row for place, row in sorted(places.items(), reverse=True) if after is None or place < after]
        shown = {row.conversation_id for row in left[:limit]} if kind.asks_marks else set()
        return ConversationPage(
            tuple(left[:limit]),
            cursor_after(left[limit - 1]) if len(left) > limit else None,
            {key: found for key, found in marks.items() if key in shown},
        )

    async def own_conversations(self, user_id: str, conversation_ids: Sequence[str]) -> frozenset[str]:
        rows = [await self.conversation(each) for each in conversation_ids]
        return frozenset(row.conversation_id for row in rows if row is not None and row.user_id == user_id)

    def _conversation_ids(self) -> list[str]:
        return list(dict.fromkeys(event.conversation_id for event, _ in self._events(CONVERSATION_EVENTS)))

    async def messages(self, conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
        start = 0 if cursor is None else decode_cursor(cursor)[0]
        rows, end = await self._messages(conversation_id), start + limit
        return MessagePage(tuple(rows[start:end]), encode_cursor(end, "") if len(rows) > end else None)

    async def message_list(
        self, conversation_id: str, after: str | None = None, order: Order = "asc", limit: int = 100
    ) -> MessageList | None:
        rows = await self._messages(conversation_id)
        ids = [row.message_id for row in rows]
        if after is not None and after not in ids:
            return None
        if order == "desc":
            rows = rows[::-1] if after is None else rows[: ids.index(after)][::-1]
        elif after is not None:
            rows = rows[ids.index(after) + 1 :]
        return MessageList(tuple(rows[:limit]), len(rows) > limit)

    async def context(
        self, conversation_id: str, leaf_message_id: str | None, max_messages: int
    ) -> ProjectedContext | None:
        conversation = await self.conversation(conversation_id)
        if self._deleted(conversation_id):
            return ProjectedContext(deleted=True)
        rows = {row.message_id: row for row in self._all_messages(conversation_id)}
        events = [event for event, _ in self._events(CONVERSATION_EVENTS)]
        untold = {event.message_id for event in events if isinstance(event, MessageDeleted)}
        newest_first: list[Said] = []
        unjudged: list[ChatMessage] = []
        judged = False
        leaf = leaf_message_id
        while leaf is not None:
            if (row := rows.get(leaf)) is None or row.status == "running":
                return None
            leaf = row.parent_message_id
            judged = judged or (row.status == "completed" and row.role == "assistant" and not row.appended)
            if row.status == "refused":
                leaf = None if leaf is None else rows[leaf].parent_message_id
            elif row.message_id not in untold:
                if row.appended:
                    told = appended_message(row)
                    newest_first += [] if told is None else [Said(row.message_id, told)]
                    unjudged += [] if told is None or judged else [told]
                elif row.role == "assistant":
                    answered = answer_message(row)
                    newest_first += [] if answered is None else [Said(row.message_id, answered)]
                else:
                    *others, last = row.messages or (ChatMessage(row.role, row.content),)
                    newest_first.append(Said(row.message_id, last, asks=True))
                    newest_first += [Said(row.message_id, other) for other in reversed(others)]
        if conversation is None:
            return None
        messages, unanswered = each_answered(newest_first[:max_messages][::-1])
        return ProjectedContext(
            without_orphans(messages),
            conversation.system_prompt,
            unanswered=unanswered,
            unjudged=tuple(reversed(unjudged)),
        )

    async def is_deleted(self, conversation_id: str) -> bool:
        return self._deleted(conversation_id)

    async def placed(self, conversation_id: str, message_ids: Sequence[str]) -> frozenset[str]:
        return frozenset(row.message_id for row in self._all_messages(conversation_id)) & set(message_ids)

    async def message(self, conversation_id: str, message_id: str) -> MessageRow | None:
        return next((row for row in await self._messages(conversation_id) if row.message_id == message_id), None)

    async def branch(
        self,
        conversation_id: str,
        *,
        leaf: str | None = None,
        through: str | None = None,
        before: str | None = None,
        limit: int = 60,
    ) -> BranchPage | None:
        rows = await self._messages(conversation_id, with_hidden=True)
        messages = [(row.message_id, row.parent_message_id) for row in rows]
        branch = naive_branch(messages, leaf, through, before, limit, self._hidden(conversation_id))
        if branch is None:
            return None
        by_id = {row.message_id: row for row in rows}
        shown = tuple(BranchMessage(by_id[message_id], siblings) for message_id, siblings in branch.messages)
        return BranchPage(shown, branch.leaf, branch.next_before)

    async def texts(self, conversation_id: str, before: int | None, turns: int) -> TextPage:
        rows = [row for row in await self._messages(conversation_id) if before is None or row.order < before]
        orders = sorted({row.order for row in rows}, reverse=True)
        some = orders[:turns]
        said = [
            (row.message_id, visible_answer(row.content) if row.role == "assistant" else row.content)
            for row in rows
            if row.order in some and row.status != "running"
        ]
        return TextPage(tuple(reversed(said)), some[-1] if len(some) == turns else None, len(some))

    async def ratings(self, conversation_id: str, message_ids: Sequence[str]) -> dict[str, Rating]:
        rated: dict[str, Rating] = {}
        for event, _ in [] if self._deleted(conversation_id) else self._events(CONVERSATION_EVENTS):
            if isinstance(event, FeedbackGiven) and event.conversation_id == conversation_id:
                rated.pop(event.message_id, None)
                if event.rating != "none" and event.message_id in message_ids:
                    rated[event.message_id] = event.rating
        return rated

    async def turn_places(self, conversation_id: str, before: int | None, limit: int) -> list[TurnPlace]:
        ended = {outcome.turn.generation_id: at for outcome, at in self._events(GENERATION_OUTCOMES)}
        found = [
            TurnPlace(
                order_key(at),
                event.generation_id,
                self._log.partitions[CONVERSATION_EVENTS, at.partition][at.offset].at_ms * 1000,
                self._ended_us(ended.get(event.generation_id)),
                event.tail,
            )
            for event, at in reversed(self._events(CONVERSATION_EVENTS))
            if isinstance(event, UserCommand) and event.conversation_id == conversation_id
        ]
        return [turn for turn in found if before is None or turn.cause < before][:limit]

    def _ended_us(self, outcome: Position | None) -> int | None:
        if outcome is None:
            return None
        # When it was written: the time that outcomes tell is the same in every test.
        return self._log.partitions[GENERATION_OUTCOMES, outcome.partition][outcome.offset].at_ms * 1000

    async def leaf(self, conversation_id: str) -> MessageRow | None:
        rows = await self._messages(conversation_id)
        return rows[-1] if rows else None

    def _hidden(self, conversation_id: str) -> set[str]:
        events = [event for event, _ in self._events(CONVERSATION_EVENTS) if event.conversation_id == conversation_id]
        messages = {event.message_id for event in events if isinstance(event, MessageDeleted)}
        return messages | {event.generation_id for event in events if isinstance(event, GenerationDeleted)}

    async def _messages(self, conversation_id: str, *, with_hidden: bool = False) -> list[MessageRow]:
        rows = self._all_messages(conversation_id)
        hidden = set() if with_hidden else self._hidden(conversation_id)
        return [row for row in rows if row.message_id not in hidden]

    def _all_messages(self, conversation_id: str) -> list[MessageRow]:
        rows: list[MessageRow] = []
        if self._deleted(conversation_id):
            return rows
        outcomes = self._outcomes()
        for order, (event, _) in enumerate(self._events(CONVERSATION_EVENTS)):
            if event.conversation_id != conversation_id:
                continue
            if isinstance(event, MessagesAppended) and event.messages[0].message_id not in {r.message_id for r in rows}:
                rows += _appended(event, order)
            if not isinstance(event, UserCommand):
                continue
            if event.generation_id in {row.message_id for row in rows}:
                continue
            at_us, prompt_id = event.envelope.occurred_at_us, event.message_id
            if isinstance(event, PromptSubmitted):
                prompt = _row(prompt_id, conversation_id, "user", order, event.parent_message_id, event.model, at_us)
                said = prompt_content(event)
                rows.append(replace(prompt, content=said, status="completed", messages=event.messages))
            else:
                prompt_id = event.prompt_message_id
            reply = _row(event.generation_id, conversation_id, "assistant", order, prompt_id, event.model, at_us)
            outcome = outcomes.get(event.generation_id)
            if outcome is not None:
                reply = replace(
                    reply,
                    content=visible_text(str(outcome.text), outcome.parts),
                    parts=tuple(parts_of(str(outcome.text), outcome.parts)) if outcome.parts else (),
                    status=status_of(outcome),
                    usage=outcome.usage,
                    cost_micros=outcome.cost_micros,
                    currency=outcome.turn.price.currency,
                    finish_reason=getattr(outcome, "finish_reason", None),
                    failure=getattr(outcome, "failure", None),
                )
            rows.append(reply)
        return rows

    async def generation(self, generation_id: str) -> GenerationRow | None:
        for event, at in self._events(CONVERSATION_EVENTS):
            if isinstance(event, Command) and generation_id in generations_of(event):
                if self._deleted(event.conversation_id) or generation_id in self._hidden(event.conversation_id):
                    return None
                choice = generations_of(event).index(generation_id)
                turn = turns.turn_of(event, at, turn_of(event, at).price, choice)
                return GenerationRow(
                    generation_id=generation_id,
                    user_id=turn.user_id,
                    conversation_id=turn.conversation_id,
                    message_id=turn.message_id,
                    prompt_message_id=turn.prompt_message_id,
                    kind=turn.kind,
                    model=turn.model,
                    request_hash=turn.request_hash,
                    asked_at_us=event.envelope.occurred_at_us,
                    deadline_at_us=event.deadline_at_us,
                    cause=at,
                    tail=turn.tail,
                    price=event.price,
                    asked=asked_of(event, choice) or NOTHING,
                )
        return None

    async def outcome(self, generation_id: str) -> Outcome | None:
        return self._outcomes().get(generation_id)

    def _outcomes(self) -> dict[str, Outcome]:
        events = [] if self.forgets_outcomes else self._events(GENERATION_OUTCOMES)
        return {event.turn.generation_id: event for event, _ in reversed(events)}

    async def wait_for(
        self,
        offsets: Mapping[tuple[str, int], int],
        generations: Sequence[str],
        timeout_s: float,
        *,
        conversation_id: str | None = None,
    ) -> bool:
        self.asked_positions.append(dict(offsets))
        self.blind = self.blind and not self.sees_when_waited
        self.unseen = None if self.sees_when_waited else self.unseen
        return self.caught_up


def _appended(event: MessagesAppended, order: int) -> list[MessageRow]:
    rows: list[MessageRow] = []
    parent = event.parent_message_id
    for one in event.messages:
        row = _row(one.message_id, event.conversation_id, one.message.role, order, parent, one.model, one.at_us)
        messages = (one.message,) if one.message.parts or one.message.name else ()
        content = shown_content((one.message,))
        rows.append(replace(row, content=content, status="completed", messages=messages, appended=True))
        parent = one.message_id
    return rows


def _row(
    message_id: str, conversation_id: str, role: Any, order: int, parent: str | None, model: str, at_us: int
) -> MessageRow:
    return MessageRow(message_id, conversation_id, role, order, parent, "", (), model, at_us, "running")


def status_of(outcome: Outcome) -> Status:
    names: dict[type, Status] = {
        GenerationCompleted: "completed",
        GenerationFailed: "failed",
        GenerationCancelled: "cancelled",
    }
    return names.get(type(outcome), "refused")
