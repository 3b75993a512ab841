"""Many answers streamed by one thread: a heap of who is due when. Idle, it sleeps without a time-out."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from infra.local_model.answers import MAX_ANSWER_CHARS, Message, answer
from infra.local_model.filling import filled, quoted_in
from infra.local_model.instructions import Failure, Script, json_text, newest_prompt, read_script
from infra.local_model.prompts import Vocabulary, read_prompt
from infra.local_model.tools import with_calls, written_call
from infra.models.json_instances import NoInstance, instance_of
from infra.models.json_schemas import ANY_OBJECT
from infra.models.json_validity import TooMuch, is_valid

DEFAULT_TICK_US = 12_000
CANCEL_POLL_S = 0.05
_NO_INSTANCE = Failure("INVALID_ARG", "the scripted model finds no small value that keeps to this JSON schema")


@dataclass(frozen=True, slots=True)
class Knobs:
    """How a request behaves, for tests: the `sim_*` parameters of an inference request."""

    tick_us: int = DEFAULT_TICK_US
    first_delay_us: int = 0
    tokens_per_response: int = 1
    fail_at: int = -1
    stall_at: int = -1
    empty_final: int = 1
    report_running: int = 0

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> Knobs:
        """From a request's parameters; what is not a whole number is passed over."""

        def number(name: str, default: int) -> int:
            value = parameters.get(f"sim_{name}", default)
            return value if isinstance(value, int) else default

        return cls(
            tick_us=max(0, number("tick_us", DEFAULT_TICK_US)),
            first_delay_us=max(0, number("first_delay_us", 0)),
            tokens_per_response=max(1, number("tokens_per_response", 1)),
            fail_at=number("fail_at", -1),
            stall_at=number("stall_at", -1),
            empty_final=number("empty_final", 1),
            report_running=number("report_running", 0),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer before it is streamed: its tokens as bytes, and why it ends. What the prompt told of its pace and
    failure overrides the request's knobs."""

    tokens: tuple[bytes, ...]
    prompt_tokens: int
    finish_reason: str
    tick_us: int | None = None
    first_delay_us: int | None = None
    failure: Failure | None = None
    refuses: bool = False


def compute(
    vocabulary: Vocabulary,
    prompt: str,
    *,
    max_tokens: int,
    stops: list[str],
    seed: int | None,
    keep_stop: bool,
    schema: Any = None,
) -> Answer:
    """What the model answers. `keep_stop`: the stop string itself is sent too, as TensorRT-LLM's engine does.

    `schema`: the JSON schema that the answer keeps to; None: any text.
    """
    messages, begun = read_prompt(prompt)
    script, messages = _script(messages, seed)
    script = with_calls(script, messages)
    failure = script.failure
    if script.refuses is not None:
        text = script.refuses
    elif schema is None:
        text = _text(script, messages, seed)
    else:
        try:
            text = _held_to(schema, written_call(*script.calls[0]) if script.calls else script.json, script.rest)
        except NoInstance:
            text, failure = "", _NO_INSTANCE
    text = text[len(begun) :] if text.startswith(begun) else text
    reason = "stop"
    cuts = [(at, len(stop)) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if cuts:
        at, length = min(cuts)
        text = text[: at + length] if keep_stop else text[:at]
    tokens = vocabulary.cut(text)
    if len(tokens) > max_tokens:
        tokens, reason = tokens[:max_tokens], "length"
    counted = vocabulary.count(prompt)
    refuses = script.refuses is not None
    return Answer(tuple(tokens), counted, reason, script.tick_us, script.first_delay_us, failure, refuses)


def _text(script: Script, messages: list[Message], seed: int | None) -> str:
    """What it thinks, says and calls, in the tags that models use."""
    parts = [f"<think>{script.thinks}</think>"] if script.thinks else []
    if script.says:
        parts.append("\n".join(script.says)[:MAX_ANSWER_CHARS])
    elif not script.calls:
        parts.append(answer(messages, seed))
    parts += [f"<tool_call>\n{written_call(name, arguments)}\n</tool_call>" for name, arguments in script.calls]
    return "\n".join(parts)


def _script(messages: list[Message], seed: int | None) -> tuple[Script, list[Message]]:
    """The instructions of the last user message, and the messages without them."""
    at = max((at for at, message in enumerate(messages) if message.role == "user"), default=None)
    if at is None:
        return Script(""), messages
    script = read_script(newest_prompt(messages[at].content), seed)
    return script, [*messages[:at], replace(messages[at], content=script.rest), *messages[at + 1 :]]


def _held_to(schema: Any, told: str | None, asked: str) -> str:
    """The JSON that the prompt told, if it keeps to the schema; else the smallest that does. Raises NoInstance.

    Of an object of which nothing is said, the question says the keys, in quotation marks. The arguments of a call are
    filled from the question.
    """
    try:
        if told is not None and is_valid(json.loads(told), schema):
            return told
        if schema == ANY_OBJECT:
            return json_text(dict.fromkeys(quoted_in(asked), ""))
        smallest = instance_of(schema)
        if isinstance(smallest, dict) and smallest.keys() == {"name", "arguments"}:
            full = smallest | {"arguments": filled(smallest["arguments"], asked)}
            smallest = full if is_valid(full, schema) else smallest
        return json_text(smallest)
    except (TooMuch, ValueError):
        raise NoInstance from None


class Sink(Protocol):
    """Where one answer goes. Called from the scheduler's thread alone."""

    def send(self, tokens: tuple[bytes, ...], *, last: bool) -> None:
        """The next tokens; `last` exactly once, with the final ones (possibly none)."""
        ...

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        """The end, by an error. `code`: one of Triton's."""
        ...

    def cancelled(self) -> bool:
        """Whether the request was cancelled. Expensive (about 75 µs in Triton): asked every CANCEL_POLL_S at most."""
        ...


class Scheduler:
    """Streams answers to sinks, each at its own pace. `start` before use, `close` after."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, Iterator[float]]] = []
        self._count = 0
        self._closed = False
        self.running = 0
        self._thread = threading.Thread(target=self._run, name="local-model", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, compute_answer: Callable[[], Answer], sink: Sink, knobs: Knobs) -> None:
        """Begin a stream. `compute_answer` runs in the scheduler's thread, so that this returns at once."""
        with self._wake:
            self.running += 1
            self._push(time.monotonic(), _stream(compute_answer, sink, knobs))
            self._wake.notify()

    def close(self) -> None:
        """End the thread; streams that still run get no end."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(5)

    def _push(self, at: float, stream: Iterator[float]) -> None:
        self._count += 1
        heapq.heappush(self._due, (at, self._count, stream))

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._closed and (not self._due or self._due[0][0] > time.monotonic()):
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._closed:
                    return
                _, _, stream = heapq.heappop(self._due)
            again = next(stream, None)
            with self._wake:
                if again is None:
                    self.running -= 1
                else:
                    self._push(again, stream)


def _stream(compute_answer: Callable[[], Answer], sink: Sink, knobs: Knobs) -> Iterator[float]:
    """One answer's life: yields the time it wants to be called again. A fault in computing it ends it alone."""
    try:
        ready = compute_answer()
    except Exception as error:
        sink.fail(f"the scripted model cannot answer this: {type(error).__name__}")
        return
    failure = _failure(ready, knobs)
    tick_s = (knobs.tick_us if ready.tick_us is None else ready.tick_us) / 1e6
    first_s = (knobs.first_delay_us if ready.first_delay_us is None else ready.first_delay_us) / 1e6
    sent = 0
    due = time.monotonic() + max(tick_s, first_s)
    looked = time.monotonic()
    while True:
        now = time.monotonic()
        if now - looked >= CANCEL_POLL_S:
            looked = now
            if sink.cancelled():
                sink.fail("the request was cancelled")
                return
        failing = failure is not None and sent >= failure.after
        silent = failing and failure is not None and failure.code is None
        if now < due or silent:
            yield looked + CANCEL_POLL_S if silent else min(max(due, now + 0.001), looked + CANCEL_POLL_S)
            continue
        if failing and failure is not None and failure.code is not None:
            sink.fail(failure.message, failure.code)
            return
        count = knobs.tokens_per_response if failure is None else min(knobs.tokens_per_response, failure.after - sent)
        tokens = ready.tokens[sent : sent + count]
        sent += len(tokens)
        last = sent >= len(ready.tokens)
        sink.send(tokens, last=last)
        if last:
            return
        due = now + tick_s
        yield due


def _failure(ready: Answer, knobs: Knobs) -> Failure | None:
    """How an answer fails, if it comes so far: as its prompt tells, else as the knobs of its request do."""
    if ready.failure is not None:
        return ready.failure
    if knobs.stall_at >= 0:
        return Failure(None, "", knobs.stall_at)
    return Failure("INTERNAL", "simulated engine failure", knobs.fail_at) if knobs.fail_at >= 0 else None
