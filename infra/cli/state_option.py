"""The option that tells a command where its stack is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="The stack's state folder (default .verbatim).")
]
