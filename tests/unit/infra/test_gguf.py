"""GGUF files: what they say is read, what is wrong with one is one line, and their tokenizer is derived."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tokenizers

from infra.models.gguf import COMPUTE_BYTES, NotUsable, read_gguf
from infra.models.gguf_tokenizer import chat_template_of, tokenizer_of
from tests.gguf_files import ARCHITECTURE, TOKENS, VOCABULARY, gguf_bytes, write_gguf


def test_the_head_is_read(tmp_path: Path) -> None:
    gguf = read_gguf(write_gguf(tmp_path / "m.gguf"))
    assert gguf.context_tokens == 512
    assert gguf.metadata["tokenizer.ggml.tokens"] == TOKENS
    assert gguf.whole_bytes == gguf.path.stat().st_size


def test_the_memory_is_weights_contexts_and_work_space(tmp_path: Path) -> None:
    gguf = read_gguf(write_gguf(tmp_path / "m.gguf"))
    # keys and values, two layers, two heads of 16 numbers of two bytes
    a_token = 2 * 2 * 2 * 16 * 2
    assert gguf.memory_bytes(100, 4) == gguf.path.stat().st_size + 400 * a_token + COMPUTE_BYTES


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a GGUF file, expected a model in the GGUF format"),
        (b"PK\x03\x04" + b"\0" * 50, "is not a GGUF file, expected a model in the GGUF format"),
        (gguf_bytes()[:40], "is truncated within its head, expected the whole file: fetch it again"),
        (gguf_bytes()[:-10], "is truncated: it has .* bytes of .*, expected the whole file: fetch it again"),
        (b"GGUF" + b"\1\0\0\0" + gguf_bytes()[8:], "is of GGUF version 1, expected version 2 or 3"),
        (gguf_bytes()[:8] + b"\xff" * 16 + gguf_bytes()[24:], "has a damaged head"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    with pytest.raises(NotUsable, match=said) as raised:
        read_gguf(file)
    assert str(raised.value).startswith(str(file))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NotUsable, match=r"none.gguf cannot be read \(No such file or directory\)"):
        read_gguf(tmp_path / "none.gguf")


def test_any_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    whole = gguf_bytes()
    file = tmp_path / "m.gguf"
    for length in range(0, len(whole), 97):
        file.write_bytes(whole[:length])
        with pytest.raises(NotUsable):
            read_gguf(file)


def test_the_tokenizer_is_derived(tmp_path: Path) -> None:
    gguf = read_gguf(write_gguf(tmp_path / "m.gguf"))
    derived = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_of(gguf)))
    assert derived.encode(" the 12<|end|>").tokens == ["Ġth", "e", "Ġ", "1", "2", "<|end|>"]
    assert chat_template_of(gguf) == VOCABULARY["tokenizer.chat_template"]


@pytest.mark.parametrize(
    "other",
    [
        {"tokenizer.ggml.model": "llama"},
        {"tokenizer.ggml.pre": "a-kind-of-tomorrow"},
        {"tokenizer.ggml.merges": "none"},
    ],
)
def test_what_cannot_be_derived_is_none(tmp_path: Path, other: dict[str, str]) -> None:
    said = ARCHITECTURE | VOCABULARY | other
    if other.get("tokenizer.ggml.merges"):
        del said["tokenizer.ggml.merges"]
    assert tokenizer_of(read_gguf(write_gguf(tmp_path / "m.gguf", said))) is None


def test_a_file_without_a_template_has_none(tmp_path: Path) -> None:
    gguf = read_gguf(write_gguf(tmp_path / "m.gguf", ARCHITECTURE))
    assert chat_template_of(gguf) is None
    assert tokenizer_of(gguf) is None
