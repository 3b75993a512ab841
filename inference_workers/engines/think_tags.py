"""Takes `<think>…</think>` out of a text that begins with it. Pure.

Servers without a reasoning parser pass on what a model writes, and models that reason begin their text so.
"""

from __future__ import annotations

from typing import Literal

from infra.models.spec import ThinkTags

_BEGIN, _END = "<think>", "</think>"
MAX_BLANKS = 64
"""Before the tag, and line breaks behind it."""
Kind = Literal["text", "reasoning"]


class ThinkSplitter:
    """One text. `over`: whatever comes now is text. A tag may come in any pieces; what may be a part of one waits."""

    __slots__ = ("_breaks", "_held", "_state", "over")

    def __init__(self, tags: ThinkTags) -> None:
        self._held = ""
        self._breaks = 0
        self._state: Literal["before", "inside", "behind"] = "inside" if tags == "open" else "before"
        self.over = tags == "off"

    def feed(self, text: str) -> list[tuple[Kind, str]]:
        """What this adds, by kinds; line breaks between the reasoning and the text belong to neither."""
        held, self._held = self._held + text, ""
        if self.over:
            return [("text", held)]
        found: list[tuple[Kind, str]] = []
        if self._state == "before":
            begun = held.lstrip()
            may_be = len(held) - len(begun) <= MAX_BLANKS
            if not may_be or not begun.startswith(_BEGIN):
                if may_be and _BEGIN.startswith(begun):
                    self._held = held
                else:
                    self.over = True
                    found.append(("text", held))
                return found
            self._state, held = "inside", begun[len(_BEGIN) :]
        if self._state == "inside":
            thought, tag, rest = held.partition(_END)
            if not tag:
                keep = next((n for n in range(len(_END) - 1, 0, -1) if held.endswith(_END[:n])), 0)
                thought, self._held = held[: len(held) - keep], held[len(held) - keep :]
            if thought:
                found.append(("reasoning", thought))
            if not tag:
                return found
            self._state, held = "behind", rest
        rest = held.lstrip("\r\n")
        self._breaks += len(held) - len(rest)
        if rest:
            found.append(("text", rest))
        self.over = bool(rest) or self._breaks > MAX_BLANKS
        return found

    def end(self) -> list[tuple[Kind, str]]:
        """What waited and was no tag."""
        held, self._held = self._held, ""
        return [("reasoning" if self._state == "inside" else "text", held)] if held else []
