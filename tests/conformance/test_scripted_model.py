"""The scripted model's instructions through Triton and through the process that stands in for it: what they come to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from inference_workers.engines.persevering import PerseveringEngine
from inference_workers.engines.triton import TritonEngine
from inference_workers.ports import Engine, EngineError, EngineUnavailable
from infra.models.catalogue import Deadlines
from infra.settings import Settings
from schemas.conversation import Sampling
from tests.conformance.adapters import LOCAL, plain_server
from tests.conformance.engines import Answer, answer, call

MODEL = LOCAL.get("verbatim-scripted")
FAST = "[[pace 2000]]"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with plain_server(tmp_path_factory.mktemp("plain")) as address:
        yield address


@pytest.fixture(params=["plain", pytest.param("triton", marks=pytest.mark.stack)])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    if request.param == "plain":
        address: str = request.getfixturevalue("plain")
    else:
        settings: Settings = request.getfixturevalue("servers")
        address = settings.triton.grpc
    made = TritonEngine([MODEL], address)
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("error", "engine_failed"),
        ("overloaded", "engine_overloaded"),
        ("draining", "engine_unavailable"),
        ("refused", "invalid_request"),
        ("too_long", "context_length_exceeded"),
        ("unknown_model", "engine_misconfigured"),
        ("cut", "engine_unavailable"),
    ],
)
async def test_each_failure_is_the_error_that_it_names(engine: Engine, kind: str, code: str) -> None:
    for after in (0, 3):
        got = Answer()
        with pytest.raises(EngineError) as raised:
            await answer(engine, call(MODEL, f"[[count 9]] {FAST} [[fail {kind} after {after}]]"), got)
        assert (raised.value.code, got.tokens, got.finish) == (code, after, None)


async def test_silence_lasts_until_the_deadline(engine: Engine) -> None:
    got = Answer()
    with pytest.raises(EngineError) as raised:
        await answer(engine, call(MODEL, "[[count 9]] [[fail silence after 2]]", deadlines=Deadlines(10, 0.3, 20)), got)
    assert (raised.value.code, got.tokens) == ("engine_timeout", 2)


async def test_a_cut_answer_is_continued_and_whole(engine: Engine) -> None:
    asked = f"[[count 8]] {FAST} [[fail cut after 6]]"
    got = await answer(PerseveringEngine(engine), call(MODEL, asked))
    assert got.text == "1, 2, 3, 4, 5, 6, 7, 8"


@pytest.mark.parametrize("schema", [{"type": "object"}, {"type": "array", "minItems": 20, "items": {"type": "null"}}])
async def test_an_answer_keeps_to_its_schema(engine: Engine, schema: dict[str, object]) -> None:
    sampling = Sampling(response_schema=json.dumps(schema))
    got = await answer(engine, call(MODEL, f"hi {FAST}", sampling))
    assert json.loads(got.text) == ({} if schema["type"] == "object" else [None] * 20)


async def test_json_that_was_cut_is_not_continued(engine: Engine) -> None:
    schema = {"type": "array", "minItems": 20, "items": {"type": "null"}}
    got = Answer()
    with pytest.raises(EngineUnavailable) as raised:
        asked = call(MODEL, f"{FAST} [[fail cut after 5]]", Sampling(response_schema=json.dumps(schema)))
        await answer(PerseveringEngine(engine), asked, got)
    assert (raised.value.code, got.tokens, got.finish) == ("interrupted", 5, None)
