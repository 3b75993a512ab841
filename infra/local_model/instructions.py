"""What a prompt tells the scripted model to do, outright: `[[count 3]] [[pace 5]] [[fail overloaded after 2]]`. Pure.

Each instruction has its line in INSTRUCTIONS, and in docs/models.md. What is none, or has arguments that are none, is
text of the prompt like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from infra.local_model.answers import asks_to_count, counted, words

MAX_INSTRUCTIONS = 100
MAX_WAIT_S = 3600.0
REFUSAL = "I will not answer this."
MAX_PACE = 100_000.0
LEAST_PACE = 0.01
_BEGINS = re.compile(r"\[\[\s*([a-z]+)\b\s*")
_ENDS = re.compile(r"\s*\]\]")
_COUNT = re.compile(r"(?:(-?\d{1,9})\s+)?(-?\d{1,9})")
_FUNCTION = re.compile(r"([A-Za-z0-9_.-]{1,64})(?:\s+|(?=\]\]))")
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_FAIL = re.compile(r"((?!after\b)[a-z_]+)?\s*(?:after\s+(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Failure:
    """An end that is none. `code` is one of Triton's; None: silence. `after`: the tokens that this try says before."""

    code: str | None
    message: str
    after: int = 0


FAILURES: Mapping[str, Failure] = {
    "error": Failure("INTERNAL", "scripted failure"),
    "overloaded": Failure("INTERNAL", "Exceeds maximum queue size"),
    "draining": Failure("UNAVAILABLE", "Server exiting"),
    "refused": Failure("INVALID_ARG", "scripted refusal"),
    "too_long": Failure("INTERNAL", "the prompt exceeds max_seq_len"),
    "unknown_model": Failure("NOT_FOUND", "scripted: no such model"),
    "cut": Failure("UNAVAILABLE", "the connection was cut"),
    "silence": Failure(None, ""),
}
"""By the word that asks for it: what Triton and TensorRT-LLM say in that case."""


@dataclass(frozen=True, slots=True)
class Script:
    """What the instructions of a prompt come to. `rest`: the prompt without them.

    `says`: texts, in their order; none: the answer is to the rest. `json`: the first of them that is JSON.
    `thinks`: what comes before the answer. `calls`: of functions, by name and arguments, behind the text. `refuses`: in
    these words, and there is no answer.
    """

    rest: str
    says: tuple[str, ...] = ()
    json: str | None = None
    thinks: str | None = None
    calls: tuple[tuple[str, str], ...] = ()
    refuses: str | None = None
    tick_us: int | None = None
    first_delay_us: int | None = None
    failure: Failure | None = None


def newest_prompt(message: str) -> str:
    """Of a message that holds several prompts, as after one without an answer, the last, if it tells outright what to
    do or asks to count; else the whole message."""
    last = message.rpartition("\n\n")[2]
    return last if asks_to_count(last) or read_script(last).rest != last else message


def read_script(asked: str, seed: int | None = None) -> Script:
    """The instructions in a prompt, MAX_INSTRUCTIONS at most."""
    script = Script("")
    rest: list[str] = []
    done = at = found = 0
    while found < MAX_INSTRUCTIONS and (begins := _BEGINS.search(asked, at)):
        read = INSTRUCTIONS.get(begins[1])
        after = None if read is None else read(_Place(asked, begins.end(), seed), script)
        if after is None:
            at = begins.start() + 1
            continue
        changed, end = after
        script, found = changed, found + 1
        rest.append(asked[done : begins.start()])
        done = at = end
    rest.append(asked[done:])
    return replace(script, rest="".join(rest).strip() if found else asked)


