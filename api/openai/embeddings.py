"""POST /v1/embeddings: vectors of texts. Nothing of them is kept but what they cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Annotated

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
from api.openai.embedding_ledger import LedgerPorts
from api.openai.embedding_requests import EmbeddingRequest, EmbeddingsAsked, Encoding
from api.openai.embedding_shapes import embeddings_body
from api.turns.quotas import Quotas
from infra.embeddings.embedders import Embedders, QueueFull
from infra.embeddings.ports import Embedded, EmbeddingFailed, TextTooLong, Vectors
from infra.embeddings.vectors import shortened
from infra.models.catalogue import EmbeddingSpec
from schemas import ids
from schemas.codec import is_written
from schemas.price import Attribution, Usage
from schemas.usage import EmbeddingsComputed
from topics.admission.sums import Who

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
    quotas: Quotas
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
    if ports.quotas.is_limited(author.limited.account, Who(caller.user_id, author.limited.key_id)):
        raise bad_request(
            "Embeddings are not leased, so an account with a hard budget cannot ask for them.",
            code="unsupported_with_budget",
        )
    wanted = ledger.Request(
        user_id=caller.user_id,
        embedding_id=ids.embedding_id(caller.user_id, key.value),
        request_hash=asked.request_hash,
        key=key,
    )
    known = await ledger.earlier(ports.ledger, wanted)
    running = await _admitted(ports.limits, author, asked)
    try:
        embedded = await _embedded(ports.embedders, spec, asked)
    except BaseException:
        if running is not None:
            ports.limits.give_back(running)
        raise
    if running is not None:
        ports.limits.over(running, embedded.tokens)
    usage = Usage(embedded.tokens, 0, estimated=embedded.estimated)
    if known is None:
        event = _record(spec, wanted, author, usage, len(asked.texts), dimensions)
        event = replace(event, attribution=_attribution(caller))
        known = await ledger.record(ports.ledger, wanted, event)
    headers = {} if known is None else {REPLAYED_HEADER: "true"}
    counted = usage if known is None else known.usage
    body = await _written(spec, embedded.vectors, dimensions, asked.encoding, counted)
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


async def _embedded(embedders: Embedders, spec: EmbeddingSpec, asked: EmbeddingsAsked) -> Embedded:
    try:
        return await embedders.embed(spec, asked.texts)
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
