"""What a user of a tier may: limits, models, context, and their place in the queue. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

DEFAULT_TIER = "default"
UNLIMITED_TIER = "unlimited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one user, key or organisation may. None: as much as it likes.

    A message is a request that asks for an answer. Tokens are those of prompts and answers together, and of embeddings.
    """

    requests_per_minute: int | None = None
    messages_per_hour: int | None = None
    tokens_per_minute: int | None = None
    concurrent_streams: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """`user`, `key`, `organisation`: what each user of the tier may, each of their keys, and all of its users in one
    organisation together; where several apply, the smallest wins.

    `models`: patterns of the ids of models it may use, as shells write them ("*", "llama-*").

    `weight_milli`: its share of a busy engine, beside those of others that wait. `longest_wait_s`: what it is promised;
    who would wait longer is refused. `max_queued`: how many requests of one user may wait. None: no bound of its own.

    `max_context_tokens`: of a prompt and its answer together.
    """

    name: str
    user: Limits = NO_LIMITS
    key: Limits = NO_LIMITS
    organisation: Limits = NO_LIMITS
    models: tuple[str, ...] = ("*",)
    weight_milli: int = 1000
    max_context_tokens: int | None = None
    longest_wait_s: int | None = None
    max_queued: int | None = None

    def allows(self, model_id: str) -> bool:
        """Whether a user of this tier may use the model."""
        return any(fnmatchcase(model_id, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class Tiers:
    """The tiers of an installation, in the order of its file; `default` and `unlimited` are always among them."""

    tiers: Mapping[str, Tier] = field(
        default_factory=lambda: {name: Tier(name=name) for name in (DEFAULT_TIER, UNLIMITED_TIER)}
    )

    def of(self, name: str) -> Tier:
        """The tier of this name. For one that the file has no more: `default`."""
        return self.tiers.get(name) or self.tiers[DEFAULT_TIER]

    def __contains__(self, name: object) -> bool:
        return name in self.tiers

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.tiers)


NO_TIERS = Tiers()
"""Where nothing is limited."""
