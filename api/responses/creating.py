"""The use case `create`: a response is a prompt in a conversation, or a stateless one that is not kept.

store: false ─▶ stateless: the context is all inline
previous_response_id ─▶ a prompt after that answer; a branch, if it is not the newest
conversation ─▶ a prompt after the newest answer of it
none of them ─▶ a new conversation begins with it
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from api.consistency.commanding import Author, IdempotencyKey, send
from api.consistency.freshness import Freshness
from api.consistency.ownership import Conversation, conversation_of
from api.consistency.position_tokens import PositionToken
from api.http.errors import ApiError, bad_request, behind
from api.responses.items import calls_of, messages_of, with_calls
from api.responses.parameters import parameters_of
from api.responses.ports import ResponsePorts
from api.responses.requests import Asked, fit, previous_not_found
from api.responses.shapes import Parameters, response_id
from api.turns.ask import ask
from api.turns.intents import Asking, PromptIntent
from api.turns.joining import Opened
from api.turns.parents import parent_of
from api.turns.ports import TurnPorts
from infra.clock import monotonic_s
from infra.models.catalogue import ModelSpec
from infra.models.tool_tokens import tools_message
from projections.stored import StoredGeneration
from schemas import ids
from schemas.conversation import ChatMessage, ConversationStarted
from schemas.parts import ContentPart, parts_of
from topics.catalogue import CONVERSATION_EVENTS

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Created:
    """A response and what it says of its request."""

    opened: Opened
    parameters: Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a response belongs. `conversation` None: a new one, or none at all. `previous`: what it follows."""

    conversation_id: str
    conversation: Conversation | None = None
    previous: StoredGeneration | None = None


