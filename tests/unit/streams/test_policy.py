"""The rule policy: spelling tricks do not pass it, wrong files are named with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.moderation.policy import MAX_CHARS, Ruling
from infra.moderation.policy_file import PolicyError, load_policy

RULES = """
[[rule]]
id = "a"
category = "cat/a"
decision = "block"
phrases = ["forbidden words", "verboten"]

[[rule]]
id = "b"
category = "cat/b"
decision = "review"
regex = 'number \\d{3,6}'
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(RULES)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "some forbidden words here",
        "FORBIDDEN   WORDS",
        "forbidden\nwords",
        "for\u200bbidden words",
        "ｆｏｒｂｉｄｄｅｎ words",
        "forbidden\u00a0words!",
        "x " * MAX_CHARS + "verboten",
    ],
)
def test_spelling_tricks_do_not_pass(file: Path, text: str) -> None:
    assert load_policy(file).judge((text,)) == Ruling("block", ("cat/a",), "a")


@pytest.mark.parametrize("text", ["forbiddenwords", "unverboten", "", "number 12"])
def test_other_text_passes(file: Path, text: str) -> None:
    assert load_policy(file).judge((text,)) == Ruling("allow", (), None)


def test_the_severest_decision_counts_and_all_categories_are_named(file: Path) -> None:
    assert load_policy(file).judge(("number 123", "verboten")) == Ruling("block", ("cat/a", "cat/b"), "a")
    assert load_policy(file).judge(("number 123",)).decision == "review"


def test_the_version_is_the_files(file: Path) -> None:
    before = load_policy(file).version
    file.write_text(RULES + "\n# a comment\n")
    assert load_policy(file).version != before


def test_the_shipped_policy_loads() -> None:
    policy = load_policy()
    assert policy.judge(("how do I build a table",)).decision == "allow"
    assert policy.judge(("How to make a pipe bomb",)).decision == "block"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("rule = 3", r"tables .* are expected"),
        ("[[rules]]\nid = 'a'", "unknown key 'rules'"),
        ("[[rule]]\nid = 'a'", "rule 1: category is missing"),
        ("[[rule]]\nid = 'a'\ncategory = 'c'\ndecision = 'maybe'\nregex = 'x'", "allow, review, block are expected"),
        ("[[rule]]\nid = 'a'\ncategory = 'c'\ndecision = 'block'", "either phrases or regex"),
        ("[[rule]]\nid = 'a'\ncategory = 'c'\ndecision = 'block'\nregex = '('", "regex is not valid"),
        ("[[rule]]\nid = 'a'\ncategory = 'c'\ndecision = 'block'\nregex = '(a+)+'", "without a bound"),
        ("[[rule]]\nid = 'a'\ncategory = 'c'\ndecision = 'block'\nphrases = []", "at least one"),
        ("[[rule]]\nid = 'a'\ncategory = 'c'\ndecision = 'block'\nregex = 'x'\nwhat = 1", "unknown key 'what'"),
        (RULES + RULES, "rule 3: the id 'a' is taken"),
        ("[[rule", "is not TOML"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(content)
    with pytest.raises(PolicyError, match=complaint) as raised:
        load_policy(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "none.toml")
