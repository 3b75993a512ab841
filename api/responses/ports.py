"""What responses need beside turns: kept answers read again whole, messages, contexts, and the seal of summaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends

from api.conversations.ports import ConversationReads
from api.http.providing import provided
from api.responses.sealing import Seal
from api.turns.stored import StoredReads
from projections.messages.context import ProjectedContext


class ContextReads(Protocol):
    """Contexts in the projections. Raises StoreUnavailable when they cannot be asked."""

    async def context(
        self, conversation_id: str, leaf_message_id: str | None, max_messages: int
    ) -> ProjectedContext | None:
        """The newest messages of the chain that ends with the leaf (None: no messages), as an engine is told them.

        None: the conversation or a message of the chain is not there, or an answer in it is still running.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePorts:
    """What the routes of responses need."""

    stored: StoredReads
    messages: ConversationReads
    contexts: ContextReads
    seal: Seal


Responses = Annotated[ResponsePorts, Depends(provided(ResponsePorts))]
