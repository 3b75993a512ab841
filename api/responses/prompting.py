"""What a request for a response comes to: the model, its messages, and the context that they follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

from api.consistency.commanding import Author
from api.consistency.freshness import Freshness
from api.http.errors import bad_request, behind, unsupported
from api.responses.items import joined, with_calls
from api.responses.places import Place, Places
from api.responses.ports import ResponsePorts
from api.responses.requests import Asked, fit
from api.turns.alternatives import check_alternatives
from api.turns.intents import Asking, PromptIntent, command_of
from api.turns.parents import parent_of
from api.turns.ports import TurnPorts
from infra.models.catalogue import ModelSpec
from infra.models.tokenizers import TokenCounter
from infra.models.tool_tokens import tools_message
from projections.messages.context import ProjectedContext
from schemas.conversation import ChatMessage, Request, Sampling
from schemas.envelope import Position
from schemas.messages import characters
from streams.conversation.context import Assembled
from streams.conversation.reactor import given

MAX_MESSAGES = 2000
"""Messages of a context, the newest ones: as many as the conversation agent reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A request, fitted to its model. `messages`: those that it adds. `parent_id`: what they follow; None: nothing."""

    spec: ModelSpec
    sampling: Sampling
    request: Request
    messages: tuple[ChatMessage, ...]
    parent_id: str | None

    @property
    def before(self) -> tuple[ChatMessage, ...]:
        """What is put before all messages for this answer alone."""
        instructions = self.request.instructions
        return () if instructions is None else (ChatMessage("system", instructions),)

    def intent(self, tokens: int) -> PromptIntent:
        """A prompt in its conversation."""
        plain = _plain_text(self.messages)
        return PromptIntent(
            spec=self.spec,
            tokens=tokens,
            content=plain,
            messages=() if plain is not None else self.messages,
            parent_id=self.parent_id,
            sampling=self.sampling,
            request=self.request,
        )


class Prompting:
    """The use cases that understand a request: what create, the count of tokens and compaction have in common."""

    def __init__(
        self, fresh: Freshness, turns: TurnPorts, responses: ResponsePorts, author: Author, places: Places
    ) -> None:
        self._fresh = fresh
        self._author = author
        self._turns = turns
        self._responses = responses
        self._places = places

    async def understood(self, asked: Asked, place: Place, own: str, *, needs_input: bool = True) -> Understood:
        """`own`: the generation that is asked for. Raises ApiError 400 naming what is wrong, 409 while what is followed
        still runs."""
        spec = self._model(asked, place)
        fitted = fit(spec, asked)
        said = joined(await self._places.resolved(asked.said, place))
        if not said and needs_input:
            raise bad_request("Invalid value for 'input': it holds no message.", param="input")
        if asked.images.digests and "vision" not in spec.capabilities:
            raise unsupported("input", f"Images are not supported by the model {spec.id!r}.")
        parent_id = await self._parent(place, own)
        messages = with_calls(said, await self._places.known_calls(place) if _has_results(said) else {})
        return Understood(
            spec=spec, sampling=fitted.sampling, request=fitted.request, messages=messages, parent_id=parent_id
        )

    async def context(self, place: Place, parent_id: str | None) -> ProjectedContext:
        """What is followed, bounded. Raises ApiError 503 where the projections have not all of it yet."""
        if place.conversation is None:
            return ProjectedContext(place.earlier)
        conversation_id = place.conversation.conversation_id
        found = await self._responses.contexts.context(conversation_id, parent_id, MAX_MESSAGES)
        if found is None and await self._fresh.up_to_date(conversation_id):
            found = await self._responses.contexts.context(conversation_id, parent_id, MAX_MESSAGES)
        if found is None:
            raise behind()
        return found

    async def assembled(self, understood: Understood, context: ProjectedContext, asking: Asking) -> Assembled | None:
        """What the model would be given, as the conversation agent puts it together; None: it leaves no room."""
        command = command_of(asking, understood.intent(0), Position(0, 0, 0))
        spec = understood.spec
        size = sum(map(characters, (*context.messages, *understood.messages)))
        return await self._turns.prompts.counted(size, lambda: given(command, context, spec, TokenCounter.of(spec)))

    async def inline(self, asked: Asked, place: Place, understood: Understood, asking: Asking) -> Understood:
        """The same with all that it follows among its messages, for an answer of which nothing is kept."""
        if place.conversation is None and not place.earlier:
            return understood
        context = await self.context(place, understood.parent_id)
        found = await self.assembled(understood, context, asking)
        if found is None:
            await self.tokens(understood)
            return understood  # not reached: what leaves no room is refused by its count
        # The instructions are the request's own, and put before its messages when it is answered.
        messages = found.messages[len(understood.before) :]
        return replace(understood, messages=messages, parent_id=None)

    async def tokens(self, understood: Understood) -> int:
        """The tokens of the messages that are added, and of the tools. Raises ApiError 400 when they, with the
        instructions, leave the model none to answer with."""
        prompts, spec = self._turns.prompts, understood.spec
        tools = tools_message(understood.request.tooling)
        whole = await prompts.check_context(spec, (*tools, *understood.before, *understood.messages), "input")
        if not understood.before:
            return whole
        # Instructions are counted where they are put before the history.
        return await prompts.check_context(spec, (*tools, *understood.messages), "input")

    def _model(self, asked: Asked, place: Place) -> ModelSpec:
        """The request's, else the previous response's or the conversation's, else the default. Raises ModelNotFound,
        and ApiError 404 for an alternative that the caller has not."""
        models = self._turns.own_models.of(self._author.limited)
        check_alternatives(models, asked.models)
        if asked.model is not None:
            return models.get(asked.model)
        if place.previous is not None:
            return models.get(place.previous.row.model)
        if place.conversation is not None and place.conversation.model is not None:
            return models.get(place.conversation.model)
        return models.default_model

    async def _parent(self, place: Place, own: str) -> str | None:
        if place.conversation is None:
            return None
        wanted = None if place.previous is None else place.previous.row.generation_id
        turns = self._turns
        return await parent_of(self._fresh, turns.messages, turns.streams.hub, place.conversation, wanted, own)


def _has_results(messages: tuple[ChatMessage, ...]) -> bool:
    return any(part.kind == "tool_result" for message in messages for part in message.parts)


def _plain_text(messages: tuple[ChatMessage, ...]) -> str | None:
    """The text, where this is one text of the user's and nothing else."""
    if len(messages) != 1 or messages[0].role != "user" or messages[0].parts or messages[0].name is not None:
        return None
    content = messages[0].content
    return content if isinstance(content, str) else None
