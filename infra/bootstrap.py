"""Makes .venv from the pinned requirements: `python bootstrap.py PROFILE`, run by `./verbatim` when they changed.

PROFILE is run or dev. A stamp in .venv for each profile holds the sha256 of the pins it was made from. Runs on the
standard library of Python 3.11 to 3.14. Safe to interrupt (stamps come last) and to run twice at once (a lock).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
FILES = {"run": ("run.txt",), "dev": ("run.txt", "dev.txt")}
LAST_LINES = 15


def main() -> None:
    (profile,) = sys.argv[1:]
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            _fail(f"the Python module {module} is missing (on Debian and Ubuntu: apt install python{_version()}-venv)")
    # The folder itself is the lock, so that none is left lying about.
    lock = os.open(ROOT / "requirements", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say("waiting for another ./verbatim that is making .venv …")
        fcntl.flock(lock, fcntl.LOCK_EX)
    if _read(_stamp(profile)) != _pins(profile):
        _make(profile)
        # dev holds everything of run
        for made in ("run", profile):
            _stamp(made).write_text(_pins(made))


def _stamp(profile: str) -> Path:
    return VENV / f"verbatim-{profile}"


def _pins(profile: str) -> str:
    files = [ROOT / "requirements" / name for name in FILES[profile]]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _make(profile: str) -> None:
    files = FILES[profile]
    count = len(set().union(*(_packages(name) for name in files)))
    if not _fits():
        _say(f"making .venv with Python {_version()} (once) …")
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    _say(f"installing {count} pinned packages into .venv (once; about a minute) …")
    arguments = [argument for name in files for argument in ("-r", str(ROOT / "requirements" / name))]
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    _run([*pip, "--no-deps", "--require-hashes", "--progress-bar", "off", *arguments], count)


def _fits() -> bool:
    """Whether .venv is a whole environment of this very Python version."""
    python = VENV / "bin" / "python"
    question = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    with contextlib.suppress(OSError):
        answer = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=False)
        return answer.stdout.strip() == _version()
    return False


def _run(command: list[str], packages: int = 0) -> None:
    """Run a command, showing how many packages it has come to; on failure say its last lines and exit with 1."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    lines: list[str] = []
    done = 0
    assert process.stdout is not None  # noqa: S101 - PIPE was asked for
    for line in process.stdout:
        lines.append(line)
        if packages and line.startswith(("Collecting ", "Requirement already satisfied: ")):
            done += 1
            name = line.split(": ")[-1].split()[-1 if line.startswith("C") else 0].partition("==")[0]
            _progress(f"  {done}/{packages} {name}")
        elif line.startswith("Installing collected packages"):
            _progress("  unpacking …")
    _progress("")
    if process.wait() != 0:
        for line in lines[-LAST_LINES:]:
            print(f"  {line.rstrip()}", file=sys.stderr)
        _fail(f"could not install into {VENV}: see the lines above")


def _progress(text: str) -> None:
    """Show a passing line on a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:78]}", end="", file=sys.stderr, flush=True)


def _packages(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line.partition("==")[0] for line in lines if line and not line.startswith(("#", " ", "-"))}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _say(text: str) -> None:
    print(f"verbatim: {text}", file=sys.stderr, flush=True)


def _fail(text: str) -> NoReturn:
    _say(text)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        _fail("interrupted; run it again to go on")
    except OSError as error:
        _fail(f"could not make {VENV}: {error.strerror} ({error.filename})")