class Creating:
    """One request for a response."""

    def __init__(
        self, fresh: Freshness, turns: TurnPorts, responses: ResponsePorts, author: Author, key: IdempotencyKey
    ) -> None:
        self._fresh = fresh
        self._turns = turns
        self._responses = responses
        self._author = author
        self._key = key

    async def create(self, asked: Asked) -> Created:
        """The response, begun here or by an earlier request with the same key. Raises ApiError."""
        place = await self._place(asked)
        asking = Asking(
            author=self._author,
            key=self._key,
            conversation_id=place.conversation_id,
            request_hash=asked.request_hash,
        )

        async def prompt() -> PromptIntent:
            return await self._prompt(asked, place, asking)

        opened = await ask(self._turns.ask, asking, prompt)
        try:
            asked_at_us = opened.asked_at_us
            if asked_at_us is None:
                asked_at_us = await self._asked_at_us(opened.turn.generation_id)
            fitted = fit(self._turns.streams.models.get(opened.turn.model), asked)
            shown = parameters_of(opened.turn.model, asked_at_us, fitted.request, fitted.sampling)
            return Created(self._noted(opened), shown)
        except BaseException:
            opened.release()
            raise

    def _noted(self, opened: Opened) -> Opened:
        """The same; once it is given back, what this process reads of its conversation waits for the answer's row."""

        def release() -> None:
            if opened.source.ending is not None:
                self._turns.ask.own_writes.finished(opened.turn.conversation_id, opened.turn.generation_id)
            opened.release()

        return replace(opened, release=release)

    async def _place(self, asked: Asked) -> _Place:
        user_id = self._author.user_id
        if asked.previous is not None:
            previous = await self._previous(asked.previous)
            conversation_id = previous.row.conversation_id
            found = await conversation_of(self._fresh, user_id, conversation_id, row_needed=False)
            return _Place(conversation_id=conversation_id, conversation=found, previous=previous)
        if asked.conversation_id is not None:
            found = await conversation_of(self._fresh, user_id, asked.conversation_id, row_needed=False)
            return _Place(conversation_id=asked.conversation_id, conversation=found)
        # The line break keeps these ids apart from those of other requests under the same key: no key holds one.
        key = f"POST /v1/responses\n{self._key.value}" if asked.request.store else self._key.value
        return _Place(conversation_id=ids.conversation_id(user_id, key))

    async def _previous(self, generation_id: str) -> StoredGeneration:
        """What a response follows. Raises ApiError 404: the same for unknown ones, others', deleted and unstored."""
        found = await self.stored(generation_id)
        if found is None or found.row.kind == "stateless":
            raise previous_not_found(response_id(generation_id))
        return found

    async def stored(self, generation_id: str) -> StoredGeneration | None:
        """A kept answer of the caller; waited for, bounded, if its row may be on its way. Raises ApiError 503."""
        reads, user_id = self._responses.stored, self._author.user_id
        shown = await self._fresh.catch_up(self._fresh.position)
        found = await reads.stored_generation(user_id, generation_id)
        if found is None:
            shown = shown and await self._fresh.up_to_date()
            found = await reads.stored_generation(user_id, generation_id)
        if found is None and not shown:
            raise behind()
        own = PositionToken() if found is None else self._fresh.ports.own_writes.seen(found.row.conversation_id)
        if found is None or not own:
            return found
        # What this process wrote of the conversation since, a deletion for one, has to show.
        await self._fresh.catch_up(PositionToken(own.offsets))
        return await reads.stored_generation(user_id, generation_id)

    async def _prompt(self, asked: Asked, place: _Place, asking: Asking) -> PromptIntent:
        turns = self._turns
        spec = self._model(asked, place)
        fitted = fit(spec, asked)
        said = messages_of(asked.input, _no_image)
        if not said:
            raise bad_request("Invalid value for 'input': it holds no message.", param="input")
        parent_id = await self._parent(asked, place, asking)
        known = {} if place.previous is None else _calls_of(place.previous)
        messages = with_calls(said, known)
        before = tools_message(fitted.request.tooling)
        if asked.request.instructions is not None:
            before = (*before, ChatMessage("system", asked.request.instructions))
        await turns.prompts.check_context(spec, (*before, *messages), "input")
        # Instructions are counted where they are put before the history.
        tokens = await turns.prompts.check_context(spec, (*tools_message(fitted.request.tooling), *messages), "input")
        plain = messages[0].content if _is_plain(messages) else None
        if not asked.request.store:
            return PromptIntent(
                spec=spec,
                tokens=tokens,
                kind="stateless",
                messages=messages,
                sampling=fitted.sampling,
                request=fitted.request,
            )
        if place.conversation is None:
            await self._begin(place.conversation_id, asking)
        return PromptIntent(
            spec=spec,
            tokens=tokens,
            content=plain if isinstance(plain, str) else None,
            messages=() if isinstance(plain, str) else messages,
            parent_id=parent_id,
            sampling=fitted.sampling,
            request=fitted.request,
        )

    def _model(self, asked: Asked, place: _Place) -> ModelSpec:
        """The request's, else the previous response's or the conversation's, else the default. Raises ModelNotFound."""
        models = self._turns.streams.models
        if asked.model is not None:
            return models.get(asked.model)
        if place.previous is not None:
            return models.get(place.previous.row.model)
        if place.conversation is not None and place.conversation.model is not None:
            return models.get(place.conversation.model)
        return models.default_model

    async def _parent(self, asked: Asked, place: _Place, asking: Asking) -> str | None:
        if place.conversation is None:
            return None
        if not asked.request.store:
            raise bad_request(
                "'store' must not be false where a response goes on from what is stored: the log keeps it there.",
                param="store",
            )
        wanted = None if place.previous is None else place.previous.row.generation_id
        turns = self._turns
        return await parent_of(
            self._fresh, turns.messages, turns.streams.hub, place.conversation, wanted, asking.generation_id
        )

    async def _begin(self, conversation_id: str, asking: Asking) -> None:
        """Begin the conversation of a first response; a repeat writes the same record again."""
        author, ports = self._author, self._turns.ask
        started = ConversationStarted(
            envelope=author.envelope(conversation_id, "ConversationStarted"),
            conversation_id=conversation_id,
            user_id=author.user_id,
            title=None,
            model=None,
            system_prompt=None,
            request_hash=asking.request_hash,
        )
        at = await send(ports.log, CONVERSATION_EVENTS, conversation_id, started, self._key)
        ports.own_writes.started(conversation_id, author.user_id, None, at)

    async def _asked_at_us(self, generation_id: str) -> int:
        """When a response that was there already was asked for. Raises ApiError 503 if its row does not come."""
        until_s = monotonic_s() + self._turns.wait_s
        while (row := await self._turns.streams.reads.generation(generation_id)) is None:
            if monotonic_s() >= until_s:
                raise behind()
            await asyncio.sleep(_POLL_S)
        return row.asked_at_us


def _is_plain(messages: tuple[ChatMessage, ...]) -> bool:
    """Whether this is one text of the user's and nothing else."""
    return len(messages) == 1 and messages[0].role == "user" and not messages[0].parts and messages[0].name is None


def _calls_of(stored: StoredGeneration) -> Mapping[str, str]:
    """The functions that a stored answer called, and its prompt."""
    calls = dict(calls_of(getattr(stored.command, "messages", ())))
    outcome = stored.outcome
    if outcome is not None and isinstance(outcome.text, str):
        said = parts_of(outcome.text, outcome.parts)
        calls |= {part.call_id: part.name for part in said if part.kind == "tool_call"}
    return calls


def _no_image(url: str, detail: str, where: str) -> ContentPart:
    raise ApiError(400, f"Invalid value for '{where}': images are not supported yet.", param=where)
