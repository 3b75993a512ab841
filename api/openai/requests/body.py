"""The parameters of POST /v1/chat/completions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.openai.requests.fields import LenientBody, Metadata, Stop
from api.openai.requests.formats import ResponseFormat
from api.openai.requests.messages import MAX_MESSAGES, RequestMessage
from api.openai.requests.tools import FunctionDefinition, Tool
from api.turns.alternatives import Alternatives
from api.turns.tools import MAX_TOOLS
from schemas.turns import MAX_CHOICES

MAX_TOKENS = 2**31 - 1
MAX_TOP_LOGPROBS = 20


class StreamOptions(LenientBody):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatCompletionRequest(LenientBody):
    """Fields that change the answer and that no engine here honours are refused; those that change nothing are not."""

    model: str = Field(min_length=1, max_length=200)
    messages: Annotated[list[RequestMessage], Field(fail_fast=True, min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    stop: Stop = None
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = Field(default=None, max_length=MAX_TOOLS)
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDefinition] | None = Field(default=None, max_length=MAX_TOOLS)
    function_call: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_LOGPROBS)
    reasoning_effort: str | None = Field(default=None, max_length=64)

    # Of routers like OpenRouter: who may answer instead.
    models: Alternatives | None = None

    # Of servers like vLLM.
    top_k: int | None = Field(default=None, ge=-1, le=2**31 - 1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, gt=0, le=100)
    chat_template_kwargs: dict[str, Any] | None = None

    # Accepted and without effect on the text.
    metadata: Metadata | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    user: str | None = None
    verbosity: str | None = None
    prediction: Any = None

    # Refused unless they say what is so anyway.
    audio: Any = None
    logit_bias: Any = None
    modalities: Any = None
    moderation: Any = None
    web_search_options: Any = None

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options is not None and self.stream_options.include_usage)
