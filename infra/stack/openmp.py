"""The one library of llama.cpp that a bare host may lack: OpenMP. Without it `up` starts with the scripted model."""

from __future__ import annotations

import ctypes

from infra.settings import Settings

LIBRARY = "libgomp.so.1"
INSTALL = "install the package libgomp1"
SCRIPTED = "verbatim-scripted"


def has_openmp() -> bool:
    """Whether this host has the library."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def with_models_that_run(settings: Settings, openmp: bool) -> tuple[Settings, str]:
    """The settings, and what to tell the user of them.

    On a host without OpenMP the language model that nobody asked for by `shipped_models` or `default_model` is left
    out. One that was asked for stays: the start then fails with what is missing.
    """
    if openmp or settings.triton.grpc or {"shipped_models", "default_model"} & settings.model_fields_set:
        return settings, ""
    note = (
        f"llama.cpp needs {LIBRARY}, which this host lacks: {INSTALL} and start again. Until then {SCRIPTED} answers."
    )
    return settings.model_copy(update={"shipped_models": (SCRIPTED,)}), note
