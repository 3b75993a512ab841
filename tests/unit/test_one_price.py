"""Whoever tells the price of a turn tells the same: the agent, the watchdog, the row, the API, the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.models.catalogue import ModelCatalogue
from infra.models.prices import UNKNOWN_PRICE, price_of
from infra.moderation.policy_file import load_policy
from projections.generations import queries
from projections.generations.fold import fold
from projections.generations.queries import GenerationRow, row_of
from projections.generations.table import GENERATIONS, GENERATIONS_1
from projections.registry import defined
from projections.rows import Put
from schemas.codec import decode, encode, set_write_level
from schemas.envelope import Position
from schemas.generation import GenerationEnded, GenerationRequested
from schemas.price import Price
from schemas.registry import READ_BEFORE, WRITE_LEVEL
from schemas.turns import UserCommand
from streams.conversation.agent import ConversationAgent
from streams.conversation.ports import NoHistory
from streams.faust.app import Source
from streams.watchdog.agent import Watchdog
from tests.fakes.history import MemoryHistory
from tests.records import NOW_US, prompt, regenerate
from tests.unit.streams.test_conversation_agent import MemoryProducer
from topics.catalogue import CONVERSATION_EVENTS, catalogue

MODELS = ModelCatalogue.load()
MODEL = MODELS.default_model
OWN = Price("2026-11-eu", "EUR", 1, 2, 3)
AT = Position(0, 1, 77)


def source() -> Source:
    return Source("conversation-events", AT.partition, AT.offset, NOW_US, b"conversation", False, lambda: None)


async def of_agent(command: UserCommand) -> Price:
    producer, history = MemoryProducer(), MemoryHistory()
    history.conversations["conversation"] = NoHistory()
    history.chains["conversation", "message"] = NoHistory()
    port: Any = producer
    await ConversationAgent(port, MODELS, load_policy(), history, catalogue()[CONVERSATION_EVENTS]).handle(
        command, source()
    )
    *_, last = (record for _, _, record in producer.fired)
    assert isinstance(last, GenerationRequested | GenerationEnded)
    return last.turn.price


async def of_watchdog(command: UserCommand) -> Price:
    nobody: Any = None
    watchdog = Watchdog({}, MODELS, nobody, catalogue()[CONVERSATION_EVENTS])
    await watchdog.handle(command, source())
    (watched,) = watchdog._turns.due(command.deadline_at_us * 2, 10)
    return watched.turn.price


def cells_of(*commands: tuple[UserCommand, Position]) -> dict[str, Any]:
    """The row of a generation: of each cell what the first of the commands wrote."""
    cells: dict[str, Any] = {}
    times: dict[str, int] = {}
    for command, at in commands:
        (put,) = fold(command, at)
        assert isinstance(put, Put)
        newer = {name: value for name, value in put.cells.items() if put.timestamp > times.get(name, -1)}
        cells |= newer
        times |= dict.fromkeys(newer, put.timestamp)
    return cells


def row(cells: Mapping[str, Any], *columns: str) -> GenerationRow:
    names = (*queries.COLUMNS.split(", "), *columns)
    return row_of(tuple({"generation_id": "generation", **cells}.get(name) for name in names))


async def prices(command: UserCommand) -> set[Price]:
    found = row(cells_of((command, AT)), *queries.NEW_COLUMNS)
    return {await of_agent(command), await of_watchdog(command), found.turn(price_of(found, MODELS)).price}


COMMANDS = pytest.mark.parametrize("command", [prompt(), regenerate()], ids=["prompt", "regenerate"])


@COMMANDS
@pytest.mark.parametrize("model", [MODEL.id, "gone"])
async def test_of_a_command_that_names_a_price(command: UserCommand, model: str) -> None:
    sent = decode(encode(replace(command, model=model, price=OWN, account="u", model_version="m")))
    assert isinstance(sent, UserCommand)
    assert await prices(sent) == {OWN}


@COMMANDS
@pytest.mark.parametrize(("model", "price"), [(MODEL.id, MODEL.price), ("gone", UNKNOWN_PRICE)])
async def test_of_a_command_of_version_1(command: UserCommand, model: str, price: Price) -> None:
    try:
        set_write_level(READ_BEFORE)
        sent = decode(encode(replace(command, model=model, price=OWN, account="u", model_version="m")))
    finally:
        set_write_level(WRITE_LEVEL)
    assert sent == replace(command, model=model)
    assert await prices(sent) == {price}


@given(st.lists(st.tuples(st.none() | st.sampled_from([OWN, MODEL.price]), st.integers(0, 99)), min_size=1))
def test_a_repeated_command_changes_no_price(asked: list[tuple[Price | None, int]]) -> None:
    """Also where the first names none: a later one's price must not fill in."""
    placed = {offset: price for price, offset in reversed(asked)}
    commands = [(prompt(model=MODEL.id, price=price), Position(0, 1, offset)) for offset, price in placed.items()]
    first = min(commands, key=lambda each: each[1])[0]
    found = row(cells_of(*commands), *queries.NEW_COLUMNS)
    assert found.price == first.price
    assert price_of(found, MODELS) == price_of(first, MODELS)


def test_a_row_of_definition_1_is_priced_as_its_model_is_now() -> None:
    older = defined("generations", 1)
    assert older is not None and older.tables == (GENERATIONS_1,)
    (put,) = older.fold(prompt(model=MODEL.id, price=OWN), AT)
    assert isinstance(put, Put) and set(put.cells) <= set(GENERATIONS_1.cells)
    assert price_of(row(put.cells), MODELS) == MODEL.price


def test_a_command_without_a_price_makes_the_row_it_always_made() -> None:
    (put,) = fold(prompt(), AT)
    assert isinstance(put, Put) and set(put.cells) == set(GENERATIONS_1.cells)
    assert set(GENERATIONS.cells) - set(GENERATIONS_1.cells) == set(queries.NEW_COLUMNS)
