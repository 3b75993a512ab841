"""The matrix as the table of docs/security.md. `python -m tests.unit.api.matrix.document` writes it there."""

from __future__ import annotations

from pathlib import Path

from tests.unit.api.matrix.actions import ACTIONS
from tests.unit.api.matrix.cast import WHO
from tests.unit.api.matrix.expected import expected
from tests.unit.api.matrix.rows import MATRIX, Row

DOCUMENT = Path(__file__).parents[4] / "docs" / "security.md"
BEGIN = "<!-- made by python -m tests.unit.api.matrix.document -->\n"
END = "<!-- end -->\n"
REFUSALS = frozenset({401, 403, 404})
ASKERS = frozenset(WHO[:4]) | {"administrator"}
"""Who may ask models."""


def table() -> str:
    """A line a route, a column a principal: "yes", or the status of the refusal."""
    lines = [f"| route | {' | '.join(WHO)} |", f"|---|{'---|' * len(WHO)}"]
    for (method, path), row in sorted(MATRIX.items(), key=lambda each: (each[0][1], each[0][0])):
        action = ACTIONS[method, path]
        cells = [_cell(row, who, expected(row, action, who)) for who in WHO]
        lines.append(f"| `{method} {path}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: Row, who: str, status: int) -> str:
    return "yes" if status not in REFUSALS or (row.there and who in ASKERS) else str(status)


def with_table(text: str) -> str:
    """The document with the table of now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
