"""A host without OpenMP or a package index: `up` starts all the same, unless the language model was asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infra.models.catalogue import ModelCatalogue
from infra.settings import Settings
from infra.stack.errors import StackError
from infra.stack.models_that_run import what_is_missing, with_models_that_run


@pytest.fixture(autouse=True)
def as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suites set which models are offered; a newcomer does not."""
    monkeypatch.delenv("VERBATIM_SHIPPED_MODELS", raising=False)


def nothing() -> str:
    return ""


def no_openmp() -> str:
    return what_is_missing(lambda _: None, lambda: False, lambda *_: None)


def offline() -> str:
    def fetch(*_: object) -> None:
        raise StackError("the language model could not be fetched (the package index cannot be reached)")

    return what_is_missing(lambda _: None, lambda: True, fetch)


def test_a_host_that_lacks_nothing_has_the_language_model() -> None:
    settings = Settings()
    assert with_models_that_run(settings, nothing) == (settings, "")
    assert what_is_missing(lambda _: None, lambda: True, lambda *_: None) == ""


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        (
            no_openmp,
            "llama.cpp needs libgomp.so.1, which this host lacks: install the package libgomp1 and start again.",
        ),
        (
            offline,
            "The language model could not be fetched (the package index cannot be reached): "
            "start again once it can be.",
        ),
    ],
)
def test_without_it_the_scripted_model_answers_and_that_is_said(lacks: Callable[[], str], said: str) -> None:
    settings, note = with_models_that_run(Settings(), lacks)
    catalogue = ModelCatalogue.of(settings)
    assert catalogue.default_model.id == "verbatim-scripted"
    assert catalogue.gguf_models == ()
    assert note == f"{said} Until then verbatim-scripted answers."


def never() -> str:
    raise AssertionError("nobody needs to know")


def test_a_model_that_was_asked_for_is_not_replaced() -> None:
    for asked in (Settings(shipped_models=("smollm2-135m-instruct",)), Settings(default_model="smollm2-135m-instruct")):
        assert with_models_that_run(asked, never) == (asked, "")


def test_a_triton_elsewhere_has_libraries_of_its_own() -> None:
    settings = Settings()
    elsewhere = settings.model_copy(update={"triton": settings.triton.model_copy(update={"grpc": "127.0.0.1:1"})})
    assert with_models_that_run(elsewhere, never) == (elsewhere, "")
