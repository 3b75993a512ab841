"""What people are told of an answer that failed: whole sentences, and nothing of machines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.streaming.failures import told
from schemas.generation import Failure

ROOT = Path(__file__).parents[3]
_CODES = re.compile(r"""(?:code=|\bcode = |Failure\(\s*)"([a-z_]+)\"""")


def codes() -> set[str]:
    """The codes that workers and agents give their failures."""
    rooms = ("inference_workers", "streams", "topics")
    return {code for room in rooms for path in (ROOT / room).rglob("*.py") for code in _CODES.findall(path.read_text())}


def test_every_code_has_a_sentence_of_its_own() -> None:
    found = codes()
    assert {"engine_unavailable", "empty_answer", "timeout", "interrupted"} <= found
    for code in found:
        said = told(Failure(code, "technical words", True))
        assert re.fullmatch(r"[A-Z].*\.", said), code
        assert "technical" not in said, code
        assert not re.search("upstream|HTTP|Triton|Error", said), code


@pytest.mark.parametrize(
    ("message", "said"),
    [("it broke", "It broke."), ("Done!", "Done!"), ("", "The answer failed."), (" x ", "X."), ("é", "É.")],
)
def test_of_an_unknown_code_its_own_words_are_told_as_a_sentence(message: str, said: str) -> None:
    assert told(Failure("of_a_later_release", message, False)) == said
