"""Reads a tiers.toml: every mistake is reported with file and line.

A process reads it when it starts, and never again.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, field_validator

from infra.models.spec import ModelsFileError
from infra.models.toml_lines import key_lines, line_of
from infra.models.toml_mistakes import StrictTable, Tables, first_mistake, read_toml
from infra.tiers.tier import DEFAULT_TIER, UNLIMITED_TIER, Limits, Tier, Tiers

if TYPE_CHECKING:
    from infra.settings import Settings

SHIPPED_FILE = Path(__file__).parents[1] / "data" / "tiers.toml"
MAX_TIERS = 50
MAX_PATTERNS = 100
MOST = 1_000_000_000
"""The largest limit: what should be more is left out."""
_MILLI = 1000


class TiersFileError(Exception):
    """A tiers file is wrong. The message is `FILE:LINE: what is wrong, what is expected`."""

    def __init__(self, file: Path, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")


class _LimitsTable(StrictTable):
    requests_per_minute: int | None = Field(default=None, ge=1, le=MOST)
    messages_per_hour: int | None = Field(default=None, ge=1, le=MOST)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=MOST)
    concurrent_streams: int | None = Field(default=None, ge=1, le=10_000)

    def limits(self) -> Limits:
        return Limits(**{name: getattr(self, name) for name in _LimitsTable.model_fields})


class _TierTable(_LimitsTable):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    models: tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...] = Field(
        default=("*",), strict=False, min_length=1, max_length=MAX_PATTERNS
    )
    queue_weight: int = Field(default=1 * _MILLI)
    max_context_tokens: int | None = Field(default=None, ge=16, le=MOST)
    longest_wait_s: int | None = Field(default=None, ge=1, le=86_400)
    max_queued: int | None = Field(default=None, ge=1, le=1_000_000)
    key: _LimitsTable = _LimitsTable()
    organisation: _LimitsTable = _LimitsTable()

    @field_validator("queue_weight", mode="before")
    @classmethod
    def _in_thousandths(cls, value: Any) -> int:
        expected = "expected a number from 0.001 to 1000, with at most 3 decimals"
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValueError(f"{value!r} is not a weight, {expected}")
        weight = Decimal(value) * _MILLI
        if not weight.is_finite() or weight != int(weight) or not 1 <= weight <= 1000 * _MILLI:
            raise ValueError(f"{value} is not a weight, {expected}")
        return int(weight)

    def tier(self) -> Tier:
        return Tier(
            name=self.id,
            user=self.limits(),
            key=self.key.limits(),
            organisation=self.organisation.limits(),
            models=self.models,
            weight_milli=self.queue_weight,
            max_context_tokens=self.max_context_tokens,
            longest_wait_s=self.longest_wait_s,
            max_queued=self.max_queued,
        )


class _File(StrictTable):
    tier: list[_TierTable] = Field(min_length=1, max_length=MAX_TIERS)


_TABLES: Tables = {
    (): _File,
    ("tier",): _TierTable,
    ("tier", "key"): _LimitsTable,
    ("tier", "organisation"): _LimitsTable,
}


def read_tiers_file(path: Path) -> dict[str, Tier]:
    """The tiers of one file by name, in its order. Raises TiersFileError."""
    try:
        text, document = read_toml(path)
        lines = key_lines(text)
        try:
            content = _File.model_validate(document)
        except ValidationError as error:
            raise first_mistake(path, lines, document, error, _TABLES) from None
    except ModelsFileError as error:
        raise TiersFileError(error.file, error.line, error.problem) from None
    tiers: dict[str, Tier] = {}
    for index, table in enumerate(content.tier):
        if table.id in tiers:
            line = line_of(lines, ("tier", index, "id"))
            raise TiersFileError(path, line, f"the tier {table.id!r} is already declared, ids must be unique")
        tiers[table.id] = table.tier()
    return tiers


def load_tiers(settings: Settings) -> Tiers:
    """The tiers of an installation: those of the setting `tiers`, else the shipped ones.

    A file need not have `default` and `unlimited`: those that come along are taken then. Where `default` says nothing
    of requests a minute, each key has as many as `api.requests_per_minute`. Raises TiersFileError.
    """
    shipped = read_tiers_file(SHIPPED_FILE)
    tiers = {name: shipped[name] for name in (DEFAULT_TIER, UNLIMITED_TIER)}
    tiers |= read_tiers_file(settings.tiers) if settings.tiers is not None else shipped
    default = tiers[DEFAULT_TIER]
    asked = (default.user.requests_per_minute, default.key.requests_per_minute)
    if asked == (None, None):
        limits = replace(default.key, requests_per_minute=settings.api.requests_per_minute)
        tiers[DEFAULT_TIER] = replace(default, key=limits)
    return Tiers(tiers)
