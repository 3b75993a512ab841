"""What an account knows of each lease: what was decided on it while it is open, and what it was charged after. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.admission import EmbeddingsRequested
from schemas.envelope import Position
from schemas.price import Price, Usage
from topics.admission.amounts import leased_micros
from topics.admission.periods import Moment
from topics.admission.sums import Amount, Who

SPENT = "budget"
CURRENCY = "currency"
"""Why a lease is denied: what is left does not cover it, or its price is in another currency than a budget."""


@dataclass(frozen=True, slots=True)
class Decision:
    """On request `number` of a generation: `tokens` granted, or 0 and the reason."""

    number: int
    tokens: int
    reason: str = ""


@dataclass(slots=True)
class Lease:
    """What a generation may spend. `granted`: tokens of its answer. `waiting`: tokens of an extension that is neither
    granted nor denied; 0: none is. `denied`: nothing more is granted. Refused from the start: `granted` is 0.
    `embeddings`: the request for embeddings that it is for; `prompt` covers all of it, until `until_us`."""

    position: Position
    who: Who
    price: Price
    prompt: int
    moment: Moment
    granted: int = 0
    waiting: int = 0
    denied: bool = False
    decisions: list[Decision] = field(default_factory=list)
    announced: set[int] = field(default_factory=set)
    embeddings: EmbeddingsRequested | None = None
    until_us: int = 0

    @property
    def is_open(self) -> bool:
        return self.granted > 0 or self.embeddings is not None

    @property
    def amount(self) -> Amount:
        """What it takes from its budgets."""
        micros = leased_micros(self.price, self.prompt, self.granted)
        return Amount(self.prompt + self.granted, micros, self.price.currency)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a generation that has ended was charged. `unbilled`: tokens that its lease did not cover.

    Of a request for embeddings `embedding_id` says so, `used` whether this is its bill, `denied` why it had no lease.
    """

    at_us: int
    usage: Usage
    cost_micros: int
    unbilled: int
    leased: bool
    embedding_id: str = ""
    used: bool = False
    denied: str = ""


@dataclass(frozen=True, slots=True)
class Charged:
    """What was charged for embeddings that were asked for with a key. `request_hash`: of what; "": it is not known."""

    at_us: int
    usage: Usage
    request_hash: str
