"""Reading a policy from its TOML file."""

from __future__ import annotations

import re
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

from streams.moderation.policy import Policy, Rule, normalise

SHIPPED_FILE = Path(__file__).parents[2] / "infra" / "data" / "policy.toml"
MOST_RULES = 1000
MOST_PATTERN_CHARS = 500
_KEYS = {"id", "category", "decision", "phrases", "regex"}
# A repeat inside a repeated group can take time exponential in the text: such expressions are refused.
_NESTED_REPEAT = re.compile(r"\([^()]*[+*{][^()]*\)[+*{]")


class PolicyError(Exception):
    """A policy file is wrong. The message is `FILE: rule: what is wrong, what is expected`."""


def load_policy(file: Path | None = None) -> Policy:
    """The policy of `file`, or the shipped one. Raises PolicyError."""
    path = file or SHIPPED_FILE
    try:
        raw = path.read_bytes()
        content = tomllib.loads(raw.decode())
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: is not TOML: {error}") from None
    entries = content.pop("rule", [])
    if content:
        raise PolicyError(f"{path}: unknown key {sorted(content)[0]!r}, only [[rule]] tables are expected")
    if not isinstance(entries, list) or len(entries) > MOST_RULES:
        raise PolicyError(f"{path}: up to {MOST_RULES} [[rule]] tables are expected")
    rules = tuple(_rule(path, number, entry) for number, entry in enumerate(entries, 1))
    twice = {rule.id for rule in rules if sum(other.id == rule.id for other in rules) > 1}
    if twice:
        raise PolicyError(f"{path}: rule {sorted(twice)[0]!r} is there twice, ids must be unique")
    return Policy(sha256(raw).hexdigest()[:12], rules)


def _rule(path: Path, number: int, entry: Any) -> Rule:
    where = f"{path}: rule {number}"
    if not isinstance(entry, dict):
        raise PolicyError(f"{where}: a table is expected")
    unknown = set(entry) - _KEYS
    if unknown:
        raise PolicyError(f"{where}: unknown key {sorted(unknown)[0]!r}, known are {', '.join(sorted(_KEYS))}")
    for key in ("id", "category", "decision"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise PolicyError(f"{where}: {key} is missing, a text is expected")
    if entry["decision"] not in ("allow", "review", "block"):
        raise PolicyError(f"{where}: decision is {entry['decision']!r}, allow, review or block is expected")
    if ("phrases" in entry) == ("regex" in entry):
        raise PolicyError(f"{where}: either phrases or regex is expected")
    pattern = _regex(where, entry["regex"]) if "regex" in entry else _phrases(where, entry["phrases"])
    return Rule(entry["id"], entry["category"], entry["decision"], pattern)


def _phrases(where: str, phrases: Any) -> re.Pattern[str]:
    if not isinstance(phrases, list) or not phrases or not all(isinstance(p, str) and p.strip() for p in phrases):
        raise PolicyError(f"{where}: phrases is a list of at least one text")
    if any(len(phrase) > MOST_PATTERN_CHARS for phrase in phrases):
        raise PolicyError(f"{where}: a phrase has at most {MOST_PATTERN_CHARS} characters")
    words = "|".join(re.escape(normalise(phrase.strip())) for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


def _regex(where: str, regex: Any) -> re.Pattern[str]:
    if not isinstance(regex, str) or not 0 < len(regex) <= MOST_PATTERN_CHARS:
        raise PolicyError(f"{where}: regex is a text of at most {MOST_PATTERN_CHARS} characters")
    if _NESTED_REPEAT.search(regex):
        raise PolicyError(f"{where}: regex repeats a group that repeats: it could take for ever")
    try:
        return re.compile(regex)
    except re.error as error:
        raise PolicyError(f"{where}: regex is not valid: {error}") from None
