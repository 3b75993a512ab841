"""The model without weights: honest, deterministic, and cut into the shipped tokenizer's tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local_model.answers import Message, answer
from infra.local_model.arithmetic import results_in
from infra.local_model.generation import Answer, Knobs, Scheduler, compute
from infra.local_model.prompts import Vocabulary, read_prompt
from infra.models.catalogue import ModelCatalogue
from infra.models.chat_templates import render_prompt
from schemas.conversation import ChatMessage
from tests.eventually import eventually_sync

VOCABULARY = Vocabulary()
SPEC = ModelCatalogue.load().get("verbatim-local")


def asked(text: str, *before: Message, seed: int | None = None) -> str:
    return answer([*before, Message("user", text)], seed)


@pytest.mark.parametrize("question", ["Who are you?", "what's your name", "which model is this", "Are you ChatGPT?"])
def test_it_says_what_it_is(question: str) -> None:
    assert "without model weights" in asked(question)


def test_by_default_it_says_so_too_and_quotes() -> None:
    assert "without model weights" in asked("Hello there")
    assert "Hello there" in asked("Hello there")


def test_it_quotes_what_answers_the_question() -> None:
    rules = Message("system", "You serve Acme. Refunds take 14 days. Be kind.")
    assert "The instructions say: “Refunds take 14 days.”" in asked("How long do refunds take?", rules)


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("What is 12*3 + 4?", [("12*3 + 4", "40")]),
        ("(2+3)/7", [("(2+3)/7", "0.714285714286")]),
        ("2^10 and 7 times 6", [("2**10", "1024"), ("7 * 6", "42")]),
        ("1,234 × 2", [("1234 * 2", "2468")]),
        ("1/0", [("1/0", "undefined (division by zero)")]),
        ("0.1 + 0.2", [("0.1 + 0.2", "0.3")]),
        ("9**9**9", []),
        ("on 2020-01-02 at 10:30", []),
        ("version 3.4", []),
    ],
)
def test_arithmetic(text: str, results: list[tuple[str, str]]) -> None:
    assert results_in(text) == results


@given(st.text(max_size=300))
def test_any_question_gets_a_bounded_repeatable_answer(text: str) -> None:
    first = asked(text)
    assert first
    assert first == asked(text)


def test_counting_repeating_and_length() -> None:
    assert asked("count to 5") == "1, 2, 3, 4, 5"
    assert asked("Count down from 3 to 1 please") == "3, 2, 1"
    assert asked("say ho 3 times") == "ho ho ho"
    assert asked("Repeat: “Zürich 🎉 <|user|>”") == "Zürich 🎉 <|user|>"
    assert len(asked("write 250 words about rivers").split()) == 250
    assert len(asked("count to 999999999")) <= 400_000


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Count from 1 to 3, each marked g7.", "g7:1, g7:2, g7:3"),
        ("Count from 1 to 1, each marked a_b", "a_b:1"),
        ("count to 2 each marked x", "x:1, x:2"),
        ("Count from 3 to 1, each marked t", "t:3, t:2, t:1"),
        (f"Count from 1 to 2, each marked {'z' * 40}.", f"{'z' * 40}:1, {'z' * 40}:2"),
        (f"Count from 1 to 2, each marked {'z' * 41}.", "1, 2"),
        ("Count from 1 to 2, each marked !", "1, 2"),
    ],
)
def test_numbers_carry_a_mark(question: str, said: str) -> None:
    assert asked(question) == said


def test_a_begun_answer_is_continued_at_any_character() -> None:
    before = [ChatMessage("user", "hi"), ChatMessage("assistant", "ho")]
    prompt = [*before, ChatMessage("user", "Count from 1 to 40, each marked k3y_.")]
    whole = ", ".join(f"k3y_:{n}" for n in range(1, 41))
    for at in range(len(whole) + 1):
        rest = compute(
            VOCABULARY, render_prompt(SPEC, prompt, whole[:at]), max_tokens=1000, stops=[], seed=None, keep_stop=True
        )
        assert (whole[:at] + b"".join(rest.tokens).decode(), rest.finish_reason) == (whole, "stop")


@given(st.text(min_size=1, max_size=60), st.data())
def test_any_answer_is_continued_at_any_character(text: str, data: st.DataObject) -> None:
    prompt = [ChatMessage("user", text)]

    def said(begun: str) -> str:
        rendered = render_prompt(SPEC, prompt, begun)
        made = compute(VOCABULARY, rendered, max_tokens=10_000, stops=[], seed=None, keep_stop=True)
        return b"".join(made.tokens).decode()

    whole = said("")
    at = data.draw(st.integers(0, len(whole)))
    assert whole[:at] + said(whole[:at]) == whole


def test_the_seed_decides() -> None:
    assert asked("write 30 words", seed=1) == asked("write 30 words", seed=1)
    assert asked("write 30 words", seed=1) != asked("write 30 words", seed=2)


@given(st.text(max_size=200))
def test_tokens_are_the_text(text: str) -> None:
    assert b"".join(VOCABULARY.cut(text)).decode() == text


def test_prompts_are_read_back() -> None:
    messages = [ChatMessage("system", "s"), ChatMessage("user", "<|end|> x\n"), ChatMessage("assistant", "a")]
    read, begun = read_prompt(render_prompt(SPEC, [*messages, ChatMessage("user", "q")], "beg"))
    assert [(m.role, m.content) for m in read] == [
        ("system", "s"),
        ("user", "<|end|> x\n"),
        ("assistant", "a"),
        ("user", "q"),
    ]
    assert begun == "beg"
    assert read_prompt("plain question") == ([Message("user", "plain question")], "")


def test_limits_and_stops() -> None:
    def said(**given: Any) -> tuple[str, str]:
        options: dict[str, Any] = {"max_tokens": 1000, "stops": [], "seed": None, "keep_stop": False} | given
        made: Answer = compute(VOCABULARY, "count to 9", **options)
        return b"".join(made.tokens).decode(), made.finish_reason

    assert said() == ("1, 2, 3, 4, 5, 6, 7, 8, 9", "stop")
    assert said(max_tokens=4) == ("1, 2,"[: len(said(max_tokens=4)[0])], "length")
    assert said(stops=[", 4"]) == ("1, 2, 3", "stop")
    assert said(stops=["7", ", 4"], keep_stop=True) == ("1, 2, 3, 4", "stop")


class Sink:
    def __init__(self) -> None:
        self.tokens: list[bytes] = []
        self.ended = self.code = ""
        self.unwanted = False

    def send(self, tokens: tuple[bytes, ...], *, last: bool) -> None:
        self.tokens += tokens
        self.ended = "last" if last else ""

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        self.ended, self.code = message, code

    def cancelled(self) -> bool:
        return self.unwanted


def test_one_thread_streams_many_and_stops_what_nobody_wants() -> None:
    scheduler = Scheduler()
    scheduler.start()
    ready = Answer((b"a", b"b", b"c"), 1, "stop")
    normal, stalled, failing = Sink(), Sink(), Sink()
    scheduler.submit(lambda: ready, normal, Knobs(tick_us=100))
    scheduler.submit(lambda: ready, stalled, Knobs(tick_us=100, stall_at=2))
    scheduler.submit(lambda: ready, failing, Knobs.of({"sim_fail_at": 1, "sim_tick_us": 0}))
    eventually_sync(lambda: normal.ended == "last" and failing.ended == "simulated engine failure")
    eventually_sync(lambda: len(stalled.tokens) == 2)
    stalled.unwanted = True
    eventually_sync(lambda: stalled.ended == "the request was cancelled", 2)
    assert normal.tokens == [b"a", b"b", b"c"]
    scheduler.close()


def test_an_answer_that_cannot_be_computed_ends_alone() -> None:
    scheduler = Scheduler()
    scheduler.start()
    broken, later = Sink(), Sink()

    def computed() -> Answer:
        raise KeyError("words of a prompt")

    scheduler.submit(computed, broken, Knobs(tick_us=100))
    eventually_sync(lambda: broken.ended == "the scripted model cannot answer this: KeyError")
    scheduler.submit(lambda: Answer((b"a",), 1, "stop"), later, Knobs(tick_us=100))
    eventually_sync(lambda: later.ended == "last")
    eventually_sync(lambda: scheduler.running == 0)
    scheduler.close()
