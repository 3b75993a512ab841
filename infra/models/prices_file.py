"""Reads prices: the `price` of a model in models.toml, and files with prices only."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from infra.models.spec import ModelsFileError
from infra.models.toml_lines import key_lines, line_of
from infra.models.toml_mistakes import StrictTable, Tables, first_mistake, read_toml
from schemas.price import Price

_MICROS = 1_000_000


class InputPriceTable(StrictTable):
    """Per million tokens that go in: a number or a decimal string, exact to a millionth."""

    version: str = Field(default="1", min_length=1)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    input: int

    @field_validator("input", "output", "cached_input", mode="before", check_fields=False)
    @classmethod
    def _exact(cls, value: Any) -> int:
        expected = 'a price per million tokens, like 0.15 or "0.15"'
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise ValueError(f"{value!r} is not a price, expected {expected}")
        try:
            price = Decimal(value)
        except ArithmeticError:
            raise ValueError(f"{value!r} is not a price, expected {expected}") from None
        if not price.is_finite() or price < 0 or price > 1_000_000:
            raise ValueError(f"{price} is out of range, expected {expected}, from 0 to 1000000")
        micros = price * _MICROS
        if micros != int(micros):
            raise ValueError(f"{price} has too many decimals, expected {expected}, with at most 6 decimals")
        return int(micros)

    def price(self) -> Price:
        """The price as records carry it."""
        return Price(self.version, self.currency, self.input, self.input, 0)


class PriceTable(InputPriceTable):
    """Also per million tokens that come out, and of those that go in and are cached."""

    output: int
    cached_input: int | None = None

    def price(self) -> Price:
        """The price as records carry it."""
        return Price(
            version=self.version,
            currency=self.currency,
            input_micros_per_million=self.input,
            cached_input_micros_per_million=self.input if self.cached_input is None else self.cached_input,
            output_micros_per_million=self.output,
        )


class _NewPriceTable(PriceTable):
    """A price that is to replace another says which version it is."""

    version: str = Field(min_length=1)


class _PricedModel(StrictTable):
    id: str = Field(min_length=1)
    price: _NewPriceTable


class _PricesFile(StrictTable):
    model: list[_PricedModel] = Field(min_length=1)


_TABLES: Tables = {(): _PricesFile, ("model",): _PricedModel, ("model", "price"): _NewPriceTable}


def read_prices_file(path: Path) -> dict[str, Price]:
    """The prices of a file by model id: [[model]] with `id` and `price`, as in models.toml, whose other keys may stay.

    Every price must name its version. Raises ModelsFileError.
    """
    text, document = read_toml(path)
    lines = key_lines(text)
    try:
        content = _PricesFile.model_validate(_prices_alone(document))
    except ValidationError as error:
        raise first_mistake(path, lines, document, error, _TABLES) from None
    prices: dict[str, Price] = {}
    for index, table in enumerate(content.model):
        if table.id in prices:
            line = line_of(lines, ("model", index, "id"))
            raise ModelsFileError(path, line, f"the model id {table.id!r} appears twice, ids must be unique")
        prices[table.id] = table.price.price()
    return prices


def _prices_alone(document: dict[str, Any]) -> dict[str, Any]:
    """Of a whole models file the prices; anything else as it is."""
    models = document.get("model")
    if not isinstance(models, list) or not all(isinstance(model, dict) and "engine" in model for model in models):
        return document
    return {"model": [{key: model[key] for key in ("id", "price") if key in model} for model in models]}
