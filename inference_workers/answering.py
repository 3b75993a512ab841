"""One call of an engine: writes its output into the log as it arrives and returns how it ended. Hot path."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass
from typing import get_args

from inference_workers.attempts import FULL_AT_SEQ
from inference_workers.counting import runaway_at
from inference_workers.failing import BROKEN, SEALED, failure_of
from inference_workers.ports import Delta, Engine, EngineError, EngineRequest, Finish, FinishReason, Reasoning
from inference_workers.publishing import AttemptWriter
from infra.crash_points import crash_point
from infra.logging import get_logger
from schemas.envelope import SealedContent
from schemas.generation import Failure
from schemas.limits import MAX_ANSWER_CHARS

MAX_DELTA_TOKENS = 1_000_000
"""Of one delta; no engine sends as many at once."""
_REASONS = frozenset(get_args(FinishReason))
_log = get_logger(__name__)


@dataclass(slots=True)
class Said:
    """How a call ended: with a `finish` or a `failure`.

    `thought`: tokens of reasoning, which are no part of the answer. `taken`: an engine worked at it, as far as we know.
    """

    finish: Finish | None = None
    failure: Failure | None = None
    thought: int = 0
    taken: bool = True


async def answer(engine: Engine, call: EngineRequest, writer: AttemptWriter) -> Said:
    """Put an engine's answer into the log. Whatever the engine does, this returns, or is cancelled.

    The first Finish ends it. An answer that is as long as an answer may be, or much longer than was asked for, ends
    with `length`, and the call is closed at once.
    """
    said = Said()
    chars_left = MAX_ANSWER_CHARS - len(call.prefix)
    tokens_left = runaway_at(call.max_tokens)
    full_at = FULL_AT_SEQ
    try:
        async with contextlib.aclosing(engine.generate(call)) as events:
            async for event in events:
                if type(event) is Delta:
                    text, tokens = event.text, event.tokens
                    if tokens < 0:
                        tokens = 0
                    chars_left -= len(text)
                    tokens_left -= tokens
                    if chars_left < 0 or tokens_left < 0 or writer.last_seq >= full_at:
                        writer.put(text[: max(len(text) + min(chars_left, 0), 0)], min(tokens, MAX_DELTA_TOKENS))
                        said.finish = Finish("length")
                        break
                    writer.put(text, tokens)
                    crash_point("worker.mid_stream")
                elif isinstance(event, Reasoning):
                    tokens = min(max(event.tokens, 0), MAX_DELTA_TOKENS)
                    said.thought += tokens
                    tokens_left -= tokens
                    if tokens_left < 0:
                        said.finish = Finish("length")
                        break
                elif isinstance(event, Finish):
                    said.finish = event
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
