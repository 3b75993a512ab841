"""The GGUF files that the local Triton serves: checked, fetched if they come with Verbatim, made into its models."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.cache import cache_dir
from infra.models.gguf import Gguf, NotUsable, read_gguf
from infra.models.gguf_files import derive
from infra.models.spec import ModelSpec
from infra.stack.errors import StackError
from infra.stack.jars import Say
from infra.stack.local_models import fetch_packages, packages_folder
from infra.stack.memory import memory_available
from infra.stack.openmp import INSTALL, LIBRARY, has_openmp

MAX_THREADS = 4
"""That are taken unasked."""
WITHOUT = 'or start without the language model: shipped_models = ["verbatim-scripted"]'
GIB = 1024**3
SLOW_DISK_BYTES_A_S = 20_000_000
_CONTRACT = "tensorrt_llm_bls"
_MODEL = '''"""TensorRT-LLM's legacy contract, answered by llama.cpp."""

from infra.local_model.triton_gguf import GgufModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
'''
_OUTPUT = '{ name: "kv_cache_reused_blocks" data_type: TYPE_INT32 dims: [ 1 ] }'


def check_gguf(spec: ModelSpec, available: Callable[[], int | None] = memory_available) -> Gguf:
    """The head of the model's file. Raises StackError for one that cannot be served as its entry says: one line."""
    if spec.gguf is None:
        raise ValueError(spec.id)
    try:
        gguf = read_gguf(spec.gguf)
    except NotUsable as error:
        raise _wrong(spec, str(error)) from None
    limit = gguf.context_tokens
    if limit and spec.context_tokens > limit:
        raise _wrong(spec, f"context_tokens = {spec.context_tokens} is more than {spec.gguf} has, at most {limit}")
    needed, free = gguf.memory_bytes(spec.context_tokens, spec.slots), available()
    if free is not None and needed > free:
        sizes = f"about {needed / GIB:.1f} GiB, {free / GIB:.1f} GiB are free"
        hint = "expected a smaller file, fewer slots or a smaller context_tokens"
        if packaged([spec]):
            hint = f"free some, {WITHOUT}"
        raise _wrong(spec, f"{spec.gguf} is too large for the memory: it needs {sizes}; {hint}")
    return gguf


def _wrong(spec: ModelSpec, problem: str) -> StackError:
    return StackError(f"{spec.declared_at}: model {spec.id!r}: {problem}")


def model_repository(folder: Path, shipped: Path, models: Sequence[ModelSpec], say: Say) -> Path:
    """A Triton model repository in `folder`: the models of `shipped` and one for each of `models`, made anew.

    Blocking: at the first start it fetches what comes with Verbatim. Raises StackError.
    """
    if not models:
        return shipped
    _require_openmp()
    try:
        packages = fetch_packages(cache_dir(), say)
    except StackError as error:
        raise StackError(f"{error}; {WITHOUT}") from None
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(shipped, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for spec in models:
        gguf = check_gguf(spec)
        try:
            derive(gguf)
        except OSError as error:
            raise _wrong(spec, f"its tokenizer cannot be kept in {cache_dir()} ({error.strerror})") from None
        made = folder / spec.upstream_model
        if made.exists():
            raise _wrong(spec, f"its id is the name of a shipped model of Triton, expected another than {made.name}")
        (made / "1").mkdir(parents=True)
        (made / "1" / "model.py").write_text(_MODEL)
        (made / "config.pbtxt").write_text(_config((shipped / _CONTRACT / "config.pbtxt").read_text(), spec, packages))
    return folder


def _require_openmp() -> None:
    """The one library of the engine that a bare host may lack; Triton would only say that a model does not load."""
    if not has_openmp():
        raise StackError(f"llama.cpp needs {LIBRARY}: {INSTALL}; {WITHOUT}")


def _config(contract: str, spec: ModelSpec, packages: Path) -> str:
    """The configuration of the shipped model of the same contract, with what is this model's own."""
    parameters = {
        "gguf": str(spec.gguf),
        "packages": str(packages),
        "context_tokens": str(spec.context_tokens),
        "slots": str(spec.slots),
        "threads": str(spec.threads or usual_threads(len(os.sched_getaffinity(0)))),
        # What a reused block is worth: counts of cached tokens are read by it.
        "tokens_per_block": "1",
    }
    named = contract.replace(f'name: "{_CONTRACT}"', f'name: "{spec.upstream_model}"', 1)
    named = named.replace("output [\n", f"output [\n  {_OUTPUT},\n", 1)
    lines = [
        f'parameters: {{ key: "{key}" value: {{ string_value: {_quoted(value)} }} }}'
        for key, value in parameters.items()
    ]
    return named + "\n".join(lines) + "\n"


def usual_threads(cores: int) -> int:
    """Half of the cores: the pipeline runs beside it, and a thread that gets no core holds up all the others."""
    return max(1, min(cores // 2, MAX_THREADS))


def _quoted(text: str) -> str:
    """A string of the text format of protocol buffers."""
    return (
        '"'
        + "".join(f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in text.encode())
        + '"'
    )


def loading_s(models: Sequence[ModelSpec]) -> float:
    """How long reading their files may take, from a slow disk."""
    return sum(spec.gguf.stat().st_size for spec in models if spec.gguf is not None) / SLOW_DISK_BYTES_A_S


def packaged(models: Sequence[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Those that come with Verbatim."""
    root = packages_folder(cache_dir())
    return tuple(spec for spec in models if spec.gguf is not None and spec.gguf.is_relative_to(root))
