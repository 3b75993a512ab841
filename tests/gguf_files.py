"""Small GGUF files for tests: a head with any metadata, and tensors of zeros."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

# A byte-level vocabulary of single bytes, two merges and one control token.
_PRINTABLE = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
BYTES = [chr(byte) for byte in _PRINTABLE] + [chr(256 + n) for n in range(len(_OTHERS))]
TOKENS = ["<|end|>", *BYTES, "Ġt", "Ġth"]
VOCABULARY: dict[str, Any] = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3, *[1] * (len(TOKENS) - 1)],
    "tokenizer.ggml.merges": ["Ġ t", "Ġt h"],
    "tokenizer.chat_template": "{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>{% endfor %}",
}
ARCHITECTURE: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.context_length": 512,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
}


def gguf_bytes(metadata: dict[str, Any] | None = None, numbers: int = 64) -> bytes:
    """A file with one tensor of `numbers` 32-bit floats."""
    said = ARCHITECTURE | VOCABULARY if metadata is None else metadata
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(said))
    for name, value in said.items():
        head += _string(name) + _typed(value)
    head += _string("weights") + struct.pack("<IQIQ", 1, numbers, 0, 0)
    return head + b"\0" * (-len(head) % 32) + b"\0" * 4 * numbers


def write_gguf(file: Path, metadata: dict[str, Any] | None = None) -> Path:
    file.write_bytes(gguf_bytes(metadata))
    return file


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _typed(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    of_strings = isinstance(value[0], str)
    items = b"".join(_string(item) if of_strings else struct.pack("<I", item) for item in value)
    return struct.pack("<IIQ", 9, 8 if of_strings else 4, len(value)) + items
