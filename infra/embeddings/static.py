"""The engine `static`: a fixed vector for each token; a text's vector is their mean. No neural network runs.

Vectors and tokenizer are files of the package `wordllama` (infra/stack/word_vectors.py); its code is not used.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tokenizers

from infra.embeddings.ports import Embedded, TextTooLong, Vectors, failed
from infra.embeddings.vectors import normalised
from infra.models.control_tokens import TokenizerError
from infra.models.embedding_spec import EmbeddingSpec
from infra.models.token_bounds import most_bytes_a_token
from infra.models.tokenizers import load_tokenizer

T = TypeVar("T")
VECTORS_FILE = Path("wordllama/weights/l2_supercat_256.safetensors")
TOKENIZER_FILE = Path("wordllama/tokenizers/l2_supercat_tokenizer_config.json")
VECTORS_NAME = "embedding.weight"
CHUNK_TEXTS = 64
CHUNK_CHARACTERS = 16_384
"""Texts are embedded together up to so many characters: between chunks other threads run, and a stop is seen."""
MAX_HEAD_BYTES = 1_000_000
_KINDS: Mapping[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


class BadVectors(Exception):
    """A file of vectors is damaged, or none of ours."""


class StaticEmbedder:
    """Embeds with the files in `folder`. They are read at the first use, in a thread: about a second."""

    def __init__(self, spec: EmbeddingSpec, folder: Path) -> None:
        self._spec = spec
        self._folder = folder
        self._loading = asyncio.Lock()
        self._table: _Table | None = None

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See Embedder.embed."""
        return await self._in_thread(_embedded, texts)

    async def most_tokens(self, texts: Sequence[str]) -> int:
        """See Embedder.most_tokens. They are counted, so this is how many there are."""
        return await self._in_thread(_counted, texts)

    async def _in_thread(
        self, work: Callable[[_Table, Sequence[str], int, threading.Event], T], texts: Sequence[str]
    ) -> T:
        async with self._loading:
            if self._table is None:
                self._table = await asyncio.to_thread(self._load)
        table, stop = self._table, threading.Event()
        try:
            return await asyncio.to_thread(work, table, texts, self._spec.max_input_tokens, stop)
        finally:
            stop.set()  # the thread of a request that was given up ends after its chunk

    async def aclose(self) -> None:
        self._table = None

    def _load(self) -> _Table:
        try:
            table = _Table(self._folder)
        except (OSError, BadVectors, TokenizerError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            said = f"the vectors of {self._spec.id} are not there ({why}): run ./verbatim up, which fetches them"
            raise failed("engine_misconfigured", said) from None
        if table.dimensions != self._spec.dimensions:
            found = f"the vectors of {self._spec.id} have {table.dimensions} dimensions"
            raise failed("engine_misconfigured", f"{found}, models.toml says {self._spec.dimensions}")
        return table


class _Table:
    """A vector for each token."""

    def __init__(self, folder: Path) -> None:
        tokenizer = folder / TOKENIZER_FILE
        if not tokenizer.is_file():
            raise FileNotFoundError(2, "No such file")
        self._vectors = read_vectors(folder / VECTORS_FILE)
        self.dimensions = self._vectors.shape[1]
        self._tokenizer: tokenizers.Tokenizer = load_tokenizer(tokenizer)
        self._bytes_a_token = most_bytes_a_token(json.loads(tokenizer.read_bytes()))

    def at_least(self, text: str) -> int:
        """Tokens that a text has for certain, known from its length alone."""
        return 0 if self._bytes_a_token is None else len(text.encode()) // self._bytes_a_token

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text. Other threads run meanwhile."""
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def means(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        """The mean of the vectors of each text's tokens; zeros for a text without any."""
        means = np.zeros((len(tokens), self.dimensions), np.float32)
        for row, ids in enumerate(tokens):
            if ids:
                means[row] = self._vectors[np.asarray(ids)].mean(axis=0, dtype=np.float32)
        return means


def read_vectors(file: Path) -> npt.NDArray[Any]:
    """The table in a safetensors file, mapped: what is not looked up takes no memory. Raises BadVectors, OSError."""
    with file.open("rb") as opened:
        data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if file.stat().st_size else b""
    try:
        size = int.from_bytes(data[:8], "little")
        if not 0 < size <= min(MAX_HEAD_BYTES, len(data) - 8):
            raise BadVectors(f"{file.name} is damaged: its head does not fit")
        said = json.loads(bytes(data[8 : 8 + size]))[VECTORS_NAME]
        rows, columns = said["shape"]
        first, end = said["data_offsets"]
        kind = _KINDS[said["dtype"]]
        if rows < 1 or columns < 1 or end - first != rows * columns * kind.itemsize or 8 + size + end > len(data):
            raise BadVectors(f"{file.name} is damaged: it does not hold {rows} vectors of {columns} numbers")
        flat: npt.NDArray[Any] = np.frombuffer(data, kind, rows * columns, 8 + size + first)
        return flat.reshape(rows, columns)
    except (ValueError, KeyError, TypeError) as error:
        raise BadVectors(f"{file.name} is damaged: {type(error).__name__}") from None


def _embedded(table: _Table, texts: Sequence[str], most: int, stop: threading.Event) -> Embedded:
    """Blocking; ends early, with any result, once `stop` is set."""
    vectors, total = [], 0
    for tokens in _tokens(table, texts, most, stop):
        vectors.append(normalised(table.means(tokens)))
        total += sum(map(len, tokens))
    return Embedded(np.concatenate(vectors) if vectors else np.zeros((0, table.dimensions), np.float32), total)


def _counted(table: _Table, texts: Sequence[str], most: int, stop: threading.Event) -> int:
    """As `_embedded`."""
    return sum(sum(map(len, tokens)) for tokens in _tokens(table, texts, most, stop))


def _tokens(table: _Table, texts: Sequence[str], most: int, stop: threading.Event) -> Iterator[list[list[int]]]:
    """The tokens of the texts, some texts at a time. Raises TextTooLong."""
    for index, text in enumerate(texts):
        if (certain := table.at_least(text)) > most:
            raise TextTooLong(index, certain, most, exactly=False)
    done = 0
    for chunk in _chunks(texts):
        if stop.is_set():
            break
        tokens = table.tokens(chunk)
        for index, ids in enumerate(tokens, done):
            if len(ids) > most:
                raise TextTooLong(index, len(ids), most, exactly=True)
        yield tokens
        done += len(chunk)


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, some at a time; a long one alone."""
    start, characters = 0, 0
    for index, text in enumerate(texts):
        if index > start and (characters + len(text) > CHUNK_CHARACTERS or index - start == CHUNK_TEXTS):
            yield texts[start:index]
            start, characters = index, 0
        characters += len(text)
    yield texts[start:]
