"""What a process must know of a stack whose supervisor is of the release before, while an upgrade is under way."""

from __future__ import annotations

from collections.abc import Mapping

from infra.models.catalogue import SCRIPTED
from infra.settings import Settings
from infra.stack.child import STACK_ID_VARIABLE


def with_models_of_the_stack(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings; where nobody says which shipped models are offered, those that the stack has.

    A supervisor of this release always says it. The Triton of the one before has no language model, and its other
    processes know the models without weights by their older names only.
    """
    if STACK_ID_VARIABLE not in environment or "shipped_models" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"shipped_models": SCRIPTED})
