"""Input items of a response, as messages of a context and back. Pure.

A call, and the text that comes with it, are one message of the assistant: that is how engines know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from api.http.errors import bad_request
from api.turns.tools import MAX_CALL_ID, check_arguments, check_name
from schemas.conversation import ChatMessage
from schemas.envelope import plain
from schemas.messages import with_parts
from schemas.parts import ContentPart

MAX_ITEMS = 4_096
MAX_ITEM_ID = 100
MAX_CONTENT = 1_000
"""Parts of one item."""

_ROLES: Mapping[str, str] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_PASSED_OVER = frozenset(
    {
        "reasoning",
        "web_search_call",
        "file_search_call",
        "computer_call",
        "computer_call_output",
        "code_interpreter_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "shell_call",
        "shell_call_output",
        "apply_patch_call",
        "apply_patch_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
    }
)
"""Items of tools that no model here has, and thoughts, which are never given back: a history may hold them."""

Image = Callable[[str, str, str], ContentPart]
"""What makes the part of an image: its URL, how it is to be looked at, and where it stands."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An item that is stored already, by its id. `where`: its place in the request."""

    item_id: str
    where: str


@dataclass(frozen=True, slots=True)
class Compacted:
    """A summary that this installation sealed. `where`: its place in the request."""

    sealed: str
    where: str


Said = ChatMessage | Reference | Compacted
"""What an item says: a message, or where one is to be had."""


def messages_of(items: str | Sequence[Any], image: Image, where: str = "input") -> tuple[ChatMessage, ...]:
    """The messages that input items say, in order. Raises ApiError 400 naming the place that is wrong, also for what
    only stands for a message."""
    found: list[ChatMessage] = []
    for said in said_of(items, image, where):
        if not isinstance(said, ChatMessage):
            raise _wrong(f"{said.where}.type", "it is not a type of item that is taken here")
        found.append(said)
    return joined(found)


def said_of(items: str | Sequence[Any], image: Image, where: str = "input") -> tuple[Said, ...]:
    """What input items say, in order. Raises ApiError 400 naming the place that is wrong."""
    if isinstance(items, str):
        return (ChatMessage("user", items),)
    return tuple(said for nth, item in enumerate(items) for said in _said(item, image, f"{where}[{nth}]"))


def joined(messages: Iterable[ChatMessage]) -> tuple[ChatMessage, ...]:
    """The messages, calls of the assistant with what it said before."""
    found: list[ChatMessage] = []
    for message in messages:
        if found and (both := _joined(found[-1], message)) is not None:
            found[-1] = both
        else:
            found.append(message)
    return tuple(found)


def _said(item: Any, image: Image, where: str) -> Iterator[Said]:
    if not isinstance(item, dict):
        raise _wrong(where, "expected an object")
    match item.get("type") or ("message" if "role" in item or "id" not in item else "item_reference"):
        case "item_reference":
            item_id = _text(item, "id", where)
            if len(item_id) > MAX_ITEM_ID:
                raise _wrong(f"{where}.id", f"expected a string of 1 to {MAX_ITEM_ID} characters")
            yield Reference(item_id, where)
        case "compaction" | "compaction_summary":
            yield Compacted(_text(item, "encrypted_content", where), where)
        case "message":
            yield _message(item, image, where)
        case "function_call":
            call_id, name = _word(item, "call_id", where), check_name(_text(item, "name", where), f"{where}.name")
            arguments = check_arguments(_text(item, "arguments", where), f"{where}.arguments")
            yield ChatMessage("assistant", "", None, (ContentPart("tool_call", arguments, call_id, name),))
        case "function_call_output":
            call_id = _word(item, "call_id", where)
            yield ChatMessage("tool", "", None, (ContentPart("tool_result", _output(item, where), call_id),))
        case str(kind) if kind in _PASSED_OVER:
            return
        case str():
            raise _wrong(f"{where}.type", "it is not a type of item that this server knows")
        case _:
            raise _wrong(f"{where}.type", "expected a string")


def _message(item: Mapping[str, Any], image: Image, where: str) -> ChatMessage:
    role = item.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise _wrong(f"{where}.role", "expected 'user', 'assistant', 'system' or 'developer'")
    content = item.get("content")
    if isinstance(content, str):
        return ChatMessage(_ROLES[role], content)
    if not isinstance(content, list) or len(content) > MAX_CONTENT:
        raise _wrong(f"{where}.content", f"expected a string or a list of at most {MAX_CONTENT} parts")
    parts = [_part(part, role, image, f"{where}.content[{nth}]") for nth, part in enumerate(content)]
    if not parts:
        return ChatMessage(_ROLES[role], "")
    if all(part.kind == "text" for part in parts):
        return ChatMessage(_ROLES[role], "\n".join(plain(part.text or "") for part in parts))
    return with_parts(_ROLES[role], tuple(parts))


def _part(part: Any, role: str, image: Image, where: str) -> ContentPart:
    if not isinstance(part, dict):
        raise _wrong(where, "expected an object")
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return ContentPart("text", _text(part, "text", where))
        case "refusal" if role == "assistant":
            return ContentPart("refusal", _text(part, "refusal", where))
        case "input_image" if role == "user":
            detail = part.get("detail", "auto")
            if detail not in ("auto", "low", "high", "original", None):
                raise _wrong(f"{where}.detail", "expected 'auto', 'low' or 'high'")
            if part.get("image_url") is None:
                raise _wrong(f"{where}.image_url", "expected a data URL; files are not supported yet")
            return image(_text(part, "image_url", where), detail or "auto", f"{where}.image_url")
        case "input_file":
            raise _wrong(f"{where}.type", "files are not supported yet")
        case _:
            raise _wrong(f"{where}.type", f"it is not a part that a message of the role {role} may have")


