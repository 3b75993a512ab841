"""Whether the files of embedding models can be served at all: what never can is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from infra.models.embedding_spec import EmbeddingSpec
from infra.models.gguf import NotUsable, read_gguf
from infra.models.spec import ModelsFileError


def check_files(models: Iterable[EmbeddingSpec]) -> None:
    """Read the head of each file. Raises ModelsFileError, which names the entry, the file and what is expected."""
    for spec in models:
        if spec.gguf is not None and (problem := _problem(spec, spec.gguf)) is not None:
            file, _, line = spec.declared_at.rpartition(":")
            raise ModelsFileError(Path(file), int(line), f"embedding {spec.id!r}: {problem}")


def _problem(spec: EmbeddingSpec, file: Path) -> str | None:
    try:
        gguf = read_gguf(file)
    except NotUsable as error:
        return str(error)
    width, context = gguf.of_architecture("embedding_length"), gguf.context_tokens
    if width and width != spec.dimensions:
        return f"{file} makes vectors of {width} dimensions, expected dimensions = {width}"
    if context and context < spec.max_input_tokens:
        return f"{file} takes at most {context} tokens, expected max_input_tokens of at most as many"
    return None
