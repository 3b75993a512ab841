"""Named objects in a folder or in S3: written once, whole or not at all, durable before the writer continues."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

_LEFT_BEHIND_S = 24 * 60 * 60
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Use:
    """What a store is for. `name`: what messages call it. `unavailable`: what is raised when it cannot be used.

    For S3: a request may take `request_s`, and is tried again `retries` times, within `retry_s` in all.
    """

    name: str
    unavailable: Callable[[str], Exception]
    retries: int = 5
    retry_s: float = 60
    request_s: float = 300


class Objects:
    """The objects below one URL. Blocking. Every method raises what `use` names, with one line that says why."""

    def __init__(self, url: str, store: ObjectStore, folder: Path | None, use: Use) -> None:
        """`folder`: where the objects are files, which are then made durable one by one."""
        self.url = url
        self._use = use
        self._store = store
        self._folder = folder

    @property
    def are_kept(self) -> bool:
        """False for those of a folder that is not there: it may be made later."""
        return not isinstance(self._store, MemoryStore)

    def put(self, name: str, content: bytes | memoryview) -> bool:
        """Write an object; returns False, changing nothing, if one of that name is there. It is durable on return."""
        with self._translated(name):
            try:
                obstore.put(self._store, name, content, mode="create", use_multipart=False)
                created = True
            except AlreadyExistsError:
                created = False
            if self._folder is not None:
                _make_durable(self._folder, name)
        return created

    def get(self, name: str) -> bytes:
        """An object's bytes. Raises FileNotFoundError too."""
        with self._translated(name):
            return bytes(obstore.get(self._store, name).bytes())

    def size(self, name: str) -> int:
        """How many bytes an object has. Raises FileNotFoundError too."""
        with self._translated(name):
            return obstore.head(self._store, name)["size"]

    def names(self, prefix: str) -> list[str]:
        """The names below `prefix/`, sorted; [] if there are none."""
        with self._translated(prefix):
            return sorted(
                found["path"] for chunk in obstore.list(self._store, prefix or None, chunk_size=1000) for found in chunk
            )

    def remove(self, name: str) -> None:
        """Take away an object that nothing counts on."""
        with self._translated(name):
            obstore.delete(self._store, name)

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._use.unavailable(f"the {self._use.name} {self.url} has no bucket of that name") from error
            raise
        except (BaseError, OSError) as error:
            said = _first_line(error)
            if "No space left" in said or "quota" in said.lower():
                raise self._use.unavailable(
                    f"the disk of the {self._use.name} {self.url} is full: {name} was not written, and nothing of it "
                    "was kept. Free space and try again"
                ) from error
            raise self._use.unavailable(f"the {self._use.name} {self.url} failed at {name}: {said}") from error


def open_store(url: str, use: Use, *, create: bool = False) -> Objects:
    """The objects below `file:///FOLDER` or `s3://BUCKET/PREFIX`. `create`: make the folder if it is not there.

    A folder that is not there otherwise holds nothing. S3's endpoint, region and credentials are the AWS_* variables.
    Raises what `use` names for an URL that is neither, and for a folder that cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return _in_folder(url, Path(unquote(parts.path)), use, create)
    if parts.scheme == "s3" and parts.netloc:
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        try:
            store = S3Store.from_url(
                url,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "connect_timeout": "5s",
                    "timeout": f"{use.request_s:g}s",
                },
                retry_config={"max_retries": use.retries, "retry_timeout": timedelta(seconds=use.retry_s)},
            )
        except (BaseError, ValueError) as error:
            raise use.unavailable(f"the {use.name} {url} cannot be opened: {_first_line(error)}") from error
        return Objects(url, store, None, use)
    raise use.unavailable(f"{url[:200]!r} is not the {use.name}'s location: use file:///FOLDER or s3://BUCKET/PREFIX")


def _in_folder(url: str, folder: Path, use: Use, create: bool) -> Objects:
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
            _clear(folder)
        if not folder.exists():
            return Objects(url, MemoryStore(), None, use)
        return Objects(url, LocalStore(prefix=folder), folder, use)
    except (BaseError, OSError) as error:
        raise use.unavailable(f"the {use.name} {url} cannot be opened: {_first_line(error)}") from error


def _clear(folder: Path) -> None:
    """Delete what killed writers left: partial files beside the objects, which are never read."""
    for left in folder.rglob("*#*"):
        with suppress(FileNotFoundError):  # another writer has just finished it
            if re.search(r"#[0-9]+$", left.name) and time.time() - left.stat().st_mtime > _LEFT_BEHIND_S:
                left.unlink()


def _make_durable(folder: Path, name: str) -> None:
    # The store itself leaves this to the operating system, but records are deleted elsewhere because they are here.
    path = folder / name
    while True:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if path == folder:
            return
        path = path.parent


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error).split("\n\nDebug source", 1)[0])[:300]
