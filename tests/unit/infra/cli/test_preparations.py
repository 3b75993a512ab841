"""What `up` prepares for embeddings: what models.toml names is fetched, and not having it stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.cli.preparations import check_models, fetch_vectors
from infra.settings import Settings
from infra.stack.errors import StackError

OWN = """\
[[embedding]]
id = "own"
engine = "gguf"
gguf = "own.gguf"
dimensions = 8
max_input_tokens = 8
price = { input = "0" }
"""


def settings_of(folder: Path, text: str) -> Settings:
    file = folder / "models.toml"
    file.write_text(text)
    return Settings(models=(file,))


@pytest.mark.parametrize(("text", "names"), [("", {"word-vectors"}), (OWN, {"word-vectors", "local-models"})])
def test_what_the_embedding_models_need_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, names: set[str]
) -> None:
    fetched: list[str] = []

    monkeypatch.setattr("infra.stack.word_vectors.WORD_VECTORS", _Told("word-vectors", fetched))
    monkeypatch.setattr("infra.stack.local_models.fetch_packages", _Told("local-models", fetched).fetch)
    fetch_vectors(settings_of(tmp_path, text))
    assert set(fetched) == names


class _Told:
    """Packages that cannot be fetched; they note that they were asked for."""

    def __init__(self, name: str, fetched: list[str]) -> None:
        self._name = name
        self._fetched = fetched

    def fetch(self, cache: Path, say: object) -> Path:
        self._fetched.append(self._name)
        raise StackError("no network")


def test_a_file_that_cannot_be_served_stops_the_start(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, OWN)
    (tmp_path / "own.gguf").write_bytes(b"something else")
    with pytest.raises(StackError, match=r"models.toml:2: embedding 'own': .*is not a GGUF file") as refused:
        check_models(settings)
    assert "\n" not in str(refused.value)
