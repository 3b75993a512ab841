"""What a turn costs: the price its command names, else its model's, else nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.models.catalogue import ModelCatalogue
from infra.models.prices import UNKNOWN_PRICE, price_of
from schemas.price import Price, Usage
from schemas.turns import Command
from tests.records import prompt, regenerate

OWN = Price("2026-11-eu", "EUR", 1, 2, 3)
MODELS = ModelCatalogue.load()
MODEL = MODELS.default_model


@pytest.mark.parametrize("command", [prompt(model=MODEL.id), regenerate(model=MODEL.id)], ids=["prompt", "regenerate"])
def test_the_command_s_own_price_counts_and_without_one_the_model_s(command: Command) -> None:
    assert price_of(command, MODELS) == MODEL.price
    assert price_of(replace(command, price=OWN), MODELS) == OWN
    assert price_of(replace(command, price=OWN, model="gone"), MODELS) == OWN


def test_a_model_that_is_gone_costs_nothing() -> None:
    assert price_of(prompt(model="gone"), MODELS) == UNKNOWN_PRICE
    assert UNKNOWN_PRICE.cost_micros(Usage(10**9, 10**9)) == 0
