"""A folder that exists whole or not at all: written beside its place, renamed when complete."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from topics.slices.container import SUFFIX
from topics.slices.errors import SliceRefused
from topics.slices.manifest import MANIFEST, Manifest, written

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A new, empty folder to write to, for `folder`. After the block nothing is left of it unless `publish` moved it.

    What an earlier run left that was killed is thrown away. Raises SliceRefused if `folder` holds something, cannot be
    made, another export is writing to it, or (in the block too) the disk is full.
    """
    folder = folder.absolute()
    draft = folder.with_name(f".{folder.name}.unfinished")
    try:
        _refuse_taken(folder)
        draft.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SliceRefused(f"another export is writing to {folder}: wait for it, or name another folder") from None
        try:
            _clear(draft)
            yield draft
        finally:
            if draft.exists():
                _clear(draft)
                draft.rmdir()
            os.close(lock)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise SliceRefused(
                f"no room for the slice on the disk of {folder.parent}: nothing was written; free space, or name a "
                "folder on another disk"
            ) from None
        raise SliceRefused(f"{error.filename or folder} cannot be written: {error.strerror}") from None


def publish(manifest: Manifest, draft: Path, folder: Path) -> Manifest:
    """Write the manifest, last, and give the folder its name; returns the manifest with its own checksum.

    Everything is on the disk before the name is. Raises OSError.
    """
    text, digest = written(manifest)
    with os.fdopen(os.open(draft / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _sync(draft)
    draft.rename(folder.absolute())
    _sync(folder.absolute().parent)
    return replace(manifest, sha256=digest)


def _refuse_taken(folder: Path) -> None:
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise SliceRefused(f"{folder} exists and is not a folder: name another one")
    if (folder / MANIFEST).exists():
        raise SliceRefused(f"{folder} holds a slice already: name another folder, or remove it first")
    if any(folder.iterdir()):
        raise SliceRefused(f"{folder} is not empty: name a new folder")


def _clear(draft: Path) -> None:
    for file in sorted(draft.iterdir()):
        if not (file.name == MANIFEST or file.suffix == SUFFIX) or not file.is_file() or file.is_symlink():
            raise SliceRefused(f"{file} was not written by an export: move it away")
        file.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