def _output(item: Mapping[str, Any], where: str) -> str:
    output = item.get("output")
    if isinstance(output, str):
        return output
    if not isinstance(output, list) or len(output) > MAX_CONTENT:
        raise _wrong(f"{where}.output", f"expected a string or a list of at most {MAX_CONTENT} parts")
    texts = []
    for nth, part in enumerate(output):
        place = f"{where}.output[{nth}]"
        if not isinstance(part, dict) or part.get("type") not in ("input_text", "output_text", "text"):
            raise _wrong(place, "expected a part of type 'input_text'")
        texts.append(_text(part, "text", place))
    return "\n".join(texts)


def _joined(before: ChatMessage, message: ChatMessage) -> ChatMessage | None:
    """Both as one message, where the second is calls of the assistant that has just spoken or called."""
    if before.role != "assistant" or message.role != "assistant" or not message.parts:
        return None
    if any(part.kind != "tool_call" for part in message.parts):
        return None
    said = before.parts or ((ContentPart("text", before.content),) if before.content else ())
    return replace(before, content="", parts=(*said, *message.parts))


def calls_of(messages: Sequence[ChatMessage]) -> dict[str, str]:
    """The functions that these messages call, by the calls' ids."""
    return {part.call_id: part.name for message in messages for part in message.parts if part.kind == "tool_call"}


def with_calls(messages: Sequence[ChatMessage], known: Mapping[str, str]) -> tuple[ChatMessage, ...]:
    """The messages, each result with the function that it is of.

    `known`: the functions that were called before, by the calls' ids. Raises ApiError 400 for the result of a call that
    neither `known` nor an earlier message has.
    """
    seen = dict(known)
    found = []
    for message in messages:
        seen |= calls_of([message])
        found.append(replace(message, parts=tuple(_named(part, seen) for part in message.parts)))
    return tuple(found)


def _named(part: ContentPart, calls: Mapping[str, str]) -> ContentPart:
    if part.kind != "tool_result":
        return part
    if part.call_id not in calls:
        raise bad_request(f"No tool call found for function call output with call_id {part.call_id}.", param="input")
    return replace(part, name=calls[part.call_id])


def _word(item: Mapping[str, Any], name: str, where: str) -> str:
    word = item.get(name)
    if not isinstance(word, str) or not 0 < len(word) <= MAX_CALL_ID:
        raise _wrong(f"{where}.{name}", f"expected a string of 1 to {MAX_CALL_ID} characters")
    return word


def _text(item: Mapping[str, Any], name: str, where: str) -> str:
    text = item.get(name)
    if not isinstance(text, str):
        raise _wrong(f"{where}.{name}", "expected a string")
    return text


def _wrong(where: str, problem: str) -> Exception:
    return bad_request(f"Invalid value for '{where}': {problem}.", param=where)


# -- and back --------------------------------------------------------------------------------------------------------


def items_of(messages: Sequence[ChatMessage], source_id: str, status: str = "completed") -> list[dict[str, Any]]:
    """The items that a message's messages are shown as; `source_id` is the id of what they belong to, a UUID."""
    digits = source_id.replace("-", "")
    found: list[dict[str, Any]] = []
    for message in messages:
        texts: list[dict[str, Any]] = []
        for part in message.parts or (ContentPart("text", message.content),):
            text = "" if part.text is None else plain(part.text)
            match part.kind:
                case "tool_call":
                    identity = {"id": f"fc_{digits}{len(found) + bool(texts):04x}", "type": "function_call"}
                    called = {"call_id": part.call_id, "name": part.name, "arguments": text, "status": status}
                    if texts:
                        found.append(_shown(message, texts, digits, len(found), status))
                        texts = []
                    found.append(identity | called)
                case "tool_result":
                    identity = {"id": f"fco_{digits}{len(found):04x}", "type": "function_call_output"}
                    found.append(identity | {"call_id": part.call_id, "output": text, "status": status})
                case _:
                    texts.append(_content(message.role, part, text))
        if texts:
            found.append(_shown(message, texts, digits, len(found), status))
    return found


def one_item_each(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The same in messages that are one item each, in the order and number of `items_of`."""
    found: list[ChatMessage] = []
    for message in messages:
        content: list[ContentPart] = []
        for part in message.parts or (ContentPart("text", message.content),):
            if part.kind not in ("tool_call", "tool_result"):
                content.append(part)
                continue
            if content:
                found.append(with_parts(message.role, tuple(content), message.name))
                content = []
            found.append(with_parts(message.role, (part,), message.name))
        if content:
            found.append(with_parts(message.role, tuple(content), message.name))
    return found


def _shown(message: ChatMessage, content: list[dict[str, Any]], digits: str, nth: int, status: str) -> dict[str, Any]:
    return {
        "id": f"msg_{digits}{nth:04x}",
        "type": "message",
        "role": message.role,
        "status": status,
        "content": content,
    }


def _content(role: str, part: ContentPart, text: str) -> dict[str, Any]:
    match part.kind:
        case "refusal":
            return {"type": "refusal", "refusal": text}
        case "image":
            # The picture itself is in the blob store, under its digest.
            return {"type": "input_image", "file_id": None, "image_url": None, "detail": part.detail or "auto"}
        case _ if role == "assistant":
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        case _:
            return {"type": "input_text", "text": text}
