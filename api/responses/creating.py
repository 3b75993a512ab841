"""The use case `create`: a response is a prompt in a conversation, or a stateless one that is not kept.

store: false ─▶ stateless: the context is all inline, also that of what it follows
previous_response_id ─▶ a prompt after that answer; a branch, if it is not the newest
conversation ─▶ a prompt after the newest answer of it
none of them ─▶ a new conversation begins with it
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from api.consistency.commanding import Author, IdempotencyKey, send
from api.consistency.freshness import Freshness
from api.http.errors import behind
from api.responses.parameters import parameters_of
from api.responses.places import Place, Places
from api.responses.ports import ResponsePorts
from api.responses.prompting import Prompting
from api.responses.requests import Asked, fit
from api.responses.shapes import Parameters
from api.turns.ask import ask
from api.turns.images import keep
from api.turns.intents import Asking, PromptIntent
from api.turns.joining import Opened
from api.turns.ports import TurnPorts
from infra.clock import monotonic_s
from schemas import ids
from schemas.conversation import ChatMessage, ConversationStarted
from topics.catalogue import CONVERSATION_EVENTS

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Created:
    """A response and what it says of its request. `messages`: what its command holds, if it was given just now."""

    opened: Opened
    parameters: Parameters
    messages: tuple[ChatMessage, ...] = ()


class Creating:
    """One request for a response."""

    def __init__(
        self, fresh: Freshness, turns: TurnPorts, responses: ResponsePorts, author: Author, key: IdempotencyKey
    ) -> None:
        self._turns = turns
        self._author = author
        self._key = key
        self.places = Places(fresh, turns, responses, author)
        self._prompting = Prompting(fresh, turns, responses, author, self.places)

    async def create(self, asked: Asked, place: Place | None = None) -> Created:
        """The response, begun here or by an earlier request with the same key. Raises ApiError.

        `place`: what it goes on from; None: what the request names.
        """
        place = place or await self.places.place(asked)
        messages: tuple[ChatMessage, ...] = ()
        asking = Asking(
            author=self._author,
            key=self._key,
            conversation_id=self._conversation_id(asked, place),
            request_hash=asked.request_hash,
            alternatives=asked.models,
        )

        async def prompt(instead: str | None) -> PromptIntent:
            nonlocal messages
            intent = await self._prompt(asked.of_model(instead), place, asking)
            messages = intent.messages
            return intent

        opened = await ask(self._turns.ask, asking, prompt)
        try:
            asked_at_us = await asked_at(self._turns, opened)
            fitted = fit(self._turns.streams.models.get(opened.turn.model), asked)
            shown = parameters_of(opened.turn.model, asked_at_us, fitted.request, fitted.sampling)
            return Created(self._noted(opened), shown, messages)
        except BaseException:
            opened.release()
            raise

    async def prepared(self, asked: Asked, place: Place | None) -> tuple[ChatMessage, ...]:
        """All messages that a response would be given, for one that is asked for later. Raises as `create`."""
        place = place or await self.places.place(asked)
        own_id = self._conversation_id(asked, Place())
        asking = Asking(author=self._author, key=self._key, conversation_id=own_id, request_hash=asked.request_hash)
        understood = await self._prompting.understood(asked, place, asking.generation_id, needs_input=False)
        if not understood.messages:
            return (await self._prompting.context(place, understood.parent_id)).messages
        return (await self._prompting.inline(asked, place, understood, asking)).messages

    def _conversation_id(self, asked: Asked, place: Place) -> str:
        """Where its command goes: what is not stored is no part of what it follows."""
        if place.conversation is not None and asked.request.store:
            return place.conversation.conversation_id
        # The line break keeps these ids apart from those of other requests under the same key: no key holds one.
        key = f"POST /v1/responses\n{self._key.value}" if asked.request.store else self._key.value
        return ids.conversation_id(self._author.user_id, key)

    def _noted(self, opened: Opened) -> Opened:
        """The same; once it is given back, what this process reads of its conversation waits for the answer's row."""

        def release() -> None:
            if opened.source.ending is not None:
                self._turns.ask.own_writes.finished(opened.turn.conversation_id, opened.turn.generation_id)
            opened.release()

        return replace(opened, release=release)

    async def _prompt(self, asked: Asked, place: Place, asking: Asking) -> PromptIntent:
        understood = await self._prompting.understood(asked, place, asking.generation_id)
        if not asked.request.store:
            understood = await self._prompting.inline(asked, place, understood, asking)
        tokens = await self._prompting.tokens(understood)
        await keep(self._turns.blobs, asked.images)
        if not asked.request.store:
            return replace(understood.intent(tokens), kind="stateless", content=None, messages=understood.messages)
        intent = understood.intent(tokens)
        return intent if place.conversation is not None else replace(intent, first=lambda: self._begin(asking))

    async def _begin(self, asking: Asking) -> None:
        """Begin the conversation of a first response; a repeat writes the same record again."""
        author, ports, conversation_id = self._author, self._turns.ask, asking.conversation_id
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


async def asked_at(turns: TurnPorts, opened: Opened) -> int:
    """When an answer was asked for, in microseconds. Raises ApiError 503 if its row does not come."""
    if opened.asked_at_us is not None:
        return opened.asked_at_us
    until_s = monotonic_s() + turns.wait_s
    while (row := await turns.streams.reads.generation(opened.turn.generation_id)) is None:
        if monotonic_s() >= until_s:
            raise behind()
        await asyncio.sleep(_POLL_S)
    return row.asked_at_us
