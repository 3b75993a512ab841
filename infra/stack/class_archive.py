"""Class data archives (AppCDS) of the Java servers: classes parsed and verified once per cache, not at every start.

A JVM of ours spends most of a start on loading some eight thousand classes. The archive is dumped once, after the
download, from a committed list of the classes that a working server has loaded (`jars/<server>/classes.lst.gz`, made
with -XX:DumpLoadedClassList; stale lines are skipped). The JVM checks an archive against its own version and the jars
and silently does without it when they differ, so it can only make a start faster.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import subprocess
import tempfile
from pathlib import Path

from infra.logging import get_logger
from infra.stack.jars import LOCKS, Say
from infra.stack.java import Java

DUMP_TIMEOUT_S = 180
LIST_NAME = "classes.lst.gz"

log = get_logger(__name__)


def archive_options(java: Java, server: str, class_path: str, collector: str, cache: Path, say: Say) -> tuple[str, ...]:
    """JVM options that use the archive of `server`, which is made first if need be; none when it cannot be made.

    Each version of Java has an archive of its own, so that two of them side by side need not make it again.

    Blocking: about ten seconds of CPU the first time. `collector` is the server's -XX:+Use…GC option. Safe to
    interrupt and to run from several processes at once.
    """
    folder = cache / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    classes = (LOCKS / server / LIST_NAME).read_bytes()
    digest = _digest(java.binary, classes, class_path, collector)
    archive = folder / f"{server}-{java.version_text}-{digest}.jsa"
    if not archive.is_file():
        with (folder / f"{server}.lock").open("w") as lock:
            say(f"preparing {server} for quick starts (once)")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not archive.is_file() and not _dump(java.binary, server, classes, class_path, collector, archive):
                return ()
    return (f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds=off")


def _digest(java: Path, classes: bytes, class_path: str, collector: str) -> str:
    identity = f"{java}\0{java.stat().st_mtime_ns}\0{class_path}\0{collector}\0".encode()
    return hashlib.sha256(identity + classes).hexdigest()[:16]


def _dump(java: Path, server: str, classes: bytes, class_path: str, collector: str, archive: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="dump-", dir=archive.parent) as scratch:
        names, draft = Path(scratch, "classes.lst"), Path(scratch, "draft.jsa")
        names.write_bytes(gzip.decompress(classes))
        command = [str(java), "-Xshare:dump", "-Xmx512m", collector, "-Xlog:disable"]
        command += [f"-XX:SharedClassListFile={names}", f"-XX:SharedArchiveFile={draft}", "-classpath", class_path]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=DUMP_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            log.warning("class archive not made", server=server, reason=f"took more than {DUMP_TIMEOUT_S} s")
            return False
        if done.returncode != 0 or not draft.is_file():
            log.warning("class archive not made", server=server, reason=f"java ended with {done.returncode}")
            return False
        for old in archive.parent.glob(f"{archive.name.rpartition('-')[0]}-*.jsa"):
            old.unlink(missing_ok=True)
        draft.replace(archive)
    return True
