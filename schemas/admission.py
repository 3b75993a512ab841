"""admissions: what accounts with budgets may spend, in the order of the log. Key: the billing account.

LeaseRequested, LeaseExtensionRequested, LeaseSettled and BudgetChanged decide (`topics.admission.account`); what they
decide follows from the records below them in their partition alone. LeaseGranted and LeaseDenied announce it, for
readers that do not fold the whole account: copies carry the same `event_id`. Requests for embeddings have
EmbeddingsRequested and EmbeddingsSettled; who asks for them folds the account, so nothing is announced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.envelope import Envelope, Position
from schemas.families import members
from schemas.price import Attribution, Price, Usage

BudgetScope = Literal["account", "user", "key"]
BudgetPeriod = Literal["day", "month", "total"]
TOKENS = "tokens"
"""The unit of a budget in tokens; any other is a currency, of which a budget counts millionths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChanged:
    """From here on this budget is `limit`; None: there is none any more.

    `scope`: all that the account pays for, or what one of its users or keys (`subject`) asks for. `hard`: nothing is
    begun that it does not cover; a soft one is only told of. `unit`: tokens, or millionths of a currency.
    """

    envelope: Envelope
    account: str
    scope: str
    subject: str
    period: str
    hard: bool
    unit: str
    limit: int | None
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequested:
    """A generation needs `prompt_tokens` and, for its beginning, `tokens` of its answer, at `price`. The first counts.

    Granted at least one token of the answer, or denied, at once.
    """

    envelope: Envelope
    account: str
    user_id: str
    key_id: str
    generation_id: str
    model: str
    price: Price
    prompt_tokens: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseExtensionRequested:
    """A generation that holds a lease needs `tokens` more. `number`: of its extensions, from 1; the first of a number
    counts."""

    envelope: Envelope
    account: str
    generation_id: str
    number: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseGranted:
    """Announces: `tokens` more of the answer may be said. `number` 0: the lease itself, requested at `lease_at`."""

    envelope: Envelope
    account: str
    generation_id: str
    number: int
    tokens: int
    lease_at: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseDenied:
    """Announces: no more than what was granted before may be said; `reason` says why. `number` 0: nothing may."""

    envelope: Envelope
    account: str
    generation_id: str
    number: int
    reason: str
    lease_at: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettled:
    """A generation has ended: what it used, as its outcome at `outcome` counts it. The first one counts.

    It is charged for that, or if it had a lease for at most the lease. What was never leased is charged as it is.
    """

    envelope: Envelope
    account: str
    user_id: str
    key_id: str
    generation_id: str
    usage: Usage
    price: Price
    outcome: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingsRequested:
    """A request for embeddings needs `tokens` at most, at `price`: all of them are leased here, or it is denied.

    `lease_id`: of this try; the first counts. `embedding_id`: of what is asked for, the same at each try with its key.
    `held_us`: so long after it stands in the log, by the log's time, it may be settled as unused by anybody.
    """

    envelope: Envelope
    account: str
    user_id: str
    key_id: str
    lease_id: str
    embedding_id: str
    model: str
    price: Price
    tokens: int
    held_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingsSettled:
    """Ends the lease `lease_id`, which was requested at `lease`. The first one counts; without a lease it is void.

    `used`: the vectors were made. Then `usage` is what the engine counted; it is charged for at most the lease, once an
    `embedding_id`, and billed so by an EmbeddingsComputed, whose other fields these are. Else it costs nothing.
    """

    envelope: Envelope
    account: str
    user_id: str
    lease_id: str
    lease: Position
    embedding_id: str
    used: bool
    model: str
    model_version: str
    texts: int
    dimensions: int
    usage: Usage
    price: Price
    request_hash: str
    attribution: Attribution | None = None


LeaseRecord = LeaseRequested | LeaseExtensionRequested | LeaseGranted | LeaseDenied | LeaseSettled
"""What is said of the lease of a generation."""
AdmissionRecord = (
    BudgetChanged
    | LeaseRequested
    | LeaseExtensionRequested
    | LeaseGranted
    | LeaseDenied
    | LeaseSettled
    | EmbeddingsRequested
    | EmbeddingsSettled
)
RECORDS = members(AdmissionRecord)
