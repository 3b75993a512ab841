"""The Python that runs Triton's models: 3.11 or 3.12, whatever Python runs Verbatim itself.

The stubs of the wheel are built against numpy 1, which exists for no newer Python; with numpy 2 the models die at their
first request (tried with the stub for 3.13 and numpy 2.5).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PYTHON_VARIABLE = "TRITON_PYTHON"
VERSIONS = ("3.12", "3.11")
USUAL_FOLDERS = ("/usr/local/bin", "/usr/bin")
ASK_TIMEOUT_S = 10.0
# What the stub needs of it: its version and its shared library (found by the system's loader: an empty folder).
_QUESTION = """
import ctypes, importlib.util, json, os, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
name = "libpython" + version + ".so.1.0"
folders = [f for f in (sysconfig.get_config_var("LIBDIR"), sys.base_prefix + "/lib") if f]
found = next((f for f in folders if os.path.isfile(os.path.join(f, name))), None)
if found is None:
    try:
        ctypes.CDLL(name)
        found = ""
    except OSError:
        pass
print(json.dumps([version, found, importlib.util.find_spec("venv") is not None]))
"""


class NoTritonPython(Exception):
    """There is no Python for Triton's models. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class TritonPython:
    """An interpreter. `libraries`: the folder of its shared library; empty where the system's loader finds it."""

    binary: Path
    version: str
    libraries: str


def find_triton_python(environment: Mapping[str, str]) -> TritonPython:
    """The interpreter that TRITON_PYTHON names, else ours, else one of the host. Blocking: asks interpreters.

    Raises NoTritonPython.
    """
    named = environment.get(PYTHON_VARIABLE)
    missing = ""
    for binary in [Path(named)] if named else _candidates(environment):
        found = _asked(binary)
        if isinstance(found, TritonPython):
            return found
        missing = missing or found
    if named:
        raise NoTritonPython(missing or f"{PYTHON_VARIABLE} names {named}, which is not a Python 3.11 or 3.12")
    raise NoTritonPython(missing or f"no Python 3.11 or 3.12 was found (name one with {PYTHON_VARIABLE}=PATH)")


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    """Ours first: its packages are known to run here."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" in VERSIONS:
        yield Path(sys.executable)
    path = ":".join(filter(None, (environment.get("PATH", ""), *USUAL_FOLDERS)))
    for version in VERSIONS:
        if (found := shutil.which(f"python{version}", path=path)) is not None:
            yield Path(found)
    installed = Path(environment.get("HOME", "/"), ".pyenv", "versions")
    for version in VERSIONS:
        # Another user's HOME may not be looked into.
        with contextlib.suppress(OSError):
            yield from sorted(installed.glob(f"{version}.*/bin/python"))


def _asked(binary: Path) -> TritonPython | str:
    """The interpreter if it fits; else what it lacks, empty for what is no Python 3.11 or 3.12 at all."""
    try:
        done = subprocess.run(
            [str(binary), "-I", "-c", _QUESTION], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
        version, libraries, has_venv = json.loads(done.stdout)
    except (OSError, ValueError, TypeError, subprocess.TimeoutExpired):
        return ""
    if version not in VERSIONS:
        return ""
    if libraries is None:
        return f"Python {version} at {binary} has no libpython{version}.so.1.0 (install the package libpython{version})"
    if not has_venv:
        return f"Python {version} at {binary} has no module venv (install the package python{version}-venv)"
    return TritonPython(binary, version, libraries)
