"""What the conversation agent needs from others: history from the projections, models and counting from infra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.conversation import ChatMessage, Sampling
from schemas.envelope import Content
from schemas.generation import Turn
from schemas.price import Price


class Context(Protocol):
    """What a prompt follows: the chain from the root to the leaf (newest last), complete."""

    @property
    def messages(self) -> tuple[ChatMessage, ...]: ...
    @property
    def system_prompt(self) -> Content | None: ...
    @property
    def deleted(self) -> bool: ...
    @property
    def unanswered(self) -> bool:
        """Whether the last message is a prompt that got no answer."""
        ...

    @property
    def unjudged(self) -> tuple[ChatMessage, ...]:
        """Of the messages those that no prompt was judged with: what was appended or imported since."""
        ...


@dataclass(frozen=True, slots=True)
class NoHistory:
    """The context of what follows nothing: a first prompt, a stateless request, a prompt in a deleted conversation."""

    messages: tuple[ChatMessage, ...] = ()
    system_prompt: Content | None = None
    deleted: bool = False
    unanswered: bool = False
    unjudged: tuple[ChatMessage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTurn:
    """What the title of a conversation depends on, when an answer to `prompt` has completed.

    `named`: its user gave it a title. `title_asked`: one was asked for already. `answered`: the prompt follows answers.
    `temporary`: it is in no list, so nobody would see a title.
    """

    prompt: Content | None = None
    deleted: bool = False
    named: bool = False
    title_asked: bool = False
    answered: bool = False
    temporary: bool = False


class HistoryPort(Protocol):
    """Conversations as the projections have them. Every method may raise what the store raises when it is away."""

    async def context(self, conversation_id: str, leaf_message_id: str, max_messages: int) -> Context | None:
        """The chain that ends at `leaf_message_id`, its newest `max_messages`.

        None while the conversation or a message of the chain is not there yet, or an answer in it is still open.
        """
        ...

    async def beginning(self, conversation_id: str) -> Context | None:
        """The conversation without its messages. None while it is not there yet."""
        ...

    async def first_turn(
        self, conversation_id: str, prompt_message_id: str, title_generation_id: str
    ) -> FirstTurn | None:
        """How the conversation stands at this prompt. None while the conversation or the prompt is not there yet."""
        ...

    async def open_turns(self, conversation_id: str) -> tuple[Turn, ...]:
        """Turns that were begun and have no outcome yet, as far as the projections know."""
        ...

    async def open_answer(self, generation_id: str) -> tuple[Turn, ...]:
        """The turn of a generation if it has no outcome yet, and where it is the first of several answers, all of them
        that have none; as far as the projections know."""
        ...


class Temporary(Protocol):
    """A temporary conversation. `used_at_us`: when its newest turn was asked for, or when it began."""

    @property
    def conversation_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def used_at_us(self) -> int: ...


class TemporaryPort(Protocol):
    """Temporary conversations as the projections have them. Every method may raise what the store raises when it is
    away."""

    async def temporaries_begun(self, day: int, after: str) -> Sequence[str]:
        """Ids of those that began on a day (since 1970), a page in their order behind `after`; an empty one is the
        last. They may have been deleted since."""
        ...

    async def temporary(self, conversation_id: str) -> Temporary | None:
        """The conversation; None if it is deleted."""
        ...


class ConversationPorts(HistoryPort, TemporaryPort, Protocol):
    """All that the conversation process reads of the projections."""


class TurnDeadlines(Protocol):
    """Seconds."""

    @property
    def first_token_s(self) -> float: ...
    @property
    def inter_token_s(self) -> float: ...


class Model(Protocol):
    """What the agent must know of a model."""

    @property
    def id(self) -> str: ...
    @property
    def pool(self) -> str: ...
    @property
    def context_tokens(self) -> int: ...
    @property
    def price(self) -> Price: ...
    @property
    def system_prompt(self) -> str | None: ...
    @property
    def deadlines(self) -> TurnDeadlines: ...

    def sampling(self, asked: Sampling) -> Sampling:
        """`asked` with the model's defaults and limits; `max_tokens` is set."""
        ...


class Counter(Protocol):
    """Counts tokens as a model's tokenizer does."""

    @property
    def frame(self) -> int:
        """Tokens a prompt has beside its messages."""
        ...

    def count_message(self, message: ChatMessage) -> int: ...

    def count_messages(self, messages: Sequence[ChatMessage]) -> int: ...
