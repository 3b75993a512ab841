"""What an engine for embeddings is to the rest: texts go in, vectors come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from infra.models.embedding_spec import EmbeddingSpec
from schemas.generation import Failure

Vectors = npt.NDArray[np.float32]
"""One row a text. Every number is finite, and every row of length 1 (0 for a text that says nothing to the model)."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of texts, in their order. `estimated`: `tokens` is our own count, because the engine told none."""

    vectors: Vectors
    tokens: int
    estimated: bool = False


class EmbeddingFailed(Exception):
    """There are no vectors. `failure` says why; it holds nothing of the texts."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class TextTooLong(Exception):
    """A text has more tokens than the model takes. `tokens` is how many, or at least how many (`exactly` False)."""

    def __init__(self, index: int, tokens: int, most: int, *, exactly: bool) -> None:
        super().__init__(f"text {index} has {'' if exactly else 'at least '}{tokens} tokens, at most {most} are taken")
        self.index = index
        self.tokens = tokens
        self.most = most
        self.exactly = exactly


class Embedder(Protocol):
    """An engine for one model. One suite holds for all of them: tests/conformance/test_embedders.py."""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors of texts that are not empty, all of them or none. The event loop is not blocked meanwhile.

        Raises EmbeddingFailed, TextTooLong.
        """

    async def most_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens `embed` counts of these texts at most; what it counts beyond, nobody pays.

        Raises EmbeddingFailed, TextTooLong, as `embed`.
        """

    async def aclose(self) -> None:
        """Give back what it holds."""


AROUND_A_TEXT = 16
"""Tokens that an engine may put around a text. No other token is less than a byte of it."""


def bound_of(texts: Sequence[str], most: int) -> int:
    """How many tokens texts have at most, by their bytes, if each has at most `most`."""
    return sum(min(len(text.encode()) + AROUND_A_TEXT, most) for text in texts)


def failed(code: str, message: str, *, retryable: bool = False, retry_after_s: int | None = None) -> EmbeddingFailed:
    """The error of an engine."""
    return EmbeddingFailed(Failure(code, message, retryable, retry_after_s))


def unavailable(spec: EmbeddingSpec, why: str) -> EmbeddingFailed:
    """The engine of a model is away; it may be back soon."""
    return failed("engine_unavailable", f"the engine of {spec.id} {why}", retryable=True)
