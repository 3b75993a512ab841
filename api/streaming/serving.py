"""A client at a source: it is let in once and out once, whatever ends its answer, and the source is given back last."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from api.streaming.readers import Reader, Readers


@contextlib.asynccontextmanager
async def serving(
    readers: Readers,
    key_sha256: str,
    *,
    listen: Callable[[Reader], None],
    leave: Callable[[Reader], None],
    release: Callable[[], None],
    left: Callable[[Reader], Awaitable[None]] | None = None,
) -> AsyncIterator[Reader]:
    """Within, a reader listens. On every way out (the end, an error, a cancellation) it leaves, and then is `release`
    called, each once.

    `left` is asked in between, once nobody listens for this client any more, if the block ended by itself. What it
    raises goes on, and a cancellation of it too, after the release.
    """
    with contextlib.ExitStack() as last:
        last.callback(release)
        with contextlib.ExitStack() as ways_out:
            reader = readers.enter(key_sha256)
            ways_out.callback(readers.exit, reader)
            listen(reader)
            ways_out.callback(leave, reader)
            yield reader
        if left is not None:
            await left(reader)
