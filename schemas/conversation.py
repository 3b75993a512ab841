"""conversation-events: what users did. Key: conversation_id.

`request_hash` is the hash of the request that made the command; empty in records older than it. A repeat under the same
idempotency key with another hash is another request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.envelope import Content, Envelope, Position, TimestampMicros
from schemas.families import members
from schemas.parts import ContentPart, Tooling
from schemas.price import Price

Role = Literal["system", "developer", "user", "assistant", "tool"]
PromptKind = Literal["chat", "stateless", "compaction"]
"""compaction: a summary of the conversation up to `parent_message_id` and of `messages`; it is listed nowhere."""
TurnKind = Literal["chat", "stateless", "title", "compaction"]
ServiceClass = Literal["interactive", "background"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a context, as the engines see it.

    `parts`: what it consists of, where that is more than one text; `content` is empty then (schemas.messages reads
    both shapes).
    """

    role: str
    content: Content
    name: str | None = None
    parts: tuple[ContentPart, ...] = ()


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
    `reasoning_effort`: as the engine names it; empty: the model's default. `top_logprobs`: how many alternatives to
    tell of each token; None: no logprobs at all. `template_kwargs`: a JSON object for the model's chat template.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    response_schema: str = ""
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    reasoning_effort: str = ""
    top_logprobs: int | None = None
    template_kwargs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a request said beside its prompt and its sampling: how it is answered, kept and shown again.

    `surface`: the API it came by (`chat_completions`, `completions`, `responses`); empty: ours.
    `tooling`: the tools that the model may call; None: none.
    `choices`: how many answers; choice i is a generation of its own (`schemas.ids.choice_id`).
    `instructions`: put before the messages of this answer alone.
    `store`: a stateless answer can be read over the API afterwards. `background`: nobody waits for it.
    `metadata`: the user's own notes, as a JSON object of strings. `echo`: other parameters that only the surface reads,
    as a JSON object.
    """

    surface: str = ""
    tooling: Tooling | None = None
    choices: int = 1
    instructions: Content | None = None
    store: bool = False
    background: bool = False
    metadata: Content | None = None
    echo: Content | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationStarted:
    """`metadata`: the user's own notes, as a JSON object of strings. `temporary`: it is in no list, and is deleted soon
    after its last turn."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    title: Content | None
    model: str | None
    system_prompt: Content | None
    request_hash: str = ""
    metadata: Content | None = None
    temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSubmitted:
    """A prompt to be answered by generation `generation_id`.

    `kind` chat: `content` is the prompt and `parent_message_id` the message it follows (None: the first). A prompt of
    several messages, or of parts, has them in `messages` and no `content`.
    `kind` stateless: `messages` is the whole context and nothing is read or listed.
    `tail` is a lower bound of the generation's records in token-chunks.
    `prompt_tokens`: what a prompt of `content`, or of `messages`, alone has, as the API counted it for `model`; 0: it
    did not say.
    `price`: what the tokens cost; null (as in version 1): what `model` costs when the command is handled.
    `account`: who pays; empty: the user. `model_version`: which model `model` stood for; empty: it did not say.
    `request`: what else it asked for; None: nothing.
    `organisation_id` and `key_id`: for which organisation and by which key the user asked; empty: for none, by none.
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
    request: Request | None = None
    organisation_id: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegenerateRequested:
    """Another answer to the prompt `prompt_message_id`, as a branch beside the earlier ones.

    `price`, `account`, `model_version`, `request`, `organisation_id` and `key_id` as in PromptSubmitted.
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
    request: Request | None = None
    organisation_id: str = ""
    key_id: str = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendedMessage:
    """A message that no generation of ours made. `at_us`: when it was written; `model`: who wrote it, if known."""

    message_id: str
    message: ChatMessage
    at_us: TimestampMicros
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesAppended:
    """Messages were put into a conversation without an answer being asked for: each follows the one before.

    The first follows `parent_message_id` (None: it is the first of the conversation).
    """

    envelope: Envelope
    conversation_id: str
    user_id: str
    parent_message_id: str | None
    messages: tuple[AppendedMessage, ...]
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationMetadataChanged:
    """The whole metadata of a conversation from now on, as a JSON object of strings."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    metadata: Content
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMetadataChanged:
    """The whole metadata of one answer from now on, as a JSON object of strings."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    generation_id: str
    metadata: Content
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDeleted:
    """One answer is hidden on every surface, for good. What follows it stays, and so does its bill."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    generation_id: str
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeleted:
    """One message of a conversation is hidden on every surface and in contexts, for good. What follows it stays."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    message_id: str
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
    | MessagesAppended
    | ConversationMetadataChanged
    | GenerationMetadataChanged
    | GenerationDeleted
    | MessageDeleted
)
RECORDS = members(ConversationEvent)
