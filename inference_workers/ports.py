"""What a worker asks of an engine, and what an engine may answer.

    async with contextlib.aclosing(engine.generate(request)) as events:
        async for event in events: ...

`generate` yields what the answer consists of, in its order, and then exactly one `Finish`, or raises an EngineError.
Text is `Delta`, thoughts are `Reasoning`, a refusal in the model's own words is `Refusal`; a call of a tool begins with
`ToolCall` and goes on with any number of `Arguments`, up to the next event of another kind.

    EngineError              code, message (no prompt text, no keys), retryable, accepted
    ├── EngineUnavailable    not reachable, went away, draining              retryable
    ├── EngineOverloaded     refuses for load; `retry_after_s`               retryable
    ├── EngineTimeout        first_token, inter_token or total deadline      retryable
    ├── EngineRejected       this request, or our configuration, is wrong    not retryable
    └── EngineFailed         broke while computing                           as the engine says
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from infra.models.catalogue import Deadlines, ModelSpec
from schemas.conversation import ChatMessage, Sampling
from schemas.parts import Tooling

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]
Deadline = Literal["first_token", "inter_token", "total"]


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One call of an engine. `request_id` is unique per attempt: engines mix up requests that share one.

    `sampling.max_tokens` is set. `prefix` is the beginning of the answer, to be continued and not repeated.
    `tooling`: what the model may call; None: nothing. `parts`: reasoning is published, so that an answer that has begun
    to think is not begun anew; otherwise it is counted and left out.
    """

    request_id: str
    model: ModelSpec
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    deadlines: Deadlines
    prefix: str = ""
    tooling: Tooling | None = None
    parts: bool = True

    @property
    def offers_tools(self) -> bool:
        """Whether the model may call something."""
        return self.tooling is not None and self.tooling.choice != "none" and bool(self.tooling.tools)

    @property
    def max_tokens(self) -> int:
        """The most tokens that may be generated."""
        return self.sampling.max_tokens or self.model.max_output_tokens


@dataclass(frozen=True, slots=True)
class Delta:
    """Text that follows what came before. All tokens that arrived in one read are one Delta.

    Whole characters only. `token_ids` where the engine tells them: exactly the ids of this text. `logprobs` likewise:
    of its tokens, a JSON array in ASCII in the shape of Chat Completions' `logprobs.content`; empty: none.
    """

    text: str
    tokens: int
    token_ids: tuple[int, ...] | None = None
    logprobs: str = ""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thinks before and between its answer's parts. Paid for as output."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model says that it does not answer, in a way that tells this from an answer."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call begins. `call_id` as the engine gave it, empty where it gave none; `name` is whole."""

    call_id: str
    name: str
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Arguments:
    """More of the arguments of the call that began last, as the model wrote them. It need not be JSON."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The normal end. Counts are None where the engine does not tell: count the tokens of the events then.

    Counts are passed on as the engine sent them, whole numbers from 0 without a limit: the code that stores them
    limits them.
    `completion_tokens` holds the `reasoning_tokens`.
    """

    reason: FinishReason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


AnswerEvent = Delta | Reasoning | Refusal | ToolCall | Arguments
EngineEvent = AnswerEvent | Finish


class Engine(Protocol):
    """Computes answers for some models. Safe for many concurrent `generate` calls of one event loop."""

    def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        """Answer. Closing the generator stops the work upstream at once. Raises EngineError."""
        ...

    def continues(self, model: ModelSpec) -> bool:
        """Whether `prefix` is honoured for this model."""
        ...

    async def check(self) -> None:
        """Return when every model can be served now; else raise the EngineError that says why not."""
        ...

    async def aclose(self) -> None:
        """End all calls and connections. May be called twice."""
        ...


def is_held(sampling: Sampling, tooling: Tooling | None) -> bool:
    """Whether an answer must keep to a schema, or must call a tool."""
    return bool(sampling.response_schema) or (tooling is not None and tooling.choice in ("required", "function"))


def may_continue(engine: Engine, model: ModelSpec, sampling: Sampling, tooling: Tooling | None) -> bool:
    """Whether an answer is continued that has begun and is text alone.

    One that is held to something is not: no engine of ours leads its grammar over text that is there, so what came next
    would begin the JSON anew.
    """
    return not is_held(sampling, tooling) and engine.continues(model)


class EngineError(Exception):
    """An engine did not answer. `message` is for users and logs: it holds no prompt text and no key.

    `accepted` is False where it is certain that no engine worked at the request: the connection was refused, or it was
    answered with a refusal before any token. Such a try costs nothing. In doubt it is True.
    """

    code = "engine_error"
    retryable = False
    accepted = True

    def __init__(self, message: str, *, code: str | None = None, accepted: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if accepted is not None:
            self.accepted = accepted
        if code is not None:
            self.code = code


class EngineUnavailable(EngineError):
    """`answered`: something was reached and said no, as with HTTP 500. It may go on saying so."""

    code = "engine_unavailable"
    retryable = True

    def __init__(self, message: str, *, answered: bool = False, accepted: bool | None = None) -> None:
        super().__init__(message, accepted=accepted)
        self.answered = answered


class EngineOverloaded(EngineError):
    """`retry_after_s`: when to try again, bounded, from an upstream that limits our rate (HTTP 429); else None."""

    code = "engine_overloaded"
    retryable = True
    accepted = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineTimeout(EngineError):
    """The engine was silent for longer than `deadline` allows."""

    code = "engine_timeout"
    retryable = True

    def __init__(self, deadline: Deadline, limit_s: float) -> None:
        said = {"first_token": "sent no token", "inter_token": "stopped sending tokens", "total": "did not finish"}
        super().__init__(f"the model {said[deadline]} within {limit_s:g} s")
        self.deadline = deadline


class EngineRejected(EngineError):
    """`code` tells whose mistake it is: the request's (`invalid_request`, `context_length_exceeded`, `content_filter`)
    or the operator's (`engine_auth`, `engine_misconfigured`; `engine_rejected` where the engine does not say).
    """

    code = "engine_rejected"
    accepted = False


class EngineFailed(EngineError):
    code = "engine_failed"
    retryable = True
