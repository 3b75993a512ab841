"""A process of this release that the supervisor of the release before starts offers what that stack has."""

from __future__ import annotations

import pytest

from infra.models.catalogue import SCRIPTED, ModelCatalogue
from infra.settings import load
from infra.stack.addresses import settings_env
from infra.stack.child import STACK_ID_VARIABLE
from infra.stack.older_supervisor import with_models_of_the_stack

SHIPPED = "VERBATIM_SHIPPED_MODELS"
SUPERVISED = {STACK_ID_VARIABLE: "stack"}


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHIPPED, raising=False)


def test_it_offers_what_that_release_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: value for name, value in settings_env(load()).items() if name != SHIPPED}
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    catalogue = ModelCatalogue.of(with_models_of_the_stack(load(), SUPERVISED))
    assert catalogue.default_model.id == SCRIPTED[0]
    assert not catalogue.gguf_models


def test_a_supervisor_of_this_release_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    default = load()
    for name, value in settings_env(default).items():
        monkeypatch.setenv(name, value)
    assert with_models_of_the_stack(load(), SUPERVISED).shipped_models == default.shipped_models


def test_what_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHIPPED, '["verbatim-scripted"]')
    assert with_models_of_the_stack(load(), SUPERVISED).shipped_models == ("verbatim-scripted",)


def test_without_a_supervisor_nothing_changes() -> None:
    settings = load()
    assert with_models_of_the_stack(settings, {}) is settings
