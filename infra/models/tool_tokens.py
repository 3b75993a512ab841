"""What the tools of a request count as in a model's context. Pure.

No two templates write tools alike, and few of them can be asked here, so the count is that of the definitions as
compact JSON, in the shape in which Chat Completions states them, within one system message. The API counts so before it
takes a request, and the conversation agent when it assembles a context.
"""

from __future__ import annotations

import json
from typing import Any

from schemas.conversation import ChatMessage
from schemas.envelope import plain
from schemas.parts import ToolDefinition, Tooling


def tools_message(tooling: Tooling | None) -> tuple[ChatMessage, ...]:
    """The message that the tools count as; none where there are no tools. It is counted and never sent.

    Raises SealedContent.
    """
    if tooling is None or not tooling.tools:
        return ()
    return (ChatMessage("system", "\n".join(map(_stated, tooling.tools))),)


def _stated(tool: ToolDefinition) -> str:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = plain(tool.description)
    said = json.dumps({"type": "function", "function": function}, ensure_ascii=False, separators=(",", ":"))
    if tool.parameters is None:
        return said
    # The parameters are JSON already.
    return f'{said[:-2]},"parameters":{plain(tool.parameters)}}}}}'
