"""Class paths of the Java servers: jars pinned by a committed jgo lock, fetched once, checked by sha256.

jgo resolves an environment in many seconds of CPU, so it is asked to resolve only when pins change
(`jgo --resolver python lock` in `jars/<server>`, see CONTRIBUTING). At run time the lock already names every
jar: jgo's Maven client fetches exactly those, each is verified before it gets its final name, and a stamp of
sizes and times makes later starts cost a stat per jar.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.stack.errors import DownloadFailed

LOCKS = Path(__file__).parent / "jars"
PARALLEL_DOWNLOADS = 8
DOWNLOAD_TIMEOUT_S = 60
DOWNLOAD_ATTEMPTS = 3

Say = Callable[[str], None]
"""Told in words what takes time at the moment; called from any thread."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of a lock: where it comes from and what it must be."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Unique by content, so that a cache may serve several versions of Verbatim."""
        return f"{self.artifact}-{self.version}-{self.sha256[:12]}.jar"


def read_lock(server: str, locks: Path = LOCKS) -> tuple[Jar, ...]:
    """The jars of `server` (kafka, cassandra; or what else has a lock in `locks`) in class path order."""
    lock = tomllib.loads((locks / server / "jgo.lock.toml").read_text())
    return tuple(
        Jar(d["groupId"], d["artifactId"], d["version"], d.get("classifier", ""), d["sha256"])
        for d in lock["dependencies"]
    )


def class_path(server: str, cache: Path, say: Say, locks: Path = LOCKS) -> str:
    """The Java class path of `server`, downloading what the cache lacks.

    Blocking. Safe to interrupt and to run from several processes at once. Raises DownloadFailed.
    """
    jars = read_lock(server, locks)
    folder = cache / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / f"{server}.verified.json"
    with _exclusive(folder / "lock"):
        if not _is_verified(jars, folder, stamp):
            _fetch_missing(server, jars, folder, say)
            _write_stamp(jars, folder, stamp)
    return os.pathsep.join(str(folder / jar.file_name) for jar in jars)


def is_cached(server: str, cache: Path) -> bool:
    """Whether `class_path` would need no download."""
    folder = cache / "jars"
    return _is_verified(read_lock(server), folder, folder / f"{server}.verified.json")


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp_of(jars: tuple[Jar, ...], folder: Path) -> dict[str, list[int]]:
    stamps: dict[str, list[int]] = {}
    for jar in jars:
        stat = (folder / jar.file_name).stat()
        stamps[jar.file_name] = [stat.st_size, stat.st_mtime_ns]
    return stamps


def _is_verified(jars: tuple[Jar, ...], folder: Path, stamp: Path) -> bool:
    try:
        return bool(json.loads(stamp.read_text()) == _stamp_of(jars, folder))
    except (OSError, ValueError):
        return False


def _write_stamp(jars: tuple[Jar, ...], folder: Path, stamp: Path) -> None:
    draft = stamp.with_suffix(".draft")
    draft.write_text(json.dumps(_stamp_of(jars, folder)))
    draft.replace(stamp)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_missing(server: str, jars: tuple[Jar, ...], folder: Path, say: Say) -> None:
    there = [j for j in jars if (folder / j.file_name).is_file() and _sha256(folder / j.file_name) == j.sha256]
    missing = [jar for jar in jars if jar not in there]
    done = len(there)
    say(f"downloading {server}: {done} of {len(jars)} jars")
    staging = Path(tempfile.mkdtemp(prefix="staging-", dir=folder))
    try:
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            try:
                for fetched in as_completed([pool.submit(_fetch, jar, staging, folder) for jar in missing]):
                    fetched.result()
                    done += 1
                    say(f"downloading {server}: {done} of {len(jars)} jars")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fetch(jar: Jar, staging: Path, folder: Path) -> None:
    # jgo and requests take a third of a second to import: only a cold start pays.
    import requests
    from jgo.maven import MavenContext

    context: Any = MavenContext(repo_cache=staging, local_repos=[], timeout=DOWNLOAD_TIMEOUT_S)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact(jar.classifier)
    label = f"{jar.group}:{jar.artifact}:{jar.version}"
    for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
        try:
            fetched: Path = artifact.resolve()
            break
        except (requests.RequestException, RuntimeError, OSError) as error:
            artifact.cached_path.unlink(missing_ok=True)
            if attempt == DOWNLOAD_ATTEMPTS:
                raise DownloadFailed(f"could not download {label}: {_first_line(error)}") from None
    found = _sha256(fetched)
    if found != jar.sha256:
        raise DownloadFailed(f"{label} has sha256 {found}, the lock says {jar.sha256}: not used")
    fetched.replace(folder / jar.file_name)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
