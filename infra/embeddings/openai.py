"""The engine `openai`: any server with POST /v1/embeddings. Nothing that it answers is believed unseen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

import aiohttp
import numpy as np
import orjson

from infra.embeddings.openai_answers import checked_answer, refusal
from infra.embeddings.ports import AROUND_A_TEXT, Embedded, EmbeddingFailed, bound_of, failed, unavailable
from infra.embeddings.vectors import normalised
from infra.models.embedding_spec import EmbeddingSpec

BATCH_TEXTS = 64
BATCH_CHARACTERS = 262_144
"""What one call to the upstream asks for; a longer text goes alone."""
MAX_TRIES = 3
PAUSE_S = 0.25
"""Before a call that failed for a moment is tried again; twice as long before the third."""
BYTES_A_NUMBER = 32
ANSWER_BYTES = 65_536
"""An answer may have so many bytes, and BYTES_A_NUMBER for each number that was asked for."""
MAX_ERROR_BODY_BYTES = 65_536
INLINE_BYTES = 65_536
"""Answers up to this size are parsed on the loop; larger ones in a thread."""


class UpstreamEmbedder:
    """Embeds by an upstream. `environ` is where the model's key is looked up, at each call."""

    def __init__(self, spec: EmbeddingSpec, environ: Mapping[str, str] = os.environ) -> None:
        self._spec = spec
        self._environ = environ
        self._session: aiohttp.ClientSession | None = None

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See Embedder.embed. An upstream that is away is asked again: MAX_TRIES times a batch in all."""
        parts = [await self._persevering(batch) for batch in _batches(texts)]
        vectors = np.concatenate([part.vectors for part in parts])
        return Embedded(vectors, sum(part.tokens for part in parts), any(part.estimated for part in parts))

    async def most_tokens(self, texts: Sequence[str]) -> int:
        """See Embedder.most_tokens. Of the upstream's tokenizer nothing is known: by the bytes of the texts."""
        return bound_of(texts, self._spec.max_input_tokens)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _persevering(self, texts: Sequence[str]) -> Embedded:
        for tried in range(1, MAX_TRIES):
            try:
                return await self._ask(texts)
            except EmbeddingFailed as error:
                if error.failure.code != "engine_unavailable":
                    raise
                await asyncio.sleep(PAUSE_S * tried)
        return await self._ask(texts)

    async def _ask(self, texts: Sequence[str]) -> Embedded:
        spec = self._spec
        body = {"model": spec.upstream_model, "input": list(texts), "encoding_format": "float"}
        try:
            async with self._opened().post(
                f"{(spec.address or '').rstrip('/')}/embeddings",
                data=orjson.dumps(body),
                headers=self._headers(),
                # The texts are for the host that models.toml names, and for no other.
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    told = await _read(response, MAX_ERROR_BODY_BYTES)
                    raise refusal(spec, response.status, told or b"", response.headers.get("Retry-After", ""))
                answer = await _read(response, ANSWER_BYTES + BYTES_A_NUMBER * len(texts) * spec.dimensions)
        except (aiohttp.InvalidURL, aiohttp.ClientConnectorCertificateError) as error:
            said = f"the address of {spec.id} in models.toml cannot be used ({type(error).__name__})"
            raise failed("engine_misconfigured", said) from None
        except (aiohttp.ClientError, OSError) as error:
            raise unavailable(spec, f"cannot be reached ({type(error).__name__})") from None
        if answer is None:
            said = f"the upstream of {spec.id} answered more than vectors of its texts take"
            raise failed("engine_failed", said, retryable=True)
        if len(answer) <= INLINE_BYTES:
            return _understood(spec, answer, texts)
        return await asyncio.to_thread(_understood, spec, answer, texts)

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made in the running loop at first use."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._spec.max_connections, keepalive_timeout=60, ttl_dns_cache=60)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "verbatim", "Content-Type": "application/json"}
        name = self._spec.api_key_env
        if name is not None:
            key = self._environ.get(name)
            if not key:
                said = f"the variable {name} with the key of model {self._spec.id} is not set"
                raise failed("engine_auth", said)
            headers["Authorization"] = f"Bearer {key}"
        return headers


def _understood(spec: EmbeddingSpec, answer: bytes, texts: Sequence[str]) -> Embedded:
    vectors, tokens = checked_answer(spec, answer, len(texts))
    size = sum(len(text.encode()) for text in texts)
    # No token is less than a byte of its text, but for a few around it.
    believed = tokens is not None and 0 < tokens <= size + AROUND_A_TEXT * len(texts)
    return Embedded(normalised(vectors), tokens if believed and tokens else max(size // 4, len(texts)), not believed)


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    """The texts in order, in the calls that the upstream gets."""
    found: list[Sequence[str]] = []
    start, characters = 0, 0
    for index, text in enumerate(texts):
        if index > start and (characters + len(text) > BATCH_CHARACTERS or index - start == BATCH_TEXTS):
            found.append(texts[start:index])
            start, characters = index, 0
        characters += len(text)
    return [*found, texts[start:]]


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes | None:
    """The body; None if it is longer, and the rest of it stays unread."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most_bytes:
            response.close()
            return None
        parts.append(part)
    return b"".join(parts)
