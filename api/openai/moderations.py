"""POST /v1/moderations: what the installation's rules say of texts. Nothing of them is kept, and nothing is billed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.access.auth import AskCaller
from api.http.answers import json_answer, openapi_body
from api.http.bodies import BodyReader
from api.http.errors import Overloaded
from api.http.gates import Gate, GateBusy
from api.http.providing import provided
from api.openai.moderation_requests import MODEL, ModerationRequest, texts_of
from api.openai.moderation_shapes import moderation_body, not_judged, result
from infra.ids import draw_id
from infra.moderation.policy import Policy

router = APIRouter(prefix="/v1", tags=["openai"])

NOT_JUDGED_HEADER = "X-Verbatim-Not-Judged"
"""The categories of OpenAI's that no rule of this installation is about."""
INLINE_CHARACTERS = 4_096
"""Texts of so many characters together are judged on the loop; more in a thread."""
MAX_AT_ONCE = 2
WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationPorts:
    """What the route needs. `long`: places for requests with much text."""

    policy: Policy
    long: Gate


Ports = Annotated[ModerationPorts, Depends(provided(ModerationPorts))]


@router.post("/moderations", openapi_extra=openapi_body(ModerationRequest))
async def create_moderation(request: Request, caller: AskCaller, bodies: BodyReader, ports: Ports) -> Response:
    """Judge texts by the rules of this installation, as OpenAI does."""
    inputs = await bodies.read_as(request, ModerationRequest, texts_of)
    results = await _judged(ports, inputs)
    missing = not_judged(ports.policy)
    headers = {NOT_JUDGED_HEADER: ", ".join(missing)} if missing else {}
    body = moderation_body(f"modr-{draw_id().replace('-', '')}", f"{MODEL}-{ports.policy.version}", results)
    return json_answer(body, 200, headers)


async def _judged(ports: ModerationPorts, inputs: Sequence[tuple[str, ...]]) -> list[dict[str, Any]]:
    """A result for each input. Raises Overloaded."""

    def judge() -> list[dict[str, Any]]:
        return [result(ports.policy, ports.policy.matching(texts)) for texts in inputs]

    if sum(len(text) for texts in inputs for text in texts) <= INLINE_CHARACTERS:
        return judge()
    try:
        async with ports.long.entered(WAIT_S):
            return await asyncio.to_thread(judge)
    except GateBusy:
        raise Overloaded(f"{MAX_AT_ONCE} requests with long texts are already being judged") from None
