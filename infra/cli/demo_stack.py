"""A temporary stack for the demo."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.cli.stack_of_its_own import stack_in
from infra.cli.terminal import UserError


@contextmanager
def own_stack(settings: str = "") -> Iterator[Path]:
    """The state folder of a stack that was started for the block; stopped and deleted with it. `settings`: TOML.

    Raises UserError if it does not come up in time. After a UserError the folder stays, for its logs.
    """
    folder = Path(tempfile.mkdtemp(prefix="verbatim-demo-"))
    keep = False
    try:
        with stack_in(folder, settings=settings) as state:
            yield state
    except UserError as error:
        keep = True
        raise UserError(f"{error}. Its logs are in {folder / 'state' / 'logs'}") from None
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
