"""Where the GGUF files of models are, and what was derived from each: tokenizer, chat template, control tokens.

What is derived is kept in the cache, by the file's place, size and time.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from infra.cache import cache_dir
from infra.models.gguf import Gguf, NotUsable
from infra.models.gguf_tokenizer import chat_template_of, control_tokens_of, tokenizer_of
from infra.stack.local_models import packages_folder

PACKAGED = "packaged:"
"""Begins the name of a file of the packages that come with Verbatim."""
_TOKENIZER, _TEMPLATE, _CONTROL = "tokenizer.json", "chat_template.jinja", "control_tokens.json"


@dataclass(frozen=True, slots=True)
class Derived:
    """The files that were derived; None where one cannot be, or was not yet."""

    tokenizer: Path | None = None
    chat_template: Path | None = None
    control_tokens: Path | None = None


NOTHING_DERIVED = Derived()


def located(name: str, folder: Path) -> Path:
    """The file that `name` means, relative to `folder`. A packaged one need not be there yet. Raises NotUsable."""
    if name.startswith(PACKAGED):
        return packages_folder(cache_dir()) / name.removeprefix(PACKAGED)
    file = (folder / name).resolve()
    if not file.is_file():
        raise NotUsable(f"gguf {name!r} is not a file, expected a path relative to {folder}")
    return file


def derived_files(file: Path) -> Derived:
    """What was derived from `file` so far."""
    folder = _folder(file)
    if folder is None:
        return NOTHING_DERIVED

    def existing(name: str) -> Path | None:
        return path if (path := folder / name).is_file() else None

    return Derived(existing(_TOKENIZER), existing(_TEMPLATE), existing(_CONTROL))


def derive(gguf: Gguf) -> None:
    """Write what can be derived, unless it is there. Safe to run from several processes. Raises OSError."""
    folder = _folder(gguf.path)
    if folder is None or (folder / _CONTROL).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if (tokenizer := tokenizer_of(gguf)) is not None:
        _write(folder / _TOKENIZER, json.dumps(tokenizer, ensure_ascii=False))
    if (template := chat_template_of(gguf)) is not None:
        _write(folder / _TEMPLATE, template)
    _write(folder / _CONTROL, json.dumps({"added_tokens": control_tokens_of(gguf)}, ensure_ascii=False))


def _folder(file: Path) -> Path | None:
    try:
        found = file.stat()
    except OSError:
        return None
    identity = hashlib.sha256(f"{file}\0{found.st_size}\0{found.st_mtime_ns}".encode()).hexdigest()[:16]
    return cache_dir() / "gguf" / f"{file.stem}-{identity}"


def _write(file: Path, text: str) -> None:
    written = file.with_name(f"{file.name}.{os.getpid()}")
    written.write_text(text, encoding="utf-8", errors="surrogateescape")
    written.replace(file)
