"""An engine that goes away in the middle, or is not there yet, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from inference_workers.engines.persevering import MAX_OUTAGES, MAX_REFUSALS, Patience, PerseveringEngine
from inference_workers.ports import (
    Delta,
    EngineEvent,
    EngineFailed,
    EngineRequest,
    EngineUnavailable,
    Finish,
    Reasoning,
)
from infra.models.catalogue import Deadlines, ModelCatalogue, ModelSpec
from schemas.conversation import ChatMessage, Sampling
from tests.sim.virtual_time import VirtualLoop, run

MODEL = ModelCatalogue.load().get("verbatim-local")
REQUEST = EngineRequest(
    request_id="g:1:a",
    model=MODEL,
    messages=(ChatMessage("user", "say abcdef"),),
    sampling=Sampling(max_tokens=6),
    deadlines=Deadlines(first_token_s=10, inter_token_s=5, total_s=60),
)
TEXT = "abcdef"


@dataclass
class DyingEngine:
    """Says TEXT, a token a second, goes away after `dies_after` tokens of the first calls and stays away a while."""

    dies_after: list[int]
    away_s: float = 2.0
    resumable: bool = True
    calls: list[EngineRequest] = field(default_factory=list)
    _back_at_s: float = 0.0

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        loop = asyncio.get_running_loop()
        self.calls.append(request)
        if loop.time() < self._back_at_s:
            raise EngineUnavailable("away", accepted=False)
        left = self.dies_after.pop(0) if self.dies_after else len(TEXT)
        rest = TEXT[len(request.prefix) :][: request.max_tokens]
        for n, letter in enumerate(rest):
            if n == left:
                self._back_at_s = loop.time() + self.away_s
                raise EngineUnavailable("went away")
            await asyncio.sleep(1)
            yield Delta(letter, 1)
        yield Finish("stop", 3 + len(request.prefix), len(rest))

    def continues(self, model: ModelSpec) -> bool:
        return self.resumable

    async def check(self) -> None:
        """It has nothing to check."""

    async def aclose(self) -> None:
        """It has nothing to close."""


def answered(engine: DyingEngine, request: EngineRequest = REQUEST) -> tuple[str, Finish | None, str | None, float]:
    """(text, finish, error, seconds it took)."""

    async def ask() -> tuple[str, Finish | None, str | None, float]:
        loop, text, finish, error = asyncio.get_running_loop(), "", None, None
        try:
            async with contextlib.aclosing(PerseveringEngine(engine).generate(request)) as events:
                async for event in events:
                    if isinstance(event, Delta):
                        text += event.text
                    elif isinstance(event, Finish):
                        finish = event
        except EngineUnavailable as raised:
            error = raised.message
        return text, finish, error, loop.time()

    return run(VirtualLoop(Random(1)), ask())


def test_without_trouble_nothing_is_changed() -> None:
    engine = DyingEngine([])
    assert answered(engine)[:3] == (TEXT, Finish("stop", 3, 6), None)
    assert engine.calls == [REQUEST]


def test_an_answer_goes_on_behind_what_was_said() -> None:
    engine = DyingEngine([2])
    text, finish, error, _ = answered(engine)
    assert (text, error) == (TEXT, None)
    # A prompt that held answer text says nothing of the prompt that was sent; the tokens of both calls count.
    assert finish == Finish("stop", None, 6)
    last = engine.calls[-1]
    assert (last.prefix, last.max_tokens) == ("ab", 4)
    assert len({call.request_id for call in engine.calls}) == len(engine.calls)


def test_before_the_first_token_any_engine_is_waited_for() -> None:
    engine = DyingEngine([0], resumable=False)
    assert answered(engine)[:3] == (TEXT, Finish("stop", 3, 6), None)
    assert engine.calls[-1].prefix == ""


def test_an_engine_that_cannot_continue_fails_once_it_has_spoken() -> None:
    engine = DyingEngine([2], resumable=False)
    assert answered(engine)[:3] == ("ab", None, "went away")
    assert len(engine.calls) == 1


def test_an_answer_that_is_held_to_a_schema_is_begun_again_or_not_at_all() -> None:
    held = replace(REQUEST, sampling=Sampling(max_tokens=6, response_schema="{}"))
    silent = DyingEngine([0])
    assert answered(silent, held)[:3] == (TEXT, Finish("stop", 3, 6), None)
    spoken = DyingEngine([2])
    assert answered(spoken, held)[:3] == ("ab", None, "went away")
    assert len(spoken.calls) == 1


def test_a_prefix_of_an_earlier_attempt_stays_in_front() -> None:
    engine = DyingEngine([2])
    resumed = replace(REQUEST, prefix="a", sampling=Sampling(max_tokens=5))
    assert answered(engine, resumed)[0] == "bcdef"
    assert engine.calls[-1].prefix == "abc"


@pytest.mark.parametrize(("dies_after", "said", "limit_s"), [(0, "", 10.0), (2, "ab", 2.0 + 5.0)])
def test_it_waits_no_longer_than_the_silence_the_request_allows(dies_after: int, said: str, limit_s: float) -> None:
    text, _, error, took_s = answered(DyingEngine([dies_after], away_s=1e6))
    assert (text, error) == (said, "away")
    assert limit_s - 1 < took_s <= limit_s


def test_a_request_that_kills_every_engine_is_given_up() -> None:
    engine = DyingEngine([1] * 10, away_s=0.05)
    text, _, error, _ = answered(engine)
    assert (text, error) == (TEXT[: MAX_OUTAGES + 1], "went away")


class Raises(DyingEngine):
    """Raises one error at each call, after so many thoughts."""

    error: EngineUnavailable
    thoughts = 0

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        self.calls.append(request)
        for _ in range(self.thoughts):
            yield Reasoning("hm", 1)
        raise self.error


def raising(error: EngineUnavailable, thoughts: int = 0) -> Raises:
    engine = Raises([])
    engine.error, engine.thoughts = error, thoughts
    return engine


def test_a_request_that_kills_every_engine_before_its_first_token_is_given_up_too() -> None:
    engine = raising(EngineUnavailable("went away"))
    assert answered(engine)[2] == "went away"
    assert len(engine.calls) == 1 + MAX_OUTAGES
    assert engine.error.accepted


def test_an_engine_that_says_no_is_asked_a_handful_of_times_with_growing_pauses() -> None:
    engine = raising(EngineUnavailable("HTTP 500", answered=True, accepted=False))
    _, _, error, took_s = answered(engine)
    assert error == "HTTP 500"
    assert len(engine.calls) == 1 + MAX_REFUSALS
    assert took_s == pytest.approx(0.25 * (2**MAX_REFUSALS - 1))
    assert not engine.error.accepted


def test_an_engine_that_refuses_connections_is_waited_for_as_long_as_may_be() -> None:
    engine = raising(EngineUnavailable("refused", accepted=False))
    _, _, error, took_s = answered(engine)
    assert error == "refused"
    assert 9 < took_s <= 10
    assert len(engine.calls) > 15
    assert not engine.error.accepted


def test_an_engine_that_went_away_had_taken_the_request_whatever_it_does_after_that() -> None:
    class Refuses(Raises):
        async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
            self.error = EngineUnavailable("away", accepted=len(self.calls) == 1)
            async for event in super().generate(request):
                yield event

    engine = Refuses([])
    assert answered(engine)[2] == "away"
    assert len(engine.calls) > MAX_OUTAGES + 2
    assert engine.error.accepted


def test_thoughts_are_life_and_are_counted_over_all_calls() -> None:
    class Thinks(DyingEngine):
        async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
            self.calls.append(request)
            yield Reasoning("hm", 2)
            await asyncio.sleep(4)
            if len(self.calls) < 3:
                raise EngineUnavailable("went away")
            yield Delta(TEXT, 6)
            yield Finish("stop", 9, 8, 1, 2)

    engine = Thinks([])
    unpublished = replace(REQUEST, parts=False)
    assert answered(engine, unpublished)[:3] == (TEXT, Finish("stop", 9, 12, 1, 6), None)
    # what was published cannot be taken back, and is not thought again
    engine = Thinks([])
    assert answered(engine)[:3] == ("", None, "went away")
    assert len(engine.calls) == 1


def test_an_answer_that_was_complete_when_the_engine_died_ends_at_its_length() -> None:
    class DiesAtTheEnd(DyingEngine):
        async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
            self.calls.append(request)
            yield Delta(TEXT, 6)
            raise EngineUnavailable("went away")

    engine = DiesAtTheEnd([])
    assert answered(engine)[:3] == (TEXT, Finish("length", None, 6), None)
    assert len(engine.calls) == 1


def test_other_errors_pass_at_once() -> None:
    class Breaks(DyingEngine):
        async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
            self.calls.append(request)
            yield Delta("a", 1)
            raise EngineFailed("broke")

    engine = Breaks([])
    with pytest.raises(EngineFailed):
        answered(engine)
    assert len(engine.calls) == 1


def test_a_call_gets_what_silence_has_left_of_the_deadlines() -> None:
    patience = Patience(Deadlines(10, 5, 60), began_s=100)
    assert patience.left(103) == Deadlines(7, 5, 57)
    patience.token(110)
    assert patience.left(112) == Deadlines(3, 5, 48)
    assert patience.left(500) == Deadlines(0.001, 5, 0.001)
