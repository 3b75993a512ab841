"""How the worker process ends, by what ended its work."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

import inference_workers.__main__ as main_module
from infra.settings import Settings
from schemas.codec import NewerRecord
from topics.errors import FatalLogError, LogUnavailable


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0),
        (LogUnavailable("away"), 1),
        (ExceptionGroup("work", [FatalLogError("fenced")]), 1),
        (NewerRecord(4711), 3),
        (ExceptionGroup("work", [ExceptionGroup("inner", [NewerRecord(4711), FatalLogError("fenced")])]), 3),
    ],
)
def test_exit_status(error: Exception | None, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(main: Any) -> None:
        main.close()
        if error is not None:
            raise error

    monkeypatch.setattr(sys, "argv", ["inference_workers"])
    monkeypatch.setattr(main_module, "load", Settings)
    monkeypatch.setattr(main_module, "ModelCatalogue", SimpleNamespace(load=lambda models: None))
    monkeypatch.setattr(main_module, "speak", lambda *_: None)
    monkeypatch.setattr(main_module, "configure", lambda *_: None)
    monkeypatch.setattr(main_module, "gc", SimpleNamespace(collect=lambda: None, freeze=lambda: None))
    monkeypatch.setattr(main_module, "uvloop", SimpleNamespace(run=run))
    assert main_module.main() == status
