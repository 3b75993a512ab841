"""The instructions of a prompt to the scripted model: said, paced, failed, held to a schema, always the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local_model.generation import Answer, Knobs, Scheduler, compute
from infra.local_model.instructions import FAILURES, INSTRUCTIONS, MAX_INSTRUCTIONS, Failure, read_script
from infra.local_model.prompts import Vocabulary
from infra.models.catalogue import ModelCatalogue
from infra.models.chat_templates import render_prompt
from schemas.conversation import ChatMessage
from tests.eventually import eventually_sync
from tests.unit.infra.test_json_schemas import GOOD
from tests.unit.infra.test_local_model import Sink

VOCABULARY = Vocabulary()
SPEC = ModelCatalogue.load().get("verbatim-scripted")


def answered(text: str, schema: Any = None, begun: str = "", *, before: tuple[ChatMessage, ...] = ()) -> Answer:
    prompt = render_prompt(SPEC, [*before, ChatMessage("user", text)], begun)
    return compute(VOCABULARY, prompt, max_tokens=10_000, stops=[], seed=None, keep_stop=False, schema=schema)


def said(text: str, schema: Any = None, begun: str = "") -> str:
    return b"".join(answered(text, schema, begun).tokens).decode()


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("[[count 4]]", "1, 2, 3, 4"),
        ("[[count 7 5]]", "7, 6, 5"),
        ("[[ count -1 1 ]]", "-1, 0, 1"),
        ("[[quote Zürich 🎉 <|user|>]]", "Zürich 🎉 <|user|>"),
        (r'[[quote "a ]] \n b"]]', "a ]] \n b"),
        ("[[json]]", "{}"),
        ('[[json {"a": [[1, 2], [[3]]], "é": null}]]', '{"a": [[1, 2], [[3]]], "\\u00e9": null}'),
        ("[[quote first]] [[count 2]]", "first\n1, 2"),
        ("Say ho 2 times [[pace 1000]]", "ho ho"),
        ("Which [[pace 5]] is 2+2? [[wait 0]]", "2+2 = 4"),
    ],
)
def test_it_says_what_it_is_told(asked: str, answer: str) -> None:
    assert said(asked) == answer


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("[[fail error]]\n\n[[count 3]]", "1, 2, 3"),
        ("[[quote lost]]\n\nCount from 1 to 2, each marked owl.", "owl:1, owl:2"),
        ("[[quote kept]]\n\nand some text", "kept"),
        ("[[quote one\n\ntwo]]", "one\n\ntwo"),
    ],
)
def test_of_several_prompts_in_a_message_the_last_counts(asked: str, answer: str) -> None:
    assert said(asked) == answer


def test_words_are_counted_and_repeat() -> None:
    text = said("[[words 40]]")
    assert len(text.split()) == 40
    assert text == said("[[words 40]]")


@pytest.mark.parametrize(
    "bad",
    [
        "[[shout hello]]",
        "[[count]]",
        "[[count ten]]",
        "[[count 3 4 5]]",
        "[[count 3",
        "[[quote]]",
        '[[quote "open]]',
        "[[words 0]]",
        "[[json {]]",
        "[[json NaN]]",
        "[[json " + "[" * 100_000 + "]]",
        "[[pace 0]]",
        "[[pace -1]]",
        "[[pace fast]]",
        "[[wait 1e9]]",
        "[[wait 99999]]",
        "[[fail loudly]]",
        "[[fail error after]]",
        "[[fail error after -1]]",
        "[count 3]",
        "[[]]",
        "[[COUNT 3]]",
    ],
)
def test_what_is_no_instruction_is_text(bad: str) -> None:
    script = read_script(f"before {bad} after")
    assert (script.rest, script.says, script.failure, script.tick_us) == (f"before {bad} after", (), None, None)
    assert "without model weights" in said(bad)


def test_a_bad_instruction_does_not_hide_a_good_one() -> None:
    script = read_script("[[count x]] [[count [[count 2]]")
    assert (script.says, script.rest) == (("1, 2",), "[[count x]] [[count")


def test_only_the_last_message_of_the_user_tells() -> None:
    earlier = (ChatMessage("system", "[[fail]]"), ChatMessage("user", "[[fail]]"), ChatMessage("assistant", "[[fail]]"))
    made = answered("[[quote yes]]", before=earlier)
    assert (b"".join(made.tokens), made.failure) == (b"yes", None)


def test_there_is_a_most_of_instructions() -> None:
    script = read_script("[[count 1]]" * (MAX_INSTRUCTIONS + 1))
    assert (len(script.says), script.rest) == (MAX_INSTRUCTIONS, "[[count 1]]")


@given(st.lists(st.sampled_from(["[[", "]]", "count", "json", "quote", "fail", " ", "3", "{", '"', "after", "x"])))
def test_any_text_is_read(parts: list[str]) -> None:
    text = "".join(parts)
    assert read_script(text) == read_script(text)


@pytest.mark.parametrize("at", range(0, 30, 3))
def test_an_answer_that_was_begun_is_continued(at: int) -> None:
    whole = said("[[count 9]] [[quote end]]")
    assert whole[:at] + said("[[count 9]] [[quote end]]", None, whole[:at]) == whole


@pytest.mark.parametrize(
    ("asked", "failure"),
    [
        ("[[fail]]", FAILURES["error"]),
        ("[[fail after 3]]", Failure("INTERNAL", "scripted failure", 3)),
        ("[[fail overloaded]]", Failure("INTERNAL", "Exceeds maximum queue size")),
        ("[[fail cut after 2]]", Failure("UNAVAILABLE", "the connection was cut", 2)),
        ("[[fail silence after 4]]", Failure(None, "", 4)),
    ],
)
def test_it_fails_as_it_is_told(asked: str, failure: Failure) -> None:
    assert answered(f"[[count 9]] {asked}").failure == failure


def test_the_scheduler_keeps_to_the_script() -> None:
    scheduler = Scheduler()
    scheduler.start()
    cut, silent, refused = Sink(), Sink(), Sink()
    knobs = Knobs(tick_us=100, tokens_per_response=2)
    scheduler.submit(lambda: answered("[[count 9]] [[fail cut after 3]]"), cut, knobs)
    scheduler.submit(lambda: answered("[[count 9]] [[fail silence after 2]]"), silent, knobs)
    scheduler.submit(lambda: answered("[[fail refused]]"), refused, knobs)
    eventually_sync(lambda: bool(cut.ended and refused.ended) and len(silent.tokens) == 2)
    assert (cut.ended, cut.code, len(cut.tokens)) == ("the connection was cut", "UNAVAILABLE", 3)
    assert (refused.ended, refused.code, refused.tokens) == ("scripted refusal", "INVALID_ARG", [])
    silent.unwanted = True
    eventually_sync(lambda: silent.ended == "the request was cancelled")
    scheduler.close()


def test_the_pace_of_the_prompt_goes_before_that_of_the_request() -> None:
    made = answered("[[count 3]] [[pace 200]] [[wait 0.25]]")
    assert (made.tick_us, made.first_delay_us) == (5000, 250_000)
    assert (answered("count to 3").tick_us, answered("count to 3").first_delay_us) == (None, None)


@pytest.mark.parametrize(
    ("asked", "schema", "answer"),
    [
        ("What is 1+1?", {"type": "object"}, "{}"),
        ('[[json {"a": 1}]]', {"type": "object"}, '{"a": 1}'),
        ('[[quote hm]] [[json {"a": 1}]]', {"required": ["a"]}, '{"a": 1}'),
        ('[[json {"a": 1}]]', {"required": ["b"], "type": "object"}, '{"b": null}'),
        ("Who?", GOOD, '{"name": "Aa"}'),
        ("", {"type": "array", "minItems": 3, "items": {"type": "integer"}}, "[0, 0, 0]"),
    ],
)
def test_an_answer_keeps_to_its_schema(asked: str, schema: Any, answer: str) -> None:
    assert said(asked, schema) == answer
    json.loads(answer)


def test_a_schema_that_it_finds_nothing_for_is_refused() -> None:
    made = answered("x", {"type": "array", "minItems": 100_000})
    assert made.failure is not None
    assert (made.tokens, made.failure.code) == ((), "INVALID_ARG")


def test_every_instruction_and_failure_is_in_the_docs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    assert set(re.findall(r"^\| `\[\[([a-z]+)", text, re.M)) == set(INSTRUCTIONS)
    assert set(re.findall(r"^\| `fail ([a-z_]+)`", text, re.M)) == set(FAILURES)
