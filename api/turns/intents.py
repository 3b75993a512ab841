"""The three ways to ask a model, and the command of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from api.consistency.commanding import Author, IdempotencyKey
from api.turns.prompting import SERVICE_CLASS, deadline_us
from infra.models.catalogue import ModelSpec
from schemas import ids
from schemas.conversation import ChatMessage, PromptKind, PromptSubmitted, RegenerateRequested, Request, Sampling
from schemas.envelope import Position
from schemas.turns import UserCommand
from topics.admission.sums import Who

DEFAULT_SAMPLING: Final = Sampling()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks, under which key, in which conversation. `request_hash`: of what the request asks for.
    `choices`: how many answers. `alternatives`: models that may answer instead, where its own would take too long."""

    author: Author
    key: IdempotencyKey
    conversation_id: str
    request_hash: str
    choices: int = 1
    alternatives: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """Who pays."""
        return self.author.limited.account

    @property
    def who(self) -> Who:
        """For whom within that account."""
        return self.author.who

    @property
    def command_id(self) -> str:
        """The same for each request with this key."""
        return ids.message_id(self.author.user_id, self.conversation_id, self.key.value)

    @property
    def generation_id(self) -> str:
        """The generation that is begun, or was."""
        return ids.generation_id(self.command_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptIntent:
    """Something said. Of kind `chat` it is `content`, after the answer `parent_id` (None: at the root); a `stateless`
    one brings its whole context in `messages`; a `compaction` is a summary of what `parent_id` ends and of `messages`.
    `tokens`: of it all, in the model's terms. `request`: what else is asked for. `first`: what is done before the
    command is given, once the request is admitted."""

    spec: ModelSpec
    tokens: int
    kind: PromptKind = "chat"
    content: str | None = None
    parent_id: str | None = None
    messages: tuple[ChatMessage, ...] = ()
    sampling: Sampling = DEFAULT_SAMPLING
    request: Request | None = None
    first: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegenerateIntent:
    """Another answer to a prompt. `request`: what else is asked for."""

    spec: ModelSpec
    prompt_id: str
    sampling: Sampling = DEFAULT_SAMPLING
    request: Request | None = None


Intent = PromptIntent | RegenerateIntent
Prepare = Callable[[str | None], Awaitable[Intent]]
"""Says what is asked: of the model that the request names (None), or of another one."""


def command_of(asking: Asking, intent: Intent, tail: Position) -> UserCommand:
    """The command's record. `tail`: the place in token-chunks from which on its reader reads."""
    author, key, spec = asking.author, asking.key, intent.spec
    if isinstance(intent, PromptIntent):
        return PromptSubmitted(
            envelope=author.envelope(asking.command_id, "PromptSubmitted"),
            conversation_id=asking.conversation_id,
            user_id=author.user_id,
            message_id=asking.command_id,
            generation_id=asking.generation_id,
            parent_message_id=intent.parent_id,
            kind=intent.kind,
            content=intent.content,
            messages=intent.messages,
            attachments=(),
            model=spec.id,
            sampling=intent.sampling,
            service_class=SERVICE_CLASS,
            tier=author.limited.tier,
            tail=tail,
            request_hash=asking.request_hash,
            idempotency_key=key.value if key.given else None,
            deadline_at_us=deadline_us(spec),
            prompt_tokens=intent.tokens,
            price=spec.price,
            account=author.limited.account,
            organisation_id=author.limited.organisation_id,
            key_id=author.limited.key_id,
            model_version=spec.version,
            request=intent.request,
        )
    return RegenerateRequested(
        envelope=author.envelope(asking.command_id, "RegenerateRequested"),
        conversation_id=asking.conversation_id,
        user_id=author.user_id,
        message_id=asking.command_id,
        generation_id=asking.generation_id,
        prompt_message_id=intent.prompt_id,
        model=spec.id,
        sampling=intent.sampling,
        service_class=SERVICE_CLASS,
        tier=author.limited.tier,
        tail=tail,
        request_hash=asking.request_hash,
        idempotency_key=key.value if key.given else None,
        deadline_at_us=deadline_us(spec),
        price=spec.price,
        account=author.limited.account,
        organisation_id=author.limited.organisation_id,
        key_id=author.limited.key_id,
        model_version=spec.version,
        request=intent.request,
    )
