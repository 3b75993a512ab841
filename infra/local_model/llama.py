"""llama.cpp as an engine: one GGUF file, answers streamed to a function, any number of threads.

    engine = LlamaEngine(LlamaSettings(file=path, context_tokens=4096, slots=4, threads=1), packages)
    end = engine.generate(Asked(prompt="…", max_tokens=100), take)     # blocks until the answer has its end
    engine.close()

It opens no port: llama.cpp's server listens at a socket in a private folder, which is removed as soon as it is there.
It logs nothing but why a file cannot be loaded.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.openmp import let_threads_sleep

_SILENT, _ERRORS = 0, 1
"""What it logs of a request would repeat what the caller is told, and may quote a schema."""
_MAX_SEED = 2**32 - 1
"""llama.cpp draws a seed for this one."""
ENGINE_MODULE = "xllamacpp"
_JSON_BEGINS = frozenset('{["-0123456789tfn')
_NO_GRAMMAR = "the engine cannot keep to this JSON schema"


class LlamaError(Exception):
    """The engine does not answer. The message holds nothing of the prompt."""


class CannotLoad(LlamaError):
    """The engine or its file cannot be used."""


class Refused(LlamaError):
    """The request cannot be answered, however often it is asked."""


class TooLong(Refused):
    """The prompt does not fit into the context. The text is TensorRT-LLM's, by which clients know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaSettings:
    """`slots` sequences at once, each with a context of `context_tokens`; `threads` compute them."""

    file: Path
    context_tokens: int
    slots: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. None: the engine's default. A prompt that ends within an answer is continued.

    `schema`: the JSON schema that the answer must keep to, None for any text. An answer with one begins anew: the
    engine does not lead its grammar over text that is there already.
    """

    prompt: str
    max_tokens: int
    stops: tuple[str, ...] = ()
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    schema: Mapping[str, Any] | None = None
    logprobs: bool = False

    def body(self) -> dict[str, Any]:
        """What llama.cpp's completion takes."""
        named: dict[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "repeat_penalty": self.repetition_penalty,
            "frequency_penalty": self.frequency_penalty,
            "presence_penalty": self.presence_penalty,
            "seed": None if self.seed is None else self.seed % _MAX_SEED,
            "json_schema": None if self.schema is None else dict(self.schema),
            "n_probs": 1 if self.logprobs else None,
            "stop": list(self.stops) or None,
        }
        given = {name: value for name, value in named.items() if value is not None}
        return {"prompt": self.prompt, "n_predict": self.max_tokens, "stream": True, "cache_prompt": True} | given


