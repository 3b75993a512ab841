"""What a model thinks inside the text of its answer. Pure.

Engines tell it apart as parts of kind `reasoning`, which no model is sent again. Answers of before they did, or of
another place, hold it in their text, between `<think>` and `</think>` at its beginning: that is not sent again either.
"""

from __future__ import annotations

import re
from dataclasses import replace

from schemas.conversation import ChatMessage
from schemas.envelope import Content
from schemas.parts import ContentPart

_THINKING = re.compile(r"\A\s{0,64}<think>.*?(?:</think>[\r\n]*|\Z)", re.DOTALL)


def without_thinking(message: ChatMessage) -> ChatMessage:
    """An answer without the thinking that its text begins with; an answer that got no further is empty.

    Prompts, and `<think>` anywhere else in an answer, stay as they are.
    """
    if message.role != "assistant":
        return message
    if not message.parts:
        return replace(message, content=visible_answer(message.content))
    first, *others = message.parts
    if first.kind != "text" or first.text is None:
        return message
    kept = ContentPart("text", visible_answer(first.text))
    return replace(message, parts=((kept, *others) if kept.text else tuple(others)))


def visible_answer(text: Content) -> Content:
    """The text of an answer without the thinking that it begins with."""
    return _THINKING.sub("", text, count=1) if isinstance(text, str) else text
