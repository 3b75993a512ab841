"""Reads what a GGUF file says of itself: its metadata, how long it must be, and the memory that serving it takes.

Every mistake is one line: what the file is, and what is expected.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_ENTRIES = 1_000_000
"""Of metadata and of tensors; larger numbers are damage."""
MAX_NESTING = 4
DEFAULT_ALIGNMENT = 32
COMPUTE_BYTES = 150_000_000
"""What the engine takes beside weights and context."""
_STRING, _ARRAY = 8, 9
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# (numbers in a block, bytes of a block) by type of tensor; a type that is not here is taken for nothing.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


class NotUsable(Exception):
    """A file cannot be served. The message names it and says what is expected."""


@dataclass(frozen=True, slots=True)
class Gguf:
    """The head of a file. `whole_bytes`: how long the file is at least if nothing is missing."""

    path: Path
    metadata: dict[str, Any]
    whole_bytes: int

    def of_architecture(self, name: str, default: int = 0) -> int:
        """A number that the architecture has under its own name, as `llama.context_length`."""
        value = self.metadata.get(f"{self.metadata.get('general.architecture')}.{name}", default)
        if isinstance(value, list):  # one for each layer
            value = max(value, default=default)
        return value if isinstance(value, int) else default

    @property
    def context_tokens(self) -> int:
        """The longest context the model was made for; 0 if the file does not say."""
        return self.of_architecture("context_length")

    def memory_bytes(self, context_tokens: int, slots: int) -> int:
        """About what serving it takes: the weights, `slots` contexts in half precision, and work space."""
        heads = max(self.of_architecture("attention.head_count", 1), 1)
        kv_heads = self.of_architecture("attention.head_count_kv", heads)
        width = self.of_architecture("embedding_length") // heads
        key = self.of_architecture("attention.key_length", width)
        value = self.of_architecture("attention.value_length", width)
        cache = 2 * self.of_architecture("block_count") * kv_heads * (key + value) * context_tokens * slots
        return self.path.stat().st_size + cache + COMPUTE_BYTES


def read_gguf(path: Path) -> Gguf:
    """The head of a GGUF file, checked for its length. Raises NotUsable."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if file.read(4) != MAGIC:
                raise NotUsable(f"{path} is not a GGUF file, expected a model in the GGUF format")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                gguf = _read(path, data)
    except OSError as error:
        raise NotUsable(f"{path} cannot be read ({error.strerror}), expected a model in the GGUF format") from None
    if size < gguf.whole_bytes:
        found = f"it has {size:,} bytes of {gguf.whole_bytes:,}"
        raise NotUsable(f"{path} is truncated: {found}, expected the whole file: fetch it again")
    return gguf


def _read(path: Path, data: mmap.mmap) -> Gguf:
    reader = _Reader(data)
    try:
        version, tensors, entries = reader.take("IQQ")
        if version not in VERSIONS:
            raise NotUsable(f"{path} is of GGUF version {version}, expected version 2 or 3")
        if max(tensors, entries) > MAX_ENTRIES:
            raise ValueError
        metadata: dict[str, Any] = {}
        for _ in range(entries):
            name = reader.string()
            metadata[name] = reader.value(reader.take("I")[0])
        ends = [reader.tensor() for _ in range(tensors)]
    except (struct.error, IndexError):
        raise NotUsable(f"{path} is truncated within its head, expected the whole file: fetch it again") from None
    except (ValueError, KeyError, UnicodeDecodeError):
        raise NotUsable(f"{path} has a damaged head, expected a model in the GGUF format") from None
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0:
        alignment = DEFAULT_ALIGNMENT
    start = -(-reader.at // alignment) * alignment
    return Gguf(path, metadata, start + max(ends, default=0))


class _Reader:
    """Reads a file from its front. Raises struct.error or IndexError at its end, ValueError or KeyError at damage."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.at = len(MAGIC)

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self._data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def string(self) -> str:
        (length,) = self.take("Q")
        start, self.at = self.at, self.at + length
        if self.at > len(self._data):
            raise IndexError
        return self._data[start : self.at].decode("utf-8", "surrogateescape")

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.take(_FORMATS[kind])[0]
        inner, count = self.take("IQ")
        if depth > MAX_NESTING:
            raise ValueError
        if inner in _FORMATS:
            if count * struct.calcsize(_FORMATS[inner]) > len(self._data) - self.at:
                raise IndexError
            return list(self.take(f"{count}{_FORMATS[inner]}"))
        return [self.value(inner, depth + 1) for _ in range(min(count, len(self._data)))]

    def tensor(self) -> int:
        """Where a tensor ends, counted from where tensors begin."""
        self.string()
        (dimensions,) = self.take("I")
        numbers = 1
        for size in self.take(f"{dimensions}Q") if dimensions <= MAX_NESTING else self.value(-1):
            numbers *= size
        kind, offset = self.take("IQ")
        of_a_block, block_bytes = _BLOCKS.get(kind, (1, 0))
        return int(offset + numbers // of_a_block * block_bytes)
