"""The engine `gguf`: an embedding model of the user's own, computed by llama.cpp in a child process of this one.

A child, because a damaged file or a fault in the library must not end the process that serves everybody.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from infra.embeddings.gguf_child import LENGTH_BYTES
from infra.embeddings.openai_answers import checked
from infra.embeddings.ports import Embedded, EmbeddingFailed, TextTooLong, bound_of, failed, unavailable
from infra.embeddings.vectors import normalised
from infra.models.embedding_spec import EmbeddingSpec
from infra.runtime.signalling import send_signal

ROOT = Path(__file__).parents[2]
BATCH_TEXTS = 16
MAX_ANSWER_BYTES = 256 * 1024 * 1024
END_WITHIN_S = 5.0
_TOO_LONG = re.compile(r"\((\d{1,9}) tokens\)|exceed_context_size")


class GgufEmbedder:
    """Embeds one request at a time. The child is started at the first use, and again after it has ended."""

    def __init__(self, spec: EmbeddingSpec, packages: Path) -> None:
        """`packages`: the folder that has llama.cpp."""
        self._spec = spec
        self._packages = packages
        self._turn = asyncio.Lock()
        self._child: Process | None = None

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See Embedder.embed."""
        async with self._turn:
            parts = [await self._batch(texts, start) for start in range(0, len(texts), BATCH_TEXTS)]
        return Embedded(np.concatenate([part.vectors for part in parts]), sum(part.tokens for part in parts))

    async def most_tokens(self, texts: Sequence[str]) -> int:
        """See Embedder.most_tokens. To count, the child would have to tokenize twice: by the bytes of the texts."""
        return bound_of(texts, self._spec.max_input_tokens)

    async def aclose(self) -> None:
        child, self._child = self._child, None
        if child is None or child.returncode is not None:
            return
        assert child.stdin is not None  # noqa: S101 - PIPE was asked for
        child.stdin.close()
        try:
            async with asyncio.timeout(END_WITHIN_S):
                await child.wait()
        except TimeoutError:
            send_signal(child, signal.SIGKILL)
            await child.wait()

    async def _batch(self, texts: Sequence[str], start: int) -> Embedded:
        batch = list(texts[start : start + BATCH_TEXTS])
        try:
            return await self._understood(batch)
        except TextTooLong:
            pass  # which one it is, each must be asked for
        for index, text in enumerate(batch, start):
            try:
                await self._understood([text])
            except TextTooLong as error:
                raise TextTooLong(index, error.tokens, error.most, exactly=error.exactly) from None
        raise failed("engine_failed", f"the engine of {self._spec.id} refuses its own texts", retryable=True)

    async def _understood(self, texts: list[str]) -> Embedded:
        spec = self._spec
        said = orjson.loads(await self._ask(texts))
        if isinstance(said, dict) and "error" in said:
            message = str(said["error"])
            if (found := _TOO_LONG.search(message)) is not None:
                most = spec.max_input_tokens
                raise TextTooLong(0, int(found[1] or most + 1), most, exactly=found[1] is not None)
            raise failed("engine_failed", f"the engine of {spec.id} failed", retryable=True)
        vectors, tokens = checked(spec, said, len(texts))
        return Embedded(normalised(vectors), tokens or len(texts))

    async def _ask(self, texts: list[str]) -> bytes:
        """What the child answers; of one that dies another is asked, once."""
        for _ in range(2):
            child = await self._running()
            try:
                await _send(child, texts)
                return await _receive(child)
            except (EOFError, OSError, ValueError):
                await self._end(child)
            except BaseException:
                # Given up: nobody waits for what it computes, and the next one would.
                await self._end(child)
                raise
        raise unavailable(self._spec, "ended while it computed")

    async def _running(self) -> Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        child = await self._started()
        try:
            said = orjson.loads(await _receive(child))
        except EOFError:
            said = {"error": {"message": "it ended"}}
        except BaseException:
            await self._end(child)
            raise
        if "error" in said:
            await self._end(child)
            needed = "install the package libgomp1" if "libgomp1" in str(said) else "see ./verbatim logs api"
            raise self._cannot(needed)
        self._child = child
        return child

    async def _started(self) -> Process:
        spec = self._spec
        if not (self._packages / "xllamacpp").is_dir():
            raise self._cannot("run ./verbatim up, which fetches the engine")
        arguments = (str(spec.gguf), str(spec.max_input_tokens), str(spec.threads), spec.pooling, str(self._packages))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "infra.embeddings.gguf_child", *arguments,
            stdin=PIPE, stdout=PIPE, env=environment,
        )  # fmt: skip

    async def _end(self, child: Process) -> None:
        self._child = None
        send_signal(child, signal.SIGKILL)
        await child.wait()

    def _cannot(self, what: str) -> EmbeddingFailed:
        return failed("engine_misconfigured", f"the model {self._spec.id} cannot be loaded: {what}")


async def _send(child: Process, message: Any) -> None:
    assert child.stdin is not None  # noqa: S101 - PIPE was asked for
    data = orjson.dumps(message)
    child.stdin.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
    await child.stdin.drain()


async def _receive(child: Process) -> bytes:
    """Raises EOFError when the child has ended, ValueError for more than an answer can be."""
    assert child.stdout is not None  # noqa: S101 - PIPE was asked for
    size = int.from_bytes(await child.stdout.readexactly(LENGTH_BYTES), "little")
    if size > MAX_ANSWER_BYTES:
        raise ValueError
    return await child.stdout.readexactly(size)
