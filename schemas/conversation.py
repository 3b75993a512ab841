"""conversation-events: what users did. Key: conversation_id.

`request_hash` is the hash of the request that made the command; empty in records older than it. A repeat under the same
idempotency key with another hash is another request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.envelope import Content, Envelope, Position, TimestampMicros
from schemas.families import members
from schemas.price import Price

Role = Literal["system", "developer", "user", "assistant", "tool"]
PromptKind = Literal["chat", "stateless"]
TurnKind = Literal["chat", "stateless", "title"]
ServiceClass = Literal["interactive", "background"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a context, as the engines see it."""

    role: str
    content: Content
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file a prompt refers to."""

    file_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample. None: the model's default.

    `response_schema`: the JSON schema that the answer must keep to, as JSON; empty: any text.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    response_schema: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationStarted:
    envelope: Envelope
    conversation_id: str
    user_id: str
    title: Content | None
    model: str | None
    system_prompt: Content | None
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSubmitted:
    """A prompt to be answered by generation `generation_id`.

    `kind` chat: `content` is the prompt and `parent_message_id` the message it follows (None: the first).
    `kind` stateless: `messages` is the whole context and nothing is read or listed.
    `tail` is a lower bound of the generation's records in token-chunks.
    `prompt_tokens`: what a prompt of `content`, or of `messages`, alone has, as the API counted it for `model`; 0: it
    did not say.
    `price`: what the tokens cost; null (as in version 1): what `model` costs when the command is handled.
    `account`: who pays; empty: the user. `model_version`: which model `model` stood for; empty: it did not say.
    """

    envelope: Envelope
    conversation_id: str
    user_id: str
    message_id: str
    generation_id: str
    parent_message_id: str | None
    kind: PromptKind
    content: Content | None
    messages: tuple[ChatMessage, ...]
    attachments: tuple[Attachment, ...]
    model: str
    sampling: Sampling
    service_class: ServiceClass
    tier: str
    tail: Position
    request_hash: str
    idempotency_key: str | None
    deadline_at_us: TimestampMicros
    prompt_tokens: int = 0
    price: Price | None = None
    account: str = ""
    model_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegenerateRequested:
    """Another answer to the prompt `prompt_message_id`, as a branch beside the earlier ones.

    `price`, `account` and `model_version` as in PromptSubmitted.
    """

    envelope: Envelope
    conversation_id: str
    user_id: str
    message_id: str
    generation_id: str
    prompt_message_id: str
    model: str
    sampling: Sampling
    service_class: ServiceClass
    tier: str
    tail: Position
    request_hash: str
    idempotency_key: str | None
    deadline_at_us: TimestampMicros
    price: Price | None = None
    account: str = ""
    model_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleRequested:
    """A title for the conversation is to be made by generation `generation_id`, once the answer `answer_id` was there.

    `user_id`: whose conversation it is. Its ids derive from the conversation's, so there is one a conversation.
    `prompt` and `answer`: the beginnings of the prompt `prompt_message_id` and of its answer.
    `tail`, `price` and `model_version` as in PromptSubmitted.
    """

    envelope: Envelope
    conversation_id: str
    user_id: str
    message_id: str
    generation_id: str
    prompt_message_id: str
    answer_id: str
    prompt: Content
    answer: Content
    model: str
    model_version: str
    service_class: ServiceClass
    tier: str
    tail: Position
    deadline_at_us: TimestampMicros
    price: Price


@dataclass(frozen=True, slots=True)
class ConversationRenamed:
    """Another title. One whose actor is `system:titles` counts only where the user gives none, whichever is first."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    title: Content
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationShared:
    """A link to the conversation up to a message was made, or (`revoked`) taken back."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    share_id: str
    up_to_message_id: str | None
    revoked: bool
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGiven:
    envelope: Envelope
    conversation_id: str
    user_id: str
    message_id: str
    rating: Literal["up", "down", "none"]
    comment: Content | None
    request_hash: str = ""


@dataclass(frozen=True, slots=True)
class ConversationDeleted:
    """Final: nothing brings the conversation back."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    request_hash: str = ""


ConversationEvent = (
    ConversationStarted
    | PromptSubmitted
    | RegenerateRequested
    | TitleRequested
    | ConversationRenamed
    | ConversationShared
    | FeedbackGiven
    | ConversationDeleted
)
RECORDS = members(ConversationEvent)
