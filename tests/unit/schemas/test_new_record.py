"""What a new record type costs: docs/schemas.md names the files, and these examples touch no other ones.

Each example is made in a copy of the repository, published there, and taken through every place that takes all types.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
COPIED = ("schemas", "topics", "docs", "tests/golden")
"""What is written to; of the rest, the copy has links."""
GENERATED = ("schemas/avro/", "tests/golden/", "docs/events.md")
"""What `python -m tests.golden.publish` writes."""

PINNED = '''

@dataclass(frozen=True, slots=True)
class ConversationPinned:
    """An example."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    place: int = 0
'''
EXPORT = '''"""An example."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope, Position
from schemas.families import members


@dataclass(frozen=True, slots=True)
class ExportAsked:
    """Somebody wants what they said."""

    envelope: Envelope
    user_id: str
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportMade:
    """It is there."""

    envelope: Envelope
    user_id: str
    size_bytes: int


ExportEvent = ExportAsked | ExportMade
RECORDS = members(ExportEvent)
'''

Edits = Mapping[str, Mapping[str, str]]
"""By file: what is put behind a text that stands there; a new file's text stands behind ""."""

IN_A_FAMILY: Edits = {
    "schemas/conversation.py": {
        'ServiceClass = Literal["interactive", "background"]\n': PINNED,
        "\nConversationEvent = (\n": "    ConversationPinned\n    | ",
    },
}
IN_A_TOPIC_OF_ITS_OWN: Edits = {
    "schemas/export.py": {"": EXPORT},
    "topics/catalogue.py": {
        "from schemas.dead_letter import DeadLetterEvent\n": "from schemas.export import ExportEvent\n",
        'ACCOUNT_EVENTS: Topic[AccountEvent] = Topic("account-events", AccountEvent)\n': (
            'EXPORTS: Topic[ExportEvent] = Topic("exports", ExportEvent)\n'
        ),
        "    specs = [\n": '        _spec(EXPORTS, "user_id", n, FOR_EVER_MS, "api"),\n',
    },
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository: copies of what is written to, links to the rest."""
    _link(ROOT, tmp_path, "")
    return tmp_path


def _link(source: Path, target: Path, path: str) -> None:
    target.mkdir(exist_ok=True)
    for child in source.iterdir():
        name = f"{path}{child.name}"
        if child.name.startswith(".") or child.name == "__pycache__":
            continue
        is_copied = any(f"{name}/".startswith(f"{copied}/") for copied in COPIED)
        if is_copied and child.is_file():
            (target / child.name).write_bytes(child.read_bytes())
        elif child.is_dir() and (is_copied or any(copied.startswith(f"{name}/") for copied in COPIED)):
            _link(child, target / child.name, f"{name}/")
        else:
            (target / child.name).symlink_to(child)


def _edit(copy: Path, edits: Edits) -> None:
    for file, insertions in edits.items():
        text = (copy / file).read_text("utf-8") if (copy / file).exists() else ""
        for behind, added in insertions.items():
            assert behind in text, f"{file} has changed: mend the example"
            text = text.replace(behind, behind + added, 1)
        (copy / file).write_text(text, "utf-8")


def _files(copy: Path) -> dict[str, bytes]:
    found = (path for folder in COPIED for path in (copy / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(copy)): path.read_bytes() for path in found if "__pycache__" not in path.parts}


def _run(copy: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _example(copy: Path, edits: Edits) -> set[str]:
    """Make it and publish it; the hand-written files that differ now."""
    before = _files(copy)
    _edit(copy, edits)
    _run(copy, "tests.golden.publish")
    after = _files(copy)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {name for name in changed if not name.startswith(GENERATED)}


def _walked(copy: Path, type_name: str, topic: str) -> Any:
    return json.loads(_run(copy, "tests.unit.schemas.walk", type_name, topic))


def test_a_record_of_a_family_is_added_in_one_file(copy: Path) -> None:
    assert _example(copy, IN_A_FAMILY) == {"schemas/conversation.py"}
    seen = _walked(copy, "ConversationPinned", "conversation-events")
    assert (seen["subject"], seen["version"]) == ("verbatim.ConversationPinned", 1)
    assert (seen["type"], seen["summary"]) == ("ConversationPinned", "conversation pinned")
    assert 'ConversationPinned key=key conversation_id="the conversation_id" user_id="the user_id"' in seen["line"]
    assert seen["projected"] > 0


def test_records_of_a_topic_of_their_own_are_added_in_two_files(copy: Path) -> None:
    assert _example(copy, IN_A_TOPIC_OF_ITS_OWN) == {"schemas/export.py", "topics/catalogue.py"}
    for name, words in (("ExportAsked", "export asked"), ("ExportMade", "export made")):
        seen = _walked(copy, name, "exports")
        assert (seen["subject"], seen["type"], seen["summary"]) == (f"verbatim.{name}", name, words)
