"""/api/v1/models: the available models and their prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from api.access.auth import Caller, limited_of
from api.access.own_models import OwnModels
from api.http.answers import json_answer
from api.http.providing import provided
from infra.models.spec import ModelSpec

router = APIRouter(prefix="/api/v1/models", tags=["models"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPorts:
    """`starts`: the prompts that this installation offers to begin with; empty: the page's own."""

    models: OwnModels
    starts: tuple[str, ...] = ()


Listing = Annotated[ListingPorts, Depends(provided(ListingPorts))]


@router.get("")
async def list_models(caller: Caller, listing: Listing) -> Response:
    """Every model that the caller may use, which makes titles, prompts to begin with. Prices are of a million
    tokens."""
    models = listing.models.of(limited_of(caller))
    listed = [model_json(spec, spec.id == models.default_model.id) for spec in models]
    titles = None if models.titles is None else models.titles.id
    return json_answer({"data": listed, "titles": titles, "starts": list(listing.starts)})


def model_json(spec: ModelSpec, default: bool) -> dict[str, Any]:
    return {
        "id": spec.id,
        "default": default,
        "description": spec.description,
        "contextTokens": spec.context_tokens,
        "maxOutputTokens": spec.max_output_tokens,
        "price": {
            "currency": spec.price.currency,
            "inputPerMillion": spec.price.input_micros_per_million / 1e6,
            "outputPerMillion": spec.price.output_micros_per_million / 1e6,
        },
        "capabilities": list(spec.capabilities),
        "listed": spec.listed,
        "deprecated": spec.deprecated,
    }
