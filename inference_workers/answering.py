"""One call of an engine: writes its output into the log as it arrives and returns how it ended. Hot path."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass
from typing import get_args

from inference_workers.attempts import FULL_AT_SEQ, MAX_PARTS
from inference_workers.calls import CallIds, checked_name
from inference_workers.coalescing import MAX_LOGPROBS_CHARS
from inference_workers.counting import runaway_at
from inference_workers.failing import BROKEN, SEALED, failure_of
from inference_workers.leases import LeaseKeeper
from inference_workers.ports import (
    AnswerEvent,
    Arguments,
    Delta,
    Engine,
    EngineError,
    EngineFailed,
    EngineRequest,
    Finish,
    FinishReason,
    Reasoning,
    Refusal,
    ToolCall,
)
from inference_workers.publishing import AttemptWriter
from infra.crash_points import crash_point
from infra.logging import get_logger
from schemas.envelope import SealedContent
from schemas.generation import Failure
from schemas.limits import MAX_ANSWER_CHARS
from schemas.parts import PartKind
from topics.generation_fold import LOGPROB_BYTES, MARK_BYTES, MAX_STREAM_BYTES

MAX_DELTA_TOKENS = 1_000_000
"""Of one delta; no engine sends as many at once."""
RESERVED_BYTES = 512 * 1024
"""Of an outcome's room, for its parts and for what is counted in whole chunks."""
_REASONS = frozenset(get_args(FinishReason))
_log = get_logger(__name__)


@dataclass(slots=True)
class Said:
    """How a call ended: with a `finish` or a `failure`.

    `thought`: tokens of reasoning, published or not. `taken`: an engine worked at it, as far as we know. `spent`: it
    was ended because its lease is used up and no more was granted.
    """

    finish: Finish | None = None
    failure: Failure | None = None
    thought: int = 0
    taken: bool = True
    spent: bool = False


class AnswerSink:
    """Takes what one answer consists of, up to the longest that an answer may be. `said`: how it ended, once it did.

    `take` raises EngineError for what no answer may hold.
    """

    __slots__ = (
        "_calls",
        "_chars",
        "_chars_left",
        "_kind",
        "_may_call",
        "_parts_left",
        "_plain",
        "_publishes",
        "_room",
        "_tokens_left",
        "_whole_room",
        "_writer",
        "said",
    )

    def __init__(self, call: EngineRequest, writer: AttemptWriter, room: int) -> None:
        self.said = Said()
        self._writer = writer
        self._chars = self._chars_left = MAX_ANSWER_CHARS - len(call.prefix)
        self._tokens_left = runaway_at(call.max_tokens)
        self._plain = True  # it is text alone, without logprobs
        self._kind: PartKind = "text"
        self._publishes = call.parts
        self._may_call = call.offers_tools and call.parts
        self._parts_left = MAX_PARTS
        self._room: int | None = None
        self._whole_room = room - RESERVED_BYTES
        self._calls = CallIds(call.request_id)

    def take(self, event: AnswerEvent) -> bool:
        """Put it into the log. False: the answer is full, and has its finish."""
        if type(event) is not Delta or event.logprobs or not self._plain:
            return self._take_part(event)
        writer = self._writer
        text, tokens = event.text, event.tokens
        if tokens < 0:
            tokens = 0
        self._chars_left -= len(text)
        self._tokens_left -= tokens
        if self._chars_left < 0 or self._tokens_left < 0 or writer.last_seq >= FULL_AT_SEQ:
            writer.put(text[: max(len(text) + min(self._chars_left, 0), 0)], min(tokens, MAX_DELTA_TOKENS))
            return self._filled()
        writer.put(text, tokens)
        crash_point("worker.mid_stream")
        return True

    def _take_part(self, event: AnswerEvent) -> bool:
        tokens = min(max(event.tokens, 0), MAX_DELTA_TOKENS)
        self._tokens_left -= tokens
        if type(event) is ToolCall:
            return self._take_call(event, tokens)
        kind = self._kind_of(event)
        if kind == "reasoning":
            self.said.thought += tokens
            if not self._publishes:
                return self._tokens_left >= 0 or self._filled()
        assert not isinstance(event, ToolCall)  # noqa: S101 - taken above
        text = event.text
        self._chars_left -= len(text)
        writer = self._writer
        full = self._chars_left < 0 or self._tokens_left < 0 or writer.last_seq >= FULL_AT_SEQ
        if full:
            text = text[: max(len(text) + min(self._chars_left, 0), 0)]
        if not text:
            return self._filled() if full else True
        if kind != self._kind:
            self._begin(kind)
        if kind == "reasoning":
            writer.thought += tokens
        told = self._logprobs_of(event)
        if (told or self._room is not None) and not self._has_room(text, told):
            return self._filled()
        if told:
            writer.put_told(text, tokens, told)
        else:
            writer.put(text, tokens)
        crash_point("worker.mid_stream")
        return self._filled() if full else True

    def _kind_of(self, event: AnswerEvent) -> PartKind:
        match event:
            case Reasoning():
                return "reasoning"
            case Refusal() if self._publishes:
                return "refusal"
            case Arguments():
                if self._kind != "tool_call":
                    raise EngineFailed("the model gave arguments of no call: ask again", code="invalid_tool_call")
                return "tool_call"
            case _:
                return "text"

    def _take_call(self, event: ToolCall, tokens: int) -> bool:
        if not self._may_call:
            said = "the model called a tool, but none was offered: ask again, or check the model's settings upstream"
            raise EngineFailed(said, code="unexpected_tool_call")
        if self._tokens_left < 0 or self._writer.last_seq >= FULL_AT_SEQ:
            return self._filled()
        self._begin("tool_call", self._calls.of(event.call_id), checked_name(event.name))
        self._writer.put("", tokens)
        return True

    def _begin(self, kind: PartKind, call_id: str = "", name: str = "") -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            raise EngineFailed(f"the answer has more than {MAX_PARTS} parts: ask again", code="too_many_parts")
        self._kind, self._plain = kind, False
        self._writer.begin_part(kind, call_id, name)

    def _logprobs_of(self, event: AnswerEvent) -> str:
        """What may be published of them: no engine of ours sends more, or anything but ASCII."""
        told = event.logprobs if type(event) is Delta and self._publishes else ""
        return told if len(told) <= MAX_LOGPROBS_CHARS and told.isascii() else ""

    def _has_room(self, text: str, logprobs: str) -> bool:
        """Whether the outcome holds this too. Only an answer with logprobs can be too large for it."""
        if self._room is None:
            self._plain = False
            before = self._chars - self._chars_left - len(text)
            self._room = self._whole_room - 4 * before - (MARK_BYTES + LOGPROB_BYTES) * self._writer.last_seq
        self._room -= 4 * len(text) + len(logprobs) + MARK_BYTES + LOGPROB_BYTES
        return self._room >= 0

    def _filled(self) -> bool:
        self.said.finish = Finish("length")
        return False


