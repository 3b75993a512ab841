"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.access.auth import Caller
from api.http.answers import json_answer
from api.http.providing import provided
from api.openai.shapes import model_object
from infra.models.catalogue import EmbeddingSpec, ModelCatalogue, ModelSpec, WrongKindOfModel

router = APIRouter(prefix="/v1/models", tags=["openai"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPorts:
    """The models that are listed, all of them made when this process began."""

    models: ModelCatalogue
    created_s: int


Models = Annotated[ModelPorts, Depends(provided(ModelPorts))]


@router.get("")
async def list_models(caller: Caller, ports: Models) -> Response:
    """Every model this installation serves, those that make embeddings last."""
    specs = (*ports.models, *ports.models.embeddings)
    return json_answer({"object": "list", "data": [model_object(spec, ports.created_s) for spec in specs]})


@router.get("/{model_id:path}")
async def get_model(caller: Caller, ports: Models, model_id: str) -> Response:
    """One model; with an empty name, the list (some clients add a slash)."""
    if not model_id:
        return await list_models(caller, ports)
    try:
        spec: ModelSpec | EmbeddingSpec = ports.models.get(model_id)
    except WrongKindOfModel:
        spec = ports.models.embedding(model_id)
    return json_answer(model_object(spec, ports.created_s))
