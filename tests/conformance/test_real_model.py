"""The real language model behind the tensor contract: what its engine promises, and that its tokenizer is its own."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference_workers.engines.triton import TritonEngine
from inference_workers.ports import Arguments, Delta, EngineEvent, EngineRejected, EngineRequest, Finish, ToolCall
from infra.models.catalogue import Deadlines, ModelSpec
from infra.models.json_schemas import ANY_OBJECT, FORMATS, check_schema
from infra.models.json_validity import is_valid
from infra.models.tokenizers import TokenCounter, load_tokenizer
from schemas.conversation import ChatMessage, Sampling
from schemas.parts import ToolDefinition, Tooling
from tests.conformance.real_model import complaints_of, served, tokens_of
from tests.unit.infra.test_json_schemas import GOOD, SATISFIABLE

pytestmark = pytest.mark.slow("loads a language model, which answers on one thread")

DEADLINES = Deadlines(60, 60, 120)
ALPHABETS = (
    "abcdefghij KLMNOP", "0123456789 .,", "äöüß éè ñ", " \n\t", "!?()[]{}<>'\"", "日本語中文 ", "🎉👍🏽👩‍👩‍👧 ",
    "Привет мир ", "שלום عربي ", "'s 't 're I'm we'll ", "\u200d\u2060\ufeff\u00a0\u3000", "<|im_start|> <|im_end|> <|",
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModelSpec, str]]:
    with served(tmp_path_factory.mktemp("real-model")) as running:
        yield running


@pytest.fixture
async def engine(model: tuple[ModelSpec, str]) -> AsyncIterator[TritonEngine]:
    made = TritonEngine([model[0]], model[1])
    yield made
    await made.aclose()


def request(model: ModelSpec, text: str, sampling: Sampling, prefix: str = "") -> EngineRequest:
    return EngineRequest(f"r-{random.random()}", model, (ChatMessage("user", text),), sampling, DEADLINES, prefix)


async def answered(engine: TritonEngine, asked: EngineRequest) -> tuple[str, Finish]:
    events: list[EngineEvent] = [event async for event in engine.generate(asked)]
    finish = events[-1]
    assert isinstance(finish, Finish)
    return "".join(event.text for event in events if isinstance(event, Delta)), finish


async def test_it_answers_and_counts(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    spec = model[0]
    await engine.check()
    asked = request(spec, "What is the capital of France?", Sampling(max_tokens=40, temperature=0.5, seed=1))
    text, finish = await answered(engine, asked)
    assert text.strip()
    assert finish.reason in ("stop", "length")
    assert finish.prompt_tokens == TokenCounter.of(spec).count_messages(asked.messages)
    _, repeated = await answered(engine, replace(asked, request_id="again"))
    # the prompt is still there; its last token is computed again
    assert (repeated.cached_tokens or 0) >= (repeated.prompt_tokens or 0) - 1


async def test_the_length_ends_it(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    asked = request(model[0], "Tell me a long story.", Sampling(max_tokens=5))
    _, finish = await answered(engine, asked)
    assert (finish.reason, finish.completion_tokens) == ("length", 5)


async def test_a_seed_repeats_an_answer_and_a_stop_string_ends_it(
    engine: TritonEngine, model: tuple[ModelSpec, str]
) -> None:
    sampling = Sampling(max_tokens=24, temperature=1.0, top_p=0.9, seed=7)
    # A prompt that is there already is computed in other steps than a new one, which may round otherwise.
    await answered(engine, request(model[0], "Tell me a story.", sampling))
    text, _ = await answered(engine, request(model[0], "Tell me a story.", sampling))
    again, _ = await answered(engine, request(model[0], "Tell me a story.", sampling))
    assert again == text
    word = text.split()[3]
    cut, finish = await answered(engine, request(model[0], "Tell me a story.", replace(sampling, stop=(word,))))
    assert finish.reason == "stop"
    assert cut == text[: text.index(word)]


async def test_a_half_answer_is_continued(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    sampling = Sampling(max_tokens=30, temperature=0.0)
    asked = request(model[0], "Tell me a story about a river.", sampling)
    whole, first = await answered(engine, asked)
    half = whole[: whole.rindex(" ", 0, len(whole) // 2)]
    rest, second = await answered(engine, replace(asked, request_id="continued", prefix=half))
    assert rest.strip()
    assert not rest.lstrip().startswith(half[:12])
    assert (second.prompt_tokens or 0) > (first.prompt_tokens or 0)


async def test_one_who_leaves_frees_the_slot_at_once(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    """Both slots are taken by answers that nobody reads on: the third would wait for their end otherwise."""
    for number in range(4):
        long = engine.generate(request(model[0], f"Tell me long story {number}.", Sampling(max_tokens=256)))
        async for _ in long:
            break
        await long.aclose()
    text, _ = await answered(engine, request(model[0], "Say hello.", Sampling(max_tokens=5)))
    assert text


async def test_an_answer_keeps_to_its_schema(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    for seed in range(3):
        sampling = Sampling(max_tokens=120, seed=seed, response_schema=json.dumps(schema))
        text, finish = await answered(engine, request(model[0], "Tell me about a person.", sampling))
        assert finish.reason == "stop"
        person = json.loads(text)
        assert set(person) == {"name", "age"}
        assert 0 <= person["age"] <= 120


async def test_a_schema_that_no_grammar_can_hold_is_refused(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    with pytest.raises(EngineRejected) as raised:
        await answered(engine, request(model[0], "q", Sampling(max_tokens=5, response_schema='{"not": {}}')))
    assert raised.value.code == "invalid_request"


async def test_a_prompt_longer_than_the_context_says_so(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    with pytest.raises(EngineRejected) as raised:
        await answered(engine, request(model[0], "word " * 600, Sampling(max_tokens=5)))
    assert raised.value.code == "context_length_exceeded"


def test_its_derived_tokenizer_makes_the_engines_own_tokens_of_a_thousand_texts(model: tuple[ModelSpec, str]) -> None:
    chance = random.Random(7)
    prose = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    texts = []
    for number in range(1000):
        if number % 3 == 0:
            start = chance.randrange(len(prose) - 200)
            texts.append(prose[start : start + chance.randrange(1, 200)])
        else:
            pieces = (chance.choice(ALPHABETS) for _ in range(chance.randrange(1, 20)))
            texts.append("".join(chance.choice(piece) if chance.random() < 0.7 else piece for piece in pieces))
    assert model[0].tokenizer is not None
    # a tokenizer that takes control tokens for what they are, as the engine does with a rendered prompt
    tokenizer = load_tokenizer.__wrapped__(model[0].tokenizer)
    tokenizer.encode_special_tokens = False
    derived = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    assert [
        texts[at] for at, (mine, its) in enumerate(zip(derived, tokens_of(texts), strict=True)) if mine != its
    ] == []


SUPPORTED = (
    GOOD,
    ANY_OBJECT,
    *SATISFIABLE,
    {"enum": ["a", 1, None]},
    {"const": {"a": [1]}},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": False, "minItems": 2},
    {"type": "number", "minimum": -1.5, "maximum": 2, "exclusiveMinimum": -2, "exclusiveMaximum": 3},
    {"type": ["string", "null"], "maxLength": 3},
    {"type": "object", "properties": {"n": {"$ref": "#"}}, "additionalProperties": {"type": "integer"}},
    {"definitions": {"a": {"type": "null"}}, "anyOf": [{"$ref": "#/definitions/a"}, {"type": "integer"}]},
    *({"type": "string", "format": name} for name in sorted(FORMATS)),
)


def test_the_engine_makes_a_grammar_of_every_schema_that_passes_the_check() -> None:
    for schema in SUPPORTED:
        check_schema(schema)
    assert complaints_of(SUPPORTED) == ""
    # it says so where it cannot: that is why schemas are checked before
    assert "failed to compile JSON schema" in complaints_of([{"not": {}}])


WEATHER = ToolDefinition(
    "get_weather",
    "The weather of a city.",
    '{"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, '
    '"unit": {"enum": ["celsius", "fahrenheit"]}}, "required": ["city", "unit"], "additionalProperties": false}',
)
CLOCK = ToolDefinition("get_time", "What time it is.", '{"type": "object", "properties": {}}')


@pytest.mark.parametrize(
    "tooling",
    [
        Tooling(tools=(WEATHER, CLOCK), choice="required"),
        Tooling(tools=(WEATHER, CLOCK), choice="function", allowed=("get_weather",)),
    ],
)
async def test_a_call_that_must_come_is_valid(
    engine: TritonEngine, model: tuple[ModelSpec, str], tooling: Tooling
) -> None:
    asked = request(model[0], "What is the weather in Paris?", Sampling(max_tokens=100, temperature=0.0))
    events = [event async for event in engine.generate(replace(asked, tooling=tooling))]
    (call,) = [event for event in events if isinstance(event, ToolCall)]
    arguments = json.loads("".join(event.text for event in events if isinstance(event, Arguments)))
    assert call.name in (tooling.allowed or ("get_weather", "get_time"))
    definition = WEATHER if call.name == "get_weather" else CLOCK
    assert is_valid(arguments, json.loads(str(definition.parameters)))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "tool_calls"
    assert not any(isinstance(event, Delta) for event in events)


async def test_offered_tools_leave_an_answer_to_the_model(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    """So small a model may call or talk; whatever it does is an answer."""
    asked = request(model[0], "Hello, how are you?", Sampling(max_tokens=40, temperature=0.0))
    events = [event async for event in engine.generate(replace(asked, tooling=Tooling(tools=(WEATHER, CLOCK))))]
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason in ("stop", "length", "tool_calls")
    assert len(events) > 1


async def test_logprobs_of_its_tokens_are_told(engine: TritonEngine, model: tuple[ModelSpec, str]) -> None:
    sampling = Sampling(max_tokens=5, temperature=0.0, top_logprobs=0)
    events = [event async for event in engine.generate(request(model[0], "Say hello.", sampling))]
    told = [entry for event in events if isinstance(event, Delta) for entry in json.loads(event.logprobs or "[]")]
    assert told
    assert all(entry["logprob"] <= 0 for entry in told)
    assert "".join(entry["token"] for entry in told) in "".join(e.text for e in events if isinstance(e, Delta))
