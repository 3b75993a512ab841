"""Reads tool calls out of Chat Completions deltas, in every dialect in use. Pure.

Servers differ in what they say of a call and when: indexes that are missing, begin at 1 or are all 0; ids and names
once, in every fragment, or never; arguments as pieces of text, as a whole, as an object, or as null; `function_call`,
as it was before there were several. What comes out is one call after the other.

Calls that are mixed with each other come out whole, in the order in which they began: while the arguments of one are no
JSON yet, whatever is not of it waits for the end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from inference_workers.calls import MAX_NAME_CHARS, checked_name
from inference_workers.ports import AnswerEvent, Arguments, Delta, EngineFailed, ToolCall
from inference_workers.text import SurrogatePieces
from schemas.limits import MAX_ANSWER_CHARS

MAX_CALLS = 1024
"""Of one stream. An answer may have fewer parts."""
MAX_LOOKS = 256
"""How often it is looked whether one call's arguments are complete, each time at all of them. Who needs more mixes."""
NO_ARGUMENTS = "{}"
"""Of a call for which the server gave none: what the function's caller has to read as JSON."""
_GOES_ON = ("{", "[", ",", ":")
"""What no JSON ends with."""
_MIXED = "the upstream went on with a tool call after another had begun"


@dataclass(slots=True, eq=False)
class _Call:
    """One call as far as it has come. `label`: how its fragments name it. `unsent`: pieces that have not left."""

    label: object
    call_id: str = ""
    name: str = ""
    told: bool = False
    pieces: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    tokens: int = 0
    looks: int = 0
    pairs: SurrogatePieces = field(default_factory=SurrogatePieces)

    def named(self, name: str) -> None:
        """A name, or more of it: as a piece, or all of it again."""
        if self.told or self.pieces:
            if name != self.name:
                raise EngineFailed(_MIXED)
        elif name.startswith(self.name):
            self.name = name
        else:
            self.name += name
        if len(self.name) > MAX_NAME_CHARS:
            checked_name(self.name)  # raises, before there is more of it

    def add(self, text: str) -> None:
        text = text if text.isascii() and not self.pairs.waiting else self.pairs.feed(text)
        if text:
            self.pieces.append(text)
            self.unsent.append(text)

    def is_complete(self) -> bool:
        """Whether its arguments are JSON, or none came; not any more, once that was asked MAX_LOOKS times."""
        if self.pieces and self.pieces[-1].rstrip()[-1:] in _GOES_ON:
            return False
        self.looks += 1
        if self.looks > MAX_LOOKS:
            return False
        text = "".join(self.pieces)
        if not text.strip():
            return True
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
        return True

    def taken(self) -> list[AnswerEvent]:
        """What may leave of it. Its name is whole once arguments come."""
        if not self.unsent:
            return []
        found = self._begun()
        found.append(Arguments("".join(self.unsent), self.tokens))
        self.unsent, self.tokens = [], 0
        return found

    def rest(self, *, cut: bool) -> list[AnswerEvent]:
        """What is left of it at its end. `cut`: arguments might have come."""
        if rest := self.pairs.flush():
            self.add(rest)
        if not self.pieces and not cut:
            self.add(NO_ARGUMENTS)
        return self.taken() or self._begun()

    def _begun(self) -> list[AnswerEvent]:
        if self.told:
            return []
        self.told = True
        return [ToolCall(self.call_id, self.name)]


