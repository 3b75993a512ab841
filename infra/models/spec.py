"""One model as models.toml declares it: frozen and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from schemas.conversation import Sampling
from schemas.price import Price

EngineName = Literal["triton", "openai", "tensorrt_llm"]
Dialect = Literal["auto", "trtllm_engine", "llmapi"]
TextMode = Literal["delta", "cumulative"]
Capability = Literal["streaming", "tools", "vision", "json", "reasoning", "continue", "logprobs", "extended_sampling"]
"""What an engine can do with a model. `extended_sampling`: it takes top_k, min_p, repetition_penalty and arguments for
the chat template (vLLM, SGLang, llama.cpp)."""
ToolsOffered = Literal["ignore", "refuse"]
ThinkTags = Literal["begin", "open", "off"]
IMAGE_TOKENS = 1_024


class ModelsFileError(Exception):
    """A models file is wrong. The message is `FILE:LINE: what is wrong, what is expected`."""

    def __init__(self, file: Path, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an engine may be silent before its first token and between tokens, and take in all. Seconds."""

    first_token_s: float = 60.0
    inter_token_s: float = 30.0
    total_s: float = 600.0


NO_SAMPLING = Sampling()
USUAL_DEADLINES = Deadlines()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: who computes it, how it is spoken to, what it can do and what it costs.

    `address`: host:port (triton), base URL (openai); None: the local stack's Triton. `upstream_model`: its name there.
    `tokenizer` None: tokens are counted with the shipped tokenizer, an estimate. `chat_template` None: the shipped one.
    `api_key_env`: the environment variable that holds the upstream's key. `options`: keyword arguments of the
    in-process engine. `declared_at`: `FILE:LINE` of its entry.
    `gguf`: the file that the local Triton serves, `slots` answers at once, computed by `threads` (0: as many as the
    host bears). `control_tokens`: a file that lists them, where no tokenizer does. `listed`: people are offered it;
    others may ask for it by its id. `deprecated`: an older name of another model.
    `tools`: what becomes of a request that offers tools to a model without the capability: it is answered in text, or
    refused. `image_tokens`: what an image counts as in the context, whatever its size.
    """

    id: str
    engine: EngineName
    upstream_model: str
    context_tokens: int
    max_output_tokens: int
    price: Price
    address: str | None = None
    dialect: Dialect = "auto"
    text_mode: TextMode = "delta"
    pool: str = "default"
    capabilities: tuple[Capability, ...] = ("streaming",)
    defaults: Sampling = NO_SAMPLING
    tokenizer: Path | None = None
    chat_template: Path | None = None
    system_prompt: str | None = None
    deadlines: Deadlines = USUAL_DEADLINES
    api_key_env: str | None = None
    max_connections: int = 512
    options: tuple[tuple[str, str | int | float | bool], ...] = ()
    description: str = ""
    owned_by: str = "verbatim"
    declared_at: str = ""
    gguf: Path | None = None
    slots: int = 4
    threads: int = 0
    control_tokens: Path | None = None
    listed: bool = True
    deprecated: bool = False
    tools: ToolsOffered = "ignore"
    think_tags: ThinkTags = "begin"
    image_tokens: int = IMAGE_TOKENS

    @property
    def version(self) -> str:
        """Which model the id stands for, as commands record it: its name at the engine."""
        return self.upstream_model

    def within(self, most_context: int | None) -> ModelSpec:
        """The same with a context of at most so many tokens; None: with all that it has."""
        if most_context is None or self.context_tokens <= most_context:
            return self
        longest = min(self.max_output_tokens, most_context)
        return replace(self, context_tokens=most_context, max_output_tokens=longest)

    def sampling(self, asked: Sampling) -> Sampling:
        """`asked` with this model's defaults where it is silent; `max_tokens` is always set and within bounds."""
        own = self.defaults
        merged = replace(
            asked,
            temperature=own.temperature if asked.temperature is None else asked.temperature,
            top_p=own.top_p if asked.top_p is None else asked.top_p,
            stop=asked.stop or own.stop,
            seed=own.seed if asked.seed is None else asked.seed,
            frequency_penalty=own.frequency_penalty if asked.frequency_penalty is None else asked.frequency_penalty,
            presence_penalty=own.presence_penalty if asked.presence_penalty is None else asked.presence_penalty,
        )
        wanted = asked.max_tokens or own.max_tokens or self.max_output_tokens
        return replace(merged, max_tokens=min(wanted, self.max_output_tokens))