@dataclass(frozen=True, slots=True)
class _Place:
    """Behind the name of an instruction."""

    asked: str
    at: int
    seed: int | None

    def end(self, at: int) -> int | None:
        """Behind the brackets that close the instruction, if they stand at `at`."""
        ends = _ENDS.match(self.asked, at)
        return None if ends is None else ends.end()

    def matched(self, pattern: re.Pattern[str]) -> tuple[re.Match[str], int] | None:
        """All that the instruction holds, if it is of this pattern, and where the instruction ends."""
        found = pattern.match(self.asked, self.at)
        if found is None or (end := self.end(found.end())) is None:
            return None
        return found, end

    def number(self, least: float, most: float) -> tuple[float, int] | None:
        found = self.matched(_NUMBER)
        if found is None or not least <= (number := float(found[0][0])) <= most:
            return None
        return number, found[1]

    def text(self) -> tuple[str, int] | None:
        """What stands before the closing brackets, or the JSON string that it is."""
        if self.asked.startswith('"', self.at):
            read = self.value()
            return None if read is None else (str(read[0]), read[1])
        closing = self.asked.find("]]", self.at)
        return None if closing < 0 else (self.asked[self.at : closing].strip(), closing + 2)

    def value(self) -> tuple[Any, int] | None:
        """The JSON value that the instruction holds."""
        try:
            value, at = json.JSONDecoder(parse_constant=_no_json).raw_decode(self.asked, self.at)
        except (ValueError, RecursionError):
            return None
        end = self.end(at)
        return None if end is None else (value, end)


Read = Callable[[_Place, Script], tuple[Script, int] | None]
"""The script with this instruction too, and where the instruction ends; None: it is none."""


def _count(place: _Place, script: Script) -> tuple[Script, int] | None:
    if (read := place.matched(_COUNT)) is None:
        return None
    first, last = read[0].groups()
    return _said(script, counted(int(first or 1), int(last))), read[1]


def _quote(place: _Place, script: Script) -> tuple[Script, int] | None:
    read = place.text()
    return None if read is None or not read[0] else (_said(script, read[0]), read[1])


def _words(place: _Place, script: Script) -> tuple[Script, int] | None:
    read = place.number(1, 1_000_000)
    return None if read is None else (_said(script, words(int(read[0]), "", place.seed)), read[1])


def _json(place: _Place, script: Script) -> tuple[Script, int] | None:
    end = place.end(place.at)
    read = ({}, end) if end is not None else place.value()
    if read is None:
        return None
    text = json_text(read[0])
    return replace(_said(script, text), json=script.json or text), read[1]


def _think(place: _Place, script: Script) -> tuple[Script, int] | None:
    read = place.text()
    return None if read is None or not read[0] else (replace(script, thinks=read[0]), read[1])


def _call(place: _Place, script: Script) -> tuple[Script, int] | None:
    named = _FUNCTION.match(place.asked, place.at)
    if named is None:
        return None
    if (end := place.end(named.end())) is not None:
        return replace(script, calls=(*script.calls, (named[1], "{}"))), end
    read = replace(place, at=named.end()).value()
    if read is None:
        return None
    # A JSON string is the arguments themselves, whatever they are.
    arguments = read[0] if isinstance(read[0], str) else json_text(read[0])
    return replace(script, calls=(*script.calls, (named[1], arguments))), read[1]


def _refuse(place: _Place, script: Script) -> tuple[Script, int] | None:
    if (end := place.end(place.at)) is not None:
        return replace(script, refuses=REFUSAL), end
    read = place.text()
    return None if read is None or not read[0] else (replace(script, refuses=read[0]), read[1])


def _pace(place: _Place, script: Script) -> tuple[Script, int] | None:
    read = place.number(LEAST_PACE, MAX_PACE)
    return None if read is None else (replace(script, tick_us=round(1e6 / read[0])), read[1])


def _wait(place: _Place, script: Script) -> tuple[Script, int] | None:
    read = place.number(0, MAX_WAIT_S)
    return None if read is None else (replace(script, first_delay_us=round(read[0] * 1e6)), read[1])


def _fail(place: _Place, script: Script) -> tuple[Script, int] | None:
    read = place.matched(_FAIL)
    if read is None or (failure := FAILURES.get(read[0][1] or "error")) is None:
        return None
    return replace(script, failure=replace(failure, after=int(read[0][2] or 0))), read[1]


INSTRUCTIONS: Mapping[str, Read] = {
    "count": _count,
    "quote": _quote,
    "words": _words,
    "json": _json,
    "think": _think,
    "call": _call,
    "refuse": _refuse,
    "pace": _pace,
    "wait": _wait,
    "fail": _fail,
}


def json_text(value: Any) -> str:
    """JSON in ASCII, so that any text in it can be said. Raises ValueError for what is no JSON."""
    return json.dumps(value, allow_nan=False)


def _said(script: Script, text: str) -> Script:
    return replace(script, says=(*script.says, text))


def _no_json(name: str) -> Any:
    raise ValueError(name)
