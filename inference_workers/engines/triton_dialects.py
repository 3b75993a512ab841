"""The two tensor contracts of TensorRT-LLM behind Triton: names, shapes and what their responses mean. Pure.

`trtllm_engine` (ensemble, tensorrt_llm_bls): a batch dimension, text in deltas, no finish reason.
`llmapi`: no batch dimension, `sampling_param_*` names, the whole text each time, a finish reason on request.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference_workers.engines.guides import guide_of
from inference_workers.ports import EngineFailed, EngineRejected, EngineRequest, FinishReason

DialectName = Literal["trtllm_engine", "llmapi"]
CACHED_BLOCKS = "kv_cache_reused_blocks"
LOGPROBS, _WANTS_LOGPROBS = "output_log_probs", "return_log_probs"
REFUSAL = "refusal_output"
"""Of our own models alone: the model's words, in place of text_output, where it does not answer."""
MAX_TOKENS_A_BLOCK = 4096
_NO_GUIDE = "the Triton model cannot hold an answer to a JSON schema, and so not to a call of a tool either"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input: `data` already has the shape that goes on the wire."""

    name: str
    datatype: str
    data: npt.NDArray[np.generic] | npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Contract:
    """What a deployed model speaks: its dialect, and which optional tensors its configuration declares."""

    dialect: DialectName
    inputs: frozenset[str]
    outputs: frozenset[str]
    tokens_a_block: int = 0
    """Of the blocks of a prompt that the model's cache had; 0: it does not say."""

    @property
    def tells_logprobs(self) -> bool:
        """Whether it says how probable tokens were."""
        return LOGPROBS in self.outputs and _WANTS_LOGPROBS in self.inputs

    def wanted_outputs(self, request: EngineRequest) -> tuple[str, ...]:
        """The outputs worth asking for; every one more costs bytes a token."""
        names = ["text_output", "num_input_tokens", "num_output_tokens", "finish_reason", REFUSAL]
        if self.tokens_a_block:
            names.append(CACHED_BLOCKS)
        if self.tells_logprobs and request.sampling.top_logprobs is not None:
            names.append(LOGPROBS)
        return tuple(name for name in names if name in self.outputs)


def contract_of(inputs: Iterable[str], outputs: Iterable[str], tokens_a_block: int = 0) -> Contract:
    """The contract of a model with these tensors. Raises EngineRejected for a model that is no text generator."""
    names, results = frozenset(inputs), frozenset(outputs)
    if "text_input" not in names or "text_output" not in results:
        raise EngineRejected("the Triton model has no text_input or no text_output: it is not a text generation model")
    if "sampling_param_max_tokens" in names:
        return Contract("llmapi", names, results, tokens_a_block)
    if "max_tokens" in names:
        return Contract("trtllm_engine", names, results, tokens_a_block)
    raise EngineRejected("the Triton model takes neither max_tokens nor sampling_param_max_tokens: unknown dialect")


def tokens_a_block(said: str) -> int:
    """What a model's parameter `tokens_per_block` says; 0 for nothing that can be meant."""
    # Python refuses to read a number of thousands of digits.
    is_number = said.isascii() and said.isdigit() and len(said) <= len(str(MAX_TOKENS_A_BLOCK))
    return int(said) if is_number and int(said) <= MAX_TOKENS_A_BLOCK else 0


def request_tensors(contract: Contract, request: EngineRequest, prompt: str) -> list[Tensor]:
    """The inputs of one request. Sampling that the model's configuration does not declare is left out."""
    if contract.dialect == "llmapi":
        return _llmapi(contract, request, prompt)
    return _trtllm_engine(contract, request, prompt)


