"""A line that silences a check says why: what the checker cannot know, or what a test does wrong on purpose."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "topics", "infra", "streams", "inference_workers", "projections", "api", "scripts", "tests")
SILENCED = re.compile(r"#\s*(?:type:\s*ignore|noqa|mypy:|ruff:|pragma:|nosec)", re.I)
WITH_A_REASON = re.compile(
    r"# (?:type: ignore\[[a-z, -]+\]|noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*)(?: -|  #) (?P<reason>\S.{7,})"
)


def silenced(file: Path) -> Iterator[tuple[int, str]]:
    """The comments of a file that silence a check, by line."""
    if not SILENCED.search(file.read_text()):
        return
    with tokenize.open(file) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT and SILENCED.search(token.string):
                yield token.start[0], token.string


def test_every_silenced_check_has_its_reason_in_the_line() -> None:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    comments = [(f"{file.relative_to(ROOT)}:{line}", said) for file in files for line, said in silenced(file)]
    assert len(files) > 1_000 and len(comments) > 100
    assert [f"{place} {said}" for place, said in comments if not WITH_A_REASON.fullmatch(said)] == []


def test_a_bare_word_and_one_without_its_rule_are_not_enough() -> None:
    for said in ("# type: ignore", "# type: ignore[misc]", "# noqa", "# noqa: S101", "# type: ignore  # it is right"):
        assert not WITH_A_REASON.fullmatch(said), said
    for said in ("# type: ignore[misc]  # it has no types", "# noqa: S101, S102 - it has no types"):
        assert WITH_A_REASON.fullmatch(said), said
