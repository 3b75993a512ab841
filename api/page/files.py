"""The files of the web page: read once, named by the hash of all files, compressed once. Pure except `read_folder`.

All of them are under one hash, so that a page never mixes files of two versions: what an address holds never changes,
and a new version has new addresses.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

PAGE = "index.html"
MANIFEST = "manifest.webmanifest"
WORKER = "sw.js"
PLACEHOLDER = b"{{static}}"
FOLDER = Path(__file__).parents[1] / "web"
_HASH_DIGITS = 16
_TEXT = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".md": "text/plain",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    "": "text/plain",
}
_BINARY = {".woff2": "font/woff2", ".png": "image/png", ".ico": "image/vnd.microsoft.icon"}
_OTHER = "application/octet-stream"
_SCRIPT = ".js"
_COMMENT = re.compile(rb"^[ \t]*(?://[^\n]*|/\*\*.*?\*/[ \t]*)$", re.M | re.S)


class WebFilesMissing(Exception):
    """The folder of the web page cannot be served. The message names it."""


@dataclass(frozen=True, slots=True)
class WebFile:
    """`compressed` is the body in gzip, or None where that would not be smaller. `etag` is of what it holds."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> WebFile:
        """A file as it is served; what it holds is told by how its name ends. Scripts come without their comments."""
        suffix = PurePosixPath(name).suffix
        if suffix == _SCRIPT:
            body = without_comments(body)
        smaller = gzip.compress(body, mtime=0) if suffix in _TEXT else body
        return cls(
            body,
            smaller if len(smaller) < len(body) else None,
            _TEXT.get(suffix) or _BINARY.get(suffix, _OTHER),
            # Weak: the same tag for the body as it is and in gzip.
            f'W/"{_hash_of(body)}"',
        )


@dataclass(frozen=True, slots=True)
class WebFiles:
    """`page` is index.html with the address of the assets filled in; `assets` are all others, by their path. The
    manifest and the service worker have that address filled in too."""

    static: str
    page: WebFile
    assets: Mapping[str, WebFile]

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> WebFiles:
        """The files of a folder with a page in it, by their path there."""
        static = _hash_of(b"".join(_framed(name.encode()) + _framed(files[name]) for name in sorted(files)))
        address = f"/static/{static}".encode()
        filled = {name: files[name].replace(PLACEHOLDER, address) for name in (PAGE, MANIFEST, WORKER) if name in files}
        assets = {name: WebFile.of(name, filled.get(name, body)) for name, body in files.items() if name != PAGE}
        return cls(static, WebFile.of(PAGE, filled[PAGE]), assets)


def read_folder(folder: Path = FOLDER) -> dict[str, bytes]:
    """What lies in a folder, by paths with slashes; hidden files and links do not. Raises WebFilesMissing."""
    found: dict[str, bytes] = {}
    try:
        for path in folder.rglob("*"):
            inside = path.relative_to(folder)
            if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in inside.parts):
                found[inside.as_posix()] = path.read_bytes()
    except OSError as error:
        raise WebFilesMissing(f"{folder} cannot be read: {error.strerror}") from None
    if PAGE not in found:
        raise WebFilesMissing(f"there is no {PAGE} in {folder}")
    return found


def without_comments(script: bytes) -> bytes:
    """A script without the comments that have lines of their own: a sixth of what a browser fetches.

    Those lines stay, empty: what is wrong in the browser is told by the line of the source. A template text must not
    have lines that look like such comments.
    """
    return _COMMENT.sub(lambda comment: b"\n" * comment.group().count(b"\n"), script)


def _framed(value: bytes) -> bytes:
    return len(value).to_bytes(8, "big") + value


def _hash_of(value: bytes) -> str:
    return sha256(value).hexdigest()[:_HASH_DIGITS]
