"""A host without OpenMP: `up` starts all the same, unless the language model was asked for."""

from __future__ import annotations

import pytest

from infra.models.catalogue import ModelCatalogue
from infra.settings import Settings
from infra.stack.openmp import with_models_that_run


@pytest.fixture(autouse=True)
def as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suites set which models are offered; a newcomer does not."""
    monkeypatch.delenv("VERBATIM_SHIPPED_MODELS", raising=False)


def test_a_host_with_openmp_has_the_language_model() -> None:
    settings = Settings()
    assert with_models_that_run(settings, openmp=True) == (settings, "")


def test_without_it_the_scripted_model_answers_and_that_is_said() -> None:
    settings, note = with_models_that_run(Settings(), openmp=False)
    catalogue = ModelCatalogue.of(settings)
    assert catalogue.default_model.id == "verbatim-scripted"
    assert catalogue.gguf_models == ()
    assert note == (
        "llama.cpp needs libgomp.so.1, which this host lacks: install the package libgomp1 and start again. "
        "Until then verbatim-scripted answers."
    )


def test_a_model_that_was_asked_for_is_not_replaced() -> None:
    for asked in (Settings(shipped_models=("smollm2-135m-instruct",)), Settings(default_model="smollm2-135m-instruct")):
        assert with_models_that_run(asked, openmp=False) == (asked, "")


def test_a_triton_elsewhere_has_libraries_of_its_own() -> None:
    settings = Settings()
    elsewhere = settings.model_copy(update={"triton": settings.triton.model_copy(update={"grpc": "127.0.0.1:1"})})
    assert with_models_that_run(elsewhere, openmp=False) == (elsewhere, "")
