"""What a turn's tokens cost."""

from __future__ import annotations

from typing import Protocol

from infra.models.catalogue import ModelCatalogue
from schemas.price import Price

UNKNOWN_PRICE = Price("unknown", "USD", 0, 0, 0)
"""Of a turn whose command names no price and whose model is no longer in the catalogue: it costs nothing."""


class Priced(Protocol):
    """A command, or the row of a generation: which model was asked for, and at which price if it says so."""

    @property
    def model(self) -> str: ...
    @property
    def price(self) -> Price | None: ...


def price_of(command: Priced, models: ModelCatalogue) -> Price:
    """The price that a command names. A command of version 1 names none: then what its model costs now."""
    if command.price is not None:
        return command.price
    return models.get(command.model).price if command.model in models else UNKNOWN_PRICE
