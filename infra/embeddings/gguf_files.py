"""Whether the files of embedding models can be served at all: what never can is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from infra.models.embedding_spec import EmbeddingSpec
from infra.models.gguf import NotUsable, read_gguf
from infra.models.spec import ModelsFileError

GIB = 1024**3


def check_files(models: Iterable[EmbeddingSpec], free_bytes: int | None = None) -> None:
    """Read the head of each file. `free_bytes`: the memory there is for it, None if that is not known.

    Raises ModelsFileError, which names the entry, the file and what is expected.
    """
    for spec in models:
        if spec.gguf is not None and (problem := _problem(spec, spec.gguf, free_bytes)) is not None:
            file, _, line = spec.declared_at.rpartition(":")
            raise ModelsFileError(Path(file), int(line), f"embedding {spec.id!r}: {problem}")


def _problem(spec: EmbeddingSpec, file: Path, free_bytes: int | None) -> str | None:
    try:
        gguf = read_gguf(file)
    except NotUsable as error:
        return str(error)
    width, context = gguf.of_architecture("embedding_length"), gguf.context_tokens
    if width and width != spec.dimensions:
        return f"{file} makes vectors of {width} dimensions, expected dimensions = {width}"
    if context and context < spec.max_input_tokens:
        return f"{file} takes at most {context} tokens, expected max_input_tokens of at most as many"
    needed = gguf.memory_bytes(spec.max_input_tokens, 1)
    if free_bytes is not None and needed > free_bytes:
        sizes = f"about {needed / GIB:.1f} GiB, {free_bytes / GIB:.1f} GiB are free"
        return f"{file} is too large for the memory: it needs {sizes}; expected a smaller file or max_input_tokens"
    return None
