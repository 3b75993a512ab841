"""The use cases `compact`, a billed answer that sums a conversation up, and `count`, the tokens of a prompt."""

from __future__ import annotations

from typing import Any

from api.consistency.commanding import Author, IdempotencyKey
from api.consistency.freshness import Freshness
from api.http.errors import ApiError
from api.responses.places import Places
from api.responses.ports import ResponsePorts
from api.responses.prompting import Prompting, Understood
from api.responses.requests import Asked
from api.responses.shapes import response_id, response_usage
from api.streaming.sources import text_of
from api.turns.ask import ask
from api.turns.images import keep
from api.turns.intents import Asking, PromptIntent
from api.turns.joining import Opened
from api.turns.ports import TurnPorts
from infra.models.tokenizers import TokenCounter
from infra.models.tool_tokens import tools_message
from schemas import ids


class Compacting:
    """One request that sums up or counts what a response would go on from."""

    def __init__(
        self, fresh: Freshness, turns: TurnPorts, responses: ResponsePorts, author: Author, key: IdempotencyKey
    ) -> None:
        self._turns = turns
        self._author = author
        self._key = key
        self._places = Places(fresh, turns, responses, author)
        self._prompting = Prompting(fresh, turns, responses, author, self._places)

    async def compact(self, asked: Asked) -> Opened:
        """The summary that is made, begun here or by an earlier request with the same key. Raises ApiError."""
        place = await self._places.place(asked)
        conversation = place.conversation
        by = f"POST /v1/responses/compact\n{self._key.value}"
        own_id = ids.conversation_id(self._author.user_id, by) if conversation is None else conversation.conversation_id
        asking = self._asking(asked, own_id)

        async def prompt(instead: str | None) -> PromptIntent:
            understood = await self._prompting.understood(
                asked.of_model(instead), place, asking.generation_id, needs_input=conversation is None
            )
            await self._prompting.tokens(understood)
            await keep(self._turns.blobs, asked.images)
            return PromptIntent(
                spec=understood.spec,
                tokens=0,
                kind="compaction",
                parent_id=understood.parent_id,
                messages=understood.messages,
                sampling=understood.sampling,
                request=understood.request,
            )

        return await ask(self._turns.ask, asking, prompt)

    async def count(self, asked: Asked) -> int:
        """The tokens of the prompt, as the model would be given it: with as much of what it follows as has room.

        Nothing is asked of a model. Raises ApiError.
        """
        place = await self._places.place(asked)
        asking = self._asking(asked, ids.conversation_id(self._author.user_id, self._key.value))
        understood = await self._prompting.understood(asked, place, asking.generation_id)
        context = await self._prompting.context(place, understood.parent_id)
        found = await self._prompting.assembled(understood, context, asking)
        return await self._all(understood) if found is None else found.prompt_tokens

    async def _all(self, understood: Understood) -> int:
        """The tokens of what leaves no room for an answer."""
        messages = (*tools_message(understood.request.tooling), *understood.before, *understood.messages)
        counter = TokenCounter.of(understood.spec)
        return await self._turns.prompts.counted(2**31, lambda: counter.count_messages(messages))

    def _asking(self, asked: Asked, conversation_id: str) -> Asking:
        return Asking(
            author=self._author,
            key=self._key,
            conversation_id=conversation_id,
            request_hash=asked.request_hash,
            alternatives=asked.models,
        )


def compaction(opened: Opened, asked_at_us: int, responses: ResponsePorts) -> dict[str, Any]:
    """A summary that is whole, as clients have it. Raises ApiError 502 for one that was cut, which stands for less."""
    turn, ending = opened.turn, opened.source.ending
    if ending is None or ending.status != "completed" or ending.finish_reason != "stop":
        raise ApiError(
            502, "The model did not finish its summary, so it stands for nothing.", code="compaction_incomplete"
        )
    digits = turn.generation_id.replace("-", "")
    sealed = responses.seal.sealed(turn.user_id, text_of(opened.source))
    return {
        "id": response_id(turn.generation_id),
        "object": "response.compaction",
        "created_at": asked_at_us // 1_000_000,
        "output": [{"id": f"cmp_{digits}0000", "type": "compaction", "encrypted_content": sealed}],
        "usage": response_usage(ending.usage),
    }
