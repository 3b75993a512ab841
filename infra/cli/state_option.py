"""The option by which every command finds its stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="The stack's state folder (default .verbatim).")
]
