"""POST /v1/embeddings: vectors of texts. Nothing of them is kept but what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request, Response

from api.access.auth import AskCaller, author_of
from api.access.limiting import RateLimits, Running
from api.access.own_models import OwnModels
from api.access.principal import Principal
from api.access.refusals import refusal, tell
from api.consistency.commanding import Author, idempotency_key
from api.http.answers import openapi_body
from api.http.bodies import BodyReader
from api.http.errors import ApiError, Overloaded, bad_request, of_failure, unavailable
from api.http.headers import REPLAYED_HEADER
from api.http.metrics import LIMITED
from api.http.providing import provided
from api.openai import embedding_ledger as ledger
from api.openai.embedding_leases import EmbeddingLeases, Wanted
from api.openai.embedding_ledger import LedgerPorts
from api.openai.embedding_requests import EmbeddingRequest, EmbeddingsAsked, Encoding
from api.openai.embedding_shapes import embeddings_body
from infra.embeddings.embedders import Embedders, QueueFull
from infra.embeddings.ports import EmbeddingFailed, TextTooLong, Vectors
from infra.embeddings.vectors import shortened
from infra.models.catalogue import EmbeddingSpec
from schemas import ids
from schemas.admission import EmbeddingsSettled
from schemas.codec import is_written
from schemas.price import Attribution, Usage
from schemas.usage import EmbeddingsComputed

T = TypeVar("T")
router = APIRouter(prefix="/v1", tags=["openai"])

CHARACTERS_PER_TOKEN = 4
"""A guess; what was counted corrects it."""
INLINE_NUMBERS = 4_096
"""Answers with up to so many numbers are shortened and written on the loop; larger ones in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingPorts:
    """What the route needs."""

    models: OwnModels
    embedders: Embedders
    ledger: LedgerPorts
    leases: EmbeddingLeases
    limits: RateLimits


Ports = Annotated[EmbeddingPorts, Depends(provided(EmbeddingPorts))]


@router.post("/embeddings", openapi_extra=openapi_body(EmbeddingRequest))
async def create_embeddings(request: Request, caller: AskCaller, bodies: BodyReader, ports: Ports) -> Response:
    """Create embeddings, as OpenAI does. The answer leaves when the log has what it is billed."""
    asked = await bodies.read_as(request, EmbeddingRequest, EmbeddingsAsked.of)
    key, author = idempotency_key(request), author_of(request, caller)
    spec = ports.models.of(author.limited).embedding(asked.model)
    dimensions = asked.dimensions_of(spec)
    if not is_written(EmbeddingsComputed):
        raise _not_yet()
    leased = ports.leases.is_needed(author.limited.account, author.who)
    if leased and not is_written(EmbeddingsSettled):
        raise _not_yet()
    wanted = ledger.Request(
        user_id=caller.user_id,
        embedding_id=ids.embedding_id(caller.user_id, key.value),
        request_hash=asked.request_hash,
        key=key,
    )
    before = await ledger.earlier(ports.ledger, wanted)
    known = None if before is None else before.usage
    if known is None and leased:
        charged = ports.leases.charged(author.limited.account, wanted.embedding_id, wanted.request_hash)
        known = None if charged is None else charged.usage
    running = await _admitted(ports.limits, author, asked)
    tried, lease = None, None
    try:
        if known is None and leased:
            tried = await _tried(ports, spec, asked, author, wanted)
            lease = await ports.leases.granted(tried)
        embedded = await _embedded(ports.embedders.embed, spec, asked)
    except BaseException:
        if running is not None:
            ports.limits.give_back(running)
        if lease is not None:
            ports.leases.give_back(author.limited.account, lease)
        raise
    if running is not None:
        ports.limits.over(running, embedded.tokens)
    usage = Usage(embedded.tokens, 0, estimated=embedded.estimated)
    replayed = known is not None
    if known is None:
        event = _record(spec, wanted, author, usage, len(asked.texts), dimensions)
        event = replace(event, attribution=_attribution(caller))
        if tried is not None and lease is not None:
            charged, replayed = await ports.leases.settle(tried, lease, event)
            known = charged.usage
        else:
            first = await ledger.record(ports.ledger, wanted, event)
            known, replayed = (usage, False) if first is None else (first.usage, True)
    headers = {REPLAYED_HEADER: "true"} if replayed else {}
    body = await _written(spec, embedded.vectors, dimensions, asked.encoding, known)
    return Response(body, 200, headers, "application/json")


