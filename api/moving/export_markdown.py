"""A conversation as Markdown, to be read. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from api.moving.export_text import Part, minute, parts_of, remark, speaker, title_of, visible
from api.moving.exported import Exported
from projections.conversations.queries import ConversationRow
from schemas.envelope import plain

_SPECIAL = re.compile(r"([\\`*_\[\]<>#])")
_TICKS = re.compile("`+")


def head(row: ConversationRow, at_us: int) -> bytes:
    said = [
        f"# {escaped(title_of(row))}",
        f"*{minute(row.created_at_us)} to {minute(row.updated_at_us)}; exported from Verbatim {minute(at_us)}*",
    ]
    if row.system_prompt is not None:
        said.append(quoted("System prompt", visible(plain(row.system_prompt))))
    return ("\n\n".join(said) + "\n").encode()


def page(messages: Sequence[Exported]) -> bytes:
    return "".join(map(_message, messages)).encode()


def tail() -> bytes:
    return b""


def _message(each: Exported) -> str:
    heading = f"## {each.number}. {escaped(speaker(each))}, {minute(each.row.created_at_us)}"
    said = remark(each)
    return "\n" + "\n\n".join([heading, *([f"*({said})*"] if said else []), *map(_part, parts_of(each))]) + "\n"


def _part(part: Part) -> str:
    match part.kind:
        case "reasoning":
            return quoted("Thought", part.text)
        case "tool_call":
            return f"Calls `{part.name}`:\n\n{fenced(part.text)}"
        case "tool_result":
            return f"Result{f' of `{part.name}`' if part.name else ''}:\n\n{fenced(part.text)}"
        case "image" | "file":
            return f"*({part.kind}: {escaped(part.name)})*"
        case _:
            return part.text


def escaped(text: str) -> str:
    """A text in which nothing is Markdown."""
    return _SPECIAL.sub(r"\\\1", text)


def fenced(text: str) -> str:
    """A code block that no text can end."""
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in _TICKS.findall(text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def quoted(name: str, text: str) -> str:
    lines = [f"**{name}**", "", *text.splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in lines)