async def answer(
    engine: Engine,
    call: EngineRequest,
    writer: AttemptWriter,
    room: int = MAX_STREAM_BYTES,
    lease: LeaseKeeper | None = None,
) -> Said:
    """Put an engine's answer into the log. Whatever the engine does, this returns, or is cancelled.

    The first Finish ends it. An answer that is as long as an answer may be, or much longer than was asked for, ends
    with `length`, and the call is closed at once. `room`: bytes that the generation's outcome has left for it. What a
    `lease` does not cover waits, and is never said where more was denied.
    """
    sink = AnswerSink(call, writer, room)
    said = sink.said
    try:
        async with contextlib.aclosing(engine.generate(call)) as events:
            async for event in events:
                if isinstance(event, Finish):
                    said.finish = event
                    break
                if lease is not None and not lease.take(event.tokens):
                    wait_s = call.deadlines.inter_token_s
                    if not await lease.covers(event.tokens, min(wait_s, call.deadlines.total_s)):
                        said.finish, said.spent = Finish("length"), True
                        break
                if not sink.take(event):
                    break
    except EngineError as error:
        said.failure = failure_of(error)
        said.taken = error.accepted
    except SealedContent:
        said.failure = SEALED
        said.taken = False
    except Exception as error:
        # A fault of ours or of an adapter: this job ends, the worker and all other jobs go on.
        # Where it happened, not what it says: messages of strangers may quote prompts.
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        _log.error("an engine adapter failed", error=type(error).__name__, where=where)
        said.failure = BROKEN
    said.taken = said.taken or writer.tokens > 0 or said.thought > 0
    if said.finish is None:
        said.failure = said.failure or BROKEN
    elif said.finish.reason in _REASONS:
        said.failure = None  # what went wrong while the call was closed takes nothing from a whole answer
    else:
        # An unknown word would stop every reader of the log.
        _log.error("an engine adapter ended for an unknown reason")
        said.failure = BROKEN
    return said
