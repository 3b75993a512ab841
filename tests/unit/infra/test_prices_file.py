"""Prices that are to replace others: exact, with a version, every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.models.prices_file import read_prices_file
from infra.models.spec import ModelsFileError
from schemas.price import Price

GOOD = """\
[[model]]
id = "small"
price = { version = "2", currency = "EUR", input = 0.15, output = "0.6" }

[[model]]
id = "large"
[model.price]
version = "3"
input = 1
cached_input = 0.000001
output = 2
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "prices.toml"
    file.write_text(text)
    return file


def test_prices_are_read_exactly(tmp_path: Path) -> None:
    assert read_prices_file(write(tmp_path, GOOD)) == {
        "small": Price("2", "EUR", 150_000, 150_000, 600_000),
        "large": Price("3", "USD", 1_000_000, 1, 2_000_000),
    }


def test_a_whole_models_file_will_do(tmp_path: Path) -> None:
    text = GOOD.replace('id = "small"', 'id = "small"\nengine = "triton"\ncontext_tokens = 8').replace(
        'id = "large"', 'id = "large"\nengine = "openai"\nmodels_own = "anything"'
    )
    assert read_prices_file(write(tmp_path, text)) == read_prices_file(write(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (GOOD.replace('version = "2", ', ""), 3, "the key 'version' is missing"),
        (GOOD.replace("0.15", '"cheap"'), 3, "'cheap' is not a price"),
        (GOOD.replace("0.15", "0.0000001"), 3, "too many decimals"),
        (GOOD.replace("input = 1", "inptu = 1"), 9, "unknown key 'inptu', did you mean 'input'?"),
        (GOOD.replace("large", "small"), 6, "appears twice"),
        ("", 1, "'model' is missing"),
        ("model = [", 1, "TOML is expected"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, line: int, problem: str) -> None:
    with pytest.raises(ModelsFileError) as caught:
        read_prices_file(write(tmp_path, text))
    assert problem in str(caught.value) and f"prices.toml:{line}:" in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelsFileError, match="cannot be read"):
        read_prices_file(tmp_path / "none.toml")
