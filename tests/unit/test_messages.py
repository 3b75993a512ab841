"""Messages that users and operators read are plain English: no text in the code holds a banned phrase."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "infra", "inference_workers", "projections", "schemas", "streams", "topics")
COMMANDS = {"callback", "command", "delete", "get", "patch", "post", "put", "websocket"}
"""Decorators that show a function's docstring to users: in the help of a command, or in the API's description. In a
module with a function `register`, which adds commands without decorators, every public function may be a command."""
BANNED = (
    r"\bjust now\b",
    r"\bnobody\b",
    r"\bnot come yet\b",
    r"\bwho (looks|comes|asks|speaks)\b",
    r"\bwhoever\b",
    r"\bforesaw\b",
    r"\bis had\b",
    r"\b(stands?|stood) there\b",
    r"\bstands? twice\b",
    r"\bcomes? first\b",
    r"\bnewer than me\b",
    r"\bcome what may\b",
    r"\bthan time itself\b",
    r"\b(that|which|or one that) (is|are) none\b",
    r"(?<!there )\b(is|are|was) no (?!longer\b|more\b|such\b)\w+",
    r"\b(is|are) none$",
    r"\bis none of\b",
    r"\btells? (how|when|more|which|what|where|who|not)\b",
    r"\bnot tell\b",
    r"\blook at\b",
    r"\blets? know\b",
    r"\b(anew|afresh|hither|thither|thereof|whereof|amidst|in the midst)\b",
    r"\bnone of (ours|that)\b",
    r"\bno hand\b",
    r"\bcarried here\b",
    r"\bits place\b",
    r"\bsomebody\b",
    r"\bwithout saying\b",
    r"\bthe past\b",
    r"\bhas come (to|no)\b",
    r"\bin the clear\b",
    r"\ba moment to\b",
    r"\bof somebody else",
    r"\bmake room\b",
    r"\bdoorbells?\b",
    r"\bdiary\b",
    r"\bbur(y|ied|ial)\b",
    r"\b(wants|will do as well|as such)\b",
    r"\bbrought into being\b",
    r"\bsays nothing of\b",
)
_BANNED = re.compile("|".join(BANNED), re.IGNORECASE)


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Texts of two words or more in `source`, with their lines; values in a text are shown as {}."""
    tree = ast.parse(source)
    hidden = set(_not_shown(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr) or id(node) in hidden:
            continue
        if (text := _text(node)) is not None and " " in text.strip():
            yield node.lineno, " ".join(text.split())


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _not_shown(tree: ast.AST) -> Iterator[int]:
    """The ids of docstrings, unless users see them, and of the parts of texts with values, which count as a whole."""
    top = [node for node in ast.iter_child_nodes(tree) if isinstance(node, ast.FunctionDef)]
    registered = (
        {id(node) for node in top if node.name[0] != "_"} if "register" in {node.name for node in top} else set()
    )
    shown = set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            id(node) in registered or COMMANDS.intersection(_decorators(node))
        ):
            shown.add(id(node.body[0]))
        elif isinstance(node, ast.Expr) and id(node) not in shown:
            yield id(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield from map(id, node.values)


def _decorators(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        name = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(name, ast.Attribute):
            yield name.attr


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_hold_no_banned_phrase(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]!r} in {text!r}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in messages(path.read_text("utf-8"))
        if (match := _BANNED.search(text))
    ]
    assert not found, "say it as an operator would (docs/glossary.md):\n" + "\n".join(found)


def test_what_is_looked_at() -> None:
    source = '''"""Nobody sees this."""
@app.command()
def run() -> None:
    """Nobody does."""
    raise UserError(f"{name} is no "
                    f"topic of {stack}")
def register(app):
    app.command()(show)
def show(): "Somebody reads this."
def _hidden(): "Nobody sees this."
LIMIT = 3
"""Nobody sees this."""
'''
    found = list(messages(source))
    assert {text for _, text in found} == {"Nobody does.", "{} is no topic of {}", "Somebody reads this."}
    assert all(_BANNED.search(text) for _, text in found)
    assert not _BANNED.search("the model x is no longer offered: choose another one")


def test_the_glossary_defines_each_term_once_in_the_order_of_the_alphabet() -> None:
    lines = (ROOT / "docs/glossary.md").read_text("utf-8").splitlines()
    terms = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")][1:]
    assert terms == sorted(set(terms)), "docs/glossary.md"
    assert all(line.endswith(". |") for line in lines if line.startswith("| ") and not line.startswith("| term "))
