"""Asks for what a request of OpenAI's clients asks for, and answers it: whole or streamed, one choice or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request, Response

from api.access.auth import author_of
from api.access.principal import Principal
from api.consistency.commanding import idempotency_key
from api.http.headers import REPLAYED_HEADER
from api.openai.choices import ChoiceStream
from api.openai.leaving import KEYED_GRACE_S, abandoning, refusal, stopping
from api.openai.requests.asked import Asked, fit
from api.openai.shapes import ChoiceFrames
from api.openai.whole import Shape, WholeCompletion
from api.streaming.sse import EventStream
from api.turns.alternatives import check_alternatives
from api.turns.answering import news_of
from api.turns.ask import ask
from api.turns.images import keep
from api.turns.intents import Asking, PromptIntent
from api.turns.ports import TurnPorts
from infra.models.tool_tokens import tools_message
from schemas import ids


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a completion is written. `frames`: of a choice in a stream, by whether usage is wanted and its index.

    `prompt`: what the request calls its prompt, in errors.
    """

    whole: Shape
    frames: Callable[[bool, int], ChoiceFrames]
    prompt: str


async def answer(
    request: Request, caller: Principal, turns: TurnPorts, asked: Asked, dialect: Dialect, arrived_s: float
) -> Response:
    """The completion, begun here or by an earlier request with the same key. Raises ApiError."""
    key = idempotency_key(request)
    asking = Asking(
        author=author_of(request, caller),
        key=key,
        conversation_id=ids.conversation_id(caller.user_id, key.value),
        request_hash=asked.request_hash,
        choices=asked.choices,
        alternatives=asked.models,
    )

    async def prompt(instead: str | None) -> PromptIntent:
        models = turns.own_models.of(asking.author.limited)
        spec = models.get(instead or asked.model)
        check_alternatives(models, asked.models)
        fitted = fit(spec, asked)
        tools = tools_message(None if fitted.request is None else fitted.request.tooling)
        tokens = await turns.prompts.check_context(spec, (*tools, *asked.messages), dialect.prompt)
        await keep(turns.blobs, asked.images)
        return PromptIntent(
            spec=spec,
            tokens=tokens,
            kind="stateless",
            messages=asked.messages,
            sampling=fitted.sampling,
            request=fitted.request,
        )

    opened = await ask(turns.ask, asking, prompt)
    headers = {REPLAYED_HEADER: "true"} if opened.replayed else {}
    grace_s = max(turns.grace_s, KEYED_GRACE_S if key.given else 0.0)
    on_leave = abandoning(turns.ask, asking.author, opened, grace_s)
    stop = stopping(turns.ask, asking.author, opened)
    if not asked.stream:
        return WholeCompletion(dialect.whole, turns.readers, caller, opened, on_leave, stop, headers, arrived_s)
    if opened.others:
        frames = [dialect.frames(asked.include_usage, index) for index in range(asked.choices)]
        news = news_of(turns, opened.turn.model, comment=True)
        return ChoiceStream(frames, turns.readers, caller, opened, on_leave, stop, headers, arrived_s, news)
    return EventStream(
        opened.source,
        dialect.frames(asked.include_usage, 0),
        turns.readers,
        caller.credential,
        opened.release,
        head_at_text=True,
        refuse=refusal,
        on_leave=on_leave,
        headers=headers,
        arrived_s=arrived_s,
        news=news_of(turns, opened.turn.model, comment=True),
    )
