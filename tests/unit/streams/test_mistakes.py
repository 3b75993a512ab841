"""What a user got wrong is one line and status 2; a bug stays a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.models.spec import ModelsFileError
from infra.moderation.policy_file import load_policy
from infra.settings import Settings, SettingsError
from streams.faust.mistakes import explained
from streams.metering.agent import make_metering_app


@pytest.mark.parametrize(
    "mistake",
    [SettingsError("kafka.bootstrap is empty"), ModelsFileError(Path("models.toml"), 3, "unknown key")],
)
def test_a_mistake_is_one_line(mistake: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, explained():
        raise mistake
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"{mistake}\n"


def test_a_wrong_policy_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[[rule]]\nid = 'a'")
    with pytest.raises(SystemExit), explained():
        load_policy(file)
    assert capsys.readouterr().err == f"{file}: rule 1: category is missing, a text is expected\n"


def test_no_broker_is_a_mistake() -> None:
    with pytest.raises(SystemExit), explained():
        make_metering_app(Settings())


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), explained():
        _ = 1 // 0
