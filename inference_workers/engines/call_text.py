"""Reads tool calls out of the text of a model: `<tool_call>{"name": …, "arguments": …}</tool_call>`. Pure.

Arguments leave as they come, as the model wrote them. What stands between the tags and is no call stays text.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from infra.models.tool_prompts import CALL_BEGINS, CALL_ENDS

MAX_HEAD_CHARS = 64 * 1024
"""Of what comes before the arguments."""
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*(?:,\s*"(?:arguments|parameters)"\s*:\s*(?=\S)|(?=\}))')
Found = tuple[Literal["text", "call", "arguments"], str]
"""A call has its name."""


class CallText:
    """One text in pieces. `inside`: all of it is one call without tags, as a grammar makes it."""

    def __init__(self, *, inside: bool) -> None:
        self._tagged = not inside
        self._state: Literal["text", "head", "arguments"] = "head" if inside else "text"
        self._held = ""
        self._arguments: list[str] = []
        self._trims = False  # blanks behind a call are how the format looks

    def feed(self, text: str) -> list[Found]:
        """What this adds; what may become a tag waits."""
        self._held += text
        found: list[Found] = []
        while self._step(found):
            pass
        return found

    def end(self) -> list[Found]:
        """The end of the text: a call that was not closed ends here."""
        found: list[Found] = []
        if self._state == "text":
            if self._held:
                found.append(("text", self._held))
        elif self._state == "arguments":
            self._close(self._held, found)
        else:
            self._unread(self._held, found, closed=False)
        self._held = ""
        return found

    def _step(self, found: list[Found]) -> bool:
        """Take one thing off what is held. Whether more may follow."""
        match self._state:
            case "text":
                return self._step_text(found)
            case "head":
                return self._step_head(found)
            case "arguments":
                return self._step_arguments(found)

    def _step_text(self, found: list[Found]) -> bool:
        if self._trims:
            self._held = self._held.lstrip()
            self._trims = not self._held
        before, tag, rest = self._held.partition(CALL_BEGINS)
        if tag:
            # Blanks around calls are how the format looks.
            if text := before.rstrip():
                found.append(("text", text))
            self._held, self._state = rest, "head"
            return True
        keep = _may_begin(before, CALL_BEGINS)
        keep -= len(before[:keep]) - len(before[:keep].rstrip())
        if keep:
            found.append(("text", before[:keep]))
        self._held = before[keep:]
        return False

    def _step_head(self, found: list[Found]) -> bool:
        head = _HEAD.match(self._held)
        if head is not None:
            found.append(("call", _name(head[1])))
            self._arguments = []
            self._held, self._state = self._held[head.end() :], "arguments"
            return True
        whole, tag, rest = self._held.partition(CALL_ENDS)
        if tag and self._tagged:
            self._unread(whole, found, closed=True)
            self._held, self._state = rest, "text"
            return True
        if len(self._held) > MAX_HEAD_CHARS:
            self._unread(self._held, found, closed=False)
            self._held, self._state = "", "text"
        return False

    def _step_arguments(self, found: list[Found]) -> bool:
        whole, tag, rest = self._held.partition(CALL_ENDS)
        if tag and self._tagged:
            self._close(whole, found)
            self._held, self._state = rest, "text"
            return True
        keep = _may_close(self._held)
        if keep:
            self._arguments.append(self._held[:keep])
            found.append(("arguments", self._held[:keep]))
        self._held = self._held[keep:]
        return False

    def _close(self, last: str, found: list[Found]) -> None:
        """The arguments end within `last`, mostly before the brace that closes the call."""
        self._trims = True
        said = "".join(self._arguments)
        stripped = last.rstrip()
        without = stripped[:-1].rstrip() if stripped.endswith("}") else stripped
        if not said and not without:
            without = "{}"
        rest = stripped if _is_json(said + stripped) else without
        if rest:
            found.append(("arguments", rest))

    def _unread(self, whole: str, found: list[Found], *, closed: bool) -> None:
        """What stands where a call should: a list of calls, another order of its fields, or no call."""
        try:
            told = json.loads(whole)
        except (ValueError, RecursionError):
            told = None
        calls = told if isinstance(told, list) else [told]
        read = [call for each in calls if (call := _whole_call(each)) is not None]
        if not read or len(read) != len(calls):
            begins = CALL_BEGINS if self._tagged else ""
            found.append(("text", f"{begins}{whole}{CALL_ENDS if closed else ''}"))
            return
        self._trims = True
        for name, arguments in read:
            found += [("call", name), ("arguments", arguments)]


def _whole_call(told: Any) -> tuple[str, str] | None:
    if not isinstance(told, dict) or not isinstance(name := told.get("name"), str):
        return None
    arguments = told.get("arguments", told.get("parameters", {}))
    return name, arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _name(literal: str) -> str:
    try:
        return str(json.loads(literal, strict=False))
    except ValueError:
        return literal[1:-1]


def _may_begin(text: str, tag: str) -> int:
    """From where on `text` may be the beginning of the tag."""
    return next(
        (len(text) - n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), len(text)
    )


def _may_close(text: str) -> int:
    """From where on `text` may be the end of a call: its last brace, and the beginning of the tag."""
    brace = text.rfind("}")
    if brace >= 0 and CALL_ENDS.startswith(text[brace + 1 :].lstrip()):
        return brace
    keep = _may_begin(text, CALL_ENDS)
    return len(text[:keep].rstrip())


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
