"""Every method of the official client whose route is here, each answer validated as strictly as the client can.

Collected by the judges' pytest, which has none of our packages; see environment.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage
from pydantic import BaseModel

MODEL = os.environ["JUDGED_MODEL"]
ROUTES = (
    "models",
    "embeddings",
    "completions",
    "chat.completions",
    "chat.completions.messages",
    "responses",
    "responses.input_items",
    "responses.input_tokens",
    "conversations",
    "conversations.items",
)
NOT_HERE = {"models.delete": "models are entries of a file"}
"""Methods of these without a test below, and why."""
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}
FLAT_TOOL: Any = {"type": "function", **TOOL["function"]}
ASKS_FOR_A_CALL: Any = [{"role": "user", "content": "What is add(3, 4)?"}]
SAYS: Any = [{"role": "user", "content": "[[quote Hello]]"}]


class Joke(BaseModel):
    """What an answer is parsed into."""

    setup: str
    punchline: str


def _client(*, strict: bool) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=os.environ["JUDGED_URL"],
        api_key=os.environ["JUDGED_KEY"],
        max_retries=0,
        timeout=60,
        _strict_response_validation=strict,
    )


@pytest.fixture(scope="session")
def client() -> Iterator[openai.OpenAI]:
    with _client(strict=True) as made:
        yield made


@pytest.fixture(scope="session")
def loose() -> Iterator[openai.OpenAI]:
    """As it is without asking: answers are not validated."""
    with _client(strict=False) as made:
        yield made


def covers(*methods: str) -> pytest.MarkDecorator:
    """Says which methods of the client a test calls."""
    return pytest.mark.covers(*methods)


def test_every_method_has_a_test(client: openai.OpenAI, request: pytest.FixtureRequest) -> None:
    there = set()
    for route in ROUTES:
        resource: Any = client
        for name in route.split("."):
            resource = getattr(resource, name)
        kind = type(resource)
        there |= {
            f"{route}.{name}"
            for name in dir(kind)
            if callable(getattr(kind, name)) and not name.startswith(("_", "with_"))
        }
    covered = {name for item in request.session.items for mark in item.iter_markers("covers") for name in mark.args}
    assert there - covered == NOT_HERE.keys()
    assert covered <= there


@covers("models.list", "models.retrieve")
def test_models(client: openai.OpenAI) -> None:
    found = client.models.retrieve(MODEL)
    assert found.id == MODEL
    for model in client.models.list():
        assert client.models.retrieve(model.id) == model


@covers("embeddings.create")
def test_embeddings(client: openai.OpenAI, loose: openai.OpenAI) -> None:
    made = client.embeddings.create(model="verbatim-embedding", input=["a log", "a river"], encoding_format="float")
    assert [len(each.embedding) for each in made.data] == [256, 256]
    assert [each.index for each in made.data] == [0, 1]
    # By itself the client asks for base64, which its own strictness, off by default, takes for no list.
    plain = loose.embeddings.create(model="verbatim-embedding", input="a log")
    assert plain.data[0].embedding == pytest.approx(made.data[0].embedding, abs=1e-6)


@covers("completions.create")
def test_older_completions(client: openai.OpenAI, loose: openai.OpenAI) -> None:
    whole = client.completions.create(model=MODEL, prompt="[[quote Hello]]")
    assert whole.choices[0].text == "Hello"
    # Until its last event a choice has no finish_reason, as OpenAI sends it; strictness, off by default, wants a word.
    said = list(loose.completions.create(model=MODEL, prompt="[[quote Hello]]", stream=True))
    assert "".join(choice.text for chunk in said for choice in chunk.choices) == "Hello"


@covers("chat.completions.create")
def test_chat(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=SAYS, n=2)
    assert [choice.message.content for choice in whole.choices] == ["Hello", "Hello"]
    stream = client.chat.completions.create(
        model=MODEL, messages=SAYS, stream=True, logprobs=True, top_logprobs=1, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "Hello"
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert any(choice.logprobs for chunk in chunks for choice in chunk.choices)


@covers("chat.completions.stream")
def test_a_chat_with_a_tool(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=ASKS_FOR_A_CALL, tools=[TOOL]) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion().choices[0]
    assert "tool_calls.function.arguments.done" in kinds
    assert final.finish_reason == "tool_calls"
    (call,) = final.message.tool_calls or ()
    assert (call.function.name, call.function.parsed_arguments) == ("add", {"a": 3, "b": 4})
    told: Any = [*ASKS_FOR_A_CALL, final.message, {"role": "tool", "tool_call_id": call.id, "content": "7"}]
    answer = client.chat.completions.create(model=MODEL, messages=told, tools=[TOOL])
    assert "7" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"


@covers("chat.completions.parse")
def test_a_chat_is_parsed(client: openai.OpenAI) -> None:
    asked = 'A joke. [[json {"setup": "Why?", "punchline": "So."}]]'
    parsed = client.chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": asked}], response_format=Joke
    )
    assert parsed.choices[0].message.parsed == Joke(setup="Why?", punchline="So.")


@covers(
    "chat.completions.list",
    "chat.completions.retrieve",
    "chat.completions.update",
    "chat.completions.delete",
    "chat.completions.messages.list",
)
def test_a_chat_that_is_kept(client: openai.OpenAI, loose: openai.OpenAI) -> None:
    made = client.chat.completions.create(model=MODEL, messages=SAYS, store=True, metadata={"suite": "kept"})
    kept = client.chat.completions.retrieve(made.id)
    assert (kept.id, kept.choices[0].message.content) == (made.id, "Hello")
    assert made.id in [each.id for each in client.chat.completions.list(metadata={"suite": "kept"})]
    assert client.chat.completions.update(made.id, metadata={"suite": "changed"}).id == made.id
    assert made.id in [each.id for each in client.chat.completions.list(metadata={"suite": "changed"})]
    # The client's type of a kept message has no role but the assistant's.
    assert [str(each.role) for each in loose.chat.completions.messages.list(made.id)] == ["user"]
    assert client.chat.completions.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve(made.id)


@covers(
    "conversations.create",
    "conversations.retrieve",
    "conversations.update",
    "conversations.delete",
    "conversations.items.create",
    "conversations.items.list",
    "conversations.items.retrieve",
    "conversations.items.delete",
)
def test_a_conversation(client: openai.OpenAI) -> None:
    made = client.conversations.create(items=[{"role": "user", "content": "one"}], metadata={"a": "b"})
    assert client.conversations.retrieve(made.id) == made
    changed = client.conversations.update(made.id, metadata={"a": "c"})
    assert changed.metadata == {"a": "c"}
    added: Any = [{"type": "message", "role": "user", "content": "two"}]
    (item,) = client.conversations.items.create(made.id, items=added).data
    assert item.id is not None
    assert client.conversations.items.retrieve(item.id, conversation_id=made.id) == item
    answered = client.responses.create(model=MODEL, input="[[quote Hello]]", conversation=made.id)
    assert answered.conversation is not None
    assert answered.conversation.id == made.id
    kinds = [each.type for each in client.conversations.items.list(made.id, order="asc")]
    assert kinds == ["message"] * 4
    client.conversations.items.delete(item.id, conversation_id=made.id)
    assert item.id not in [each.id for each in client.conversations.items.list(made.id)]
    assert client.conversations.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(made.id)


@covers("responses.compact", "responses.input_tokens.count")
def test_what_a_response_would_hold(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model=MODEL, input="one two three")
    assert counted.input_tokens > 3
    told: Any = [{"role": "user", "content": "We launch on Tuesday."}, {"role": "assistant", "content": "Understood."}]
    compacted = client.responses.compact(model=MODEL, input=told)
    assert "compaction" in [item.type for item in compacted.output]
    follows: Any = [*(item.model_dump(exclude_none=True) for item in compacted.output), *SAYS]
    assert client.responses.create(model=MODEL, input=follows).output_text == "Hello"


@covers("responses.create", "responses.retrieve", "responses.delete", "responses.input_items.list")
def test_a_response(client: openai.OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="[[quote Hello]]", instructions="Be brief", metadata={"a": "b"})
    assert (made.output_text, made.status) == ("Hello", "completed")
    assert client.responses.retrieve(made.id) == made
    live = list(client.responses.create(model=MODEL, input="[[count 20]]", stream=True))
    assert [event.sequence_number for event in live] == list(range(len(live)))
    last = live[-1]
    assert last.type == "response.completed"
    assert list(client.responses.retrieve(last.response.id, stream=True)) == live
    assert list(client.responses.retrieve(last.response.id, stream=True, starting_after=5)) == live[6:]
    follows = client.responses.create(model=MODEL, input="[[quote Bye]]", previous_response_id=made.id)
    assert follows.previous_response_id == made.id
    assert [item.type for item in client.responses.input_items.list(made.id)] == ["message"]
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


@covers("responses.stream")
def test_a_response_with_a_tool(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=ASKS_FOR_A_CALL, tools=[FLAT_TOOL]) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.function_call_arguments.done" in kinds
    call = next(item for item in final.output if isinstance(item, ResponseFunctionToolCall))
    assert (call.name, call.parsed_arguments) == ("add", {"a": 3, "b": 4})  # type: ignore[attr-defined]  # of the parsed
    told: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "7"}]
    answer = client.responses.create(model=MODEL, input=told, previous_response_id=final.id, tools=[FLAT_TOOL])
    assert "7" in answer.output_text


@covers("responses.parse")
def test_a_response_is_parsed(client: openai.OpenAI) -> None:
    asked = 'A joke. [[json {"setup": "Why?", "punchline": "So."}]]'
    parsed = client.responses.parse(model=MODEL, input=asked, text_format=Joke)
    assert parsed.output_parsed == Joke(setup="Why?", punchline="So.")


@covers("responses.cancel")
def test_a_response_in_the_background(client: openai.OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="[[pace 1]] [[count 600]]", background=True)
    assert made.status in ("queued", "in_progress")
    ended = client.responses.cancel(made.id)
    assert ended.status == "cancelled"
    assert client.responses.cancel(made.id).status == "cancelled"
    assert client.responses.retrieve(made.id).status == "cancelled"


@pytest.mark.parametrize(
    ("failing", "kind", "code"),
    [
        ("[[fail refused]]", openai.BadRequestError, "invalid_request"),
        ("[[fail too_long]]", openai.BadRequestError, "context_length_exceeded"),
        ("[[fail unknown_model]]", openai.InternalServerError, "engine_misconfigured"),
    ],
)
def test_what_the_engine_refuses(
    client: openai.OpenAI, failing: str, kind: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(kind) as chat:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": failing}])
    assert chat.value.code == code
    with pytest.raises(kind) as streamed:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": failing}], stream=True)
    assert streamed.value.code == code
    with pytest.raises(kind) as response:
        client.responses.create(model=MODEL, input=failing)
    assert response.value.code == code


def test_an_answer_that_is_cut_short_is_an_error(client: openai.OpenAI) -> None:
    failing = "[[count 9]] [[fail refused after 3]]"
    said = []
    with pytest.raises(openai.APIError) as cut:
        for chunk in client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": failing}], stream=True
        ):
            said += chunk.choices
    assert not isinstance(cut.value, openai.APIStatusError)
    assert said
    assert {choice.finish_reason for choice in said} == {None}
    last = list(client.responses.create(model=MODEL, input=failing, stream=True))[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None


@covers("responses.connect")
def test_responses_over_one_socket(client: openai.OpenAI) -> None:
    previous: str | None = None
    with client.responses.connect(max_retries=0) as connection:
        for text in ("Hello", "Bye"):
            following: Any = {} if previous is None else {"previous_response_id": previous}
            connection.response.create(model=MODEL, input=f"[[quote {text}]]", store=False, **following)
            for event in connection:
                if event.type == "response.completed":
                    break
            assert event.type == "response.completed"
            assert event.response.output_text == text
            assert event.response.previous_response_id == previous
            previous = event.response.id


def test_what_it_thinks_is_an_item_of_its_own(client: openai.OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="[[think Hm]] [[quote Hello]]", reasoning={"effort": "low"})
    kinds = [item.type for item in made.output]
    assert kinds == ["reasoning", "message"]
    assert isinstance(made.output[1], ResponseOutputMessage)
