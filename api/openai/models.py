"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import Caller
from api.http.answers import json_answer
from api.openai.shapes import model_object
from api.parts import parts_of

router = APIRouter(prefix="/v1/models", tags=["openai"])


@router.get("")
async def list_models(request: Request, caller: Caller) -> Response:
    """Every model this installation serves."""
    parts = parts_of(request)
    created_s = parts.started_at_us // 1_000_000
    return json_answer({"object": "list", "data": [model_object(spec, created_s) for spec in parts.models]})


@router.get("/{model_id:path}")
async def get_model(request: Request, caller: Caller, model_id: str) -> Response:
    """One model; with an empty name, the list (some clients add a slash)."""
    if not model_id:
        return await list_models(request, caller)
    parts = parts_of(request)
    return json_answer(model_object(parts.models.get(model_id), parts.started_at_us // 1_000_000))