class Calls:
    """The calls of one answer. `any`: there is one."""

    def __init__(self) -> None:
        self.any = False
        self._open: _Call | None = None
        self._all: list[_Call] = []
        self._waiting: list[_Call | AnswerEvent] = []
        self._waiting_chars = 0
        self._out: list[AnswerEvent] = []

    def take(self, fragments: Any) -> None:
        """The `tool_calls` of a delta. Raises TypeError, AttributeError, LookupError for what is none; EngineFailed."""
        whole = fragments if isinstance(fragments, list) else [fragments]
        for place, fragment in enumerate(whole):
            function = fragment.get("function") or {}
            self._fragment(
                fragment.get("index"),
                str(fragment.get("id") or ""),
                function.get("name") or "",
                function.get("arguments"),
                place=place,
                alone=len(whole) == 1,
            )

    def take_function(self, function: dict[str, Any]) -> None:
        """The `function_call` of a delta, of servers of before: there is one call at most."""
        self._fragment("function_call", "", function.get("name") or "", function.get("arguments"), place=0, alone=True)

    def put(self, event: AnswerEvent) -> list[AnswerEvent]:
        """Something else came: what may leave now, with it."""
        if self._open is not None:
            if self._waiting or not self._open.is_complete():
                self._wait(event)
                return []
            self._close()
        return [*self.taken(), event]

    def taken(self) -> list[AnswerEvent]:
        """What may leave now."""
        if self._open is not None:
            self._out += self._open.taken()
        found, self._out = self._out, []
        return found

    def end(self, *, whole: bool, cut: bool = False) -> list[AnswerEvent]:
        """The end. Of an answer that is not `whole`, what waited is dropped. `cut`: it had to end before its time."""
        if whole:
            self._close(cut=cut)
            for waiting in self._waiting:
                if isinstance(waiting, _Call):
                    self._out += waiting.rest(cut=cut)
                else:
                    self._out.append(waiting)
            self._waiting = []
        return self.taken()

    def _fragment(self, index: Any, call_id: str, name: str, arguments: Any, *, place: int, alone: bool) -> None:
        text = _written(arguments)
        call = self._call_of(index, call_id, name, text, place=place, alone=alone)
        if call is not self._open and call not in self._waiting:
            if text.strip():
                raise EngineFailed(_MIXED)
            return
        if name:
            call.named(name)
        call.tokens += 1
        if call is not self._open:
            self._waiting_chars += len(text)
            self._check_waiting()
        call.add(text)

    def _call_of(self, index: Any, call_id: str, name: str, text: str, *, place: int, alone: bool) -> _Call:
        """The call that a fragment belongs to: by its id where it has one, by its index, or by what would follow."""
        label = index if index is not None else ("place", place) if not alone else None
        known = None
        if call_id:
            same = (call for call in self._all if call.call_id == call_id)
            known = next((call for call in same if index is None or call.label == label or not name), None)
        if known is None:
            known = next((call for call in reversed(self._all) if label is None or call.label == label), None)
        if known is not None and not _begins_anew(known, call_id, name, text):
            known.call_id = known.call_id or call_id
            return known
        return self._begin(_Call(label, call_id))

    def _begin(self, call: _Call) -> _Call:
        self.any = True
        self._all.append(call)
        if len(self._all) > MAX_CALLS:
            raise EngineFailed(f"the upstream sent more than {MAX_CALLS} tool calls", code="too_many_parts")
        if self._open is not None and (self._waiting or not self._open.is_complete()):
            self._waiting.append(call)
        else:
            self._close()
            self._open = call
        return call

    def _close(self, *, cut: bool = False) -> None:
        if self._open is not None:
            self._out += self._open.rest(cut=cut)
            self._open = None

    def _wait(self, event: AnswerEvent) -> None:
        self._waiting.append(event)
        self._waiting_chars += 0 if isinstance(event, ToolCall) else len(event.text)
        self._waiting_chars += len(event.logprobs) if isinstance(event, Delta) else 0
        self._check_waiting()

    def _check_waiting(self) -> None:
        if self._waiting_chars > MAX_ANSWER_CHARS or len(self._waiting) > MAX_ANSWER_CHARS // 100:
            raise EngineFailed("the upstream mixed more tool calls than can be put in order")


def _begins_anew(known: _Call, call_id: str, name: str, text: str) -> bool:
    """Whether a fragment that could be more of a call is the first of another: that has a name, and another id or, as
    a whole call behind a whole call, arguments."""
    if not name:
        return False
    if call_id and known.call_id and call_id != known.call_id:
        return True
    return bool(known.pieces) and text.lstrip().startswith("{") and known.is_complete()


def _written(arguments: Any) -> str:
    """Arguments as the text that they are, or as what they are written as."""
    if arguments is None:
        return ""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