async def _admitted(limits: RateLimits, author: Author, asked: EmbeddingsAsked) -> Running | None:
    """What of the limits of tokens is reserved; None: nothing is counted. Raises ApiError 429."""
    guessed = max(sum(map(len, asked.texts)) // CHARACTERS_PER_TOKEN, 1)
    admission = await limits.admit_tokens(author.limited, guessed)
    refused = refusal(admission.taken)
    if refused is not None:
        LIMITED.labels("tokens").inc()
        raise refused
    tell(author.answer, admission.taken)
    return admission.running


async def _tried(
    ports: EmbeddingPorts, spec: EmbeddingSpec, asked: EmbeddingsAsked, author: Author, wanted: ledger.Request
) -> Wanted:
    """What is to be leased, counted before. Raises ApiError, as the vectors would."""
    return Wanted(
        author=author,
        key=wanted.key,
        embedding_id=wanted.embedding_id,
        request_hash=wanted.request_hash,
        model=spec.id,
        price=spec.price,
        tokens=await _embedded(ports.embedders.most_tokens, spec, asked),
        timeout_s=spec.timeout_s,
    )


async def _embedded(
    asking: Callable[[EmbeddingSpec, Sequence[str]], Awaitable[T]], spec: EmbeddingSpec, asked: EmbeddingsAsked
) -> T:
    """What the engines say, their errors as answers. Raises ApiError."""
    try:
        return await asking(spec, asked.texts)
    except QueueFull:
        raise Overloaded("too many requests for embeddings are waiting") from None
    except EmbeddingFailed as error:
        raise of_failure(error.failure) from None
    except TextTooLong as error:
        where = "input" if len(asked.texts) == 1 else f"input[{error.index}]"
        counted = str(error.tokens) if error.exactly else f"at least {error.tokens}"
        raise bad_request(
            f"Invalid value for '{where}': this model takes at most {error.most} tokens a text, it has {counted}.",
            code="context_length_exceeded",
            param=where,
        ) from None


def _record(
    spec: EmbeddingSpec, request: ledger.Request, author: Author, usage: Usage, texts: int, dimensions: int
) -> EmbeddingsComputed:
    return EmbeddingsComputed(
        envelope=author.envelope(request.embedding_id, EmbeddingsComputed.__name__),
        user_id=request.user_id,
        embedding_id=request.embedding_id,
        model=spec.id,
        model_version=spec.upstream_model,
        texts=texts,
        dimensions=dimensions,
        usage=usage,
        price=spec.price,
        cost_micros=spec.price.cost_micros(usage),
        request_hash=request.request_hash,
        attribution=Attribution(
            account=author.limited.account,
            organisation_id=author.limited.organisation_id,
            key_id=author.limited.key_id,
            tier=author.limited.tier,
        ),
    )


def _attribution(caller: Principal) -> Attribution:
    """Who asked, by which key, and who pays."""
    return Attribution(
        account=caller.account, organisation_id=caller.organisation_id, key_id=caller.key_id, tier=caller.tier
    )


async def _written(spec: EmbeddingSpec, vectors: Vectors, dimensions: int, encoding: Encoding, usage: Usage) -> bytes:
    if len(vectors) * dimensions <= INLINE_NUMBERS:
        return _body(spec, vectors, dimensions, encoding, usage)
    return await asyncio.to_thread(_body, spec, vectors, dimensions, encoding, usage)


def _body(spec: EmbeddingSpec, vectors: Vectors, dimensions: int, encoding: Encoding, usage: Usage) -> bytes:
    return embeddings_body(spec.id, shortened(vectors, dimensions), encoding, usage)


def _not_yet() -> ApiError:
    """An installation that may still have processes of an older release, which cannot read what embeddings cost."""
    return unavailable(
        "Embeddings are available once the upgrade is finished: the operator runs ./verbatim upgrade finish.",
        code="upgrade_unfinished",
    )
