"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.access.auth import Caller, limited_of
from api.access.own_models import OwnModels
from api.http.answers import json_answer
from api.http.providing import provided
from api.openai.shapes import model_object
from infra.models.catalogue import EmbeddingSpec, ModelSpec, WrongKindOfModel

router = APIRouter(prefix="/v1/models", tags=["openai"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPorts:
    """The models that are listed, all of them made when this process began."""

    models: OwnModels
    created_s: int


Models = Annotated[ModelPorts, Depends(provided(ModelPorts))]


@router.get("")
async def list_models(caller: Caller, ports: Models) -> Response:
    """Every model that the caller may use, those that make embeddings last."""
    models = ports.models.of(limited_of(caller))
    specs = (*models, *models.embeddings)
    return json_answer({"object": "list", "data": [model_object(spec, ports.created_s) for spec in specs]})


@router.get("/{model_id:path}")
async def get_model(caller: Caller, ports: Models, model_id: str) -> Response:
    """One model; with an empty name, the list (some clients add a slash)."""
    if not model_id:
        return await list_models(caller, ports)
    models = ports.models.of(limited_of(caller))
    try:
        spec: ModelSpec | EmbeddingSpec = models.get(model_id)
    except WrongKindOfModel:
        spec = models.embedding(model_id)
    return json_answer(model_object(spec, ports.created_s))
