"""The mean of the vectors of a text's tokens; and what is said of files that are not there, or damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra.embeddings.ports import EmbeddingFailed, TextTooLong
from infra.embeddings.static import (
    CHUNK_CHARACTERS,
    CHUNK_TEXTS,
    TOKENIZER_FILE,
    VECTORS_FILE,
    BadVectors,
    StaticEmbedder,
    _chunks,
    read_vectors,
)
from infra.models.control_tokens import SHIPPED_TOKENIZER
from infra.models.tokenizers import load_tokenizer
from tests.fakes.word_vectors import DIMENSIONS, STATIC, make_word_vectors, table, write_vectors


async def test_a_vector_is_the_mean_of_its_tokens_vectors(tmp_path: Path) -> None:
    texts = ["one", "Rain and sun.", "<|im_start|>", "漢字 🦉"]
    found = await StaticEmbedder(STATIC, make_word_vectors(tmp_path)).embed(texts)
    vectors, tokens = table().astype(np.float64), 0
    for row, text in enumerate(texts):
        ids = load_tokenizer(SHIPPED_TOKENIZER).encode(text, add_special_tokens=False).ids
        mean = sum(vectors[number] for number in ids) / len(ids)
        assert np.allclose(found.vectors[row], mean / np.linalg.norm(mean), atol=1e-3)
        tokens += len(ids)
    assert (found.tokens, found.estimated) == (tokens, False)


async def test_a_text_longer_than_the_model_takes_is_named(tmp_path: Path) -> None:
    embedder = StaticEmbedder(replace(STATIC, max_input_tokens=3), make_word_vectors(tmp_path))
    assert len((await embedder.embed(["a b c"])).vectors) == 1
    with pytest.raises(TextTooLong) as raised:
        await embedder.embed(["a"] * CHUNK_TEXTS + ["a b c d"])
    assert (raised.value.index, raised.value.tokens, raised.value.exactly) == (CHUNK_TEXTS, 4, True)
    with pytest.raises(TextTooLong) as raised:
        await embedder.embed(["a", "b" * 100_000])
    assert (raised.value.index, raised.value.exactly) == (1, False)


async def test_files_that_are_not_there_are_said_and_looked_for_again(tmp_path: Path) -> None:
    embedder = StaticEmbedder(STATIC, tmp_path)
    with pytest.raises(EmbeddingFailed, match=r"run \./verbatim up") as raised:
        await embedder.embed(["a"])
    assert raised.value.failure.code == "engine_misconfigured"
    assert str(tmp_path) not in str(raised.value)
    make_word_vectors(tmp_path)
    assert len((await embedder.embed(["a"])).vectors) == 1


async def test_other_dimensions_than_models_toml_says(tmp_path: Path) -> None:
    embedder = StaticEmbedder(replace(STATIC, dimensions=9), make_word_vectors(tmp_path))
    with pytest.raises(EmbeddingFailed, match=f"{DIMENSIONS} dimensions, models.toml says 9"):
        await embedder.embed(["a"])


async def test_a_tokenizer_that_is_damaged(tmp_path: Path) -> None:
    (make_word_vectors(tmp_path) / TOKENIZER_FILE).write_text("{}")
    with pytest.raises(EmbeddingFailed, match=r"run \./verbatim up"):
        await StaticEmbedder(STATIC, tmp_path).embed(["a"])


@pytest.mark.parametrize(
    "said",
    [
        {"shape": [10**6, 8]},
        {"shape": [0, 8]},
        {"shape": [8]},
        {"shape": "wide"},
        {"dtype": "I8"},
        {"data_offsets": [0, 4]},
        {"data_offsets": [10**9, 10**9 + table().nbytes]},
        {"data_offsets": None},
    ],
)
def test_a_head_that_does_not_fit(tmp_path: Path, said: dict[str, object]) -> None:
    write_vectors(tmp_path / VECTORS_FILE, table(), **said)
    with pytest.raises(BadVectors, match="damaged"):
        read_vectors(tmp_path / VECTORS_FILE)


@pytest.mark.parametrize("content", [b"", b"\0" * 7, b"\xff" * 64, b"\5\0\0\0\0\0\0\0{}", b"\2\0\0\0\0\0\0\0{}"])
def test_a_file_that_holds_no_vectors(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "vectors"
    file.write_bytes(content)
    with pytest.raises(BadVectors, match="damaged"):
        read_vectors(file)


def test_what_is_embedded_together_is_bounded() -> None:
    texts = ["a" * n for n in (1, CHUNK_CHARACTERS - 1, 1, CHUNK_CHARACTERS * 3, 5, *[2] * 200)]
    chunks = list(_chunks(texts))
    assert [text for chunk in chunks for text in chunk] == texts
    assert all(len(chunk) <= CHUNK_TEXTS for chunk in chunks)
    assert all(len(chunk) == 1 or sum(map(len, chunk)) <= CHUNK_CHARACTERS for chunk in chunks)
