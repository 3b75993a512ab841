"""Reading a policy from its TOML file."""

from __future__ import annotations

import re
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

from infra.moderation.expressions import ExpressionError, normalised_phrases, phrases_pattern, regex_pattern
from infra.moderation.policy import Policy, Rule

SHIPPED_FILE = Path(__file__).parents[1] / "data" / "policy.toml"
MAX_RULES = 1000
MAX_BYTES = 4 * 1024 * 1024
_DECISIONS = ("allow", "review", "block")
_KEYS = ("id", "category", "decision", "phrases", "regex")


class PolicyError(Exception):
    """A policy file is wrong. The message is `FILE: rule N: what is wrong, what is expected`."""


def load_policy(file: Path | None = None) -> Policy:
    """The policy of `file`, or the shipped one. Its version is the beginning of the file's SHA-256.

    Raises PolicyError.
    """
    path = file or SHIPPED_FILE
    try:
        raw = path.read_bytes()
        content = tomllib.loads(raw.decode())
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PolicyError(f"{path}: is not UTF-8, a TOML file in UTF-8 is expected") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{path}: is not TOML: {error}") from None
    entries = content.pop("rule", [])
    if content:
        raise PolicyError(f"{path}: unknown key {min(content)!r}, only [[rule]] tables are expected")
    if not isinstance(entries, list) or len(entries) > MAX_RULES or len(raw) > MAX_BYTES:
        raise PolicyError(f"{path}: up to {MAX_RULES} [[rule]] tables in up to {MAX_BYTES} bytes are expected")
    rules: dict[str, Rule] = {}
    for number, entry in enumerate(entries, 1):
        where = f"{path}: rule {number}"
        rule = _rule(where, entry)
        if rule.id in rules:
            raise PolicyError(f"{where}: the id {rule.id!r} is taken by an earlier rule, ids must be unique")
        rules[rule.id] = rule
    return Policy(sha256(raw).hexdigest()[:12], tuple(rules.values()))


def _rule(where: str, entry: Any) -> Rule:
    if not isinstance(entry, dict):
        raise PolicyError(f"{where}: a table is expected")
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        raise PolicyError(f"{where}: unknown key {unknown[0]!r}, known are {', '.join(_KEYS)}")
    for key in ("id", "category", "decision"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise PolicyError(f"{where}: {key} is missing, a text is expected")
    if entry["decision"] not in _DECISIONS:
        raise PolicyError(f"{where}: decision is {entry['decision']!r}, {', '.join(_DECISIONS)} are expected")
    if ("phrases" in entry) == ("regex" in entry):
        raise PolicyError(f"{where}: either phrases or regex is expected")
    try:
        needles = _needles(entry)
        pattern = phrases_pattern(needles) if needles else _regex(entry)
    except ExpressionError as error:
        raise PolicyError(f"{where} ({entry['id']}): {error}") from None
    return Rule(entry["id"], entry["category"], entry["decision"], pattern, needles)


def _needles(entry: dict[str, Any]) -> tuple[str, ...]:
    if "regex" in entry:
        return ()
    phrases = entry["phrases"]
    if not isinstance(phrases, list) or not all(isinstance(phrase, str) for phrase in phrases):
        raise ExpressionError("phrases is a list of texts")
    return normalised_phrases(phrases)


def _regex(entry: dict[str, Any]) -> re.Pattern[str]:
    if not isinstance(entry["regex"], str):
        raise ExpressionError("regex is a text")
    return regex_pattern(entry["regex"])