@dataclass(frozen=True, slots=True)
class Piece:
    """Text as it came: whole characters, of about one token. `logprob` where it was asked for."""

    text: str
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended. `reason` is stop, length or cancelled; counts are 0 for one that was cancelled."""

    reason: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


Take = Callable[[Piece], bool]
"""Gets every piece; True ends the answer at once. It must not wait."""


class LlamaEngine:
    """Safe to use from many threads; more than `slots` answers at once wait within llama.cpp."""

    def __init__(self, settings: LlamaSettings, packages: Path | None = None) -> None:
        """Load the file: seconds. `packages`: the folder that has the engine. Raises CannotLoad."""
        library = _library(packages)
        try:
            self._server = _loaded(library, settings, _SILENT)
        except RuntimeError:
            # Once more, so that the log has the engine's own words: it says no more than "failed".
            try:
                self._server = _loaded(library, settings, _ERRORS)
            except RuntimeError:
                needed = "expected a whole GGUF file of a kind that llama.cpp knows, and memory for it"
                raise CannotLoad(f"{settings.file} cannot be loaded, {needed}") from None

    def generate(self, asked: Asked, take: Take) -> End:
        """Answer. Blocks until the end. Raises LlamaError, or what `take` raised."""
        answer = _Answer(asked, take)
        self._server.handle_completions(asked.body(), answer.chunk)
        return answer.end()

    def close(self) -> None:
        """End it; answers that still run end with it."""
        self._server = None


class _Answer:
    """Reads what llama.cpp calls back with: a dictionary a token, the last with the counts, or an error."""

    def __init__(self, asked: Asked, take: Take) -> None:
        self._asked = asked
        self._take = take
        self._end: End | None = None
        self._failure: BaseException | None = None
        self._text: list[str] = []
        self._begun = False

    def chunk(self, said: Any) -> bool:
        """The callback. What is raised here would be lost on the way through llama.cpp, so it is kept."""
        try:
            return self._read(said)
        except BaseException as error:
            self._failure = error
            return True

    def _read(self, said: Any) -> bool:
        if self._end is not None or self._failure is not None:
            return True
        if "error" in said:
            raise _error(said["error"])
        choice = said["choices"][0]
        if (text := choice.get("text")) or choice.get("logprobs"):
            if self._asked.schema is not None:
                self._check_beginning(text)
            if self._take(Piece(text, _logprob(choice))):
                self._end = End("cancelled")
                return True
        if (reason := choice.get("finish_reason")) is not None:
            usage = said.get("usage") or {}
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            self._end = End(reason, usage.get("prompt_tokens", 0), cached, usage.get("completion_tokens", 0))
        return False

    def _check_beginning(self, text: str) -> None:
        """A grammar that cannot be made is only logged by the engine, which then answers as it likes."""
        self._text.append(text)
        if not self._begun and (begun := text.strip()):
            self._begun = True
            if begun[0] not in _JSON_BEGINS:
                raise Refused(_NO_GRAMMAR)

    def end(self) -> End:
        if self._failure is not None:
            raise self._failure
        if self._end is None:
            raise LlamaError("the engine ended an answer without an end")
        if self._asked.schema is not None and self._end.reason == "stop" and not _is_json("".join(self._text)):
            raise Refused(_NO_GRAMMAR)
        return self._end


def _loaded(library: Any, settings: LlamaSettings, verbosity: int) -> Any:
    """llama.cpp's server. Raises RuntimeError."""
    folder = tempfile.mkdtemp(prefix="verbatim-llama-")
    try:
        return library.Server(_parameters(library, settings, f"{folder}/llama.sock", verbosity))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parameters(library: Any, settings: LlamaSettings, socket: str, verbosity: int) -> Any:
    made = library.CommonParams()
    made.model.path = str(settings.file)
    made.n_parallel = settings.slots
    made.n_ctx = settings.context_tokens * settings.slots
    # With fewer free cores than threads, threads that spin for each other take a hundred times as long.
    for part in (made.cpuparams, made.cpuparams_batch):
        part.n_threads = settings.threads
        part.poll = 0
    made.hostnames = [socket]
    made.n_threads_http = 1
    made.ui = False
    made.endpoint_slots = False
    made.cache_ram_mib = 0
    made.fit_params = False
    made.verbosity = verbosity
    return made


def _library(packages: Path | None) -> Any:
    if packages is not None and str(packages) not in sys.path:
        sys.path.append(str(packages))
    let_threads_sleep()
    try:
        return importlib.import_module(ENGINE_MODULE)
    except ImportError as error:
        # Of its needs, only the runtime of OpenMP may be missing on a bare host.
        hint = "install the package libgomp1" if "libgomp" in str(error) else f"no {ENGINE_MODULE} for this Python"
        raise CannotLoad(f"the engine llama.cpp cannot be used: {hint}") from None


def _error(said: Any) -> LlamaError:
    kind, code = said.get("type"), said.get("code")
    if kind == "exceed_context_size_error":
        return TooLong(f"the prompt exceeds max_seq_len ({said.get('n_prompt_tokens')} of {said.get('n_ctx')} tokens)")
    if code == 400:
        return Refused("the engine refuses the request")
    return LlamaError(f"the engine failed ({kind})")


def _logprob(choice: Any) -> float | None:
    content = (choice.get("logprobs") or {}).get("content") or ()
    return float(content[0]["logprob"]) if content else None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
