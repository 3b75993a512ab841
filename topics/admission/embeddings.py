"""The records of a lease for embeddings, and the bill that follows from its settlement. Pure: always the same ones."""

from __future__ import annotations

from schemas import ids
from schemas.admission import EmbeddingsSettled
from schemas.envelope import Envelope
from schemas.price import Usage
from schemas.usage import EmbeddingsComputed
from topics.admission.leases import Lease, Settled

_BILLED_BY = "system:metering"


def settlement(account: str, lease: Lease, actor: str, computed: EmbeddingsComputed | None) -> EmbeddingsSettled:
    """Ends a lease for embeddings: `computed` is what they would be billed without one; None: nothing was used."""
    request = lease.embeddings
    assert request is not None  # noqa: S101 - a lease for embeddings
    used = computed is not None
    return EmbeddingsSettled(
        envelope=Envelope(
            ids.event_id(request.lease_id, EmbeddingsSettled.__name__, int(used)),
            request.envelope.occurred_at_us if computed is None else computed.envelope.occurred_at_us,
            request.envelope.event_id,
            request.envelope.correlation_id,
            actor,
        ),
        account=account,
        user_id=request.user_id,
        lease_id=request.lease_id,
        lease=lease.position,
        embedding_id=request.embedding_id,
        used=used,
        model=request.model,
        model_version="" if computed is None else computed.model_version,
        texts=0 if computed is None else computed.texts,
        dimensions=0 if computed is None else computed.dimensions,
        usage=Usage(0, 0) if computed is None else computed.usage,
        price=request.price,
        request_hash="" if computed is None else computed.request_hash,
        attribution=None if computed is None else computed.attribution,
    )


def bill(settlement: EmbeddingsSettled, settled: Settled) -> EmbeddingsComputed:
    """What a settlement that counts is billed: what it was charged."""
    envelope = settlement.envelope
    return EmbeddingsComputed(
        envelope=Envelope(
            ids.event_id(settlement.embedding_id, EmbeddingsComputed.__name__),
            envelope.occurred_at_us,
            envelope.event_id,
            envelope.correlation_id,
            _BILLED_BY,
        ),
        user_id=settlement.user_id,
        embedding_id=settlement.embedding_id,
        model=settlement.model,
        model_version=settlement.model_version,
        texts=settlement.texts,
        dimensions=settlement.dimensions,
        usage=settled.usage,
        price=settlement.price,
        cost_micros=settled.cost_micros,
        request_hash=settlement.request_hash,
        attribution=settlement.attribution,
    )
