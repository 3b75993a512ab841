"""What turns need: generations, and the messages they follow, from the projections; the log; the live streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends

from api.access.limiting import RateLimits
from api.access.own_models import OwnModels
from api.consistency.own_writes import OwnWrites
from api.consistency.ports import CommandLog
from api.http.providing import provided
from api.streaming.readers import Readers
from api.streaming.tail_hub import TailHub
from api.turns.own_queue import OwnQueue
from api.turns.prompting import PromptSizes
from api.turns.queueing import Queues
from api.turns.quotas import NoQuotas, Quotas
from infra.blobs.ports import BlobStore
from infra.models.catalogue import ModelCatalogue
from projections.generations.queries import GenerationRow
from projections.messages.rows import MessageRow
from schemas.outcome import Outcome

NO_QUOTAS = NoQuotas()


class GenerationReads(Protocol):
    """Generations in the projections. Every method raises StoreUnavailable when they cannot be asked."""

    async def generation(self, generation_id: str) -> GenerationRow | None:
        """The generation as its first command asked for it. None in a deleted conversation."""

    async def outcome(self, generation_id: str) -> Outcome | None:
        """The recorder's own record; None: still running, or not here yet."""


class MessageReads(Protocol):
    """Messages in the projections. Every method raises StoreUnavailable when they cannot be asked."""

    async def message(self, conversation_id: str, message_id: str) -> MessageRow | None:
        """An answer's id is its generation's; it is `running` as long as it has no outcome."""

    async def leaf(self, conversation_id: str) -> MessageRow | None:
        """The newest message; None in a conversation without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPorts:
    """What it takes to get at the stream of a generation, live or finished."""

    hub: TailHub
    reads: GenerationReads
    models: ModelCatalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPorts:
    """What it takes to ask for an answer."""

    streams: StreamPorts
    log: CommandLog
    own_writes: OwnWrites
    limits: RateLimits
    queues: Queues
    quotas: Quotas = NO_QUOTAS
    own_queue: OwnQueue = field(default_factory=OwnQueue)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPorts:
    """What the routes of turns need. `wait_s`: how long a request waits for what is on its way here.

    `grace_s`: how long an answer goes on whose client left, where leaving cancels it.
    """

    ask: AskPorts
    messages: MessageReads
    readers: Readers
    prompts: PromptSizes
    own_models: OwnModels
    blobs: BlobStore
    wait_s: float
    grace_s: float

    @property
    def streams(self) -> StreamPorts:
        return self.ask.streams

    @property
    def sees_images(self) -> bool:
        """Whether any model does."""
        return any("vision" in spec.capabilities for spec in self.streams.models)


Turns = Annotated[TurnPorts, Depends(provided(TurnPorts))]
