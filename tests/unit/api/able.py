"""Models that can do more than those that come with Verbatim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infra.models.catalogue import ModelCatalogue
from infra.models.spec import Capability, ModelSpec

ALL: tuple[Capability, ...] = (
    "streaming",
    "tools",
    "vision",
    "json",
    "reasoning",
    "continue",
    "logprobs",
    "extended_sampling",
)


def able(*capabilities: Capability, **fields: Any) -> ModelSpec:
    """`verbatim-local`, were it able to do this alone."""
    return replace(ModelCatalogue.load().get("verbatim-local"), capabilities=capabilities, **fields)


def catalogue_of(*specs: ModelSpec) -> ModelCatalogue:
    return ModelCatalogue(specs)