def _trtllm_engine(contract: Contract, request: EngineRequest, prompt: str) -> list[Tensor]:
    sampling, has = request.sampling, contract.inputs.__contains__
    tensors = [
        _strings("text_input", [[prompt]]),
        _number("max_tokens", "INT32", np.int32, request.max_tokens, rows=True),
        _number("stream", "BOOL", np.bool_, True, rows=True),
    ]
    if sampling.stop and has("stop_words"):
        tensors.append(_strings("stop_words", [list(sampling.stop)]))
    for name in ("exclude_input_in_output", "return_num_input_tokens", "return_num_output_tokens"):
        if has(name):
            tensors.append(_number(name, "BOOL", np.bool_, True, rows=True))
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "min_p"):
        if (value := getattr(sampling, name)) is not None and has(name):
            tensors.append(_number(name, "FP32", np.float32, value, rows=True))
    if sampling.top_k is not None and has("top_k"):
        tensors.append(_number("top_k", "INT32", np.int32, sampling.top_k, rows=True))
    if sampling.top_logprobs is not None and contract.tells_logprobs:
        tensors.append(_number(_WANTS_LOGPROBS, "BOOL", np.bool_, True, rows=True))
    if guide := guide_of(request):
        if not (has("guided_decoding_guide_type") and has("guided_decoding_guide")):
            raise EngineRejected(_NO_GUIDE, code="invalid_request")
        tensors.append(_strings("guided_decoding_guide_type", [["json_schema"]]))
        tensors.append(_strings("guided_decoding_guide", [[guide]]))
    if sampling.seed is not None:
        # Before 2025 the input was called random_seed.
        seed_names = [name for name in ("seed", "random_seed") if has(name)]
        tensors += [_number(name, "UINT64", np.uint64, _seed(sampling.seed), rows=True) for name in seed_names[:1]]
    return tensors


def _llmapi(contract: Contract, request: EngineRequest, prompt: str) -> list[Tensor]:
    sampling, has = request.sampling, contract.inputs.__contains__
    if guide_of(request):
        raise EngineRejected(_NO_GUIDE, code="invalid_request")
    tensors = [
        _strings("text_input", [prompt]),
        _number("sampling_param_max_tokens", "INT32", np.int32, request.max_tokens),
    ]
    for name in ("streaming", "sampling_param_exclude_input_from_output", "return_finish_reason"):
        if has(name):
            tensors.append(_number(name, "BOOL", np.bool_, True))
    if sampling.stop and has("sampling_param_stop"):
        tensors.append(_strings("sampling_param_stop", list(sampling.stop)))
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "min_p"):
        if (value := getattr(sampling, name)) is not None and has(f"sampling_param_{name}"):
            tensors.append(_number(f"sampling_param_{name}", "FP32", np.float32, value))
    if sampling.top_k is not None and has("sampling_param_top_k"):
        tensors.append(_number("sampling_param_top_k", "INT32", np.int32, sampling.top_k))
    if sampling.seed is not None and has("sampling_param_seed"):
        tensors.append(_number("sampling_param_seed", "UINT64", np.uint64, _seed(sampling.seed)))
    return tensors


def told_finish(value: bytes | None) -> FinishReason | None:
    """The finish reason an llmapi response tells; None while it runs. Raises EngineFailed for an abnormal end."""
    match value:
        case b"stop":
            return "stop"
        case b"length":
            return "length"
        case None | b"" | b"None":
            return None
        case b"timeout" | b"cancelled":
            raise EngineFailed(f"the engine ended the request by itself ({value.decode()})")
        case _:
            raise EngineFailed("the engine ended the request for a reason that is not known")


def derived_finish(*, stopped: bool, tokens: int, max_tokens: int) -> FinishReason:
    """Where the contract has no finish reason: at the limit it is `length`, else the model stopped."""
    return "length" if tokens >= max_tokens and not stopped else "stop"


def looks_cumulative(texts: Sequence[str]) -> bool | None:
    """Whether successive responses repeat what came before; None if they are too few or too short to tell."""
    told = [text for text in texts if text]
    if len(told) < 2:
        return None
    return all(later.startswith(earlier) for earlier, later in itertools.pairwise(told))


def _strings(name: str, values: list[str] | list[list[str]]) -> Tensor:
    def encoded(value: str | list[str]) -> bytes | list[bytes]:
        return value.encode() if isinstance(value, str) else [item.encode() for item in value]

    return Tensor(name, "BYTES", np.array([encoded(value) for value in values], dtype=np.object_))


def _number(name: str, datatype: str, dtype: type[np.generic], value: float, *, rows: bool = False) -> Tensor:
    return Tensor(name, datatype, np.array([[value]] if rows else [value], dtype=dtype))


def _seed(seed: int) -> int:
    """Seeds may be negative; the tensors are unsigned."""
    return seed % 2**64
